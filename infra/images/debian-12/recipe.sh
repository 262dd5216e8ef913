# Debian 12 as it is known from other clouds: systemd, cloud-init, OpenSSH, QEMU's guest agent, apt.
packages="mmdebstrap debian-archive-keyring gcc libc6-dev linux-libc-dev e2fsprogs qemu-utils cpio kmod lz4"
[ "$(id -u)" = 0 ] || packages="$packages fakechroot"
uses="init agent"

installed="systemd-sysv dbus udev cloud-init openssh-server qemu-guest-agent linux-image-cloud-amd64 kmod sudo
  ca-certificates curl wget gpgv iproute2 iputils-ping netbase procps less nano bash-completion tzdata"
modules="virtio_pci virtio_blk crc32c_generic ext4 virtio_console virtio_net af_packet virtio_scsi sr_mod isofs virtio-rng virtio_balloon pvpanic-mmio evdev button"

build() {
  local out=$1 version
  progress "Compiling what runs in the guest …"
  gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -static -s -o guest "$images"/init/*.c "$images"/agent/*.c
  progress "Installing Debian (120 MB to fetch) …"
  install_debian
  progress "Making the disk …"
  tar -xf debian.tar --wildcards './boot/vmlinuz-*' './usr/lib/modules/*'
  mkdir -p kernel/lib
  mv usr/lib/modules kernel/lib/modules
  version=$(ls kernel/lib/modules)
  mkdir initrd
  touch initrd/hand-over
  make_initrd kernel "$version" guest "$out/initrd" $modules
  extract_vmlinux "boot/vmlinuz-$version" "$out/vmlinux"
  make_disk 4G "$out/disk.qcow2" tar --numeric-owner --exclude='./dev/*' --exclude='./boot/vmlinuz-*' --exclude='./boot/initrd*' -xf debian.tar -C
  write_manifest "$out" 'name="debian-12"' 'architecture="x86_64"' 'kernel="vmlinux"' 'initrd="initrd"' \
    'commandLine="console=ttyS0 loglevel=6 panic=-1 net.ifnames=0 cryptomgr.notests noreplace-smp no_timer_check systemd.show_status=auto"' \
    'disk="disk.qcow2"' 'diskFormat="qcow2"' "diskSizeBytes=$(disk_size "$out/disk.qcow2")" "minMemoryBytes=$((256 * 1024 * 1024))" \
    'userData=["script", "cloud-config"]' 'bootReport=true' 'guestAgent=true' 'loginUser="debian"' \
    'description="Debian 12 (bookworm) with cloud-init."'
}

# As root in a chroot; as another user by name spaces where the kernel lets, else by fakechroot.
install_debian() {
  local mirror security hook
  mirror=$(debian_mirror)
  mirror=${mirror:-http://deb.debian.org/debian}
  security=${mirror%/debian}/debian-security
  mkdir hook
  cp -R "$images/debian-12/root" "$images/debian-12/customize.sh" hook/
  install -D -m 755 guest hook/root/usr/lib/cloud-guest/cloud-guest
  # Nobody boots from its own initial RAM disk.
  INITRD=No mmdebstrap --variant=minbase --include="$(printf '%s,' $installed)" --aptopt='Acquire::Languages "none"' \
    --dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/locale/* --dpkgopt=path-exclude=/usr/share/doc/* \
    --dpkgopt=path-include=/usr/share/doc/*/copyright --dpkgopt=path-exclude=/usr/share/i18n/locales/* \
    --customize-hook="sh -e $(printf %q "$PWD/hook/customize.sh") \"\$1\" $(printf %q "$PWD/hook/root")" \
    "$suite" debian.tar "deb $mirror $suite main" "deb $mirror $suite-updates main" "deb $security $suite-security main"
}
