#!/usr/bin/env bash
# Runs one benchmark against the cloud of CLOUD_URL and CLOUD_TOKEN; see README.md beside this file.
set -euo pipefail
. "$(dirname "$0")/../../infra/lib.sh"
cd "$root"
if [ "${1:-}" = simulator ]; then
  # shellcheck disable=SC2046
  need_packages qemu-system-misc opensbi e2fsprogs $(infra/images/build.sh --packages tiny-riscv64)
  infra/images/build.sh tiny-riscv64
  set -- "$1" "$(infra/images/build.sh --list | awk -v images="$CLOUD_CACHE/images" '$1 == "tiny-riscv64" { print images "/" $1 "-" $2 "/Image" }')" "${@:2}"
else
  need_packages wrk nginx-light
  [ -n "${CLOUD_TOKEN:-}" ] || . "$CLOUD_DATA/credentials.env"
fi
dotnet build tests/benchmarks -c Release --nologo -v quiet -clp:NoSummary
exec dotnet artifacts/bin/Cloud.Benchmarks/release/Cloud.Benchmarks.dll "$@"
