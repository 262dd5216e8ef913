# postgresql-15-container: PostgreSQL 15 as the database service runs it, and nothing else, as an OCI archive.
packages="gcc libc6-dev util-linux"
uses="oci"

# All that the server and its extensions load; not the compiler of expressions (jit), whose library is larger than all the rest.
libraries="libc6 libgcc-s1 libstdc++6 zlib1g liblz4-1 libzstd1 liblzma5 libssl3 libxml2 libxslt1.1 libicu72 libpam0g libaudit1 libcap-ng0 libcap2
  libsystemd0 libgcrypt20 libgpg-error0 libselinux1 libpcre2-8-0 libacl1 libldap-2.5-0 libsasl2-2 libsasl2-modules-db libgssapi-krb5-2 libkrb5-3
  libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libgnutls30 libp11-kit0 libffi8 libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6
  libgmp10 libpq5 libuuid1"

build() {
  local out=$1
  . "$images/oci/archive.sh"
  progress "Fetching Debian's packages …"
  # shellcheck disable=SC2086 # A list of words.
  unpack_packages package postgresql-15 postgresql-client-15 busybox-static tar libc-bin tzdata $libraries
  progress "Making the layer …"
  mkdir -p root/{bin,dev,etc,proc,run,sys,tmp,srv} root/usr/{bin,lib,lib64,share} root/usr/lib/{cloud,locale} root/usr/share/doc
  chmod 1777 root/tmp
  ln -s usr/lib root/lib
  ln -s usr/lib64 root/lib64
  cp package/bin/busybox root/bin/
  root/bin/busybox --list | grep -vx -e busybox -e tar | while read -r applet; do ln -s busybox "root/bin/$applet"; done
  cp package/bin/tar root/bin/
  cp -a package/usr/lib/locale/C.utf8 root/usr/lib/locale/
  cp -a package/usr/share/{postgresql,zoneinfo} root/usr/share/
  cp -a package/usr/lib/postgresql root/usr/lib/
  rm -r root/usr/lib/postgresql/15/lib/{bitcode,pgxs,llvmjit*}
  find root/usr/lib/postgresql/15/bin -type f ! -name postgres ! -name initdb ! -name pg_controldata -delete
  mkdir root/usr/lib/x86_64-linux-gnu
  cp -a package/lib/x86_64-linux-gnu/. package/usr/lib/x86_64-linux-gnu/. root/usr/lib/x86_64-linux-gnu/
  cp -L package/lib64/ld-linux-x86-64.so.2 root/usr/lib64/
  rm -rf root/usr/lib/x86_64-linux-gnu/{gconv,audit,systemd,security,libpgtypes*,libecpg*}
  for package in postgresql-15 $libraries; do cp -a "package/usr/share/doc/$package" root/usr/share/doc/ 2> /dev/null || true; done
  find root/usr/share/doc -type f ! -name copyright -delete
  printf 'root:x:0:0:root:/:/bin/false\npostgres:x:999:999:postgres:/srv:/bin/sh\n' > root/etc/passwd
  printf 'root:x:0:\npostgres:x:999:\n' > root/etc/group
  gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -static -s -o root/usr/lib/cloud/server "$images/postgresql-15-container/server.c"
  gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC -s -o root/usr/lib/cloud/inherit.so "$images/postgresql-15-container/inherit.c"
  cp "$images/postgresql-15-container/files.sh" root/usr/lib/cloud/files
  progress "Making an empty server …"
  make_template
  make_oci_archive root "$out/image.tar" \
    '{"User": "999:999", "Cmd": ["/usr/lib/cloud/server", "run", "/srv"], "StopSignal": "SIGTERM", "Env": ["PATH=/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]}'
  write_oci_manifest "$out" postgresql-15-container image.tar 'PostgreSQL 15, as managed databases run it.'
}

# A server that new ones are copies of. Its superuser has no password: none is let in before it has one.
make_template() {
  mkdir made
  : > root/dev/null
  unshare --user --map-user=999 --map-group=999 --root=root /usr/lib/postgresql/15/bin/initdb --version
  chmod 777 root/srv
  unshare --user --map-user=999 --map-group=999 --root=root /bin/env -i LC_ALL=C.UTF-8 TZ=UTC PATH=/bin /usr/lib/postgresql/15/bin/initdb \
    --pgdata=/srv/template --username=cloud_admin --auth=reject --encoding=UTF8 --locale=C.UTF-8 --data-checksums --wal-segsize=1 \
    --no-instructions --no-sync
  chmod 755 root/srv
  rm root/dev/null root/usr/lib/postgresql/15/bin/initdb
  mv root/srv/template root/usr/share/cloud-template
  chmod -R a+rX root/usr/share/cloud-template
  rmdir made
}
