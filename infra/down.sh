#!/usr/bin/env bash
# Stops the cloud, its guests, their network and the databases' servers too, also after parts of it were killed. What it holds stays for the next up.sh.
#   --keep-guests        leave the guests and the databases' servers running; the next up.sh finds them
# CLOUD_DATA says which cloud.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/processes.sh"
. "$(dirname "$0")/units.sh"

keep=
for word in "$@"; do
  case $word in
    --keep-guests) keep=1 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "down.sh does not know '$word'; it takes --keep-guests." ;;
  esac
done

[ -d "$CLOUD_DATA/run" ] || { say "There is no cloud in $CLOUD_DATA."; exit 0; }
[ -w "$CLOUD_DATA/run" ] || die "The cloud in $CLOUD_DATA belongs to $(stat -c %U "$CLOUD_DATA/run"). Stop it as $(stat -c %U "$CLOUD_DATA/run")."
exec 9> "$CLOUD_DATA/run/up.lock"
flock -n 9 || { say "Another up.sh or down.sh is at work in $CLOUD_DATA; waiting for it …"; flock 9; }

# Services first, so that nothing starts a guest any more; then guests; then what stores.
stop_unit supervisor TERM 5
stop_unit jobs/images TERM 5
for name in gateway backup database objects block-storage compute identity cloud host-4 host-3 host-2 host; do stop_unit "$name" TERM 30; done

# On all hosts.
stop_guests() {
  local name status=0
  dotnet "$1" stop-guests || status=1
  for name in $(more_hosts); do Cloud__Host__Name=$name dotnet "$1" stop-guests || status=1; done
  return "$status"
}

status=0
[ -n "$keep" ] || stop_databases
if [ -n "$keep" ]; then
  [ ! -d "$CLOUD_DATA/host" ] || : > "$CLOUD_DATA/run/guests-kept"
elif [ -d "$CLOUD_DATA/host" ] && program=$(host_program) && [ -n "$program" ]; then
  log=$CLOUD_DATA/log/stop-guests.log
  if step "Stopping its guests" "$log" stop_guests "$program"; then
    rm -f "$CLOUD_DATA/run/guests-kept"
  else
    say "Some guests may still run; what was said is in $log"
    status=1
  fi
fi

for name in rabbitmq postgres; do stop_unit "$name" "${stop_signal[$name]:-TERM}" 30; done
say "Stopped."
exit "$status"
