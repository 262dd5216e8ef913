# What each profile consists of: its units, where each listens, what each is told, what each waits for at the first start. Sourced after processes.sh.
# shellcheck shell=bash disable=SC2034

programs=$CLOUD_DATA/programs/current
secrets=$CLOUD_DATA/secrets

# In the order in which they start; they stop in the opposite one.
all_units=(cloud postgres rabbitmq identity compute block-storage host host-2 host-3 host-4 objects database backup gateway)
readonly hosts_max=4

declare -a units
declare -A unit_port unit_after
declare -rA stop_signal=([postgres]=INT)

any_unit_runs() {
  local name
  for name in "${all_units[@]}"; do unit_pid "$name" && return; done
  return 1
}

profile_units() {
  case $1 in
    local)
      units=(cloud)
      unit_port[cloud]=$CLOUD_HTTP_PORT
      ;;
    distributed)
      units=(postgres rabbitmq identity compute block-storage host objects database backup gateway)
      unit_port[gateway]=$CLOUD_HTTP_PORT
      # Its databases a service needs at once; the bus and one another they bear to miss.
      unit_after=([identity]=postgres [compute]=postgres [block-storage]=postgres [objects]=postgres [database]=postgres [backup]=postgres [gateway]=postgres)
      ;;
  esac
  mapfile -t -O "${#units[@]}" units < <(more_hosts)
}

# The hosts beside the first one: host-2 and so on, each with a folder of its own in the data folder.
more_hosts() {
  local number hosts=1
  { read -r hosts < "$CLOUD_DATA/hosts"; } 2> /dev/null || :
  for ((number = 2; number <= hosts; number++)); do echo "host-$number"; done
}

# The agent's program, where one was ever started here.
host_program() {
  local program
  for program in "$programs"/Cloud.Compute.Host/Cloud.Compute.Host.dll "$programs"/Cloud.Local/Cloud.Compute.Host.dll; do
    [ ! -e "$program" ] || { printf '%s' "$program"; return; }
  done
}

# The unit that listens for users.
front_unit() { case $1 in local) echo cloud ;; *) echo gateway ;; esac; }

# The unit that listens for S3.
s3_unit() { case $1 in local) echo cloud ;; *) echo objects ;; esac; }

# The projects whose programs a profile runs.
profile_programs() {
  case $1 in
    local) echo Cloud.Local ;;
    distributed) echo Cloud.Gateway Cloud.Identity Cloud.Compute Cloud.Compute.Host Cloud.BlockStorage Cloud.ObjectStorage Cloud.Database Cloud.Backup ;;
  esac
}

# choose_ports PROFILE: the user's port as he says, or as it is where the cloud runs; inner ports free ones, the same at every start while they are
# free. Where something runs, all stay as they are: the units were told one another's.
choose_ports() {
  local said=${CLOUD_HTTP_PORT:-} wanted=${CLOUD_HTTP_PORT:-8080} name port
  local -A saved
  [[ $wanted =~ ^[0-9]{1,5}$ ]] && [ "$wanted" -ge 1 ] && [ "$wanted" -le 65535 ] ||
    die "CLOUD_HTTP_PORT is '$wanted'; it must be a number from 1 to 65535."
  export CLOUD_HTTP_PORT=$wanted CLOUD_S3_PORT=${CLOUD_S3_PORT:-9000}
  while IFS='=' read -r name port; do saved[$name]=$port; done < <(cat "$CLOUD_DATA/run/ports.env" 2> /dev/null)
  if unit_pid "$(front_unit "$1")"; then
    CLOUD_HTTP_PORT=${saved[http]:-$wanted}
    [ -z "$said" ] || [ "$CLOUD_HTTP_PORT" = "$wanted" ] ||
      die "The cloud in $CLOUD_DATA runs at port $CLOUD_HTTP_PORT. Stop it with infra/down.sh first to move it to $wanted."
  else
    ! port_taken "$wanted" || die "Port $wanted is taken by another program. Stop that, or choose another port with CLOUD_HTTP_PORT."
  fi
  [[ $CLOUD_S3_PORT =~ ^[0-9]{1,5}$ ]] && [ "$CLOUD_S3_PORT" -ge 1 ] && [ "$CLOUD_S3_PORT" -le 65535 ] ||
    die "CLOUD_S3_PORT is '$CLOUD_S3_PORT'; it must be a number from 1 to 65535."
  unit_pid "$(s3_unit "$1")" || ! port_taken "$CLOUD_S3_PORT" ||
    die "Port $CLOUD_S3_PORT, for S3, is taken by another program. Stop that, or choose another port with CLOUD_S3_PORT."
  for name in $(inner_units "$1"); do
    port=${saved[$name]:-}
    while [ -z "$port" ] || { port_taken "$port" && ! any_unit_runs; }; do port=$((20000 + SRANDOM % 12000)); done
    unit_port[$name]=$port
  done
}

