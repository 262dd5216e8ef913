# What up.sh, down.sh, supervise.sh and tests/run.sh share: where things lie, words to the user, packages. Sourced; needs bash 5.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
CLOUD_DATA=$(realpath -m "${CLOUD_DATA:-$root/.cloud}")
CLOUD_CACHE=$(realpath -m "${CLOUD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloud}")
export CLOUD_DATA CLOUD_CACHE
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=1
# An ordinary user's path lacks the programs of administrators, some of which anyone may run.
case :$PATH: in *:/usr/sbin:*) ;; *) export PATH=$PATH:/usr/sbin:/sbin ;; esac
command -v dotnet > /dev/null || [ ! -x "$HOME/.dotnet/dotnet" ] || export PATH=$PATH:$HOME/.dotnet DOTNET_ROOT=$HOME/.dotnet

# What each part needs from Debian, beside what infra/images/build.sh names itself.
packages_host=(curl qemu-system-x86 qemu-utils libslirp0 runc e2fsprogs)
# An ordinary user's containers have users by a user namespace of his.
[ "$(id -u)" = 0 ] || packages_host+=(uidmap)
packages_local=("${packages_host[@]}" postgresql-15 redis-server)
packages_distributed=("${packages_local[@]}" rabbitmq-server)
# shellcheck disable=SC2034
packages_tests=("${packages_distributed[@]}" qemu-system-misc binutils gdb-multiarch busybox-static chromium iproute2 procps openssh-client sudo uidmap shellcheck docker-compose awscli s3cmd rclone restic python3-boto3 docker-registry xfsprogs)
# Node.js from elsewhere than Debian brings its own, and bears no other.
command -v npm > /dev/null || packages_tests+=(npm)

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Waits some seconds without starting a process.
pause() {
  [ -n "${pause_fd:-}" ] || exec {pause_fd}<> <(:)
  read -rt "$1" -u "$pause_fd" || :
}

# Says every few seconds how long a step takes and what its log says last: over and over in one line of a terminal, else ever more rarely.
tick() {
  local label=$1 log=$2 line every=3
  trap - EXIT INT TERM
  while pause "$every" && kill -0 $$ 2> /dev/null; do
    line=$(tail -n 1 "$log" 2> /dev/null | tr -d '\r\033' | sed 's/^ *//; s/ -> .*//' | cut -c 1-80)
    line="$label … $SECONDS s${line:+ ($line)}"
    if [ -t 2 ]; then
      printf '\r\033[K%s' "$line" >&2
    else
      say "$line"
      every=$((SECONDS < 30 ? 5 : 15))
    fi
  done
}

# step LABEL LOG COMMAND…: runs a command, its output in the log, and says how far it is. Answers the command's status.
step() {
  local label=$1 log=$2 status=0 began=$SECONDS
  shift 2
  if [ -t 2 ]; then printf '%s …' "$label" >&2; else say "$label …"; fi
  { : > "$log"; } 2> /dev/null || log=/dev/null
  (SECONDS=0 && tick "$label" "$log") < /dev/null > /dev/null 9>&- &
  ticker=$!
  "$@" < /dev/null > "$log" 2>&1 || status=$?
  kill "$ticker" 2> /dev/null || :
  wait "$ticker" 2> /dev/null || :
  ticker=
  if [ -t 2 ]; then printf '\r\033[K%s (%s s)\n' "$label" "$((SECONDS - began))" >&2; fi
  return "$status"
}

# free_mib FOLDER: what is free on the disk of a folder that may not exist yet; plenty where what holds it is no disk.
free_mib() {
  local folder=$1
  while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
  df -Pk "$folder" | awk 'NR == 2 { print $2 == 0 ? 1048576 : int($4 / 1024) }'
}

# Says which of the folders named lies on a full disk, as the end of a sentence; nothing where none does.
full_disk() {
  local folder
  for folder in "$@"; do
    if [ "$(free_mib "$folder")" -lt 16 ]; then
      printf ': the disk that holds %s is full; free some space there and start again' "$folder"
      return
    fi
  done
}

