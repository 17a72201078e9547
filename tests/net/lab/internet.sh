#!/bin/sh
# The lab's internet: a switch in a namespace of its own, with servers and room for relays.
# 198.18.0.0/15 is for tests (RFC 2544), and unlike 10.0.0.0/8 Tor does not call it private.
set -eu
ip netns add internet
ip -n internet link set lo up
ip -n internet link add wan type bridge forward_delay 0 mcast_snooping 0
for host in 1 11 12 13 14 15 16 53 80; do
    ip -n internet address add 198.18.0.$host/24 dev wan
done
# A private network beside the internet, such as the home network that a hotspot is a guest of.
ip -n internet address add 192.168.7.80/32 dev wan
ip -n internet address add fd98::1/64 dev wan nodad
ip -n internet link set wan up
