#!/bin/sh
# The files of a server in its container, for the database service: what is made beside is moved to its place when all of it is there.
#   files make FOLDER              an empty server; by standard input what lets the service and the owner in
#   files begin FOLDER             nothing is in FOLDER/new any more; ends with 17 where the server is made already
#   files unpack FOLDER            a tar by standard input; 19 where it is none, or does not fit
#   files finish FOLDER            FOLDER/new is the server's; what it needs beside its files comes by standard input
#   files adopt FOLDER             FOLDER is a copy of another server's, which runs: what is that one's alone goes; 18 where none is made.
#                                  Where it lacks log that lies elsewhere, the name of the first file of it is said
#   files settings FOLDER [WORD]   a tar of settings by standard input, then the server is told to start or to reload
#   files log FOLDER LINES         the last that the server said
# An engine has words of its own too: engine.sh. Beside FOLDER there may be FOLDER-log, another volume.
set -eu
umask 077
word=$1 folder=$2
shift 2
server=/usr/lib/cloud/server
made_already=17
not_made=18
not_unpacked=19
log_bytes=1048576

# What an engine may do besides: with a log of its own volume, just before a start, and after it.
place_log() { :; }
open_log() { :; }
starting() { :; }
started() { :; }
. /usr/lib/cloud/engine.sh

# data comes last: with it the server is made.
take() {
  place_log "$folder/new/data"
  $server sync "$folder"
  for name in $parts_before data; do
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
    make_empty
    take ;;
  begin)
    ! is_made || exit $made_already
    rm -rf "$folder/new"
    mkdir -p "$folder/new/data"
    open_log ;;
  unpack) mkdir -p "$folder" && tar -x -p -C "$folder" || exit $not_unpacked ;;
  finish)
    complete
    take ;;
  adopt)
    is_made || exit $not_made
    rm -rf "$folder/new" "$folder/log" "$folder/start.log"
    leave_source
    $server sync "$folder" ;;
  settings)
    mkdir -p "$folder/log"
    tar -x -p -C "$folder"
    $server sync "$folder"
    [ $# != 0 ] || exit 0
    [ "$1" != start ] || starting
    $server "$1"
    [ "$1" != start ] || started ;;
  log) ls -tr "$folder/log" 2> /dev/null | while read -r name; do cat "$folder/log/$name"; done | tail -n "$1" | tail -c "$log_bytes" ;;
  *) engine_word "$@" ;;
esac