# step_failed WHAT LOG: ends with the reason, a full disk in plain words, else what the log says.
step_failed() {
  local full
  full=$(full_disk "$CLOUD_DATA" "$CLOUD_CACHE" "$root" "${TMPDIR:-/tmp}" "$HOME")
  [ -z "$full" ] || die "$1$full."
  { grep -aE '(^|[^a-z])error|^E: ' "$2" || tail -n 5 "$2"; } | sort -u | head -n 5 >&2
  die "$1; all that was said is in $2"
}

# Runs a command as root, by sudo where we are not.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null || { [ -t 0 ] && sudo -v; }; }

# The Debian packages among those named that are not installed.
missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort -u) <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2> /dev/null | sed -n 's/ installed$//p' | sort -u)
}

# Installs those of the Debian packages named that are missing; none of them starts a service. CLOUD_NO_INSTALL=1 only says which.
need_packages() {
  local missing log
  [ $# -gt 0 ] || return 0
  command -v dpkg-query > /dev/null || die "This is no Debian: install what stands for these packages yourself, and start again with dpkg on the PATH: $*"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} != 0 ] || return 0
  if [ -n "${CLOUD_NO_INSTALL:-}" ]; then
    die "Missing packages: ${missing[*]}. Run: sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  can_be_root ||
    die "Missing packages, and no right to install them: ${missing[*]}. Ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}"
  log=$(mktemp -t cloud-install-XXXXXX.log)
  step "Installing ${missing[*]}" "$log" install_packages "${missing[@]}" || step_failed "The packages could not be installed" "$log"
  rm -f "$log"
}

# policy-rc.d keeps packages from starting their services: the cloud runs its own. One at a time; and what began goes on to its end, whoever ends
# us: dpkg refuses all further work after it was interrupted.
install_packages() {
  # shellcheck disable=SC2016
  as_root env -u CLOUD_UNIT DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 setsid --wait flock /run/lock/cloud-install sh -c '
    policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then printf "#!/bin/sh\nexit 101\n" > $policy && chmod 755 $policy && made=1; fi
    apt="apt-get -o DPkg::Lock::Timeout=600"
    $apt install -y --no-install-recommends "$@" || { dpkg --configure -a; $apt update && $apt install -y --no-install-recommends "$@"; }
    status=$?
    [ -z "$made" ] || rm -f $policy
    exit $status' install "$@"
}

# The .NET SDK that global.json asks for.
need_dotnet() {
  command -v dotnet > /dev/null || die "The .NET 10 SDK is missing: there is no 'dotnet' on the PATH. See https://dot.net/download"
  dotnet --list-sdks | grep -q '^10\.' || die "The .NET 10 SDK is missing: $(command -v dotnet) knows only: $(dotnet --list-sdks | cut -d ' ' -f 1 | tr '\n' ' ')"
}

port_taken() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Whether a source is newer than the last build of everything (a folder's time tells of a file that went).
build_is_old() {
  local built=$root/artifacts/release.built
  [ ! -e "$built" ] || [ ! -e "$root/artifacts/bin/Cloud.Local/release/Cloud.Local.dll" ] ||
    [ -n "$(cd "$root" && find gateway infra/Cloud.Local services shared ./*.props .editorconfig global.json -newer "$built" -not -name '*.md' -print -quit)" ]
}

# One build at a time in a checkout; held until unlock_build, so that what was built can be copied whole.
lock_build() {
  { mkdir -p "$root/artifacts" && exec 8> "$root/artifacts/build.lock"; } 2> /dev/null ||
    die "$root/artifacts cannot be written: the cloud is built in its checkout$(full_disk "$root")."
  flock -n 8 || { say "Waiting for another build in this checkout …"; flock 8; }
}

unlock_build() { exec 8>&-; }

# build_release LOG PROJECT: builds a project, or all of Cloud.sln, which tells every later build_is_old how new the build is.
build_release() {
  local building=$root/artifacts/release.building
  date +%s%N > "$building" || die "$root/artifacts cannot be written$(full_disk "$root")."
  # A build leaves servers behind for the next one; they must not hold our locks. The compiler's is wanted even where the environment says no:
  # to start the compiler for each project costs more than to compile.
  step "Building the cloud" "$1" dotnet build "$2" -c Release --nologo -v minimal -clp:NoSummary -p:UseSharedCompilation=true 8>&- 9>&- ||
    step_failed "The build failed" "$1"
  mv "$building" "$root/artifacts/release.built"
}
