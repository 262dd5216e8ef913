#!/usr/bin/env bash
# Runs every test, on real parts: QEMU, PostgreSQL, RabbitMQ. Installs what is missing. Ends in a line "N passed, N failed".
#   tests/run.sh [--no-install] [PROJECT …]     e.g. tests/run.sh Cloud.Vmm.Tests
set -uo pipefail
. "$(dirname "$0")/../infra/lib.sh"

projects=()
for word in "$@"; do
  case $word in
    --no-install) export CLOUD_NO_INSTALL=1 ;;
    *) projects+=("$word") ;;
  esac
done
if [ ${#projects[@]} = 0 ]; then
  mapfile -t projects < <(cd "$root/tests" && ls -d *.Tests)
fi

# shellcheck disable=SC2046
need_packages curl qemu-system-x86 qemu-system-misc qemu-utils libslirp0 genisoimage openssh-client rabbitmq-server postgresql-15 $("$root/infra/images/build.sh" --packages tiny)
say "Building the image tiny, where it is not built yet …"
"$root/infra/images/build.sh" tiny > /dev/null || exit 1

say "Building …"
log=$root/artifacts/test-build.log
mkdir -p "$root/artifacts"
cd "$root" && dotnet build Cloud.sln --nologo -v quiet > "$log" 2>&1 || { grep -E 'error' "$log" | sort -u | head -20; echo "0 passed, 1 failed"; exit 1; }

passed=0 failed=0 skipped=0 broken=
for project in "${projects[@]}"; do
  say "Testing $project …"
  log=$root/artifacts/$project.log
  dotnet "$root/artifacts/bin/$project/debug/$project.dll" > "$log" 2>&1
  status=$?
  line=$(grep -E 'Total: [0-9]+|total: [0-9]+' "$log" | tail -n 1)
  count() { sed -n "s/.*$1: *\([0-9]*\).*/\1/Ip" <<< "$line"; }
  f=$(($(count Failed) + $(count Errors)))
  s=$(count Skipped)
  t=$(count Total)
  if [ -z "$t" ]; then broken="$broken $project"; failed=$((failed + 1)); tail -n 20 "$log"; continue; fi
  passed=$((passed + t - f - s)) failed=$((failed + f)) skipped=$((skipped + s))
  echo "$project: $((t - f - s)) passed, $f failed, $s skipped"
  [ "$s" = 0 ] || grep -E '\[SKIP\]' -A1 "$log"
  if [ "$f" != 0 ] || [ "$status" != 0 ]; then grep -E '\[FAIL\]' -A 25 "$log" | head -200; fi
  if [ "$status" != 0 ] && [ "$f" = 0 ]; then broken="$broken $project"; failed=$((failed + 1)); tail -n 20 "$log"; fi
done
[ -z "$broken" ] || echo "These ended without a count or with an error:$broken"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
