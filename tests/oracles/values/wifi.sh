# What hostapd and wpa_supplicant say that they read of the files of a hotspot and of an uplink.
set -euo pipefail
output=$1
mkdir -p /run/hotspot /run/wifi-uplink
/usr/lib/imgbuild/hotspot-prepare > "$output/prepare" 2>&1
# The driver of no radio lets it go on to the keys; there it has output everything, and is not needed any more.
sed -i 's/^driver=.*/driver=none/; /^bridge=/d' /run/hotspot/hostapd.conf
rm -f /run/log
mkfifo /run/log
hostapd -dd -K /run/hotspot/hostapd.conf > /run/log 2>&1 &
sed '/^GMK/q' < /run/log > "$output/hostapd"
kill $! 2> /dev/null || true # a message behind it may have ended it already
wait
/usr/lib/imgbuild/wifi-uplink > "$output/wpa_supplicant" 2>&1 || true
/usr/lib/imgbuild/status.d/20-hotspot > "$output/status" 2> /dev/null
