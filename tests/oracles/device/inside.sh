#!/bin/sh
# Runs a command as root of the scratch root $1, with this machine's programs in it, and of Perl only what
# Debian's perl-base has. usage: inside.sh ROOT COMMAND...
set -eu
root=$1
shift
# A root is a place where something is mounted.
mount --bind "$root" "$root"
# What systemd gives to a service, whoever runs the tests (systemd.exec(5)).
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
for folder in /usr/bin /usr/lib64 /usr/lib/*-linux-gnu*; do
    [ ! -d "$folder" ] || { mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; }
done
for modules in "$root"/usr/lib/*-linux-gnu*/perl; do
    [ ! -d "$modules" ] || mount -t tmpfs none "$modules"
done
mkdir -p "$root/dev" "$root/proc"
mount --rbind /dev "$root/dev"
# Its own processes, by the numbers that they have for each other.
mount -t proc none "$root/proc"
# Where the boot partition is mounted.
mount --bind "$root/boot/firmware" "$root/boot/firmware"
exec chroot "$root" "$@"
