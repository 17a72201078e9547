#!/bin/sh
# uplink.sh DEVICE: what a provider does for IPv6 at the internet's end of DEVICE's cable: router advertisements,
# without a word about DHCPv6, and a DHCPv6 server that delegates a prefix of 2001:2:0:100::/56. 2001:2::/48 is
# for tests (RFC 5180), as 198.18.0.0/15 is.
set -eu
device=$1
programs=/usr/local/lib/imgbuild-oracles
for program in radvd kea-dhcp6; do
    [ -x "$programs/$program" ] || { echo "no $programs/$program: install what ci/setup lists" >&2; exit 1; }
done
folder=/run/uplink
mkdir "$folder"
in_internet() { nsenter --net=/run/netns/internet "$@"; }
ip -n internet address add 2001:2::1/64 dev wan nodad
ip -n internet address add 2001:2::80/64 dev wan nodad
# How the provider finds what it delegated.
of_device() { ip -n "$device" -6 -o address show dev uplink0 scope link | sed -n 's,.*inet6 \([^/]*\)/.*,\1,p' | grep .; }
until device_address=$(of_device); do sleep 0.1; done
ip -n internet route add 2001:2:0:100::/56 via "$device_address" dev wan
cat > "$folder/radvd.conf" <<X
interface wan {
    AdvSendAdvert on;
    AdvManagedFlag off;
    AdvOtherConfigFlag off;
    prefix 2001:2::/64 { };
};
X
cat > "$folder/kea.conf" <<X
{ "Dhcp6": {
    "interfaces-config": {
        "interfaces": [ "wan" ], "service-sockets-max-retries": 100, "service-sockets-retry-wait-time": 200
    },
    "server-id": { "type": "LL", "persist": false },
    "lease-database": { "type": "memfile", "persist": false },
    "subnet6": [ {
        "id": 1, "subnet": "2001:2::/64", "interface": "wan",
        "pd-pools": [ { "prefix": "2001:2:0:100::", "prefix-len": 56, "delegated-len": 60 } ]
    } ],
    "loggers": [ { "name": "kea-dhcp6", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
} }
X
export KEA_PIDFILE_DIR="$folder" KEA_LOCKFILE_DIR="$folder"
in_internet "$programs/radvd" --nodaemon --config "$folder/radvd.conf" --pidfile "$folder/radvd.pid" --logmethod stderr > "$folder/radvd.log" 2>&1 &
in_internet "$programs/kea-dhcp6" -c "$folder/kea.conf" > "$folder/kea.log" 2>&1 &
