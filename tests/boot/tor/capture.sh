#!/bin/bash
# capture.sh CLIENT WHAT: runs the probes and shows what of it left the device by the cable. Not a leak:
# Tor's connections to relays, the device's own names and time, and how neighbours find each other.
set -eu
lab=$(dirname "$0")
disk=$(dirname "$lab")
export LD_LIBRARY_PATH=$disk/usr/lib/aarch64-linux-gnu
own="src host 198.18.0.2"
: > /tmp/capture.log
ip netns exec internet "$disk/usr/bin/tcpdump" -Z root -n -l -U -i wan "
    ether src $(cat /sys/class/net/uplink0/address) and not arp
    and not ($own and tcp and (dst port 5000 or dst port 7000))
    and not ($own and udp and dst host 198.18.0.53 and (dst port 53 or dst port 123))
    and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136)
    and not (ip6 and (src net fe80::/10 or src host ::))" > /tmp/capture 2> /tmp/capture.log &
capture=$!
until grep -q 'listening on' /tmp/capture.log; do
    kill -0 $capture || { cat /tmp/capture.log; exit 1; }
    sleep 0.2
done
ip netns exec "client$1" python3 "$lab/probe.py" "$2"
sleep 2
# Until it has ended, packets may still be on their way into the file.
kill $capture
wait $capture || true
# tcpdump ends with an empty line.
sed -n 's/^./leaked: &/p' /tmp/capture
