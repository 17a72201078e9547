#!/bin/sh
# The lab's internet: a namespace with servers and relays, which the device reaches by a cable only.
# 198.18.0.0/15 is for tests (RFC 2544), and unlike 10.0.0.0/8 Tor does not call it private.
set -eu
lab=$(dirname "$0")

ip netns add internet
ip link add uplink0 type veth peer name wan netns internet
ip -n internet link set lo up
for host in 1 11 12 13 14 15 16 53 80; do
    ip -n internet address add 198.18.0.$host/24 dev wan
done
ip -n internet address add fd98::1/64 dev wan nodad
ip -n internet link set wan up
# Answers to clients would find the way back: a leak must not hide behind a missing route.
ip -n internet route add 192.168.42.0/24 via 198.18.0.2
ip -n internet route add fd42::/64 via fd98::2

# Below /run: gone with the next boot.
mkdir -p /run/systemd/network /run/systemd/timesyncd.conf.d
cat > /run/systemd/network/06-uplink0.network <<X
[Match]
Name=uplink0
[Network]
Address=198.18.0.2/24
Address=fd98::2/64
Gateway=198.18.0.1
DNS=198.18.0.53
X
printf '[Time]\nNTP=198.18.0.53\n' > /run/systemd/timesyncd.conf.d/lab.conf
ip netns exec internet python3 "$lab/internet.py" > /tmp/internet.log 2>&1 &
networkctl reload
systemctl restart systemd-timesyncd