# The units that listen for other units alone.
inner_units() {
  [ "$1" != distributed ] || echo postgres rabbitmq identity compute block-storage host objects database backup
  more_hosts
}

save_ports() {
  local name
  {
    printf 'http=%s\n' "$CLOUD_HTTP_PORT"
    for name in "${!unit_port[@]}"; do printf '%s=%s\n' "$name" "${unit_port[$name]}"; done
  } > "$CLOUD_DATA/run/ports.env"
}

# load_ports: for the supervisor, what choose_ports chose.
load_ports() {
  local name port
  while IFS='=' read -r name port; do
    case $name in http) export CLOUD_HTTP_PORT=$port ;; *) unit_port[$name]=$port ;; esac
  done < "$CLOUD_DATA/run/ports.env"
}

# make_secret NAME: a password of its own in a file that only this user reads, made at the first start.
make_secret() {
  [ -s "$secrets/$1" ] && return
  (umask 077 && mkdir -p "$secrets" && head -c 24 /dev/urandom | base64 | tr '+/' 'ab' > "$secrets/$1.new" && mv "$secrets/$1.new" "$secrets/$1")
}

make_secrets() {
  case $1 in distributed) make_secret postgres.password && make_secret rabbitmq.password ;; esac
}

# unit_environment NAME: what a unit is told beside CLOUD_DATA, CLOUD_CACHE, CLOUD_HTTP_PORT and CLOUD_S3_PORT: a variable a line.
unit_environment() {
  case $1 in
    cloud)
      echo CLOUD_PROFILE=local
      # The runtime would let as much garbage gather as the processor's cache holds, which on a server is a quarter of a gigabyte: 4 MiB do.
      echo DOTNET_GCgen0size=400000
      # A thread that finds nothing to do would look seventy times more before it sleeps: half of what a cloud at rest costs.
      echo DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=0
      echo MALLOC_ARENA_MAX=1
      echo "CLOUD_IMAGE_RECIPES=$root/infra/images"
      ;;
    identity | compute | block-storage | objects | database | backup | gateway)
      echo CLOUD_PROFILE=distributed
      echo "CLOUD_POSTGRES=Host=127.0.0.1;Port=${unit_port[postgres]};Username=cloud;Password=$(< "$secrets/postgres.password")"
      echo "CLOUD_RABBITMQ=amqp://cloud:$(< "$secrets/rabbitmq.password")@127.0.0.1:${unit_port[rabbitmq]}/"
      [ "$1" = identity ] || echo "CLOUD_IDENTITY_URL=http://127.0.0.1:${unit_port[identity]}"
      [[ $1 != gateway && $1 != block-storage && $1 != database && $1 != backup ]] || echo "CLOUD_COMPUTE_URL=http://127.0.0.1:${unit_port[compute]}"
      [[ $1 != gateway && $1 != compute && $1 != database && $1 != backup ]] || echo "CLOUD_BLOCK_STORAGE_URL=http://127.0.0.1:${unit_port[block-storage]}"
      [[ $1 != gateway && $1 != backup ]] || echo "CLOUD_DATABASE_URL=http://127.0.0.1:${unit_port[database]}"
      [ "$1" != gateway ] || echo "CLOUD_BACKUP_URL=http://127.0.0.1:${unit_port[backup]}"
      [[ $1 != gateway && $1 != database && $1 != backup ]] || echo "CLOUD_OBJECT_STORAGE_URL=http://127.0.0.1:${unit_port[objects]}"
      [ "$1" != compute ] || echo "CLOUD_IMAGE_RECIPES=$root/infra/images"
      case $1 in
        gateway) ;;
        compute) echo "ASPNETCORE_URLS=http://127.0.0.1:${unit_port[$1]};http://unix:$CLOUD_DATA/run/compute.sock" ;;
        *) echo "ASPNETCORE_URLS=http://127.0.0.1:${unit_port[$1]}" ;;
      esac
      ;;
    host | host-*)
      if [ -n "${unit_port[compute]:-}" ]; then
        echo CLOUD_PROFILE=distributed
        echo "CLOUD_COMPUTE_URL=http://unix:$CLOUD_DATA/run/compute.sock"
      else
        # It leaves its address in the data folder: the gateway of a cloud in one process lets no other process's calls through.
        echo CLOUD_PROFILE=local
      fi
      if has_own_network "$1"; then
        echo "ASPNETCORE_URLS=http://unix:$CLOUD_DATA/run/$1.sock"
        echo Cloud__Host__MachineNetwork=/proc/self/fd/7
      else
        echo "ASPNETCORE_URLS=http://127.0.0.1:${unit_port[$1]}"
      fi
      [ "$1" = host ] || echo "Cloud__Host__Name=$1"
      ;;
  esac
}

