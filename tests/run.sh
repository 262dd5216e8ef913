#!/usr/bin/env bash
# Runs every test, on real parts: QEMU, PostgreSQL, RabbitMQ. Installs and builds what is missing. Ends in a line "N passed, N failed, N skipped".
#   tests/run.sh [--no-install] [PROJECT …]     e.g. tests/run.sh Cloud.Vmm.Tests
# CLOUD_TEST_ROUNDS=100 runs that many rounds of the tests that kill things at random (else a few); CLOUD_TEST_SEED=N repeats a seed that one printed.
set -uo pipefail
. "$(dirname "$0")/../infra/lib.sh"

# A project that hangs is ended, and counts as failed.
project_seconds=${CLOUD_TEST_PROJECT_SECONDS:-2400}

projects=()
for word in "$@"; do
  case $word in
    --no-install) export CLOUD_NO_INSTALL=1 ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) die "run.sh does not know '$word'; it takes --no-install and names of projects." ;;
    *)
      word=$(basename "${word%/}")
      [ -d "$root/tests/$word" ] || die "There is no project tests/$word; there are: $(cd "$root/tests" && echo *.Tests)"
      projects+=("$word")
      ;;
  esac
done
# All of them: those that take long first, so that none is left alone at the end, and those that start whole clouds last.
if [ ${#projects[@]} = 0 ]; then
  mapfile -t projects < <(cd "$root/tests" && printf '%s\n' *.Tests |
    awk '{ rank = /Messaging/ ? 1 : /Database/ ? 2 : /Compute|ObjectStorage|Vmm.Tests/ ? 3 : /EndToEnd/ ? 5 : 4; print rank, $0 }' | sort | cut -d " " -f 2)
fi

give_up() { say "$1"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

# The images that tests of whole clouds boot beside tiny. They take long: they are built while all else is tested, by what processors have left.
slow_images=()
case " ${projects[*]} " in *EndToEnd*) slow_images=(debian-12 tiny-riscv64) ;; esac

prepare() {
  # shellcheck disable=SC2046,SC2154
  need_packages "${packages_tests[@]}" $("$root/infra/images/build.sh" --packages tiny postgresql-15-container redis-7-container "${slow_images[@]}")
  need_dotnet
  lock_build
  build_release "$root/artifacts/test-build.log" "$root/Cloud.sln"
  unlock_build
  step "Preparing the images tiny and those of databases" "$root/artifacts/test-images.log" \
    "$root/infra/images/build.sh" tiny postgresql-15-container redis-7-container ||
    step_failed "The images tiny and those of databases could not be built" "$root/artifacts/test-images.log"
}

# The processes that a project's tests left running, by the mark in their environment; the servers that builds leave are the SDK's own affair.
leftovers() {
  local pid words
  for pid in $(grep -lzxsF "CLOUD_TEST_RUN=$$ $1" /proc/[0-9]*/environ | cut -d / -f 3); do
    words=$(tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null)
    case $words in '' | *VBCSCompiler* | *MSBuild.dll*) ;; *) printf '%s %s\n' "$pid" "${words:0:160}" ;; esac
  done
}

# Those that are about to end get a moment.
end_leftovers() {
  local tries=50 left
  while left=$(leftovers "$1") && [ -n "$left" ] && [ $((tries -= 1)) -gt 0 ]; do pause 0.1; done
  [ -z "$left" ] && return 0
  printf '%s left processes behind:\n%s\n' "$1" "$left"
  cut -d ' ' -f 1 <<< "$left" | xargs -r kill -9 2> /dev/null
  return 1
}

# Prints each failed or skipped test with its message and output.
explain() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '/\[(FAIL|SKIP)\]$/ { on = 1; n = 0 } /^ *Finished: |^=== / { on = 0 } on && n++ < 80' | head -n 600
}

# Nearly all processes of tests end before code that was compiled to be measured and then compiled again has paid for that: a quarter of their time.
export DOTNET_TieredPGO=0

# What moves a user's cloud does not move a test's: each test has folders, ports and servers of its own.
mapfile -t moved < <(compgen -e CLOUD_ | grep -vE '^CLOUD_(TEST_.*|CACHE|NO_INSTALL)$' | sed 's/^/--unset=/')

