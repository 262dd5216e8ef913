# shellcheck shell=bash disable=SC2034,SC2154 # lib.sh sources it.
# busybox and dropbear for riscv64, which bookworm has no packages of: Debian's sources with Debian's patches, cross-compiled, static.
packages="gcc-riscv64-linux-gnu libc6-dev-riscv64-cross gcc libc6-dev make bzip2 patch"

# Leaves Debian's source of package $1, patched, in the folder $1.
unpack_source() {
  local package=$1 change
  progress "Fetching the source of $package …"
  refresh_apt
  mkdir -p sources/lists/partial
  sed 's/^deb /deb-src /' "$apt_folder/sources.list" > sources/sources.list
  [ -e sources/fresh ] || { run_source_apt update && touch sources/fresh; }
  (cd sources && run_source_apt source --download-only "$package") || fail "The source of $package cannot be fetched from Debian."
  rm -f sources/*.asc
  mkdir "$package"
  tar xf sources/"$package"_*.orig.tar.* -C "$package" --strip-components 1
  tar xf sources/"$package"_*.debian.tar.* -C "$package"
  while read -r change; do patch -s -d "$package" -p1 < "$package/debian/patches/$change"; done < <(grep -E '^[^# ]' "$package/debian/patches/series")
}

# The packages' configuration, with indexes of sources beside it.
run_source_apt() {
  run_apt apt-get -o Dir::Etc::sourcelist="$work_at/sources/sources.list" -o Dir::State::lists="$work_at/sources/lists" \
    -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache= "$@"
}

build() {
  local out=$1 work_at=$PWD prefix=riscv64-linux-gnu- program
  unpack_source busybox
  unpack_source dropbear
  progress "Compiling busybox and dropbear for riscv64 …"
  cp busybox/debian/config/pkg/static busybox/.config
  yes '' 2> /dev/null | make -s -C busybox ARCH=riscv CROSS_COMPILE=$prefix oldconfig || [ "${PIPESTATUS[1]}" = 0 ]
  make -s -C busybox -j "$(nproc)" ARCH=riscv CROSS_COMPILE=$prefix busybox
  (
    cd dropbear || exit
    cp debian/localoptions.h .
    # Nobody logs in by password, and there is no crypt() here. Without syslog it would serve no connection that is handed to it (-i).
    echo '#define DROPBEAR_SVR_PASSWORD_AUTH 0' >> localoptions.h
    ./configure --host=riscv64-linux-gnu --enable-static --enable-bundled-libtom --disable-zlib --disable-pam CC="${prefix}gcc"
    make -s -j "$(nproc)" PROGRAMS='dropbear dbclient dropbearkey'
  )
  for program in busybox/busybox dropbear/{dropbear,dbclient,dropbearkey}; do
    "${prefix}strip" "$program"
    cp "$program" "$out/"
  done
}
