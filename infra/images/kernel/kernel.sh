# Small Linux kernels from Debian's source package, for guests that never see other hardware than ours. Sourced by the pieces kernel-….

kernel_packages="gcc libc6-dev make flex bison bc libelf-dev kmod cpio patch perl python3 xz-utils"

# build_kernel ARCHITECTURE LINUX_NAME CROSS_PREFIX TARGET…: common.config and ARCHITECTURE.config over the smallest kernel there is.
# What was built lies in the folder kernel. Where this machine has unpacked Debian's source already it is fetched all the same: the
# newest counts.
build_kernel() {
  local architecture=$1 linux_name=$2 prefix=$3 make
  shift 3
  progress "Fetching the kernel's source (140 MB) …"
  unpack_packages packages linux-source-6.1
  tar xf packages/usr/src/linux-source-6.1.tar.xz
  rm -rf packages
  for change in "$images"/kernel/patches/*.patch; do patch -d linux-source-6.1 -p1 < "$change"; done
  mkdir kernel
  make=(make -s -C linux-source-6.1 "O=$PWD/kernel" "ARCH=$linux_name" "CROSS_COMPILE=$prefix" KBUILD_BUILD_USER=cloud KBUILD_BUILD_HOST=cloud)
  "${make[@]}" tinyconfig
  cat "$images/kernel/common.config" "$images/kernel/$architecture.config" >> kernel/.config
  "${make[@]}" olddefconfig
  check_config
  progress "Compiling the kernel for $architecture: 10 to 15 minutes of one processor …"
  "${make[@]}" -j "$(nproc)" "$@"
}

# kconfig drops what it does not know or what something else rules out, and says nothing.
check_config() {
  local line name lost=
  while read -r line; do
    name=${line#\# } name=${name%%[= ]*}
    case $line in
      CONFIG_*) grep -qxF "$line" kernel/.config || lost="$lost $line" ;;
      '# CONFIG_'*) ! grep -q "^$name=" kernel/.config || lost="$lost $name=n" ;;
    esac
  done < <(cat "$images/kernel/common.config" "$images/kernel/$architecture.config")
  [ -z "$lost" ] || { printf 'These options did not come to be:%s\n' "$lost"; return 1; }
}
