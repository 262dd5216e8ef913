# A unit is one process of the cloud, kept alive by supervise.sh. Here: its pid file, its end, what it may leave. Sourced after lib.sh.
# shellcheck shell=bash

boot_id=$(< /proc/sys/kernel/random/boot_id)

# start_time PID: when a living process was started, in REPLY; fails where there is none, or only a zombie.
start_time() {
  local stat
  { read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  case $1 in Z | X) return 1 ;; esac
  REPLY=${20}
}

# unit_pid NAME: the unit's process in REPLY; fails where it does not run. A pid that now is another program's is not taken for it.
unit_pid() {
  local pid start boot
  REPLY=
  { read -r pid start boot < "$CLOUD_DATA/run/$1.pid"; } 2> /dev/null || return 1
  [ "$boot" = "$boot_id" ] && start_time "$pid" || return 1
  [ "$REPLY" = "$start" ] && REPLY=$pid
}

# write_pid NAME PID: to be called by, or for, a process that lives. Written over the last one in place: that works on a full disk too.
write_pid() {
  start_time "$2" && printf '%-10s %-20s %s\n' "$2" "$REPLY" "$boot_id" 1<> "$CLOUD_DATA/run/$1.pid"
}

# The processes that a unit's process started, by the mark in their environment (see units.sh).
unit_leftovers() {
  grep -lzxsF -- "CLOUD_UNIT=$CLOUD_DATA:$1" /proc/[0-9]*/environ | cut -d / -f 3
}

# Ends what a unit whose process is gone left behind.
sweep_unit() {
  local pid
  for pid in $(unit_leftovers "$1"); do kill -9 "$pid" 2> /dev/null || :; done
}

# stop_unit NAME SIGNAL SECONDS: asks a unit to end, and ends it where it does not in time.
stop_unit() {
  local pid ticks=$(($3 * 10))
  if unit_pid "$1"; then
    pid=$REPLY
    say "Stopping $1 …"
    kill -s "$2" "$pid" 2> /dev/null || :
    while unit_pid "$1" && [ $((ticks -= 1)) -gt 0 ]; do
      [ $((ticks % 50)) != 0 ] || say "Stopping $1 … it has $((ticks / 10)) s left"
      pause 0.1
    done
    if unit_pid "$1"; then
      say "$1 did not stop in $3 s; it was killed."
      kill -9 "$pid" 2> /dev/null || :
      while unit_pid "$1"; do pause 0.05; done
    fi
  fi
  sweep_unit "$1"
  rm -f "$CLOUD_DATA/run/$1.pid"
}

# The servers of databases that run, by the data folders that they were started on.
database_servers() {
  local file pid
  for file in "$CLOUD_DATA"/databases/*/*/data/{postmaster,redis}.pid; do
    { read -r pid < "$file"; } 2> /dev/null || continue
    ! grep -qzxF -- "${file%/*}" "/proc/$pid/cmdline" 2> /dev/null || printf '%s\n' "$pid"
  done
}

# Ends them in good order: what was acknowledged is on the disk in any case.
stop_databases() {
  local ticks=300 pids
  while pids=$(database_servers) && [ -n "$pids" ] && [ $((ticks -= 1)) -gt 0 ]; do
    [ $((ticks % 50)) != 49 ] || say "Stopping the databases …"
    # shellcheck disable=SC2086
    kill -s INT $pids 2> /dev/null || :
    pause 0.1
  done
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -9 $pids 2> /dev/null || :
}
