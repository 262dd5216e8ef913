# A guest with no cloud around it: what try.sh and check.sh share. Sourced; needs bash, lib.sh, socat, genisoimage and QEMU.

trial=''      # The guest's folder.
trial_qemu='' # Its process.
trial_port='' # On 127.0.0.1, leads to the guest's port 22.

# The folder of an image: of its name, or the path of a folder that holds a manifest.json.
image_folder() {
  if [ -e "$1/manifest.json" ]; then (cd "$1" && pwd)
  else
    "$images/build.sh" "$1"
    "$images/build.sh" --list | awk -v name="$1" -v cache="$cache" '$1 == name { print cache "/" $1 "-" $2 }'
  fi
}

# A field of the manifest in folder $1: build.sh writes one a line.
field() { sed -n -E "s/^  \"$2\": \"(.*)\",?\$/\\1/p; s/^  \"$2\": ([^\",]*),?\$/\\1/p" "$1/manifest.json"; }

new_trial() {
  trial=$(mktemp -d)
  ssh-keygen -q -t ed25519 -N '' -f "$trial/key"
  trap end_trial EXIT
}

end_trial() {
  [ -z "$trial_qemu" ] || kill "$trial_qemu" 2> /dev/null || true
  rm -rf "$trial"
}

# make_seed INSTANCE_ID USER_DATA_FILE: the NoCloud seed, as the host agent writes it.
make_seed() {
  local keys
  keys=$(for key in "$trial/key.pub" ~/.ssh/*.pub; do [ ! -e "$key" ] || sed 's/.*/"&"/' "$key"; done | paste -sd,)
  mkdir -p "$trial/seed"
  printf '{"instance-id":"%s","local-hostname":"trial","public-keys":[%s]}' "$1" "$keys" > "$trial/seed/meta-data"
  printf 'version: 2\nethernets:\n  eth0:\n    dhcp4: true\n' > "$trial/seed/network-config"
  cat "${2:-/dev/null}" > "$trial/seed/user-data"
  genisoimage -quiet -output "$trial/seed.iso" -volid cidata -joliet -rock "$trial/seed"
}

make_overlay() { qemu-img create -q -f qcow2 -b "$1/$(field "$1" disk)" -F "$(field "$1" diskFormat)" "$2" ${3:+"$3"}; }

# start_guest FOLDER DISK MEMORY_MIB ACCELERATOR: the devices are those that the engine gives a guest.
start_guest() {
  local folder=$1 disk=$2 memory=${3:-$(($(field "$1" minMemoryBytes) / 1048576))} accelerator=${4:-tcg} program bus arguments
  case $(field "$folder" architecture) in
    x86_64) program=qemu-system-x86_64 bus=pci
      arguments=(-machine pc -cpu "$([ "$accelerator" = kvm ] && echo host || echo "qemu64,-svm,+ssse3,+sse4.1,+sse4.2,+popcnt")" -device pvpanic -global virtio-net-pci.romfile=) ;;
    riscv64) program=qemu-system-riscv64 bus=device
      arguments=(-machine virt -device pvpanic-pci -device "pcie-root-port,id=port0,bus=pcie.0,chassis=1,slot=1") ;;
    *) fail "There is no way here to run $(field "$folder" architecture)." ;;
  esac
  arguments+=(-nodefaults -no-user-config -display none -vga none -accel "$accelerator" -m "$memory" -smp "${TRIAL_CPUS:-1}"
    -kernel "$folder/$(field "$folder" kernel)" -append "$(field "$folder" commandLine)"
    -chardev "socket,id=console,path=$trial/console,server=on,wait=off,logfile=$trial/console.log" -serial chardev:console
    -chardev "file,id=boot,path=$trial/boot.jsonl" -chardev "socket,id=agent,path=$trial/agent,server=on,wait=off"
    -device "virtio-serial-$bus,id=ports" -device "virtserialport,bus=ports.0,nr=1,chardev=agent,name=org.qemu.guest_agent.0"
    -device "virtserialport,bus=ports.0,nr=2,chardev=boot,name=org.cloud.boot.0"
    -drive "if=none,id=root,file=$disk,format=qcow2,discard=unmap" -device "virtio-blk-$bus,drive=root,serial=root"
    -device "virtio-scsi-$bus,id=scsi" -drive "if=none,id=seed,file=$trial/seed.iso,format=raw,readonly=on,media=cdrom"
    -device "scsi-cd,bus=scsi.0,drive=seed"
    -netdev "user,id=net,hostfwd=tcp:127.0.0.1:0-:22" -device "virtio-net-$bus,netdev=net"
    -device "virtio-rng-$bus" -device "virtio-balloon-$bus" -qmp "unix:$trial/qmp,server=on,wait=off")
  [ -z "$(field "$folder" initrd)" ] || arguments+=(-initrd "$folder/$(field "$folder" initrd)")
  : > "$trial/console.log"
  : > "$trial/boot.jsonl"
  # shellcheck disable=SC2086
  "$program" "${arguments[@]}" ${TRIAL_QEMU:-} < /dev/null & trial_qemu=$!
  until [ -S "$trial/qmp" ]; do guest_runs || fail "QEMU ended at its start."; sleep 0.05; done
  trial_port=$(qmp '{"execute":"human-monitor-command","arguments":{"command-line":"info usernet"}}' |
    grep -o 'HOST_FORWARD\][^\\]*' | awk '{ print $4; exit }')
}

guest_runs() { kill -0 "$trial_qemu" 2> /dev/null; }

processor_seconds() { awk '{ sub(/.*\) /, ""); printf "%.2f", ($12 + $13) / 100 }' "/proc/$trial_qemu/stat"; }

# await SECONDS COMMAND…: until it succeeds, or the guest is gone.
await() {
  local tries=$(($1 * 20))
  shift
  for (( ; tries > 0; tries--)); do
    "$@" && return 0
    guest_runs || return 1
    sleep 0.05
  done
  return 1
}

is_ready() { grep -q '"phase":"ready"' "$trial/boot.jsonl"; }

qmp() { printf '%s\n' '{"execute":"qmp_capabilities"}' "$@" | timeout 20 socat -t 2 - "UNIX-CONNECT:$trial/qmp,shut-none"; }

# Sends one command to the guest agent and prints its answer. What was left of another's command is ended first. A guest that is slow to see who
# connected misses the command: it is asked again.
agent() {
  local answer
  for ((times = 0; times < 3; times++)); do
    answer=$(printf '\xff{"execute":"guest-sync-delimited","arguments":{"id":1}}\n%s\n' "$1" |
      timeout 20 socat -t "${2:-2}" - "UNIX-CONNECT:$trial/agent,shut-none" | tail -n +2)
    [ -z "$answer" ] || break
  done
  printf '%s\n' "$answer"
}

guest_ssh() {
  ssh -p "$trial_port" -i "$trial/key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$trial/known_hosts" -o BatchMode=yes \
    -o ConnectTimeout=20 -o LogLevel=ERROR "$@"
}

# By its power button, or where the board has none by the agent.
power_off() {
  local folder=$1
  if [ "$(field "$folder" architecture)" = riscv64 ]; then agent '{"execute":"guest-shutdown"}' > /dev/null; else qmp '{"execute":"system_powerdown"}' > /dev/null; fi
  for ((tries = 0; tries < 600; tries++)); do guest_runs || { trial_qemu=''; return 0; }; sleep 0.1; done
  return 1
}
