#!/usr/bin/env bash
# Checks what an image promises, by booting it: check.sh IMAGE…
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$images/trial.sh"
[ $# -gt 0 ] || fail "Which images? $("$images/build.sh" --list | cut -d ' ' -f 1 | tr '\n' ' ')"

check() {
  local what=$1
  shift
  if "$@"; then printf 'ok    %s\n' "$what"; else
    printf 'FAIL  %s\n' "$what"
    cat "$trial/boot.jsonl"
    tail -n 30 "$trial/console.log"
    exit 1
  fi
}

reported() { grep -q -- "$1" "$trial/boot.jsonl"; }
on_console() { tr -d '\r' < "$trial/console.log" | grep -q -- "$1"; }
not() { ! "$@"; }

# Starts the guest and waits for its boot's end.
boot() { start_guest "$folder" "$trial/disk.qcow2" "" && await 180 is_ready; }

# Runs a program by the agent; leaves what it printed in $printed.
agent_exec() {
  local arguments pid answer
  arguments=$(printf '"%s",' "${@:2}")
  pid=$(agent "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"$1\",\"arg\":[${arguments%,}],\"capture-output\":true}}" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
  [ -n "$pid" ] || return 1
  for ((tries = 0; tries < 40; tries++)); do
    answer=$(agent "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$pid}}" 1)
    case $answer in *'"exited": true'* | *'"exited":true'*) break ;; esac
  done
  printed=$(printf '%s' "$answer" | sed -n 's/.*"out-data": *"\([^"]*\)".*/\1/p' | base64 -d)
  case $answer in *'"exitcode": 0'* | *'"exitcode":0'*) return 0 ;; *) return 1 ;; esac
}

agent_prints() { agent_exec "${@:2}" && [[ $printed == *"$1"* ]]; }
# The answer without blanks before values, which agents differ in.
agent_answers() { [[ $(agent "$1" | sed 's/": */": /g') == *"$2"* ]]; }
ssh_prints() { local out; out=$(guest_ssh "$user@127.0.0.1" "$2") && [[ $out == *"$1"* ]]; }

# 6 GiB less what the file system takes itself.
has_grown() { [ "$(guest_ssh "$user@127.0.0.1" df -k / | awk 'NR == 2 { print int($2 / 1048576) }')" = 5 ]; }

plug_disk() {
  qemu-img create -q -f raw "$trial/volume" 64M
  local bus='' type=virtio-blk-pci
  [ "$architecture" != riscv64 ] || bus=',"bus":"port0"'
  [[ $(qmp "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"file\",\"node-name\":\"volume\",\"filename\":\"$trial/volume\"}}" \
    "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"$type\",\"id\":\"volume\",\"drive\":\"volume\",\"serial\":\"vol-1\"$bus}}") != *error* ]]
}

disk_is_there() { agent_prints 131072 /bin/cat /sys/block/vdb/size; }
disk_is_named() { agent_prints /dev/vdb /bin/readlink -f /dev/disk/by-id/virtio-vol-1; }

check_first_boot() {
  printf '#!/bin/sh\necho "printed by $(id -un)"\necho "to stderr too" >&2\necho run >> /root/runs\nexit 3\n' > "$trial/script"
  make_seed i-first "$trial/script"
  make_overlay "$folder" "$trial/disk.qcow2" 6G
  check "boots" boot
  printf '      ready after %s processor seconds\n' "$(processor_seconds)"
  check "reports the kernel" reported '"phase":"kernel","uptime":'
  check "reports the network" reported '"phase":"network","uptime":[0-9.]*}'
  check "reports the exit code of user data" reported '"phase":"user-data","uptime":[0-9.]*,"exitCode":3'
  check "shows the kernel's log on the console" on_console 'Linux version '
  check "shows what user data printed, as it was printed" on_console '^printed by root$'
  check "shows what user data printed on stderr" on_console '^to stderr too$'
  check "answers by the agent" await 20 agent_answers '{"execute":"guest-ping"}' '"return"'
  check "runs a program by the agent" agent_prints trial /bin/cat /etc/hostname
  check "says why a program does not start" agent_answers '{"execute":"guest-exec","arguments":{"path":"/nowhere"}}' '"error"'
  check "freezes its disk" agent_answers '{"execute":"guest-fsfreeze-freeze"}' "1}"
  check "says that it is frozen" agent_answers '{"execute":"guest-fsfreeze-status"}' '"frozen"'
  check "thaws it" agent_answers '{"execute":"guest-fsfreeze-thaw"}' ' 1}'
  check "keeps a log of user data" agent_prints 'printed by root' /bin/cat /var/log/user-data.log
  check "lets its key in" ssh_prints "$user" 'id -un'
  check "knows its host name" ssh_prints trial hostname
  check "resolves names" ssh_prints 127.0.1.1 'grep trial /etc/hosts'
  check "has name servers" ssh_prints nameserver 'cat /etc/resolv.conf'
  check "refuses passwords" not guest_ssh -o PubkeyAuthentication=no -o PreferredAuthentications=password,keyboard-interactive "$user@127.0.0.1" true
  check "has grown to its disk" has_grown
  check "takes a disk" plug_disk
  check "sees it" await 20 disk_is_there
  check "names it by its serial number" await 20 disk_is_named
  cp "$trial/known_hosts" "$trial/known_before"
  check "powers off cleanly" power_off "$folder"
  check "has unmounted its disk" is_clean
}

