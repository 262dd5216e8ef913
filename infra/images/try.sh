#!/usr/bin/env bash
# Boots an image with no cloud around it, as the engine does, and shows its console and boot report.
#   try.sh IMAGE [--user-data FILE] [--memory MIB] [--disk FILE] [--size SIZE] [--accel tcg|kvm] [--timeout SECONDS] [--stay]
# --disk keeps the instance's disk in FILE, so that a second run is its second boot. --stay keeps the machine running when it is ready
# (ssh -p 2222 root@127.0.0.1 and the sockets in its folder reach it; Ctrl-C ends it); else it is told to power off by its power button.
# The keys in ~/.ssh/*.pub may log in.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

image='' user_data='' memory='' disk='' accel=tcg timeout=120 size= stay=''
while [ $# -gt 0 ]; do
  case $1 in
    --user-data) user_data=$2; shift ;;
    --memory) memory=$2; shift ;;
    --disk) disk=$2; shift ;;
    --size) size=$2; shift ;;
    --accel) accel=$2; shift ;;
    --timeout) timeout=$2; shift ;;
    --stay) stay=1 ;;
    -*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) image=$1 ;;
  esac
  shift
done
[ -n "$image" ] || fail "Which image? $("$images/build.sh" --list | cut -d ' ' -f 1 | tr '\n' ' ')"

# An image's name, or a folder that holds a manifest.json.
folder=$image
if [ -e "$folder/manifest.json" ]; then folder=$(cd "$folder" && pwd)
else
  "$images/build.sh" "$image"
  folder=$cache/$("$images/build.sh" --list | awk -v name="$image" '$1 == name { print $1 "-" $2 }')
fi

field() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2]) or "")' "$folder/manifest.json" "$1"; }

work=$(mktemp -d)
trap 'kill "$qemu" 2>/dev/null || true; rm -rf "$work"' EXIT
qemu=''
mkdir "$work/seed"
for key in ~/.ssh/*.pub ${TRY_KEY:-}; do [ ! -e "$key" ] || sed 's/.*/"&"/' "$key"; done | paste -sd, > "$work/keys"
printf '{"instance-id":"%s","local-hostname":"trial","public-keys":[%s]}' "${TRY_INSTANCE:-i-trial}" "$(cat "$work/keys")" > "$work/seed/meta-data"
printf 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n' > "$work/seed/network-config"
if [ -n "$user_data" ]; then cp "$user_data" "$work/seed/user-data"; else : > "$work/seed/user-data"; fi
genisoimage -quiet -output "$work/seed.iso" -volid cidata -joliet -rock "$work/seed"

[ -n "$disk" ] || disk=$work/disk.qcow2
[ -e "$disk" ] || qemu-img create -q -f qcow2 -b "$folder/$(field disk)" -F "$(field diskFormat)" "$disk" ${size:+"$size"}
min=$(field minMemoryBytes)
case $(field architecture) in
  x86_64) program=qemu-system-x86_64 bus=pci board=(-machine pc -vga none -cpu qemu64,-svm,+ssse3,+sse4.1,+sse4.2,+popcnt -device pvpanic) ;;
  riscv64) program=qemu-system-riscv64 bus=device board=(-machine virt -device pvpanic-pci) ;;
  *) fail "There is no way here to run $(field architecture)." ;;
esac
arguments=("${board[@]}" -nodefaults -no-user-config -display none -accel "$accel" -m "${memory:-$((min / 1048576))}" -smp 1
  -kernel "$folder/$(field kernel)" -append "$(field commandLine)"
  -chardev "file,id=console,path=$work/console.log" -serial chardev:console
  -device "virtio-serial-$bus" -chardev "file,id=boot,path=$work/boot.jsonl" -device virtserialport,chardev=boot,name=org.cloud.boot.0
  -chardev "socket,id=agent,path=$work/agent.sock,server=on,wait=off" -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0
  -drive "if=none,id=root,file=$disk,format=qcow2" -device "virtio-blk-$bus,drive=root,serial=root"
  -device "virtio-scsi-$bus,id=scsi" -drive "if=none,id=seed,file=$work/seed.iso,format=raw,readonly=on,media=cdrom" -device scsi-cd,bus=scsi.0,drive=seed
  -netdev "user,id=net,hostfwd=tcp:127.0.0.1:${TRY_SSH_PORT:-2222}-:22" -device "virtio-net-$bus,netdev=net"
  -device "virtio-rng-$bus" -device "virtio-balloon-$bus" -qmp "unix:$work/qmp.sock,server=on,wait=off")
[ "$bus" = device ] || arguments+=(-global virtio-net-pci.romfile=)
[ -z "$(field initrd)" ] || arguments+=(-initrd "$folder/$(field initrd)")

ssh_port=${TRY_SSH_PORT:-2222}
touch "$work/console.log" "$work/boot.jsonl"
start=$(date +%s%N)
"$program" "${arguments[@]}" ${TRY_QEMU:-} & qemu=$!
tail -f -n +1 --pid=$qemu "$work/console.log" & shown=$!
for ((try = 0; try < timeout * 20; try++)); do
  grep -q '"ready"' "$work/boot.jsonl" && break
  kill -0 "$qemu" 2>/dev/null || break
  read -rt 0.05 < <(:) || true
  sleep 0.05
done
cpu=$(awk '{ sub(/.*\) /, ""); printf "%.2f", ($12 + $13) / 100 }' "/proc/$qemu/stat" 2>/dev/null || true)
grep -q '"ready"' "$work/boot.jsonl" || { kill "$shown"; cat "$work/boot.jsonl"; fail "The guest did not get ready within $timeout seconds."; }
printf -- '--- ready after %s CPU seconds, %s ms\n' "$cpu" "$((($(date +%s%N) - start) / 1000000))"
cat "$work/boot.jsonl"
if [ -n "$stay" ]; then
  say "ssh -p $ssh_port $(field loginUser)@127.0.0.1; folder $work; Ctrl-C ends it"
  wait "$qemu"
else
  printf '%s\n' '{"execute":"qmp_capabilities"}' '{"execute":"system_powerdown"}' | timeout 5 socat -t 3 - "UNIX-CONNECT:$work/qmp.sock" > /dev/null || true
  for ((try = 0; try < 300; try++)); do kill -0 "$qemu" 2>/dev/null || break; sleep 0.1; done
  kill -0 "$qemu" 2>/dev/null && fail "The guest did not power off within 30 seconds."
  say "powered off"
fi
