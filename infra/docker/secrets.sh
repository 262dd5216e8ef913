#!/usr/bin/env bash
# Makes the passwords that docker-compose.yml takes, once, in .env beside it (mode 0600).
set -euo pipefail
cd "$(dirname "$0")/../.."
[ ! -s .env ] || exit 0
umask 077
secret() { head -c 24 /dev/urandom | base64 | tr '+/' 'ab'; }
printf 'CLOUD_POSTGRES_PASSWORD=%s\nCLOUD_RABBITMQ_PASSWORD=%s\n' "$(secret)" "$(secret)" > .env.new
mv .env.new .env
echo "Made .env" >&2
