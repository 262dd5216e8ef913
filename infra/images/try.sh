#!/usr/bin/env bash
# Boots an image with no cloud around it, as the engine does, and shows its console and boot report.
#   try.sh IMAGE [--user-data FILE] [--memory MIB] [--disk FILE] [--size SIZE] [--accel tcg|kvm] [--timeout SECONDS] [--stay]
# --disk keeps the instance's disk in FILE, so that a second run is its second boot; --size makes it larger than the image's. --stay keeps
# the machine running when it is ready, till Ctrl-C; else it is told to power off. The keys in ~/.ssh/*.pub may log in.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$images/trial.sh"

image='' user_data='' memory='' disk='' size='' accelerator=tcg timeout=120 stay=''
while [ $# -gt 0 ]; do
  case $1 in
    --user-data) user_data=$2; shift ;;
    --memory) memory=$2; shift ;;
    --disk) disk=$2; shift ;;
    --size) size=$2; shift ;;
    --accel) accelerator=$2; shift ;;
    --timeout) timeout=$2; shift ;;
    --stay) stay=1 ;;
    -*) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) image=$1 ;;
  esac
  shift
done
[ -n "$image" ] || fail "Which image? $("$images/build.sh" --list | cut -d ' ' -f 1 | tr '\n' ' ')"

folder=$(image_folder "$image")
new_trial
make_seed i-trial "$user_data"
disk=${disk:-$trial/disk.qcow2}
[ -e "$disk" ] || make_overlay "$folder" "$disk" "$size"
start=$(date +%s%N)
start_guest "$folder" "$disk" "$memory" "$accelerator"
tail -f -n +1 --pid="$trial_qemu" "$trial/console.log" & shown=$!
await "$timeout" is_ready || { kill "$shown"; cat "$trial/boot.jsonl"; fail "The guest did not get ready within $timeout seconds."; }
printf -- '--- ready after %s processor seconds, %s ms\n' "$(processor_seconds)" "$((($(date +%s%N) - start) / 1000000))"
cat "$trial/boot.jsonl"
if [ -n "$stay" ]; then
  say "ssh -p $trial_port -i $trial/key $(field "$folder" loginUser)@127.0.0.1    socat -,raw,echo=0 UNIX-CONNECT:$trial/console    Ctrl-C ends it"
  wait "$trial_qemu"
fi
power_off "$folder" || fail "The guest did not power off within a minute."
say "powered off"
