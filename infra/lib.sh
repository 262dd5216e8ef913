# What up.sh, down.sh and tests/run.sh share. Sourced; needs bash.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CLOUD_DATA=${CLOUD_DATA:-$root/.cloud}
export CLOUD_CACHE=${CLOUD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloud}
export CLOUD_HTTP_PORT=${CLOUD_HTTP_PORT:-8080}
export CLOUD_S3_PORT=${CLOUD_S3_PORT:-9000}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a command as root, by sudo where we are not.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; }

# Installs those of the Debian packages named that are missing. CLOUD_NO_INSTALL=1 only says which.
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  if [ -n "${CLOUD_NO_INSTALL:-}" ]; then die "Missing packages: ${missing[*]}. Run: sudo apt-get install --no-install-recommends ${missing[*]}"; fi
  can_be_root || die "Missing packages, and no right to install them: ${missing[*]}. Ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}"
  say "Installing ${missing[*]} …"
  local log
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c '
    printf "#!/bin/sh\nexit 101\n" > /tmp/cloud-policy.$$ && chmod 755 /tmp/cloud-policy.$$
    made=; if [ ! -e /usr/sbin/policy-rc.d ]; then cp /tmp/cloud-policy.$$ /usr/sbin/policy-rc.d && made=1; fi
    apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }
    status=$?
    [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
    rm -f /tmp/cloud-policy.$$
    exit $status' install "${missing[@]}" > "$log" 2>&1 ||
    { tail -n 5 "$log" >&2; die "The packages could not be installed: ${missing[*]} (the whole log: $log)"; }
  rm -f "$log"
}

# The id of the cloud's process where it runs, else nothing.
cloud_pid() {
  local pid
  pid=$(cat "$CLOUD_DATA/run/$1.pid" 2>/dev/null) || return 0
  [ -n "$pid" ] && tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -q "Cloud\." && printf '%s' "$pid"
  return 0
}

port_taken() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