# has_own_network UNIT: hosts beside the first have a network namespace each, where this user may make one: nothing that runs there, as a
# guest's process, reaches the machine's network but by the host's switch, which stays outside. As another user they are in the machine's.
has_own_network() {
  [[ $1 = host-* ]] && [ "$(id -u)" = 0 ] && unshare --net true 2> /dev/null
}

# run_service UNIT PROGRAM [FILE]: replaces the shell by a .NET program, in a session of its own.
run_service() {
  local line
  while read -r line; do export "${line?}"; done < <(unit_environment "$1")
  # What the last process listened on would be taken for another's.
  rm -f "$CLOUD_DATA/run/$1.sock"
  if has_own_network "$1"; then
    exec 7< /proc/self/ns/net
    exec setsid unshare --net dotnet "$(readlink -f "${3:-$programs/$2/$2.dll}")"
  fi
  exec setsid dotnet "$(readlink -f "${3:-$programs/$2/$2.dll}")"
}

# run_helped UNIT COMMAND…: the same for a server that starts processes of its own. They must not outlive it, so they carry the unit's mark;
# guests and the switch must, so what starts those carries none.
run_helped() {
  export CLOUD_UNIT=$CLOUD_DATA:$1
  shift
  exec setsid "$@"
}

run_unit() {
  case $1 in
    cloud) run_service cloud Cloud.Local ;;
    identity) run_service identity Cloud.Identity ;;
    compute) run_service compute Cloud.Compute ;;
    block-storage) run_service block-storage Cloud.BlockStorage ;;
    backup) run_service backup Cloud.Backup ;;
    host) run_service host Cloud.Compute.Host ;;
    host-*) run_service "$1" Cloud.Compute.Host "$(host_program)" ;;
    objects) run_service objects Cloud.ObjectStorage ;;
    database) run_service database Cloud.Database ;;
    gateway) run_service gateway Cloud.Gateway ;;
    postgres) run_helped postgres "$root/infra/postgres/run.sh" "$CLOUD_DATA/postgres" "${unit_port[postgres]}" "$secrets/postgres.password" ;;
    rabbitmq) run_helped rabbitmq "$root/infra/rabbitmq/run.sh" "$CLOUD_DATA/rabbitmq" "${unit_port[rabbitmq]}" "$secrets/rabbitmq.password" ;;
  esac
}
