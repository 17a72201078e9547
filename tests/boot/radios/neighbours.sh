#!/bin/bash
# neighbours.sh ONE OTHER: what client ONE reaches, a line each: NAME yes|no. The gateway; then client OTHER, whose
# hardware address it knows, so that nothing fails for want of it; by way of the gateway; the question for it.
set -eu
one=client$1 other=client$2 port=7777
gateway=192.168.42.1
results=$(mktemp -d)
address() { ip -n "$1" -4 -o address show dev "wlan${1#client}" | sed 's,.*inet \([0-9.]*\)/.*,\1,'; }
hardware() { ip -n "$1" -o link show dev "wlan${1#client}" | sed 's,.*link/ether \([0-9a-f:]*\) .*,\1,'; }
near=$(address "$other")

meet() { # CLIENT OTHER
    ip -n "$1" neighbour replace "$(address "$2")" lladdr "$(hardware "$2")" dev "wlan${1#client}" nud permanent
}
reach() { # NAME COMMAND...
    local name=$1
    shift
    if ip netns exec "$one" busybox "$@" < /dev/null > /dev/null 2>&1; then echo yes; else echo no; fi > "$results/$name"
}

meet "$one" "$other"
meet "$other" "$one"
ip netns exec "$other" busybox httpd -f -p $port &
server=$!
trap 'kill $server; rm -r "$results"' EXIT
reach gateway ping -c 3 -W 3 $gateway &
reach echo ping -c 3 -W 3 "$near" &
reach tcp nc -w 4 "$near" $port &
reach question arping -c 3 -w 4 -I "wlan${one#client}" "$near" &
wait %2 %3 %4 %5
ip -n "$one" route replace "$near" via $gateway
ip -n "$other" route replace "$(address "$one")" via $gateway
reach detour ping -c 3 -W 3 "$near"
ip -n "$one" route del "$near"
ip -n "$other" route del "$(address "$one")"
for name in gateway echo tcp detour question; do
    echo "$name $(cat "$results/$name")"
done