# A root file system that needs no recovery.
is_clean() {
  qemu-img convert -O raw "$trial/disk.qcow2" "$trial/disk.raw"
  local state
  state=$(dumpe2fs -h "$trial/disk.raw" 2> /dev/null | grep -E '^Filesystem (features|state)')
  rm "$trial/disk.raw"
  [[ $state == *clean* && $state != *needs_recovery* ]]
}

check_second_boot() {
  check "boots again" boot
  check "still reports the exit code" reported '"phase":"user-data","uptime":[0-9.]*,"exitCode":3'
  check "has not run user data again" agent_prints run /bin/cat /root/runs
  [ "$printed" = run ] || check "has run it once" false
  check "keeps its host keys" ssh_prints "$user" 'id -un'
  check "powers off again" power_off "$folder"
}

# The same disk under another name: an image made of an instance.
check_other_instance() {
  printf '#!/bin/sh\necho other >> /root/runs\n' > "$trial/script"
  make_seed i-second "$trial/script"
  rm "$trial/known_hosts"
  check "boots as another instance" boot
  check "runs its user data" reported '"phase":"user-data","uptime":[0-9.]*,"exitCode":0'
  check "lets its key in" ssh_prints "$user" 'id -un'
  check "has other host keys" not cmp -s <(cut -d ' ' -f 2- "$trial/known_hosts") <(cut -d ' ' -f 2- "$trial/known_before")
  check "powers off" power_off "$folder"
}

check_refusals() {
  rm "$trial/disk.qcow2"
  make_overlay "$folder" "$trial/disk.qcow2"
  printf '#!/usr/bin/nothing\n' > "$trial/script"
  make_seed i-third "$trial/script"
  check "boots with user data it cannot run" boot
  check "says what is missing" reported '"exitCode":127,"error":"[^"]*/usr/bin/nothing'
  check "powers off" power_off "$folder"
}

check_cloud_config() {
  rm "$trial/disk.qcow2"
  make_overlay "$folder" "$trial/disk.qcow2"
  printf '#cloud-config\nwrite_files:\n  - {path: /root/written, content: "by cloud-init"}\nruncmd:\n  - echo "printed by runcmd"\n  - exit 4\n' > "$trial/script"
  make_seed i-fourth "$trial/script"
  check "boots with a cloud-config" boot
  printf '      ready after %s processor seconds\n' "$(processor_seconds)"
  if [ "$1" = yes ]; then
    check "shows what it printed" on_console '^printed by runcmd$'
    check "reports its exit code" reported '"phase":"user-data","uptime":[0-9.]*,"exitCode":4'
    check "has done what it said" agent_prints 'by cloud-init' /bin/cat /root/written
    check "lets its key in" ssh_prints "$user" 'id -un'
  else
    check "says that it takes none" reported '"error":"This image runs user data that is a script'
  fi
  check "powers off" power_off "$folder"
}

for image in "$@"; do
  folder=$(image_folder "$image")
  user=$(field "$folder" loginUser) architecture=$(field "$folder" architecture)
  printf '%s (%s)\n' "$image" "$folder"
  (
    new_trial
    check_first_boot
    check_second_boot
    check_other_instance
    check_refusals
    if grep -q cloud-config "$folder/manifest.json"; then check_cloud_config yes; else check_cloud_config no; fi
  )
done
