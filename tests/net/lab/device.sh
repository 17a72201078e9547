#!/bin/sh
# device.sh NAME HOST: a namespace for a device, with a cable from its uplink0 to the port NAME of the
# internet, where answers to a hotspot's clients would find the way back: a leak must not hide behind a
# missing route. Prints how networkd, which in the image matches cards and no cables of this kind, sets it up.
set -eu
name=$1 host=$2
ip netns add "$name"
ip -n "$name" link set lo up
ip link add uplink0 netns "$name" type veth peer name "$name" netns internet
ip -n internet link set "$name" master wan up
ip -n internet route replace 192.168.42.0/24 via 198.18.0.$host
ip -n internet route replace fd42::/64 via fd98::$host
cat <<X
[Match]
Name=uplink0
Kind=

[Network]
Address=198.18.0.$host/24
Address=fd98::$host/64
Gateway=198.18.0.1
DNS=198.18.0.53
X
