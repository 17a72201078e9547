#!/bin/sh
# person.sh NAME HOST ONLY: somebody at 198.18.0.HOST of the internet, in a network that lets nobody but
# 198.18.0.ONLY be reached. The programs are the internet's.
set -eu
name=$1 host=$2 only=$3
ip netns add "$name"
ln -s internet "/run/roots/$name"
ip -n "$name" link set lo up
ip link add uplink0 netns "$name" type veth peer name "$name" netns internet
ip -n internet link set "$name" master wan up
ip -n "$name" address add "198.18.0.$host/32" dev uplink0
ip -n "$name" link set uplink0 up
ip -n "$name" route add "198.18.0.$only" dev uplink0
