#!/usr/bin/env bash
# Runs a private PostgreSQL 15 from Debian's package in the foreground: its data below FOLDER, on loopback, with one user, `cloud`, who may make databases.
#   run.sh FOLDER PORT PASSWORD_FILE
# As root it runs as the user postgres. Ends in good order by SIGINT; comes up again after any other end. CLOUD_INITDB_OPTIONS is for tests.
set -euo pipefail
bin=/usr/lib/postgresql/15/bin

if [ "${1:-}" != --inner ]; then
  # The password's file is not the server's user's: it reads an open descriptor.
  exec 8< "$3"
  exec "$(dirname "$0")/../unprivileged.sh" postgres "$1" bash -c "$(< "$0")" "$0" --inner "$(realpath -m "$1")" "$2"
fi
folder=$2 port=$3
cd "$folder"

# Held by the server and all its processes: while one of them lives nobody else touches the data, so a lock file that is left is stale, though
# another process may have its number now.
exec 9> lock
flock -w 30 9 || { echo "Another PostgreSQL runs on $folder." >&2; exit 1; }
rm -f data/postmaster.pid

if [ ! -e data ]; then
  rm -rf data.new
  # shellcheck disable=SC2086
  "$bin/initdb" --pgdata=data.new --username=cloud --pwfile=<(cat <&8) --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 ${CLOUD_INITDB_OPTIONS:-} > initdb.log ||
    { cat initdb.log >&2; exit 1; }
  mv data.new data
fi
exec 8<&-

# Small: many of these may run on one machine, beside guests.
exec "$bin/postgres" -D data -p "$port" \
  -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=200 -c shared_buffers=32MB -c work_mem=2MB -c maintenance_work_mem=32MB -c max_wal_size=256MB -c jit=off \
  -c fsync=on -c synchronous_commit=on -c full_page_writes=on -c wal_level=replica -c max_parallel_workers=2 \
  -c password_encryption=scram-sha-256 -c timezone=UTC -c log_timezone=UTC -c "log_line_prefix=%m [%p] "
