# tiny for x86-64 at once: Debian's cloud kernel as it comes, with the drivers it needs in an initial RAM disk.
packages="gcc libc6-dev linux-libc-dev e2fsprogs qemu-utils cpio kmod"
uses="init agent userland"

# The order is that of loading; what these depend on comes before them by itself.
modules="virtio_pci virtio_blk crc32c_generic ext4 virtio_console virtio_net af_packet virtio_scsi sr_mod isofs virtio-rng virtio_balloon evdev button"

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
  make_initrd "$version" "$out/initrd"
  cp "kernel/boot/vmlinuz-$version" "$out/vmlinuz"
  make_disk root "$out/disk.qcow2" 64
  write_tiny_manifest "$out" tiny x86_64 vmlinuz \
    'initrd="initrd"' 'commandLine="console=ttyS0 loglevel=6 panic=-1 net.ifnames=0 cryptomgr.notests noreplace-smp"' \
    'description="A small Linux with busybox and ssh, on Debian'\''s cloud kernel."'
}

make_initrd() {
  local version=$1 initrd=$2 module path
  depmod -b kernel "$version"
  mkdir -p initrd/dev initrd/root initrd/modules
  cp guest initrd/init
  for module in $modules; do
    modprobe -d kernel -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
  done | awk '!seen[$0]++' | while read -r path; do
    cp "$path" initrd/modules/
    printf '/modules/%s\n' "$(basename "$path")"
  done > initrd/modules.list
  (cd initrd && find . | cpio --quiet -o -H newc -R 0:0) > "$initrd"
}
