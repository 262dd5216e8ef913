# tiny for x86-64 at once: Debian's cloud kernel as it comes, with the drivers it needs in an initial RAM disk.
packages="gcc libc6-dev linux-libc-dev e2fsprogs qemu-utils cpio kmod lz4"
uses="init agent userland"

# The order is that of loading; what these depend on comes before them by itself.
modules="virtio_pci virtio_blk crc32c_generic ext4 virtio_console virtio_net af_packet virtio_scsi sr_mod isofs virtio-rng virtio_balloon pvpanic-mmio evdev button"

build() {
  local out=$1 kernel version
  . "$images/userland/userland.sh"
  progress "Fetching Debian's packages …"
  kernel=$(stands_for linux-image-cloud-amd64)
  unpack_packages kernel "$kernel"
  unpack_debian_userland root
  version=$(ls kernel/lib/modules)
  progress "Making the disk …"
  build_guest gcc guest
  make_userland root guest
  make_initrd kernel "$version" guest "$out/initrd" $modules
  extract_vmlinux "kernel/boot/vmlinuz-$version" "$out/vmlinux"
  make_disk 2G "$out/disk.qcow2" cp -dR --preserve=mode,links,timestamps root/.
  write_tiny_manifest "$out" tiny x86_64 vmlinux \
    'initrd="initrd"' 'commandLine="console=ttyS0 loglevel=6 panic=-1 net.ifnames=0 cryptomgr.notests noreplace-smp no_timer_check"' \
    'description="A small Linux with busybox and ssh, on Debian'\''s cloud kernel."'
}
