# tiny for x86-64 on a kernel of our own: half the processor time of recipe.sh from start to ready.
packages="gcc libc6-dev linux-libc-dev e2fsprogs qemu-utils"
uses="init agent userland"
pieces="kernel-x86_64"

build() {
  local out=$1
  . "$images/userland/userland.sh"
  progress "Fetching Debian's packages …"
  unpack_debian_userland root
  progress "Making the disk …"
  build_guest gcc guest
  make_userland root guest
  cp "$(piece_folder kernel-x86_64)/vmlinux" "$out/vmlinux"
  make_disk 2G "$out/disk.qcow2" cp -dR --preserve=mode,links,timestamps root/.
  write_tiny_manifest "$out" tiny x86_64 vmlinux \
    'commandLine="console=ttyS0 loglevel=6 panic=-1 no_timer_check scsi_mod.scan=manual root=/dev/vda rw rootfstype=ext4 rootflags=noinit_itable"' \
    'description="A small Linux with busybox and ssh, on a small kernel of its own."'
}
