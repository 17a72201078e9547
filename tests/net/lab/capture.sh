#!/bin/bash
# capture.sh DEVICE HOST CLIENT WHAT: runs the probes WHAT in the namespace CLIENT and shows what of it left
# DEVICE, whose address is 198.18.0.HOST, by the cable.
set -eu
device=$1 host=$2 client=$3 what=$4
. "$(dirname "$0")/leaks.sh"
folder=$(mktemp -d)
mkfifo "$folder/pcap"
nsenter --net=/run/netns/internet chroot /run/roots/internet python3 /tmp/lab/capture.py "$device" > "$folder/pcap" 2> "$folder/log" &
capture=$!
leaks "$device" "$host" < "$folder/pcap" > "$folder/packets" 2>> "$folder/log" &
reader=$!
until grep -q listening "$folder/log"; do
    kill -0 $capture $reader || { cat "$folder/log"; exit 1; }
    sleep 0.05
done
PATIENCE=5 FLOOD=10 nsenter --net="/run/netns/$client" chroot /run/roots/internet python3 /tmp/lab/probe.py "$what"
# The last packet of the device: when the capture has it, it has all before it.
last="198.18.0.80.9: UDP"
until grep -q "$last" "$folder/packets"; do
    kill -0 $capture $reader || { cat "$folder/log"; exit 1; }
    nsenter --net="/run/netns/$device" bash -c 'echo > /dev/udp/198.18.0.80/9'
    sleep 0.1
done
kill $capture
wait $reader
grep -v "$last" "$folder/packets" | sed -n 's/^./leaked: &/p'
rm -r "$folder"
