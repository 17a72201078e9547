#!/bin/sh
# client.sh DEVICE NUMBER [unasked]: client NUMBER of a hotspot: a port of its bridge, where a radio would be,
# and a namespace at the other end, which asks for an address. Prints the lease. Its programs are the
# internet's. `unasked` gives it an address of IPv6 that nobody offers: what it sends must go nowhere.
set -eu
device=$1 number=$2
name=$device-$number
ip netns add "$name"
ln -s internet "/run/roots/$name"
ip -n "$name" link set lo up
ip link add wlan0 netns "$name" type veth peer name "ap$number" netns "$device"
ip -n "$device" link set "ap$number" master hotspot0 up
ip -n "$name" link set wlan0 up
lease=$(mktemp)
cat > "$lease" <<'E'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route replace default via "$router"
echo "lease=$ip/$mask router=$router dns=$dns"
E
chmod +x "$lease"
nsenter --net="/run/netns/$name" busybox udhcpc -i wlan0 -n -q -f -t 30 -T 1 -s "$lease"
rm "$lease"
[ "${3:-}" = unasked ] || exit 0
ip -n "$name" address add "fd42::1$number/64" dev wlan0 nodad
ip -n "$name" route replace default via fd42::1 dev wlan0
hardware=$(ip -n "$device" -o link show hotspot0 | sed "s,.*link/ether \([0-9a-f:]*\).*,\1,")
ip -n "$name" neighbour replace fd42::1 lladdr "$hardware" dev wlan0 nud permanent
