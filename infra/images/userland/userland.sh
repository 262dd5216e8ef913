# The user land of the small images: busybox, dropbear and our own init. Sourced by their recipes.

# build_guest COMPILER FILE OPTION…: init and the guest agent, one static program.
build_guest() {
  "$1" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -static -s "${@:3}" -o "$2" "$images"/init/*.c "$images"/agent/*.c
}

unpack_debian_userland() {
  unpack_packages debs busybox-static dropbear-bin libc6 libcrypt1 libtomcrypt1 libtommath1 libgmp10 zlib1g
  mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,lib/x86_64-linux-gnu,lib64}
  cp debs/bin/busybox "$1/bin/"
  cp debs/usr/sbin/dropbear "$1/usr/sbin/"
  cp debs/usr/bin/{dbclient,dropbearkey} "$1/usr/bin/"
  cp -L debs/lib64/ld-linux-x86-64.so.2 "$1/lib64/"
  for library in libc.so.6 libm.so.6 libcrypt.so.1 libz.so.1 libtomcrypt.so.1 libtommath.so.1 libgmp.so.10 libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
    cp -L "$(find debs/lib debs/usr/lib -name "$library" -print -quit)" "$1/lib/x86_64-linux-gnu/"
  done
}

# Adds to the folder $1, which holds the programs, what is the same on every architecture; $2 is our own init.
make_userland() {
  local root=$1 guest=$2 busybox=${3:-$1/bin/busybox} applet
  cp -R "$images/userland/root/." "$root/"
  mkdir -p "$root"/{dev,proc,sys,run,tmp,mnt,home,etc/dropbear,root/.ssh,usr/bin,usr/sbin,var/lib/cloud-guest,var/log,var/tmp,var/run}
  chmod 700 "$root/root" "$root/root/.ssh" "$root/etc/dropbear"
  chmod 1777 "$root/tmp" "$root/var/tmp"
  chmod 600 "$root/etc/shadow"
  for applet in $("$busybox" --list-full); do
    case $applet in linuxrc | sbin/init | init) continue ;; esac
    [ -e "$root/$applet" ] || { mkdir -p "$root/$(dirname "$applet")" && ln -s /bin/busybox "$root/$applet"; }
  done
  cp "$guest" "$root/sbin/init"
  ln -sf init "$root/sbin/udhcpc-lease"
  mkdir -p "$root/usr/lib/cloud-guest"
  ln -sf /sbin/init "$root/usr/lib/cloud-guest/cloud-guest"
  ln -sf /usr/bin/dbclient "$root/usr/bin/ssh"
}

# write_tiny_manifest OUT NAME ARCHITECTURE KERNEL PAIR…
write_tiny_manifest() {
  local out=$1 name=$2 architecture=$3 kernel=$4
  shift 4
  write_manifest "$out" "name=\"$name\"" "architecture=\"$architecture\"" "kernel=\"$kernel\"" 'disk="disk.qcow2"' 'diskFormat="qcow2"' \
    "diskSizeBytes=$(disk_size "$out/disk.qcow2")" "minMemoryBytes=$((128 * 1024 * 1024))" 'userData=["script"]' 'bootReport=true' 'guestAgent=true' \
    'loginUser="root"' "$@"
}
