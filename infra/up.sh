#!/usr/bin/env bash
# Starts the cloud: installs what is missing, builds, starts, and says how to use it. Safe to run again, and to repair a cloud that lost a process.
#   --detach             return when it is ready; else stay, and stop it all on Ctrl-C
#   --profile PROFILE    local (all in one process; the default) or distributed (a process a service, PostgreSQL, RabbitMQ)
#   --hosts N            how many hosts it has, 1 to 4 (as many as before; at first 1): each has guests, disks and a network process of its own
#   --no-install         install nothing; say what is missing
# CLOUD_DATA, CLOUD_CACHE, CLOUD_HTTP_PORT and CLOUD_S3_PORT move it: with their own, several clouds run side by side.
# CLOUD_IMAGES=first builds no images but those that the first machine and databases need.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/processes.sh"
. "$(dirname "$0")/units.sh"
. "$(dirname "$0")/state.sh"

profile=local detach="" hosts=""
while [ $# -gt 0 ]; do
  case $1 in
    --detach) detach=1 ;;
    --profile) profile=${2:-}; [ $# -lt 2 ] || shift ;;
    --profile=*) profile=${1#*=} ;;
    --hosts) hosts=${2:-0}; [ $# -lt 2 ] || shift ;;
    --hosts=*) hosts=${1#*=} ;;
    --no-install) export CLOUD_NO_INSTALL=1 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "up.sh does not know '$1'; it takes --detach, --profile, --hosts, --no-install." ;;
  esac
  shift
done
case $profile in local | distributed) ;; *) die "There is no profile '$profile'; there are local and distributed." ;; esac
[[ $hosts =~ ^([1-4])?$ ]] || die "--hosts takes a number from 1 to $hosts_max, not '$hosts'."

# How many hosts there are is kept. A host is taken away once nothing is on it.
take_hosts() {
  local before number program
  { read -r before < "$CLOUD_DATA/hosts"; } 2> /dev/null || before=1
  [ -n "$hosts" ] || hosts=$before
  for ((number = hosts + 1; number <= before; number++)); do
    [ -z "$(find "$CLOUD_DATA/host-$number/guests" "$CLOUD_DATA/host-$number/volumes/volumes" -mindepth 1 -print -quit 2> /dev/null)" ] ||
      die "There are instances or volumes on host-$number. Drain it first: POST /v1/hosts/host-$number/drain."
  done
  [ "$hosts" = "$before" ] || stop_unit supervisor TERM 5
  for ((number = hosts + 1; number <= before; number++)); do
    stop_unit "host-$number" TERM 30
    # The process of its network, which outlives an agent.
    program=$(host_program)
    [ -z "$program" ] || Cloud__Host__Name=host-$number dotnet "$program" stop-guests >> "$CLOUD_DATA/log/stop-guests.log" 2>&1 ||
      say "The network process of host-$number may still run; what was said is in $CLOUD_DATA/log/stop-guests.log"
    rm -f "$CLOUD_DATA/run/agents/host-$number"
  done
  printf '%s\n' "$hosts" > "$CLOUD_DATA/hosts"
}

# Makes the folders, or says in one line why the cloud cannot live in them.
make_folders() {
  local folder owner
  umask 022
  for folder in "$CLOUD_DATA" "$CLOUD_DATA/run/jobs" "$CLOUD_DATA/log" "$CLOUD_CACHE"; do
    { mkdir -p "$folder" && : > "$folder/.probe" && rm -f "$folder/.probe"; } 2> /dev/null && continue
    die "$folder cannot be written$(full_disk "$folder"). Choose a folder that you may write to with CLOUD_DATA (state) or CLOUD_CACHE (images)."
  done
  if [ "$(stat -c %u "$CLOUD_DATA/run")" != "$(id -u)" ]; then
    owner=$(stat -c %U "$CLOUD_DATA/run")
    die "The cloud in $CLOUD_DATA belongs to $owner. Start it as $owner, or choose another folder with CLOUD_DATA."
  fi
  # Guests' own users must be able to pass, not to look.
  chmod 711 "$CLOUD_DATA"
  chmod 700 "$CLOUD_DATA/run" "$CLOUD_DATA/log"
}

need_space() {
  local free
  free=$(free_mib "$1")
  [ "$free" -ge "$2" ] || die "Only $free MiB are free below $1; $3 needs $2. Free some, or choose a folder on another disk with $4."
}

all_units_run() {
  local name
  unit_pid supervisor || return 1
  for name in "${units[@]}"; do unit_pid "$name" || return 1; done
}

