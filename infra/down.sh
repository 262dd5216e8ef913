#!/usr/bin/env bash
# Stops the cloud, its guests too; --keep-guests leaves them running. What it holds stays for the next up.sh.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

keep=
for word in "$@"; do
  case $word in
    --keep-guests) keep=1 ;;
    -h | --help) sed -n '2s/^# //p' "$0"; exit 0 ;;
    *) die "down.sh does not know '$word'; it takes --keep-guests." ;;
  esac
done

pid=$(cloud_pid cloud)
if [ -n "$pid" ]; then
  say "Stopping the cloud …"
  kill "$pid"
  for _ in $(seq 300); do
    [ -e "/proc/$pid" ] || break
    sleep 0.1
  done
  [ ! -e "/proc/$pid" ] || kill -9 "$pid"
fi
rm -f "$CLOUD_DATA/run/cloud.pid"

if [ -z "$keep" ] && [ -d "$CLOUD_DATA/host" ]; then
  say "Stopping its guests …"
  dotnet "$root/artifacts/bin/Cloud.Local/release/Cloud.Compute.Host.dll" stop-guests
fi
say "Stopped."
