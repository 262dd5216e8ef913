# redis-7-container: Redis 7.0 as the database service runs it, and nothing else, as an OCI archive.
packages="gcc libc6-dev"
uses="oci database-server"

# All that the server loads.
libraries="libc6 libgcc-s1 libstdc++6 libatomic1 liblzf1 libjemalloc2 libsystemd0 libssl3 libcap2 libgcrypt20 libgpg-error0 liblzma5 libzstd1 liblz4-1"

build() {
  local out=$1
  . "$images/oci/archive.sh"
  . "$images/database-server/layer.sh"
  # shellcheck disable=SC2086 # A list of words.
  begin_layer redis-server redis-tools $libraries
  cp package/usr/bin/redis-check-rdb root/usr/bin/redis-server
  ln -s redis-server root/usr/bin/redis-check-aof
  add_first_process redis "$images/redis-7-container"
  finish_layer "$out" redis-7-container 'Redis 7.0, as managed databases run it.'
}
