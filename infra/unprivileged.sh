#!/usr/bin/env bash
# Replaces itself by a command as an unprivileged user, who can reach a folder wherever it lies; who is not root runs the command as he is.
#   unprivileged.sh USER FOLDER COMMAND…
# USER is a name, or a number that need not have one.
# The folder is made where it is missing and becomes the user's, mode 0700. Where a folder above it is closed to the user (a checkout below /root, say),
# the command runs in a mount namespace of its own in which the closed one holds nothing but the way to the folder: paths stay the same, nothing
# is opened to anybody else. Where no namespace may be made, as in a container, it says so and ends.
set -euo pipefail

user=$1 folder=$(realpath -m "$2")
shift 2
mkdir -p "$folder"
chmod 700 "$folder"
[ "$(id -u)" = 0 ] || exec "$@"
cd /

if [[ $user =~ ^[0-9]+$ ]]; then uid=$user group=$user; else uid=$(id -u "$user") group=$(id -gn "$user"); fi
[ "$(stat -c %u "$folder")" = "$uid" ] || chown -R "$user:$group" "$folder"
become=(setpriv "--reuid=$user" "--regid=$group" --clear-groups --no-new-privs)
! "${become[@]}" test -x "$folder" || exec "${become[@]}" "$@"

# The topmost folder on the way that the user cannot pass.
closed=
while read -r above; do
  [ -n "$closed" ] || "${become[@]}" test -x "$above" || closed=$above
done < <(path=$folder; while [ "$path" != / ]; do path=$(dirname "$path"); echo "$path"; done | tac)

unshare --mount true 2> /dev/null ||
  { echo "The user $user cannot reach $folder, as $closed is closed to others, and no mount namespace may be made here. Move the cloud with CLOUD_DATA." >&2; exit 1; }
# The source is held by a descriptor: what hides it is mounted before it is bound.
exec 9< "$folder"
# shellcheck disable=SC2016
exec unshare --mount --propagation private bash -euc '
  folder=$1 closed=$2
  shift 2
  mount -t tmpfs -o mode=0711,size=64k hold /mnt
  mkdir /mnt/held
  mount --bind "/proc/self/fd/9" /mnt/held
  mount -t tmpfs -o mode=0711,size=64k way "$closed"
  (umask 066 && mkdir -p "$folder")
  mount --move /mnt/held "$folder"
  umount /mnt
  exec 9<&-
  exec "$@"' way "$folder" "$closed" "${become[@]}" "$@"
