# What the images of databases' servers have in common. Sourced by recipes; needs lib.sh and oci/archive.sh.

# begin_layer PACKAGE…: unpacks Debian packages into 'package', and makes 'root', with a shell, a tar, and the libraries of all of them.
begin_layer() {
  progress "Fetching Debian's packages …"
  unpack_packages package busybox-static tar libc-bin "$@"
  progress "Making the layer …"
  mkdir -p root/{bin,dev,etc,proc,run,sys,tmp,srv} root/usr/{bin,lib,lib64,share} root/usr/lib/{cloud,locale} root/usr/share/doc
  chmod 1777 root/tmp
  ln -s usr/lib root/lib
  ln -s usr/lib64 root/lib64
  cp package/bin/busybox root/bin/
  root/bin/busybox --list | grep -vx -e busybox -e tar | while read -r applet; do ln -s busybox "root/bin/$applet"; done
  cp package/bin/tar root/bin/
  cp -a package/usr/lib/locale/C.utf8 root/usr/lib/locale/
  mkdir root/usr/lib/x86_64-linux-gnu
  cp -a package/lib/x86_64-linux-gnu/. package/usr/lib/x86_64-linux-gnu/. root/usr/lib/x86_64-linux-gnu/
  cp -L package/lib64/ld-linux-x86-64.so.2 root/usr/lib64/
  rm -rf root/usr/lib/x86_64-linux-gnu/{gconv,audit,systemd,security}
  for package in "$@"; do cp -a "package/usr/share/doc/$package" root/usr/share/doc/ 2> /dev/null || true; done
  find root/usr/share/doc -type f ! -name copyright -delete
}

# add_first_process USER FOLDER: the first process, with what FOLDER has for it (engine.h), run as a user of this name.
add_first_process() {
  local user=$1 folder=$2 common=$images/database-server
  local compile=(gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -s "-I$common")
  printf 'root:x:0:0:root:/:/bin/false\n%s:x:999:999:%s:/srv:/bin/sh\n' "$user" "$user" > root/etc/passwd
  printf 'root:x:0:\n%s:x:999:\n' "$user" > root/etc/group
  "${compile[@]}" -static -o root/usr/lib/cloud/server "$common/server.c" "$folder"/*.c
  "${compile[@]}" -shared -fPIC -o root/usr/lib/cloud/inherit.so "$common/inherit.c"
  cp "$common/files.sh" root/usr/lib/cloud/files
  cp "$folder/engine.sh" root/usr/lib/cloud/
  chmod 755 root/usr/lib/cloud/files
}

# finish_layer OUT NAME DESCRIPTION
finish_layer() {
  make_oci_archive root "$1/image.tar" \
    '{"User": "999:999", "Cmd": ["/usr/lib/cloud/server", "run", "/srv"], "StopSignal": "SIGTERM", "Env": ["PATH=/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]}'
  write_oci_manifest "$1" "$2" image.tar "$3"
}
