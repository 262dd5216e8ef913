# Whose state a data folder holds. Sourced after lib.sh.
# shellcheck shell=bash

# The state of each profile is its own: what the other one left is set aside under profiles/, and comes back with it.
take_profile() {
  local profile=$1 here
  here=$(cat "$CLOUD_DATA/profile" 2> /dev/null) || here=$profile
  if [ "$here" != "$profile" ]; then
    [ ! -e "$CLOUD_DATA/run/guests-kept" ] ||
      die "Guests of the profile $here still run in $CLOUD_DATA. Stop them with infra/down.sh, or choose another folder with CLOUD_DATA."
    say "Setting the state of the profile $here aside, in $CLOUD_DATA/profiles/$here …"
    move_state "$CLOUD_DATA/profiles/$here" "$CLOUD_DATA"
    move_state "$CLOUD_DATA" "$CLOUD_DATA/profiles/$here"
  fi
  printf '%s\n' "$profile" > "$CLOUD_DATA/profile"
  move_state "$CLOUD_DATA/profiles/$profile" "$CLOUD_DATA"
}

# move_state FROM TO: by renames, so that it can be cut off anywhere and begun again.
move_state() {
  local entry
  [ -d "$1" ] || return 0
  mkdir -p "$2"
  for entry in "$1"/* "$1"/.[!.]*; do
    case ${entry##*/} in run | log | programs | profile | profiles | '*' | '.[!.]*') continue ;; esac
    mv -T "$entry" "$2/${entry##*/}"
  done
}
