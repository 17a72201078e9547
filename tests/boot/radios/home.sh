#!/bin/bash
# home.sh NUMBER SSID PASSPHRASE: radio NUMBER becomes somebody else's access point, in the namespace of near.sh,
# with addresses and names for whoever joins.
set -eu
radio=wlan$1 ssid=$2 passphrase=$3
folder=/tmp/home
in_near() { ip netns exec near "$@"; }

for pid in "$folder"/*.pid; do
    [ ! -e "$pid" ] || kill "$(cat "$pid")" 2> /dev/null || true
done
rm -rf "$folder"
mkdir "$folder"
iw phy "$(basename "$(readlink -f "/sys/class/net/$radio/phy80211")")" set netns name near
cat > "$folder/hostapd.conf" <<E
interface=$radio
ssid=$ssid
hw_mode=g
channel=1
wpa=2
wpa_key_mgmt=WPA-PSK SAE
ieee80211w=1
sae_require_mfp=1
rsn_pairwise=CCMP
wpa_passphrase=$passphrase
E
in_near hostapd -B -P "$folder/hostapd.pid" "$folder/hostapd.conf" > "$folder/log"
ip -n near address add 192.168.9.1/24 dev "$radio"
cat > "$folder/udhcpd.conf" <<E
interface $radio
start 192.168.9.10
end 192.168.9.20
pidfile $folder/udhcpd.pid
lease_file $folder/leases
option subnet 255.255.255.0
option router 192.168.9.1
option dns 192.168.9.1
E
: > "$folder/leases"
in_near busybox udhcpd -S "$folder/udhcpd.conf"
