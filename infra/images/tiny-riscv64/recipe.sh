# tiny for riscv64: a kernel of our own, and busybox and dropbear cross-compiled.
packages="gcc-riscv64-linux-gnu libc6-dev-riscv64-cross e2fsprogs qemu-utils"
uses="init agent userland"
pieces="kernel-riscv64 userland-riscv64"

build() {
  local out=$1 userland
  . "$images/userland/userland.sh"
  userland=$(piece_folder userland-riscv64)
  progress "Fetching Debian's packages …"
  # What the host's busybox of the same source can do, the guest's can.
  unpack_packages host busybox-static
  progress "Making the disk …"
  build_guest riscv64-linux-gnu-gcc guest -DSSH_WITHOUT_PASSWORDS
  mkdir -p root/{bin,sbin,usr/bin,usr/sbin}
  cp "$userland/busybox" root/bin/
  cp "$userland/dropbear" root/usr/sbin/
  cp "$userland"/{dbclient,dropbearkey} root/usr/bin/
  make_userland root guest host/bin/busybox
  cp "$(piece_folder kernel-riscv64)/Image" "$out/Image"
  make_disk 2G "$out/disk.qcow2" cp -dR --preserve=mode,links,timestamps root/.
  # The board has no MSI: a slot's port and the disk in it share a line, and the kernel's handler of the one would wait for itself to end
  # when it takes the other away (free_irq). So slots are looked at once a second.
  write_tiny_manifest "$out" tiny-riscv64 riscv64 Image \
    'commandLine="earlycon console=ttyS0 loglevel=6 panic=-1 scsi_mod.scan=manual pciehp.pciehp_poll_mode=1 pciehp.pciehp_poll_time=1 root=/dev/vda rw rootfstype=ext4 rootflags=noinit_itable"' \
    'description="A small riscv64 Linux with busybox and ssh, on a small kernel of its own."'
}
