#!/usr/bin/env bash
# Runs one benchmark against the cloud of CLOUD_URL and CLOUD_TOKEN; see README.md beside this file.
set -euo pipefail
. "$(dirname "$0")/../../infra/lib.sh"
need_packages wrk nginx-light
[ -n "${CLOUD_TOKEN:-}" ] || . "$CLOUD_DATA/credentials.env"
cd "$root"
dotnet build tests/benchmarks -c Release --nologo -v quiet -clp:NoSummary
exec dotnet artifacts/bin/Cloud.Benchmarks/release/Cloud.Benchmarks.dll "$@"
