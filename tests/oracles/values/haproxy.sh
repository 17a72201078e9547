#!/bin/bash
# haproxy.sh ROOT FOLDER: has HAProxy of ROOT, which has the programs of an image, read each file of FOLDER as a
# certificate. FOLDER/output/NAME is empty where it takes the file.
set -euo pipefail
root=$1 files=$2
mount -t tmpfs none "$root/tmp"
for folder in dev proc; do mount --rbind "/$folder" "$root/$folder"; done
mkdir "$root/tmp/certs" "$files/output"
cat > "$root/tmp/config" << 'END'
global
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
frontend one
    bind 127.0.0.1:8443 ssl crt /tmp/certs/
END
for file in "$files"/*; do
    [ -f "$file" ] || continue
    cp "$file" "$root/tmp/certs/site.pem"
    output=$files/output/${file##*/}
    ! chroot "$root" /usr/sbin/haproxy -c -f /tmp/config > "$output" 2>&1 < /dev/null || : > "$output"
done
