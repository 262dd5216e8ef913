# postgresql-15-container: PostgreSQL 15 as the database service runs it, and nothing else, as an OCI archive.
packages="gcc libc6-dev util-linux"
uses="oci database-server"

# All that the server and its extensions load; not the compiler of expressions (jit), whose library is larger than all the rest.
libraries="libc6 libgcc-s1 libstdc++6 zlib1g liblz4-1 libzstd1 liblzma5 libssl3 libxml2 libxslt1.1 libicu72 libpam0g libaudit1 libcap-ng0 libcap2
  libsystemd0 libgcrypt20 libgpg-error0 libselinux1 libpcre2-8-0 libacl1 libldap-2.5-0 libsasl2-2 libsasl2-modules-db libgssapi-krb5-2 libkrb5-3
  libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libgnutls30 libp11-kit0 libffi8 libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6
  libgmp10 libpq5 libuuid1"

build() {
  local out=$1
  . "$images/oci/archive.sh"
  . "$images/database-server/layer.sh"
  # shellcheck disable=SC2086 # A list of words.
  begin_layer postgresql-15 postgresql-client-15 tzdata $libraries
  cp -a package/usr/share/{postgresql,zoneinfo} root/usr/share/
  cp -a package/usr/lib/postgresql root/usr/lib/
  rm -rf root/usr/lib/postgresql/15/lib/{bitcode,pgxs,llvmjit*} root/usr/lib/x86_64-linux-gnu/{libpgtypes*,libecpg*}
  find root/usr/lib/postgresql/15/bin -type f ! -name postgres ! -name initdb ! -name pg_controldata -delete
  add_first_process postgres "$images/postgresql-15-container"
  progress "Making an empty server …"
  make_template
  finish_layer "$out" postgresql-15-container 'PostgreSQL 15, as managed databases run it.'
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
