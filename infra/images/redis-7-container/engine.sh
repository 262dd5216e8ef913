# Redis's files; sourced by files.sh. The log of writes is in FOLDER/data/appendonlydir. Of its own:
#   files stop FOLDER                        the server has ended; 20 where its log is not whole even so
#   files list FOLDER                        the log's manifest, then lines 'part NAME BYTES', 'held SEQUENCE BYTES', 'used BYTES'
#   files part FOLDER PATH BLOCK BYTES       so much of a file from a block of a MiB on; PATH is below FOLDER
#   files hold FOLDER NAME SEQUENCE …        FOLDER/unarchived/SEQUENCE is the part NAME too, also when the server removes that
#   files drop FOLDER SEQUENCE …             held no more
#   files copy FOLDER                        a tar of what is in the log, and of the users
#   files check FOLDER                       what redis-check-aof says of the log
# By standard input of 'make', 'finish' and 'adopt': the lines of the users that are this server's own.
parts_before=''
log=$folder/data/appendonlydir
manifest=$log/appendonly.aof.manifest
held=$folder/unarchived
block_bytes=1048576
not_whole=20

is_made() { [ -e "$folder/data/users.acl" ]; }

# Those of standard input, and of a file that is there all others.
put_users() {
  cat > "$1.own"
  [ -e "$1" ] || : > "$1"
  awk 'FILENAME == ARGV[1] { own[$2] = 1; print; next } $1 == "user" && !($2 in own)' "$1.own" "$1" > "$1.new"
  mv "$1.new" "$1"
  rm "$1.own"
}

make_empty() {
  mkdir "$folder/new/data"
  complete
}

complete() { put_users "$folder/new/data/users.acl"; }

leave_source() {
  put_users "$folder/data/users.acl"
  rm -rf "$held" "$folder/whole" "$folder"/data/temp-*
}

# One that was killed may have left half a command at the end, which it cuts off as it starts.
stop() {
  $server stop
  [ ! -e "$folder/whole" ] && [ -e "$manifest" ] || return 0
  $server start && $server stop || true
  [ -e "$folder/whole" ] || exit $not_whole
}

engine_word() {
  case $word in
    stop) stop ;;
    list)
      [ ! -e "$manifest" ] || cat "$manifest"
      (cd "$log" 2> /dev/null && stat -c 'part %n %s' -- *) || true
      (cd "$held" 2> /dev/null && stat -c 'held %n %s' -- *) 2> /dev/null || true
      echo "used $(cat /tmp/used)" ;;
    part) if [ "$2" = 0 ]; then head -c "$3" "$folder/$1"; else dd if="$folder/$1" bs="$block_bytes" skip="$2" 2> /dev/null | head -c "$3"; fi ;;
    hold)
      mkdir -p "$held"
      while [ $# -ge 2 ]; do
        [ -e "$held/$2" ] || ln "$log/$1" "$held/$2"
        shift 2
      done ;;
    drop) cd "$held" && rm -f -- "$@" ;;
    copy)
      # The shell's own, which takes no more of a part that grows than there was as it came to it. To another that is an error.
      busybox tar -c -C "$folder/data" appendonlydir users.acl ;;
    check) /usr/bin/redis-check-aof "$manifest" >&2 ;;
    *) echo "There is no word '$word'." >&2; exit 2 ;;
  esac
}
