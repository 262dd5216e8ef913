#!/bin/sh
# The first process of a host's container. A guest outlives its agent: the agent may end and is started again, the container goes on.
set -u
agent=
stop() {
  trap '' TERM INT
  [ -z "$agent" ] || { kill "$agent" 2> /dev/null; wait "$agent"; }
  /app/start stop-guests
  exit 0
}
trap stop TERM INT
while :; do
  /app/start &
  agent=$!
  wait "$agent"
  echo "The agent ended; it starts again." >&2
  sleep 1 &
  wait $!
done
