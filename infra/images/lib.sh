# What build.sh and the recipes share. Sourced; needs bash.

images=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${CLOUD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloud}/images
umask 022
export LC_ALL=C.UTF-8
. "$images/debian"

# Stays the user's where a build's own output goes to its log.
if [ -z "${said_to:-}" ]; then exec {said_to}>&2; export said_to; fi

say() { printf '%s\n' "$*" >&"$said_to"; }

# Ends the build with one line, which the image's user sees.
fail() { say "$*"; [ -z "${failure_file:-}" ] || printf '%s\n' "$*" > "$failure_file"; exit 1; }

# The line that failed, for the build's log.
say_where() { printf '%s:%s: %s\n' "${BASH_SOURCE[1]}" "${BASH_LINENO[0]}" "$BASH_COMMAND"; }

# Says how far the build is, on stderr and in the one-line file beside the image.
progress() {
  say "$*"
  [ -z "${progress_file:-}" ] || { printf '%s\n' "$*" > "$progress_file.new" && mv "$progress_file.new" "$progress_file"; }
}

# --- Recipes. A recipe.sh or piece.sh sets: packages (what the build needs installed), uses (folders here that it takes files from),
#     pieces (what it is put together from), and defines build, which is run in an empty work folder and fills the folder $1.

script_value() { (packages='' uses='' pieces=''; . "$1"; eval "printf '%s' \"\$$2\""); }

piece_script() { printf '%s' "$images/pieces/$1/piece.sh"; }

script_packages() {
  local piece
  # shellcheck disable=SC2046 # One line for each word.
  printf '%s\n' $base_packages $(script_value "$1" packages)
  for piece in $(script_value "$1" pieces); do script_packages "$(piece_script "$piece")"; done
}

# apt, and what makes an archive of a folder whose files seem to be root's.
base_packages="apt dpkg xz-utils"
[ "$(id -u)" = 0 ] || base_packages="$base_packages fakeroot"

