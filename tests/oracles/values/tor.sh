#!/bin/bash
# tor.sh ROOT FOLDER: has Tor of ROOT, which has the programs of an image, judge each torrc of FOLDER. FOLDER/output/NAME
# is empty where it takes the file.
set -euo pipefail
root=$1 files=$2
mount -t tmpfs none "$root/tmp"
mount -t tmpfs none "$root/run"
for folder in dev proc; do mount --rbind "/$folder" "$root/$folder"; done
mkdir -m 755 "$files/output" "$root/run/tor"
for file in "$files"/*; do
    [ -f "$file" ] || continue
    cp "$file" "$root/tmp/torrc"
    output=$files/output/${file##*/}
    ! chroot "$root" /usr/sbin/tor --verify-config --hush -f /tmp/torrc --defaults-torrc /dev/null > "$output" 2>&1 || : > "$output"
done
