#!/usr/bin/env bash
# Adds one migration, for both databases, of what a service's model has and its migrations lack.
#   infra/migrations.sh SERVICE NAME        infra/migrations.sh compute AddLabels
# A service is named as its folder's project: Cloud.BlockStorage is block-storage or BlockStorage.
set -euo pipefail
cd "$(dirname "$0")/.."

service=${1:?a service, such as compute} name=${2:?a name, such as AddLabels}
[[ $name =~ ^[A-Z][A-Za-z0-9]*$ ]] || { echo "A migration's name is one word in Pascal case, not '$name'." >&2; exit 1; }
project=$(find services gateway -iname "Cloud.${service//-/}.csproj" | head -n 1)
[ -n "$project" ] || { echo "There is no service '$service': no Cloud.$service below services/ or gateway/." >&2; exit 1; }
assembly=$(basename "$project" .csproj)

build() { dotnet build "$1" --nologo -v quiet -clp:NoSummary >&2; }
build infra/Cloud.Migrations
for database in Sqlite Postgres; do
  folder=$(dirname "$(dirname "$project")")/$assembly.Migrations.$database
  [ -d "$folder" ] || { echo "There is no project $folder." >&2; exit 1; }
  build "$folder"
  dotnet artifacts/bin/Cloud.Migrations/debug/Cloud.Migrations.dll \
    "$PWD/artifacts/bin/$assembly/debug/$assembly.dll" \
    "$PWD/artifacts/bin/$assembly.Migrations.$database/debug/$assembly.Migrations.$database.dll" "$PWD/$folder" "$database" "$name"
  # The house has no byte order marks; the generator writes them.
  find "$folder/Migrations" -name "*.cs" -exec sed -i "1s/^\xEF\xBB\xBF//" {} +
done
