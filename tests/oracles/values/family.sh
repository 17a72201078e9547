#!/bin/bash
# family.sh ROOT FOLDER: has Tor of ROOT make the key of a family, and writes it in base64 to FOLDER/key.
set -euo pipefail
root=$1 folder=$2
mount -t tmpfs none "$root/tmp"
for name in dev proc; do mount --rbind "/$name" "$root/$name"; done
(cd "$root/tmp" && chroot "$root" sh -c 'cd /tmp && tor --hush --keygen-family key' > /dev/null 2>&1)
base64 -w0 "$root/tmp/key.secret_family_key" > "$folder/key"
