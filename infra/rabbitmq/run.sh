#!/usr/bin/env bash
# Runs a private RabbitMQ from Debian's package in the foreground: all its files below FOLDER, on loopback, with one user, `cloud`, and no guest.
#   run.sh FOLDER PORT PASSWORD_FILE
# As root it runs as the user rabbitmq. Ends in good order by SIGTERM; comes up again after any other end. It has an epmd of its own, so that it
# meets neither the system's RabbitMQ nor another cloud's; after `. FOLDER/ctl.env`, /usr/lib/rabbitmq/bin/rabbitmqctl finds it.
set -euo pipefail

if [ "${1:-}" != --inner ]; then
  # The password's file is not the server's user's: it reads an open descriptor.
  exec 8< "$3"
  exec "$(dirname "$0")/../unprivileged.sh" rabbitmq "$1" bash -c "$(< "$0")" "$0" --inner "$(realpath -m "$1")" "$2"
fi
folder=$2 port=$3
cd "$folder"
umask 077

exec 9> lock
flock -w 30 9 || { echo "Another RabbitMQ runs on $folder." >&2; exit 1; }

free_port() {
  REPLY=$((32768 - SRANDOM % 12000))
  while (exec 3<> "/dev/tcp/127.0.0.1/$REPLY") 2> /dev/null; do REPLY=$((32768 - SRANDOM % 12000)); done
}

# The user is made at the first start from this file; later it only names what listens.
read -r password <&8 || [ -n "$password" ]
exec 8<&-
cat > rabbitmq.conf << EOF
listeners.tcp.1 = 127.0.0.1:$port
default_user = cloud
default_pass = $password
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
default_user_tags.administrator = true
loopback_users = none
vm_memory_high_watermark.absolute = 384MB
disk_free_limit.absolute = 64MB
heartbeat = 10
log.console = true
log.console.level = warning
log.file = false
EOF
unset password
echo '[].' > enabled_plugins
[ -e .erlang.cookie ] || (head -c 24 /dev/urandom | base64 | tr '+/' 'ab' > cookie.new && chmod 400 cookie.new && mv cookie.new .erlang.cookie)

export HOME=$folder
export ERL_EPMD_ADDRESS=127.0.0.1
free_port && export ERL_EPMD_PORT=$REPLY
free_port && export RABBITMQ_DIST_PORT=$REPLY
export RABBITMQ_NODENAME=cloud@localhost
export RABBITMQ_BASE=$folder RABBITMQ_MNESIA_BASE=$folder/mnesia RABBITMQ_LOG_BASE=$folder/log RABBITMQ_LOGS=-
export RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE=$folder/rabbitmq.conf RABBITMQ_ADVANCED_CONFIG_FILE=$folder/advanced.config
export RABBITMQ_GENERATED_CONFIG_DIR=$folder/generated RABBITMQ_ENABLED_PLUGINS_FILE=$folder/enabled_plugins
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +Bd"
# Its scripts then replace themselves by the server, instead of waiting beside it.
export RUNNING_UNDER_SYSTEMD=true
printf 'export HOME=%q ERL_EPMD_ADDRESS=%s ERL_EPMD_PORT=%s RABBITMQ_NODENAME=%s RABBITMQ_CONF_ENV_FILE=/dev/null\n' \
  "$folder" "$ERL_EPMD_ADDRESS" "$ERL_EPMD_PORT" "$RABBITMQ_NODENAME" > ctl.env

# Dies with this process, which becomes the server. Not started by the server itself, as that one would outlive it.
setpriv --pdeathsig KILL epmd -relaxed_command_check < /dev/null > /dev/null 2>&1 9>&- &
mkdir -p log generated mnesia
exec /usr/lib/rabbitmq/bin/rabbitmq-server
