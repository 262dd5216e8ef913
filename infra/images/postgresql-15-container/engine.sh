# PostgreSQL's files; sourced by files.sh. Of its own:
#   files recover FOLDER           another way to recover by standard input
#   files supply FOLDER            the log that a copy lacks, as a tar by standard input
# By standard input: of 'make' a statement that gives the superuser its password; of 'finish' how log is replayed, where there is any.
segment_bytes=1048576
log=$folder-log
parts_before="wal recovery.conf"

is_made() { [ -e "$folder/data/PG_VERSION" ]; }

make_empty() {
  cp -r /usr/share/cloud-template "$folder/new/data"
  /usr/lib/postgresql/15/bin/postgres --single -F -D "$folder/new/data" -c log_min_error_statement=panic template1 > "$folder/new/said" 2>&1 ||
    { cat "$folder/new/said" >&2; exit 1; }
}

empty_log() {
  rm -rf "$log/pg_wal"
  mkdir -p "$log/pg_wal/archive_status"
}

# Log that is to be replayed is unpacked to where the server reads it.
open_log() {
  [ -d "$log" ] || return 0
  empty_log
  ln -s "$log/pg_wal" "$folder/new/wal"
}

complete() {
  if [ -z "$(find "$folder/new/wal/" -type f 2> /dev/null)" ]; then
    rm -rf "$folder/new/wal"
    return 0
  fi
  pad_log "$folder/new/wal/"
  if [ -L "$folder/new/wal" ]; then
    $server sync "$log"
    rm -rf "$folder/new/data/pg_wal"
    mv "$folder/new/wal" "$folder/new/data/pg_wal"
  fi
  cat > "$folder/new/recovery.conf"
  : > "$folder/new/data/recovery.signal"
}

leave_source() {
  rm -rf "$folder/data/postmaster.pid" "$folder"/data/pg_replslot/*
  [ -L "$folder/data/pg_wal" ] || { place_log "$folder/data"; return; }
  LC_ALL=C /usr/lib/postgresql/15/bin/pg_controldata -D "$folder/data" > /tmp/said
  sed -n "s/^Latest checkpoint's REDO WAL file: *//p" /tmp/said
}

# The log lies on its own volume where there is one: it is whole there before it goes from the data.
place_log() {
  [ -d "$log" ] && [ ! -L "$1/pg_wal" ] || return 0
  if [ -d "$1/pg_wal" ]; then
    rm -rf "$log/pg_wal" "$folder/placed"
    cp -a "$1/pg_wal" "$log/pg_wal"
    $server sync "$log"
    mv "$1/pg_wal" "$folder/placed"
  fi
  ln -s "$log/pg_wal" "$1/pg_wal"
  rm -rf "$folder/placed"
}

# Of the newest file of the log there may be only the beginning: the rest is as the server would have it, zeros.
pad_log() { find "$1" -type f -exec truncate -s "$segment_bytes" {} +; }

# How a recovery goes is a setting of the server until its next start: it takes no other before.
starting() { [ -e "$folder/data/recovery.signal" ] || rm -f "$folder/recovery.conf"; }

started() { rm -rf "$folder/wal"; }

engine_word() {
  case $word in
    recover) [ ! -e "$folder/data/recovery.signal" ] || { cat > "$folder/recovery.conf" && $server sync "$folder"; } ;;
    supply)
      empty_log
      tar -x -C "$log/pg_wal"
      pad_log "$log/pg_wal"
      $server sync "$log"
      ln -sfn "$log/pg_wal" "$folder/data/pg_wal"
      $server sync "$folder" ;;
    *) echo "There is no word '$word'." >&2; exit 2 ;;
  esac
}
