#!/usr/bin/env bash
# Keeps the units of a profile alive: starts each in its order, starts it again when it ends, keeps logs short. up.sh starts it; down.sh ends it.
# Its own end stops no unit: the next one finds by their pid files those that run.
#   supervise.sh PROFILE
set -uo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/processes.sh"
. "$(dirname "$0")/units.sh"

readonly tick_seconds=0.5 log_bytes_max=$((16 << 20)) free_mib_min=256
# Hundredths of a second: the longest delay before a unit starts again, and how long it must have lived for a start without delay.
readonly delay_max=500 lived_long=1000

exec 8> "$CLOUD_DATA/run/supervisor.lock"
flock -n 8 || exit 0
write_pid supervisor $$
trap 'note "The supervisor leaves; the units go on."; rm -f "$CLOUD_DATA/run/supervisor.pid"; exit 0' TERM INT HUP

declare -A pid began due delay ready
load_ports
profile_units "$1"
# Opens what it waits on, so that units can be started without it.
pause 0

note() { printf '%(%FT%T%z)T %s\n' -1 "$*" 2> /dev/null || :; }

# Hundredths of a second since the machine's start: a clock that nobody sets.
now() { read -r REPLY _ < /proc/uptime && REPLY=${REPLY/./}; }

start_unit() {
  local name=$1
  sweep_unit "$name"
  (
    trap - TERM INT HUP
    write_pid "$name" "$BASHPID"
    exec 8>&- {pause_fd}>&-
    run_unit "$name"
  ) < /dev/null >> "$CLOUD_DATA/log/$name.log" 2>&1 &
  pid[$name]=$!
  now
  began[$name]=$REPLY
  note "$name starts (process ${pid[$name]})."
}

# A unit that lives is left alone; one that ended starts again: at once after a long life, else later each time.
tend_unit() {
  local name=$1 lived status=unknown
  if unit_pid "$name"; then
    [ -n "${pid[$name]:-}" ] || note "$name runs already (process $REPLY)."
    [ "${pid[$name]:-}" = "$REPLY" ] || { pid[$name]=$REPLY; now; began[$name]=$REPLY; }
    unset "due[$name]"
    return
  fi
  now
  if [ -n "${pid[$name]:-}" ] && [ -z "${due[$name]:-}" ]; then
    # Just forked, its pid file not yet written.
    if start_time "${pid[$name]}"; then return; fi
    now
    lived=$((REPLY - began[$name]))
    if wait "${pid[$name]}" 2> /dev/null; then status=0; else status=$?; fi
    if [ "$lived" -ge "$lived_long" ]; then delay[$name]=0; else delay[$name]=$((${delay[$name]:-0} == 0 ? 25 : delay[$name] * 2)); fi
    [ "${delay[$name]}" -le "$delay_max" ] || delay[$name]=$delay_max
    due[$name]=$((REPLY + delay[$name]))
    note "$name ended after $((lived / 100)) s (status $status); it starts again in $((delay[$name] / 100)).$((delay[$name] % 100)) s."
  fi
  [ "${due[$name]:-0}" -le "$REPLY" ] && needs_are_ready "$name" || return 0
  unset "due[$name]"
  start_unit "$name"
}

# Only the first start waits for what the unit needs: later each unit bears that another is away for a while.
needs_are_ready() {
  local need
  for need in ${unit_after[$1]:-}; do
    [ -n "${ready[$need]:-}" ] && continue
    [ -n "${pid[$need]:-}" ] && port_taken "${unit_port[$need]}" || return 1
    ready[$need]=1
  done
}

# Cuts long logs (a writer that appends goes on at the new end), and says when the disk fills.
tend_disk() {
  local log free
  while read -r log; do
    mv -f "$log.1" "$log.2" 2> /dev/null
    cp "$log" "$log.1" 2> /dev/null || rm -f "$log.1"
    : > "$log"
  done < <(find "$CLOUD_DATA/log" -name '*.log' -size "+${log_bytes_max}c")
  free=$(free_mib "$CLOUD_DATA")
  if [ "$free" -ge "$free_mib_min" ]; then
    disk_low=
  elif [ -z "${disk_low:-}" ]; then
    disk_low=1
    note "Only $free MiB are free below $CLOUD_DATA. Free some space: a full disk stops guests and services from writing."
  fi
}

ticks=0
while :; do
  for name in "${units[@]}"; do tend_unit "$name"; done
  [ $((ticks++ % 60)) != 0 ] || tend_disk
  pause "$tick_seconds"
done