# Over all files that have a say in what comes out: the script's folder, what it uses, its pieces and the Debian release; for an image
# this file too. A piece takes long to build, and of this file only what fetches packages.
recipe_hash() {
  local script=$1 piece
  {
    cat "$images/debian"
    case $script in */pieces/*) ;; *) cat "$images/lib.sh" ;; esac
    printf '%s\n' "$(basename "$script")"
    for folder in "$(dirname "$script")" $(for use in $(script_value "$script" uses); do printf '%s\n' "$images/$use"; done); do
      (cd "$folder" && find . -type f ! -name '*.md' | sort | xargs -d '\n' sha256sum)
    done
    for piece in $(script_value "$script" pieces); do recipe_hash "$(piece_script "$piece")"; done
  } | sha256sum | cut -c1-12
}

piece_folder() { printf '%s' "$cache/pieces/$1-$(recipe_hash "$(piece_script "$1")")"; }

is_built() { [ -e "$cache/$1-$(recipe_hash "$2")/manifest.json" ]; }

pieces_are_built() {
  local piece
  for piece in $(script_value "$1" pieces); do [ -d "$(piece_folder "$piece")" ] || return 1; done
}

# Runs the build of a script in a work folder and moves what it made to its place, whole or not at all.
carry_out() {
  local script=$1 folder=$2 work
  missing=$(for package in $(script_packages "$script" | sort -u); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"; done)
  [ -z "$missing" ] || fail "Packages are missing: ${missing% }. Run: sudo apt-get install --no-install-recommends ${missing% }"
  work=$(mktemp -d "$folder.work-XXXXXX")
  chmod 755 "$work"
  mkdir "$work/out"
  # A bash of its own: in a condition this one would go on after a command that failed.
  if ! (cd "$work" && bash -Eeuo pipefail -c '. "$1"; . "$2"; trap say_where ERR; build "$3"' build "$images/lib.sh" "$script" "$work/out") > "$folder.log" 2>&1 < /dev/null; then
    tail -n 5 "$folder.log" >&"$said_to"
    rm -rf "$work"
    return 1
  fi
  sync -f "$work/out"
  mv "$work/out" "$folder"
  rm -rf "$work" "$folder.log"
}

# Leaves the folder of a built piece in $piece_at.
need_piece() {
  local script
  script=$(piece_script "$1")
  piece_at=$(piece_folder "$1")
  mkdir -p "$cache/pieces"
  exec {piece_lock}> "$cache/pieces/$1.lock"
  flock "$piece_lock"
  if [ ! -d "$piece_at" ]; then carry_out "$script" "$piece_at" || fail "Building $1 failed; all it said is in $piece_at.log"; fi
  exec {piece_lock}>&-
}

# The image's folder appears when all of it is there. Two builds at once: the second waits, and finds it built.
build_image() {
  local name=$1 script=$2 folder
  is_built "$name" "$script" && return 0
  folder=$cache/$name-$(recipe_hash "$script")
  mkdir -p "$cache"
  exec {image_lock}> "$cache/$name-$(basename "$script" .sh).lock"
  flock "$image_lock"
  if ! is_built "$name" "$script"; then
    export progress_file=$folder.progress failure_file=$folder.failed
    rm -f "$failure_file"
    rm -rf "$folder".work-*
    progress "Building the image $name …"
    for piece in $(script_value "$script" pieces); do need_piece "$piece"; done
    if ! carry_out "$script" "$folder"; then
      [ -s "$failure_file" ] || printf '%s\n' "Building the image failed; all it said is in $folder.log" > "$failure_file"
      cat "$failure_file" >&2
      rm -f "$progress_file"
      exec {image_lock}>&-
      return 1
    fi
    rm -f "$progress_file" "$failure_file"
    say "The image $name is built: $folder"
  fi
  exec {image_lock}>&-
}

# --- Debian packages, by an apt configuration of our own: any user may use it, and this machine's release and sources do not matter.

apt_folder=$(dirname "$cache")/apt-$suite

debian_mirror() {
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    sed -n -E 's#^(URIs:|deb( \[[^]]*\])?) +(https?://[^ ]+/debian)/?( .*)?$#\3#p' | awk 'NR == 1'
}

run_apt() {
  local tool=$1
  shift
  "$tool" -q -o Dir::Etc::sourcelist="$apt_folder/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$apt_folder/state" \
    -o Dir::State::status="$apt_folder/status" -o Dir::Cache="$apt_folder/cache" -o APT::Architecture=amd64 -o APT::Architectures=amd64 \
    -o APT::Sandbox::User= -o Acquire::Retries=3 -o Acquire::Languages=none -o APT::Update::Post-Invoke-Success=/bin/true "$@"
}

# Package lists of the day.
refresh_apt() {
  local mirror security
  mirror=$(debian_mirror)
  mirror=${mirror:-http://deb.debian.org/debian}
  security=${mirror%/debian}/debian-security
  mkdir -p "$apt_folder/state/lists/partial" "$apt_folder/cache/archives/partial"
  exec {apt_lock}> "$apt_folder/lock"
  flock "$apt_lock"
  touch "$apt_folder/status"
  if [ -z "$(find "$apt_folder/fresh" -mtime -1 2>/dev/null)" ]; then
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s main\n' \
      "$mirror $suite" "$mirror $suite-updates" "$security $suite-security" > "$apt_folder/sources.list"
    run_apt apt-get update || fail "Debian's package lists cannot be fetched from $mirror; is there a network?"
    touch "$apt_folder/fresh"
  fi
  exec {apt_lock}>&-
}

# Downloads the packages named and unpacks each into folder $1. A meta package is followed to the one it stands for.
unpack_packages() {
  local into=$1 debs
  shift
  refresh_apt
  debs=$(mktemp -d)
  (cd "$debs" && run_apt apt-get download "$@") || fail "These packages cannot be fetched from Debian: $*"
  mkdir -p "$into"
  for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$into"; done
  rm -rf "$debs"
}

# The package that a meta package depends on.
stands_for() { refresh_apt > /dev/null; run_apt apt-cache depends "$1" | awk '$1 == "Depends:" && !found { found = $2 } END { print found }'; }

# --- Kernels of Debian's.

# The ELF file inside a bzImage: started as it is (PVH) it unpacks and moves nothing, which takes half a second under emulation.
# linux: Documentation/x86/boot.rst: payload_offset, payload_length; the payload ends in its own length. It is a legacy LZ4 frame.
extract_vmlinux() {
  local image=$1 vmlinux=$2 setup offset length start
  setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
  offset=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
  length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
  start=$(((setup + 1) * 512 + offset))
  head -c $((start + length - 4)) "$image" | tail -c +$((start + 1)) | lz4 -q -d - "$vmlinux"
}

# An initial RAM disk of our init and the modules named: make_initrd KERNEL_ROOT VERSION INIT FILE MODULE…
# They are loaded in that order; what each depends on comes before it.
make_initrd() {
  local root=$1 version=$2 init=$3 file=$4 module
  shift 4
  depmod -b "$root" "$version"
  mkdir -p initrd/{dev,proc,sys,run,root,modules}
  cp "$init" initrd/init
  for module in "$@"; do modprobe -d "$root" -S "$version" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'; done |
    awk '!seen[$0]++' | while read -r module; do
      cp "$module" initrd/modules/
      # The bus of the seed: seed.c.
      printf '/modules/%s%s\n' "$(basename "$module")" "$(case $module in */scsi_mod.ko) printf ' scan=manual' ;; esac)"
    done > initrd/modules.list
  (cd initrd && find . | cpio --quiet -o -H newc -R 0:0) > "$file"
}

# --- Disks.

# Runs a command that sees its files as root's.
as_owner() { if [ "$(id -u)" = 0 ]; then "$@"; else fakeroot -- "$@"; fi; }

# make_disk SIZE FILE COMMAND…: an ext4 disk, as qcow2, of what COMMAND writes into the folder it is given. It can grow to 16 TiB while it
# is mounted: the journal holds what the longest step of that takes. Nothing of it that reads as zeros takes space. COMMAND and what makes
# the disk see one another's files as root's.
make_disk() {
  local size=$1 disk=$2
  shift 2
  as_owner bash -Eeuo pipefail -c 'size=$1 disk=$2; shift 2; mkdir disk-root; "$@" disk-root
    mke2fs -q -t ext4 -b 4096 -m 1 -J size=64 -O 64bit,metadata_csum -E nodiscard,resize=4294967295,lazy_itable_init=1,lazy_journal_init=1 \
      -d disk-root "$disk.raw" "$size"' make_disk "$size" "$disk" "$@"
  qemu-img convert -f raw -O qcow2 "$disk.raw" "$disk"
  rm "$disk.raw"
}

# manifest.json in folder $1: ImageManifest.cs has the fields. The others are NAME=VALUE pairs with a value in JSON.
write_manifest() {
  local out=$1 pair separator='{'
  shift
  for pair in "$@"; do printf '%s\n  "%s": %s' "$separator" "${pair%%=*}" "${pair#*=}"; separator=,; done > "$out/manifest.json"
  printf '\n}\n' >> "$out/manifest.json"
}

disk_size() { qemu-img info --output=json "$1" | sed -n 's/^    "virtual-size": \([0-9]*\),*$/\1/p' | tail -n 1; }