# A copy of what was built, so that neither a build nor a removed checkout touches a cloud that runs. Copies in use stay.
install_programs() {
  local id folder program
  id=$(< "$root/artifacts/release.built")
  folder=$CLOUD_DATA/programs
  if [ ! -d "$folder/$id" ]; then
    rm -rf "$folder/new" && mkdir -p "$folder/new" &&
      for program in $(profile_programs "$profile"); do
        cp -r --reflink=auto "$root/artifacts/bin/$program/release" "$folder/new/$program" && add_migrations "$program" "$folder/new/$program" || return 1
      done &&
      mv -T "$folder/new" "$folder/$id" || return 1
  fi
  ln -sfnT "$id" "$folder/current"
  for program in "$folder"/*/; do
    case $program in "$folder/current/" | "$folder/$id/") continue ;; esac
    grep -qsaF -- "$program" /proc/[0-9]*/cmdline || rm -rf "$program"
  done
}

# A service cannot reference its migrations, as they reference it: they are put beside it.
add_migrations() {
  local assembly
  for assembly in "$root/artifacts/bin/$1".Migrations.*/release/"$1".Migrations.*.dll; do
    [ ! -e "$assembly" ] || cp "$assembly" "$2" || return 1
  done
}

# The images that the first machine does not need are built while the cloud runs, by the least priority; down.sh ends that, and the next start goes on.
build_other_images() {
  local log=$CLOUD_DATA/log/images.log
  ! unit_pid jobs/images || return 0
  (
    write_pid jobs/images "$BASHPID"
    export CLOUD_UNIT=$CLOUD_DATA:jobs/images
    exec setsid nice -n 19 bash -c '
      . "$0/lib.sh"
      # shellcheck disable=SC2046
      (CLOUD_NO_INSTALL=${CLOUD_NO_INSTALL:-} need_packages $("$0/images/build.sh" --packages postgresql-15-container redis-7-container))
      "$0/images/build.sh" postgresql-15-container redis-7-container || true
      [ "${CLOUD_IMAGES:-all}" = all ] || exit 0
      (CLOUD_NO_INSTALL=${CLOUD_NO_INSTALL:-} need_packages $("$0/images/build.sh" --packages --all))
      exec "$0/images/build.sh" --all' "$root/infra"
  ) < /dev/null >> "$log" 2>&1 9>&- &
}

# Everything that a start needs and a running cloud has.
prepare() {
  local log=$CLOUD_DATA/log
  command -v dotnet > /dev/null || need_dotnet
  need_space "$CLOUD_DATA" 1024 "the cloud" CLOUD_DATA
  need_space "$CLOUD_CACHE" 512 "its images" CLOUD_CACHE
  local -n packages=packages_$profile
  # shellcheck disable=SC2046
  need_packages "${packages[@]}" $("$root/infra/images/build.sh" --packages tiny tiny-container)
  # What runs and what starts anew beside it are of one build.
  ! any_unit_runs || return 0
  lock_build
  if build_is_old; then
    need_dotnet
    build_release "$log/build.log" "$root/infra/Cloud.Local"
  fi
  install_programs 2> "$log/install.log" || step_failed "The programs could not be copied to $CLOUD_DATA/programs" "$log/install.log"
  unlock_build
  step "Preparing the images tiny and tiny-container" "$log/images.log" "$root/infra/images/build.sh" tiny tiny-container ||
    step_failed "The images tiny and tiny-container could not be built" "$log/images.log"
}

# Ends with what a unit said last before it ended again and again.
start_failed() {
  local log=$CLOUD_DATA/log/$1.log full
  exec 9>&-
  # Guests that ran before are not to blame.
  # shellcheck disable=SC2046 # An option, or nothing.
  "$root/infra/down.sh" $([ -z "$(ls "$CLOUD_DATA/host/guests" 2> /dev/null)" ] || echo --keep-guests) > /dev/null 2>&1 || :
  full=$(full_disk "$CLOUD_DATA" "$CLOUD_CACHE" "${TMPDIR:-/tmp}")
  [ -z "$full" ] || die "The cloud could not start$full."
  tail -n 200 "$log" | grep -a '^Unhandled exception' | tail -n 1 >&2 || tail -n 5 "$log" >&2
  die "$1 ended at its start; all that it said is in $log"
}

is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "$url/health/ready")" = 200 ]; }

