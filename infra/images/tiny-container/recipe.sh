# tiny-container: busybox, and nothing else, as an OCI archive.
packages=""
uses="oci"

build() {
  local out=$1
  . "$images/oci/archive.sh"
  progress "Fetching Debian's packages …"
  unpack_packages package busybox-static
  progress "Making the layer …"
  mkdir -p root/bin root/sbin root/usr/bin root/usr/sbin root/etc root/root root/tmp root/var root/home root/proc root/sys root/dev
  chmod 1777 root/tmp
  chmod 700 root/root
  cp package/bin/busybox root/bin/busybox
  package/bin/busybox --list-full | while read -r path; do
    [ "$path" = bin/busybox ] || ln -s /bin/busybox "root/$path"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > root/etc/passwd
  printf 'root:x:0:\nnogroup:x:65534:\n' > root/etc/group
  make_oci_archive root "$out/image.tar" '{"Cmd": ["/bin/sh"], "Env": ["PATH=/sbin:/usr/sbin:/bin:/usr/bin"]}'
  write_oci_manifest "$out" tiny-container image.tar 'A container with busybox and nothing else.'
}
