# What makes a fresh Debian an image: customize.sh ROOT OVERLAY. Run by mmdebstrap.
root=$1 overlay=$2

cp -R "$overlay/." "$root/"
chmod 0440 "$root/etc/sudoers.d/debian"
chmod 0755 "$root/usr/lib/cloud-guest/cloud-guest"
chroot "$root" useradd --create-home --shell /bin/bash --groups adm,sudo --comment Debian debian

# Each instance gets its own.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
: > "$root/etc/machine-id"
: > "$root/etc/hostname"
ln -sf ../run/cloud-guest-resolv.conf "$root/etc/resolv.conf"
ln -sf user-data.log "$root/var/log/cloud-init-output.log"

chroot "$root" systemctl enable systemd-networkd cloud-host-keys cloud-network cloud-resolver.path cloud-user-data cloud-init-report cloud-console

# The generator decides at each boot, by shell script, whether cloud-init runs; here the hand-over has decided (cloud-init-decided.conf).
mkdir -p "$root/etc/systemd/system-generators" "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /dev/null "$root/etc/systemd/system-generators/cloud-init-generator"
ln -sf /lib/systemd/system/cloud-init.target "$root/etc/systemd/system/multi-user.target.wants/"
for unit in cloud-init-local cloud-init cloud-config cloud-final; do
  mkdir -p "$root/etc/systemd/system/$unit.service.d"
  ln -sf ../cloud-init-decided.conf "$root/etc/systemd/system/$unit.service.d/decided.conf"
done

# What a machine of the cloud has no use for, or would do at boot while its user waits.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service networking.service \
  getty@tty1.service serial-getty@ttyS0.service getty-static.service cloud-init-hotplugd.socket systemd-network-generator.service \
  systemd-pstore.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-update-utmp.service systemd-update-utmp-runlevel.service keyboard-setup.service console-setup.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount \
  modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service modprobe@loop.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# A new kernel would not be booted: the cloud boots the one it took from this image.
chroot "$root" apt-mark hold linux-image-cloud-amd64
rm -rf "$root"/boot/config-* "$root"/boot/System.map-* "$root"/usr/lib/udev/hwdb.bin "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/cache/debconf/*-old

# Nothing changed below /usr since: what systemd brings up to date then is.
touch "$root/etc/.updated" "$root/var/.updated"
