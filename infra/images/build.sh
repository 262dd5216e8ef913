#!/usr/bin/env bash
# Builds the images of the cloud's own from their recipes (README.md), below $CLOUD_CACHE/images.
#   build.sh NAME…                builds those that are not built yet, what is shown on stderr
#   build.sh --all                builds all, the faster variants of images too
#   build.sh --background         the same with the least priority and without a terminal; returns at once
#   build.sh --list               a line NAME HASH for each image: its files are in NAME-HASH, once they are built
#   build.sh --packages [NAME…|--all]   the Debian packages that building takes
set -euo pipefail
. "$(dirname "$0")/lib.sh"

recipe_names() { (cd "$images" && for recipe in */recipe.sh; do printf '%s\n' "${recipe%/recipe.sh}"; done); }

# The script of the variant that 'build.sh NAME' leads to: the better one where it is built, or where its pieces are and it is as quickly
# built as the other; but what is built already comes before what is not.
chosen_variant() {
  local name=$1 better=$images/$1/better.sh recipe=$images/$1/recipe.sh
  if [ ! -e "$better" ]; then printf '%s' "$recipe"
  elif is_built "$name" "$better"; then printf '%s' "$better"
  elif is_built "$name" "$recipe" || ! pieces_are_built "$better"; then printf '%s' "$recipe"
  else printf '%s' "$better"
  fi
}

list() {
  local name
  for name in $(recipe_names); do printf '%s %s\n' "$name" "$(recipe_hash "$(chosen_variant "$name")")"; done
}

packages() {
  local scripts=() name
  if [ "${1:-}" = --all ]; then mapfile -t scripts < <(all_scripts); else for name in "$@"; do scripts+=("$(recipe_of "$name")"); done; fi
  for name in "${scripts[@]}"; do script_packages "$name"; done | sort -u | tr '\n' ' '
}

recipe_of() {
  [[ $1 =~ ^[a-z0-9][a-z0-9-]*$ && -e $images/$1/recipe.sh ]] || fail "There is no image '$1'; there are $(recipe_names | tr '\n' ' ')"
  printf '%s' "$images/$1/recipe.sh"
}

all_scripts() { for name in $(recipe_names); do for script in "$images/$name/recipe.sh" "$images/$name/better.sh"; do [ ! -e "$script" ] || printf '%s\n' "$script"; done; done; }

# What the first machine needs comes first; one that fails does not hold up the others.
build_all() {
  local script failed=0
  for script in $(all_scripts); do
    case $script in */recipe.sh) is_built "$(basename "$(dirname "$script")")" "$(chosen_variant "$(basename "$(dirname "$script")")")" && continue ;; esac
    (build_image "$(basename "$(dirname "$script")")" "$script") || failed=1
  done
  return $failed
}

case ${1:-} in
  --list) list ;;
  --packages) shift; packages "$@" ;;
  --all) build_all ;;
  --background)
    mkdir -p "$cache"
    setsid --fork nice -n 19 "$0" --all < /dev/null > "$cache/background.log" 2>&1 ;;
  '' | -*) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  *) for name in "$@"; do recipe_of "$name" > /dev/null; done
     for name in "$@"; do build_image "$name" "$(chosen_variant "$name")"; done ;;
esac
