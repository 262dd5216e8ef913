# PostgreSQL's files; sourced by files.sh. Of its own:
#   files recover FOLDER           another way to recover by standard input
# By standard input: of 'make' a statement that gives the superuser its password; of 'finish' how log is replayed, where there is any.
segment_bytes=1048576
parts_before="wal recovery.conf"

is_made() { [ -e "$folder/data/PG_VERSION" ]; }

make_empty() {
  cp -r /usr/share/cloud-template "$folder/new/data"
  /usr/lib/postgresql/15/bin/postgres --single -F -D "$folder/new/data" -c log_min_error_statement=panic template1 > "$folder/new/said" 2>&1 ||
    { cat "$folder/new/said" >&2; exit 1; }
}

complete() {
  [ -d "$folder/new/wal" ] || return 0
  # Of the newest file of the log there may be only the beginning: the rest is as the server would have it, zeros.
  find "$folder/new/wal" -type f -exec truncate -s "$segment_bytes" {} +
  cat > "$folder/new/recovery.conf"
  : > "$folder/new/data/recovery.signal"
}

leave_source() { rm -rf "$folder/data/postmaster.pid" "$folder"/data/pg_replslot/*; }

# A recovery is over.
started() {
  [ -e "$folder/recovery.conf" ] || return 0
  rm -rf "$folder/recovery.conf" "$folder/wal"
  $server reload
}

engine_word() {
  [ "$word" = recover ] || { echo "There is no word '$word'." >&2; exit 2; }
  [ ! -e "$folder/recovery.conf" ] || { cat > "$folder/recovery.conf" && $server sync "$folder"; }
}
