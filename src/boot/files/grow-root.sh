#!/bin/sh
# Extends the partition of the root filesystem to the end of its disk, once, while it is mounted.
# Interrupted at any point, it starts over at the next boot. Remove the note below to run it again.
set -eu

note=/var/lib/imgbuild/root-grown
# Less than this is not worth a change of the partition table, in sectors of 512 bytes: 16 MiB.
least=32768

finish() {
	mkdir -p "${note%/*}"
	echo "$1" > "$note"
	echo "$1"
	exit 0
}

partition=$(readlink -f "/sys/dev/block/$(mountpoint -d /)")
[ -r "$partition/partition" ] || finish "the root filesystem lies on no partition"
disk=${partition%/*}
number=$(cat "$partition/partition")
start=$(cat "$partition/start")
end=$((start + $(cat "$partition/size")))

for other in "$disk"/*/start; do
	[ "$(cat "$other")" -le "$start" ] || finish "another partition lies behind that of the root filesystem"
done
[ $(($(cat "$disk/size") - end)) -ge $least ] || finish "the partition already fills the disk"

device=/dev/${disk##*/}
# On a GPT, sfdisk also moves the second table to the end of the disk.
echo ', +' | sfdisk --quiet --no-reread --no-tell-kernel --wipe never -N "$number" "$device"
# Tells the kernel of the new size although the partition is in use.
partx --update --nr "$number" "$device"
finish "partition $number of $device grew from $((end - start)) to $(cat "$partition/size") sectors"
