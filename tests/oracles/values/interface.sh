# Which links networkd takes for the uplink, of one with the name that was given and of another one: their names. Where
# no setting names one, the file is told the name. What the kernel does not call a link by, nothing has.
set -euo pipefail
output=$1
name=$(cat "$output/given")
: > "$output/managed"
ip link add name "$name" type veth peer name lan 2> "$output/kernel" || exit 0
ip link add name another0 type veth peer name elsewhere
for link in lan elsewhere; do ip link set "$link" up; done
file=/etc/systemd/network/80-ethernet.network
sed -i '/^Kind=/d' "$file"
NAME=$name perl -pi -e 's/^Name=en\* eth\*$/Name=$ENV{NAME}/' "$file"
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
/usr/lib/systemd/systemd-networkd > "$output/networkd" 2>&1 &
state() { sed -n 's/^ADMIN_STATE=//p' "/run/systemd/netif/links/$1" 2> /dev/null || true; }
for index in $(ip -o link show type veth | cut -d : -f 1); do
    until [[ "$(state "$index")" =~ ^(configured|failed|unmanaged)$ ]]; do
        kill -0 $!
        sleep 0.05
    done
    [ "$(state "$index")" = unmanaged ] || ip -o link show | sed -n "s/^$index: \([^@:]*\).*/\1/p" >> "$output/managed"
done
kill $!
wait
ip link delete lan
ip link delete elsewhere
