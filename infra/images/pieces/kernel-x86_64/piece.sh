# A kernel for x86-64 in which all is built in, started without a boot loader's stub (PVH: the ELF file itself).
. "$images/kernel/kernel.sh"
packages="$kernel_packages binutils"
uses="kernel"

build() {
  build_kernel x86_64 x86 '' vmlinux
  strip -o "$1/vmlinux" kernel/vmlinux
  cp kernel/System.map "$1/"
  cp kernel/.config "$1/config"
}
