#!/usr/bin/env bash
# Starts the cloud: installs what is missing, builds, starts, and says how to use it. Safe to run again.
#   --detach             return when it is ready; else stay and stop it all on Ctrl-C
#   --profile PROFILE    local (all in one process; the default) or distributed
#   --no-install         install nothing; say what is missing
# CLOUD_DATA, CLOUD_CACHE, CLOUD_HTTP_PORT and CLOUD_S3_PORT move it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

profile=local detach=
while [ $# -gt 0 ]; do
  case $1 in
    --detach) detach=1 ;;
    --profile) profile=${2:?--profile needs local or distributed}; shift ;;
    --no-install) export CLOUD_NO_INSTALL=1 ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "up.sh does not know '$1'; it takes --detach, --profile, --no-install." ;;
  esac
  shift
done
case $profile in local) ;; *) die "There is no profile '$profile'; there is local." ;; esac

url=http://127.0.0.1:$CLOUD_HTTP_PORT
mkdir -p "$CLOUD_DATA/run" "$CLOUD_DATA/log" "$CLOUD_CACHE" || die "CLOUD_DATA ($CLOUD_DATA) or CLOUD_CACHE ($CLOUD_CACHE) cannot be made. Choose folders that you may write to."
chmod 711 "$CLOUD_DATA"
free=$(df -Pk "$CLOUD_DATA" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge 1024 ] || die "Only $free MiB are free below $CLOUD_DATA; the cloud needs 1 GiB to start. Free some, or move it with CLOUD_DATA."
free=$(df -Pk "$CLOUD_CACHE" | awk 'NR == 2 { print int($4 / 1024) }')
[ "$free" -ge 512 ] || die "Only $free MiB are free below $CLOUD_CACHE; images need 512 MiB. Free some, or move it with CLOUD_CACHE."

command -v dotnet > /dev/null || die "The .NET 10 SDK is missing: there is no 'dotnet' on the PATH."
# shellcheck disable=SC2046
need_packages curl qemu-system-x86 qemu-utils libslirp0 genisoimage $("$root/infra/images/build.sh" --packages tiny)

running=$(cloud_pid cloud)
if [ -z "$running" ] && port_taken "$CLOUD_HTTP_PORT"; then
  die "Port $CLOUD_HTTP_PORT is taken by another program. Stop it, or choose another port with CLOUD_HTTP_PORT."
fi

# Built again only when a source is newer than the build.
built=$root/artifacts/up.built
if [ ! -e "$built" ] || [ -n "$(cd "$root" && find services gateway shared infra Directory.*.props global.json -newer "$built" -type f \( -name '*.cs' -o -name '*.csproj' -o -name '*.props' -o -name '*.json' \) -print -quit)" ]; then
  say "Building the cloud …"
  mkdir -p "$root/artifacts"
  start=$(mktemp)
  dotnet build "$root/infra/Cloud.Local" -c Release --nologo -v quiet > "$CLOUD_DATA/log/build.log" 2>&1 ||
    { grep -E 'error|warn' "$CLOUD_DATA/log/build.log" | sort -u | head -5 >&2; die "The build failed; all of it is in $CLOUD_DATA/log/build.log"; }
  mv "$start" "$built"
fi

say "Building the image tiny, where it is not built yet …"
"$root/infra/images/build.sh" tiny > /dev/null

if [ -z "$running" ]; then
  say "Starting the cloud …"
  CLOUD_IMAGE_RECIPES=$root/infra/images setsid --fork sh -c 'echo $$ > "$1"; shift; exec "$@"' start "$CLOUD_DATA/run/cloud.pid" \
    dotnet "$root/artifacts/bin/Cloud.Local/release/Cloud.Local.dll" < /dev/null >> "$CLOUD_DATA/log/cloud.log" 2>&1
fi

for try in $(seq 600); do
  [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$url/health/ready")" = 200 ] && break
  if [ "$try" -gt 20 ] && [ -z "$(cloud_pid cloud)" ]; then
    tail -n 5 "$CLOUD_DATA/log/cloud.log" >&2
    die "The cloud ended at its start; all it said is in $CLOUD_DATA/log/cloud.log"
  fi
  [ "$try" = 600 ] && die "The cloud did not get ready within a minute; see $CLOUD_DATA/log/cloud.log"
  sleep 0.1
done

token=$(. "$CLOUD_DATA/credentials.env" && printf '%s' "$CLOUD_TOKEN")
cat << EOF

The cloud runs at $url   (API: $url/swagger)
Token: $token
  source $CLOUD_DATA/credentials.env      sets CLOUD_URL and CLOUD_TOKEN

Try:
  curl -s "\$CLOUD_URL/v1/instances?wait=120" -H "Authorization: Bearer \$CLOUD_TOKEN" -H 'Content-Type: application/json' \\
       -d '{"name":"first","image":"tiny","type":"nano","userData":"#!/bin/sh\necho hello from \$(uname -rm)"}'
  curl -s "\$CLOUD_URL/v1/instances" -H "Authorization: Bearer \$CLOUD_TOKEN"
  curl -s "\$CLOUD_URL/v1/instances/ID/console?tail=5" -H "Authorization: Bearer \$CLOUD_TOKEN"

Stop it with $root/infra/down.sh
EOF

[ -n "$detach" ] && exit 0
trap '"$root/infra/down.sh"; exit 0' INT TERM
say "Ctrl-C stops it, guests too."
tail -n 0 -F "$CLOUD_DATA/log/cloud.log" & wait