# Waits until /health/ready answers 200, as long as no unit ends twice and time is left.
wait_ready() {
  local name pid began=$SECONDS said=$SECONDS
  local -A seen deaths
  # It holds for half a second what it said: at first that may be of before a unit's end.
  ! is_ready || pause 0.6
  until is_ready; do
    for name in "${units[@]}"; do
      { read -r pid _ < "$CLOUD_DATA/run/$name.pid"; } 2> /dev/null || continue
      [ "${seen[$name]:-$pid}" = "$pid" ] || deaths[$name]=$((${deaths[$name]:-0} + 1))
      seen[$name]=$pid
      [ "${deaths[$name]:-0}" -lt 2 ] || start_failed "$name"
    done
    if [ $((SECONDS - said)) -ge 5 ]; then
      said=$SECONDS
      say "Starting the cloud … $((SECONDS - began)) s$(not_ready)"
    fi
    [ $((SECONDS - began)) -lt "${CLOUD_START_SECONDS:-180}" ] ||
      die "The cloud is not ready after $((SECONDS - began)) s$(not_ready). It goes on; see $CLOUD_DATA/log and $url/health/ready"
    pause 0.1
  done
}

# The parts that are not ready yet, as /health/ready tells them.
not_ready() {
  local parts
  parts=$(curl -s --max-time 2 "$url/health/ready" | grep -oE '"[a-z-]+":\{"status":"not-ready","detail":("[^"]*"|null)' |
    sed -E 's/^"([^"]+)".*"detail":("?)([^"]*)"?$/\1\2: \3/; s/: null$//; s/"//g' | paste -sd ';' | cut -c 1-200) || :
  printf '%s' "${parts:+ (not ready: $parts)}"
}

start_supervisor() {
  local tries=100
  unit_pid supervisor && return
  setsid "$root/infra/supervise.sh" "$profile" < /dev/null >> "$CLOUD_DATA/log/supervisor.log" 2>&1 9>&- &
  until unit_pid supervisor; do
    [ $((tries -= 1)) -gt 0 ] || step_failed "The supervisor did not start" "$CLOUD_DATA/log/supervisor.log"
    pause 0.05
  done
}

# Ctrl-C: what this run started, it stops again.
interrupted() {
  trap '' INT TERM
  exec 9>&-
  [ -z "${ticker:-}" ] || kill "$ticker" 2> /dev/null || :
  [ -z "${shown:-}" ] || kill "$shown" 2> /dev/null || :
  [ -z "$started" ] || "$root/infra/down.sh"
  exit 130
}

make_folders
exec 9> "$CLOUD_DATA/run/up.lock"
flock -n 9 || { say "Another up.sh or down.sh is at work in $CLOUD_DATA; waiting for it …"; flock 9; }

if any_unit_runs; then
  running=$(cat "$CLOUD_DATA/profile")
  [ "$running" = "$profile" ] ||
    die "The profile $running runs in $CLOUD_DATA. Stop it with infra/down.sh first, or choose another folder with CLOUD_DATA."
fi
take_hosts
choose_ports "$profile"
profile_units "$profile"
url=http://127.0.0.1:$CLOUD_HTTP_PORT
started=
trap interrupted INT TERM

if ! all_units_run; then
  # A supervisor that only ever sees its units fail was told of an older cloud.
  any_unit_runs || { stop_unit supervisor TERM 5 2> /dev/null; take_profile "$profile"; }
  prepare
  make_secrets "$profile"
  save_ports
  rm -f "$CLOUD_DATA/run/guests-kept"
  say "Starting the cloud …"
  started=1
  start_supervisor
fi
wait_ready
build_other_images
exec 9>&-

# shellcheck disable=SC1091
token=$(. "$CLOUD_DATA/credentials.env" && printf '%s' "$CLOUD_TOKEN")
cat << END

The cloud runs at $url   (its API: $url/swagger)
Token: $token
  source $CLOUD_DATA/credentials.env      sets CLOUD_URL and CLOUD_TOKEN

Try:
  curl -s "\$CLOUD_URL/v1/instances?wait=120" -H "Authorization: Bearer \$CLOUD_TOKEN" -H 'Content-Type: application/json' \\
       -d '{"name":"first","image":"tiny","type":"nano","userData":"#!/bin/sh\necho hello from \$(uname -rm)"}'
  curl -s "\$CLOUD_URL/v1/instances" -H "Authorization: Bearer \$CLOUD_TOKEN"
  curl -s "\$CLOUD_URL/v1/instances/ID/console?tail=5" -H "Authorization: Bearer \$CLOUD_TOKEN"

Stop it with $root/infra/down.sh
END
[ -z "$detach" ] || exit 0

say "Ctrl-C stops it, guests too."
started=1
tail --pid=$$ -q -n 0 -F "$CLOUD_DATA/log/supervisor.log" "$CLOUD_DATA/log/${units[-1]}.log" 2> /dev/null &
shown=$!
while unit_pid supervisor; do pause 0.5; done
kill "$shown" 2> /dev/null || :
say "The cloud was stopped from elsewhere."
