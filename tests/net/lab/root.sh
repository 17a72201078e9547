#!/bin/sh
# root.sh TREE NETWORK SCRIPTS...: makes the files of an image, below TREE, a root to start programs in, at
# /run/roots/NETWORK. They see the network namespace NETWORK, and the folders SCRIPTS as /lab.
set -eu
tree=$1 network=$2
shift 2
root=/run/roots/$network
mkdir "$root"
mount --bind "$tree" "$root"
mount -t proc proc "$root/proc"
# Read-only, as in a container: networkd then does not wait for udev.
nsenter --net="/run/netns/$network" mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
# Relays are started in other networks than their root's.
mkdir -p "$root/run/netns" "$root/run/systemd/network" "$root/run/systemd/netif" "$root/run/systemd/resolve" \
    "$root/var/lib/systemd/network" "$root/tmp/lab"
mount --rbind /run/netns "$root/run/netns"
cp "$@" "$root/tmp/lab"
