#!/bin/sh
# The first program of an image: finds the root filesystem, checks it, mounts it and starts its init.
# Runs in busybox, before udev. Understood on the kernel command line:
#   root=UUID=|LABEL=|PARTUUID=|PARTLABEL=|/dev/...   rootfstype= rootflags= ro rw rootdelay= init=
#   fsck.mode=auto|force|skip   fsck.repair=preen|yes|no   quiet   panic=SECONDS
#   break[=premount|bottom]     a shell before the root filesystem is looked for, or after it is mounted
#   debug                       a trace in /run/initramfs/trace, and a shell instead of a restart

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

root='' fstype='' flags='' access=ro init=/sbin/init
limit=180 restart=10 fsck_mode=auto fsck_repair=preen stop='' debug=''

# Through the kernel's log, a message reaches every console, and `quiet` silences what is no error.
say() { echo "<5>initramfs: $*" > /dev/kmsg; }
complain() { echo "<3>initramfs: $*" > /dev/kmsg; }

shell() {
	complain "$1; this shell ends with \`exit\`"
	setsid cttyhack sh
}

# The system cannot start. Whoever asked for it gets a shell; everybody else a restart, because a
# device without a keyboard may find its disk the next time.
fail() {
	complain "$1"
	echo "block devices:" > /dev/console
	cat /proc/partitions > /dev/console
	if [ -n "$debug$stop" ]; then
		shell "the root filesystem can be mounted on /root by hand"
		return
	fi
	if [ "$restart" = 0 ]; then
		while :; do sleep 3600; done
	fi
	[ "$restart" -gt 0 ] && complain "restarting in $restart seconds" && sleep "$restart"
	reboot -f
}

number() {
	case $1 in
	'' | *[!0-9]*) echo "$2" ;;
	*) echo "$1" ;;
	esac
}

read_command_line() {
	set -f
	for word in $(cat /proc/cmdline); do
		value=${word#*=}
		value=${value#\"}
		value=${value%\"}
		case $word in
		root=*) root=$value ;;
		rootfstype=*) fstype=$value ;;
		rootflags=*) flags=,$value ;;
		rootdelay=*) limit=$(number "$value" "$limit") ;;
		ro | rw) access=$word ;;
		init=*) init=$value ;;
		panic=-*) restart=-1 ;;
		panic=*) restart=$(number "$value" "$restart") ;;
		fsck.mode=*) fsck_mode=$value ;;
		fsck.repair=*) fsck_repair=$value ;;
		fastboot) fsck_mode=skip ;;
		forcefsck) fsck_mode=force ;;
		break) stop=premount ;;
		break=*) stop=$value ;;
		debug) debug=yes ;;
		esac
	done
	set +f
	case $root in
	/dev/disk/by-uuid/*) root=UUID=${root##*/} ;;
	/dev/disk/by-label/*) root=LABEL=${root##*/} ;;
	/dev/disk/by-partuuid/*) root=PARTUUID=${root##*/} ;;
	/dev/disk/by-partlabel/*) root=PARTLABEL=${root##*/} ;;
	esac
}

# Loads what the devices that are there now ask for. A driver may bring new devices, so this is
# repeated while somebody waits; without news it costs one look at /sys.
load_drivers() {
	find /sys/devices -name modalias -exec cat {} + 2> /dev/null | sort -u > /run/initramfs/now
	cmp -s /run/initramfs/now /run/initramfs/known && return
	mv /run/initramfs/now /run/initramfs/known
	tr '\n' '\0' < /run/initramfs/known | xargs -0 modprobe -a -b -q 2> /dev/null
}

find_root() {
	case $root in
	UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) findfs "$root" 2> /dev/null ;;
	*) [ -b "$root" ] && echo "$root" ;;
	esac
}

uptime_seconds() {
	read -r now _ < /proc/uptime
	echo "${now%.*}"
}

wait_for_root() {
	until load_drivers; device=$(find_root); do
		[ "$(uptime_seconds)" -lt "$limit" ] || return 1
		sleep 0.2
	done
}

check_root() {
	[ "$fsck_mode" = skip ] && return
	case $fstype in ext2 | ext3 | ext4) ;; *) return ;; esac
	case $fsck_repair in
	yes) how=-y ;;
	no) how=-n ;;
	*) how=-p ;;
	esac
	[ "$fsck_mode" = force ] && how="$how -f"
	e2fsck $how "$device"
	result=$?
	if [ "$result" -lt 4 ]; then
		# Tells systemd-fsck-root.service that its work is done.
		: > /run/initramfs/fsck-root
	else
		complain "e2fsck $how $device ended with $result: the root filesystem has errors left"
	fi
}

mount_root() {
	[ -n "$fstype" ] || fstype=$(blkid -p -o value -s TYPE "$device")
	modprobe -q "${fstype:-ext4}"
	check_root
	mount ${fstype:+-t "$fstype"} -o "$access$flags" "$device" /root
}

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev 2> /dev/null
mount -t tmpfs -o nosuid,nodev,mode=0755,size=20% tmpfs /run
mkdir -p /run/initramfs
read_command_line
if [ -n "$debug" ]; then
	exec 2> /run/initramfs/trace
	set -x
fi

say "looking for the root filesystem, $root"
[ "$stop" = premount ] && load_drivers && shell "stopped before the root filesystem is looked for"
wait_for_root || fail "no root filesystem $root within $limit seconds"
if ! grep -q ' /root ' /proc/mounts; then
	mount_root || fail "cannot mount $device ($fstype) as the root filesystem"
fi
[ "$stop" = bottom ] && shell "stopped with the root filesystem on /root"
[ -e "/root$init" ] || [ -L "/root$init" ] || fail "the root filesystem has no $init"
say "starting $init from $device"

for folder in dev proc sys run; do
	mount -o move "/$folder" "/root/$folder"
done
exec switch_root /root "$init" "$@"
