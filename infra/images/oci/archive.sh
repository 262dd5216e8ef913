# Container images: an OCI image layout (image-spec) in one tar file. Sourced by recipes; needs lib.sh.

# One owner, order and time, so that the same files give the same digests.
plain_tar() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu "$@"; }

sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# add_blob FOLDER FILE: moves a file to its place by its digest and says that.
add_blob() {
  local digest
  digest=$(sha256_of "$2")
  mv "$2" "$1/blobs/sha256/$digest"
  printf '%s' "$digest"
}

# make_oci_archive ROOT FILE PROCESS: an image of one layer, the files of folder ROOT as root's (with other owners where $keep_owners is set).
# PROCESS is the configuration's "config": Cmd, Env, User and so on, in JSON.
make_oci_archive() {
  local root=$1 file=$2 process=$3 layout=oci-layout-folder diff layer layer_size config config_size manifest manifest_size
  mkdir -p "$layout/blobs/sha256"
  if [ -n "${keep_owners:-}" ]; then
    tar --sort=name --mtime=@0 --numeric-owner --format=gnu -C "$root" -cf layer.tar .
  else
    plain_tar -C "$root" -cf layer.tar .
  fi
  diff=$(sha256_of layer.tar)
  gzip -n -6 layer.tar
  layer_size=$(stat -c %s layer.tar.gz)
  layer=$(add_blob "$layout" layer.tar.gz)
  printf '{"architecture": "amd64", "os": "linux", "config": %s, "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' \
    "$process" "$diff" > config.json
  config_size=$(stat -c %s config.json)
  config=$(add_blob "$layout" config.json)
  printf '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {"mediaType": "%s", "digest": "sha256:%s", "size": %s}, "layers": [{"mediaType": "%s", "digest": "sha256:%s", "size": %s}]}' \
    application/vnd.oci.image.config.v1+json "$config" "$config_size" application/vnd.oci.image.layer.v1.tar+gzip "$layer" "$layer_size" > manifest.json
  manifest_size=$(stat -c %s manifest.json)
  manifest=$(add_blob "$layout" manifest.json)
  printf '{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:%s", "size": %s, "platform": {"architecture": "amd64", "os": "linux"}}]}' \
    "$manifest" "$manifest_size" > "$layout/index.json"
  printf '{"imageLayoutVersion": "1.0.0"}' > "$layout/oci-layout"
  plain_tar -C "$layout" -cf "$file" oci-layout index.json blobs
  rm -rf "$layout"
}

# write_oci_manifest OUT NAME ARCHIVE DESCRIPTION: manifest.json of an image that containers are made of. Its name ends in -container.
write_oci_manifest() {
  write_manifest "$1" "name=\"$2\"" 'architecture="x86_64"' "disk=\"$3\"" 'diskFormat="oci"' "diskSizeBytes=$(stat -c %s "$1/$3")" \
    'minMemoryBytes=8388608' "description=\"$4\""
}
