#!/bin/bash
# client.sh NUMBER SSID PASSPHRASE WPA-PSK|SAE [MHZ]: radio NUMBER, in a namespace of its own, joins the Wi-Fi
# and asks for an address. Fails where it is not let in.
set -eu
number=$1 ssid=$2 passphrase=$3 way=$4 frequency=${5:-2437}
disk=$(dirname "$(dirname "$0")")
name=client$number
radio=wlan$number
folder=/tmp/$name
# What the image does not have is on the disk.
PATH=$PATH:$disk/usr/sbin
LD_LIBRARY_PATH=$(echo "$disk"/usr/lib/*-linux-gnu)
export PATH LD_LIBRARY_PATH
in_client() { ip netns exec "$name" "$@"; }

if ! ip netns list | grep -qw "$name"; then
    ip netns add "$name"
    ip -n "$name" link set lo up
fi
if ! ip -n "$name" link show "$radio" > /dev/null 2>&1; then
    iw phy "$(basename "$(readlink -f "/sys/class/net/$radio/phy80211")")" set netns name "$name"
fi
if [ -e "$folder/pid" ]; then
    kill "$(cat "$folder/pid")"
    while [ -e "$folder/pid" ]; do sleep 0.2; done
fi
rm -rf "$folder"
mkdir "$folder"
secret=psk
[ "$way" = WPA-PSK ] || secret=sae_password
cat > "$folder/wpa.conf" <<X
ctrl_interface=$folder/control
sae_pwe=2
network={
    ssid="$ssid"
    key_mgmt=$way
    ieee80211w=1
    $secret="$passphrase"
    scan_freq=$frequency
}
X
in_client wpa_supplicant -B -i "$radio" -c "$folder/wpa.conf" -P "$folder/pid" -f "$folder/log"
for _ in $(seq 180); do
    if grep -q CTRL-EVENT-CONNECTED "$folder/log"; then break; fi
    if grep -qE 'WRONG_KEY|4-Way Handshake failed|SSID-TEMP-DISABLED' "$folder/log"; then
        echo refused
        exit 1
    fi
    sleep 0.5
done
grep -q CTRL-EVENT-CONNECTED "$folder/log" || { tail -n 20 "$folder/log"; exit 2; }
in_client wpa_cli -p "$folder/control" status | grep -E '^(key_mgmt|pmf|wifi_generation)='

cat > "$folder/lease" <<'X'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip address flush dev "$interface"
ip address add "$ip/$mask" dev "$interface"
ip route replace default via "$router"
echo "lease=$ip/$mask router=$router dns=$dns"
X
chmod +x "$folder/lease"
in_client busybox udhcpc -i "$radio" -n -q -f -t 15 -T 3 -s "$folder/lease" 2> "$folder/dhcp"
# Nobody gives it an address of IPv6; what it sends all the same must go nowhere.
in_client ip address add "fd42::1$number/64" dev "$radio" nodad
in_client ip route replace default via fd42::1 dev "$radio"
in_client ip neighbour replace fd42::1 lladdr "$(cat /sys/class/net/hotspot0/address)" dev "$radio" nud permanent
