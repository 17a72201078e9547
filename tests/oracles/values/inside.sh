#!/bin/bash
# inside.sh ROOT CASES SCRIPT: as root of namespaces of its own, makes ROOT, which has the programs of an image, the
# root of SCRIPT, and runs that in each folder below CASES. A case has the files of an image; what programs
# say goes into its folder `output`. Nothing is written into ROOT.
set -euo pipefail
root=$1 cases=$2
mount -t tmpfs none "$root/tmp"
# Its owner is nobody in here, unless root runs the tests.
cp -a --no-preserve=ownership "$root/etc" "$root/tmp/etc"
cp "$3" "$root/tmp/script"
mount -t tmpfs none "$root/sys"
mount -t tmpfs none "$root/run"
for folder in dev proc; do mount --rbind "/$folder" "$root/$folder"; done
mount --rbind "$cases" "$root/mnt"
mount -t tmpfs none "$root/etc"
# The radio of a computer that has one, as far as scripts look for it, which can do all that a radio can.
mkdir -p "$root"/sys/class/ieee80211/phy0/device/net "$root"/sys/class/net/wlan0/device "$root"/sys/bus/drivers/any "$root"/tmp/stubs
ln -s ../../ieee80211/phy0 "$root/sys/class/net/wlan0/phy80211"
ln -s ../../../../net/wlan0 "$root/sys/class/ieee80211/phy0/device/net/wlan0"
# And a second one, by which it joins another network.
mkdir "$root/sys/class/net/wlan1"
ln -s ../../ieee80211/phy0 "$root/sys/class/net/wlan1/phy80211"
ln -s /sys/bus/drivers/any "$root/sys/class/net/wlan0/device/driver"
cat > "$root/tmp/stubs/iw" <<'END'
#!/bin/sh
printf '\tSupported interface modes:\n\t\t * AP\n\tBand 1:\n\tDevice supports SAE with AUTHENTICATE command\n'
END
# Says what it reads, and ends where it would look for the radio.
printf '#!/bin/sh\nexec /usr/sbin/wpa_supplicant -dd -K "$@"\n' > "$root/tmp/stubs/wpa_supplicant"
chmod 755 "$root"/tmp/stubs/*
export PATH=/tmp/stubs:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
# Where it cannot be written to there is no udev, which networkd would wait for.
mount -o remount,bind,ro "$root/sys"
ip link set lo up
for case in "$cases"/*; do
    case=/mnt/${case##*/}
    rm -rf "$root"/etc/* "$root"/run/*
    cp -a "$root"/tmp/etc/. "$root/etc"
    cp -a "$root$case/etc/." "$root/etc"
    # The one user that there is, by every name that programs ask for.
    printf '%s:x:0:0::/:/bin/sh\n' root haproxy systemd-network > "$root/etc/passwd"
    printf '%s:x:0:\n' root haproxy systemd-network > "$root/etc/group"
    # What networkd finds on a device that has started.
    mkdir -p "$root/run/systemd/netif/links" "$root/run/systemd/netif/leases"
    printf '%032x\n' 42 > "$root/etc/machine-id"
    mkdir -p "$root$case/output"
    mount --bind "$root$case/usr/lib/imgbuild" "$root/usr/lib/imgbuild"
    chroot "$root" /bin/bash /tmp/script "$case/output"
    umount "$root/usr/lib/imgbuild"
done
