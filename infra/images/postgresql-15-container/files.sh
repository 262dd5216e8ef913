#!/bin/sh
# The files of a server in its container, for the database service: what is made beside is moved to its place when all of it is there.
#   files make FOLDER              an empty server; the statement that gives its superuser a password comes by standard input
#   files begin FOLDER             nothing is in FOLDER/new any more; ends with 17 where the server is made already
#   files unpack FOLDER            a tar by standard input; 19 where it is none, or does not fit
#   files finish FOLDER            FOLDER/new is the server's; where there is log to replay, how comes by standard input
#   files adopt FOLDER             FOLDER is a copy of another server's, which runs: what is that one's alone goes; 18 where none is made
#   files settings FOLDER WORD     a tar of settings by standard input, then the server is told to start or to reload
#   files recover FOLDER           another way to recover by standard input
#   files log FOLDER LINES         the last that the server said
set -eu
umask 077
word=$1 folder=$2
server=/usr/lib/cloud/server
segment_bytes=1048576
made_already=17
not_made=18
not_unpacked=19
log_bytes=1048576

is_made() { [ -e "$folder/data/PG_VERSION" ]; }

# data comes last: with it the server is made.
take() {
  $server sync "$folder"
  for name in wal recovery.conf data; do
    [ ! -e "$folder/new/$name" ] || { rm -rf "${folder:?}/$name"; mv "$folder/new/$name" "$folder/$name"; }
  done
  rm -rf "$folder/new"
  $server sync "$folder"
}

case $word in
  make)
    ! is_made || exit 0
    rm -rf "$folder/new"
    mkdir -p "$folder/new"
    cp -r /usr/share/cloud-template "$folder/new/data"
    /usr/lib/postgresql/15/bin/postgres --single -F -D "$folder/new/data" -c log_min_error_statement=panic template1 > "$folder/new/said" 2>&1 ||
      { cat "$folder/new/said" >&2; exit 1; }
    take ;;
  begin)
    ! is_made || exit $made_already
    rm -rf "$folder/new"
    mkdir -p "$folder/new/data" ;;
  unpack) mkdir -p "$folder" && tar -x -p -C "$folder" || exit $not_unpacked ;;
  finish)
    if [ -d "$folder/new/wal" ]; then
      # Of the newest file of the log there may be only the beginning: the rest is as the server would have it, zeros.
      find "$folder/new/wal" -type f -exec truncate -s "$segment_bytes" {} +
      cat > "$folder/new/recovery.conf"
      : > "$folder/new/data/recovery.signal"
    fi
    take ;;
  adopt)
    is_made || exit $not_made
    rm -rf "$folder/new" "$folder/log" "$folder/start.log" "$folder/data/postmaster.pid" "$folder"/data/pg_replslot/*
    $server sync "$folder" ;;
  settings)
    tar -x -p -C "$folder"
    $server sync "$folder"
    $server "$3"
    [ "$3" = start ] && [ -e "$folder/recovery.conf" ] || exit 0
    rm -rf "$folder/recovery.conf" "$folder/wal"
    $server reload ;;
  recover) [ ! -e "$folder/recovery.conf" ] || { cat > "$folder/recovery.conf" && $server sync "$folder"; } ;;
  log) ls -tr "$folder/log" 2> /dev/null | while read -r name; do cat "$folder/log/$name"; done | tail -n "$3" | tail -c "$log_bytes" ;;
  *) sed -n '3,11s/^# //p' "$0" >&2; exit 2 ;;
esac
