# What the hotspot's health check says of the networks of its uplink, as the kernel has their routes.
set -euo pipefail
output=$1
check() { :; }
. /usr/lib/imgbuild/health.d/20-hotspot
ip link add eth0 type veth peer name lan
ip link add hotspot0 type veth peer name client
for link in eth0 lan hotspot0 client; do ip link set "$link" up; done
ip address add 192.168.42.1/24 dev hotspot0
try() { # ADDRESS of the uplink
    ip address add "$1" dev eth0
    networks_apart || true
    echo "end of $1"
    ip address flush dev eth0
}
{ for address in 192.168.1.5/24 192.168.42.9/24 192.168.9.9/16 192.168.42.70/28 10.0.0.1/32; do try "$address"; done; } > "$output/apart" 2>&1
ip link delete eth0
ip link delete hotspot0
