# A kernel for the RISC-V machine 'virt', cross-compiled.
. "$images/kernel/kernel.sh"
packages="$kernel_packages gcc-riscv64-linux-gnu"
uses="kernel"

build() {
  build_kernel riscv64 riscv riscv64-linux-gnu- Image
  cp kernel/arch/riscv/boot/Image "$1/Image"
  cp kernel/.config "$1/config"
}
