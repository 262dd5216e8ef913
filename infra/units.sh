# What each profile consists of: its units, what each waits for at the first start, and where each listens. Sourced after processes.sh.
# shellcheck shell=bash disable=SC2034,SC2154

programs=$CLOUD_DATA/programs/current

# In the order in which they start; they stop in the opposite one.
all_units=(cloud postgres rabbitmq identity compute host gateway)

declare -A unit_port unit_after
declare -rA stop_signal=([postgres]=INT)

# The projects whose programs a profile runs.
profile_programs() {
  case $1 in
    local) echo Cloud.Local ;;
  esac
}

# choose_ports PROFILE: where the cloud listens: as the user says, or as it does where it runs.
choose_ports() {
  local said=${CLOUD_HTTP_PORT:-} wanted=${CLOUD_HTTP_PORT:-8080}
  [[ $wanted =~ ^[0-9]{1,5}$ ]] && [ "$wanted" -ge 1 ] && [ "$wanted" -le 65535 ] ||
    die "CLOUD_HTTP_PORT is '$wanted'; it must be a number from 1 to 65535."
  export CLOUD_S3_PORT=${CLOUD_S3_PORT:-9000}
  if unit_pid "$(front_unit "$1")"; then
    # shellcheck disable=SC1091
    . "$CLOUD_DATA/run/ports.env"
    [ -z "$said" ] || [ "$CLOUD_HTTP_PORT" = "$wanted" ] ||
      die "The cloud in $CLOUD_DATA runs at port $CLOUD_HTTP_PORT. Stop it with infra/down.sh first to move it to $wanted."
  else
    CLOUD_HTTP_PORT=$wanted
    ! port_taken "$wanted" || die "Port $wanted is taken by another program. Stop that, or choose another port with CLOUD_HTTP_PORT."
  fi
  export CLOUD_HTTP_PORT
}

# The unit that listens for users.
front_unit() { case $1 in local) echo cloud ;; *) echo gateway ;; esac; }

save_ports() { printf 'CLOUD_HTTP_PORT=%s\n' "$CLOUD_HTTP_PORT" > "$CLOUD_DATA/run/ports.env"; }

# profile_units PROFILE: sets units, unit_port and unit_after.
profile_units() {
  case $1 in
    local)
      units=(cloud)
      unit_port=([cloud]=$CLOUD_HTTP_PORT)
      ;;
  esac
}

# Each run_NAME replaces the shell by the unit's process, in a session of its own. The mark CLOUD_UNIT is for units whose process starts
# others that must not outlive it; guests and the switch must, so the units that start those carry none.
run_cloud() { CLOUD_PROFILE=local CLOUD_IMAGE_RECIPES=$root/infra/images exec setsid dotnet "$programs/Cloud.Local/Cloud.Local.dll"; }