# Runs a project and writes to its file of results: what there is to say, then a line of its tests, failures and skips.
run_project() {
  local project=$1 log=$root/artifacts/$1.log status=0 line began=$SECONDS total failures errors f s
  CLOUD_TEST_RUN="$$ $project" timeout --kill-after=20 "$project_seconds" \
    env "${moved[@]}" dotnet "$root/artifacts/bin/$project/release/$project.dll" < /dev/null > "$log" 2>&1 || status=$?
  line=$(grep -aE 'Total: [0-9]+' "$log" | tail -n 1)
  count() { sed -nE "s/.*$1: *([0-9]+).*/\1/p" <<< "$line"; }
  total=$(count Total) failures=$(count Failed) errors=$(count Errors) s=$(count Skipped)
  f=$((${failures:-0} + ${errors:-0}))
  if [ -z "$total" ]; then
    tail -n 40 "$log"
    [ "$status" != 124 ] || echo "$project did not end in $project_seconds s."
    total=1 f=1 s=0
  elif [ "$status" != 0 ] && [ "$f" = 0 ]; then
    tail -n 40 "$log"
    total=$((total + 1)) f=1
  fi
  if [ "$f" != 0 ] || [ "$s" != 0 ]; then explain "$log"; fi
  end_leftovers "$project" || total=$((total + 1)) f=$((f + 1))
  echo "$project: $((total - f - s)) passed, $f failed, $s skipped ($((SECONDS - began)) s)"
  echo "$total $f $s"
}

# Runs projects, so many at once, and says every 15 seconds which are at work. They wait for servers and guests more than they compute.
run_projects() {
  local lanes=$1 project result waited=0 next=0
  shift
  local -A running=()
  while [ $next -lt $# ] || [ ${#running[@]} != 0 ]; do
    while [ $next -lt $# ] && [ ${#running[@]} -lt "$lanes" ]; do
      next=$((next + 1)) project=${!next}
      say "Testing $project …"
      run_project "$project" > "$root/artifacts/$project.result" 2>&1 9>&- &
      running[$project]=$!
      at_work="${running[*]}"
    done
    pause 0.5
    waited=$((waited + 1))
    [ $((waited % 30)) != 0 ] || say "Testing $(tr ' ' ',' <<< "${!running[*]}" | sed 's/,/, /g') … $SECONDS s"
    for project in "${!running[@]}"; do
      kill -0 "${running[$project]}" 2> /dev/null && continue
      wait "${running[$project]}"
      unset "running[$project]"
      at_work="${running[*]}"
      result=$root/artifacts/$project.result
      sed '$d' "$result"
      count_result "$(tail -n 1 "$result")"
    done
  done
}

count_result() {
  local total f s
  read -r total f s <<< "$1"
  passed=$((passed + total - f - s)) failed=$((failed + f)) skipped=$((skipped + s))
}

end_all() {
  # shellcheck disable=SC2086
  [ -z "$at_work" ] || kill $at_work 2> /dev/null
  [ -z "$builder" ] || kill "$builder" 2> /dev/null
  grep -lzsE "^CLOUD_TEST_RUN=$$ " /proc/[0-9]*/environ | cut -d / -f 3 | xargs -r kill -9 2> /dev/null
}
at_work='' builder=''
trap end_all EXIT
trap 'exit 130' INT TERM

(prepare) || give_up "The tests could not be built."
if [ ${#slow_images[@]} != 0 ]; then
  nice -n 19 "$root/infra/images/build.sh" "${slow_images[@]}" > "$root/artifacts/test-slow-images.log" 2>&1 < /dev/null & builder=$!
fi

passed=0 failed=0 skipped=0
small=() whole=()
for project in "${projects[@]}"; do
  case $project in *EndToEnd*) whole+=("$project") ;; *) small+=("$project") ;; esac
done
run_projects 3 "${small[@]}"
run_projects 1 "${whole[@]}"
[ -z "$builder" ] || wait "$builder" || say "An image could not be built: see artifacts/test-slow-images.log"
builder=''
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
