#!/bin/bash
# judge.sh SETTINGS...: what the programs of an image say of its files, with each of SETTINGS, lines as in
# /etc/imgbuild/settings. Runs as root of the image, with mounts
# of its own. Prints what is wrong, every program that takes nonsense,
# and at the end what was judged. All it writes is in copies.
set -euo pipefail
export PATH=/tmp/judge/stubs:/usr/sbin:/usr/bin LC_ALL=C.UTF-8
mkdir -p /tmp/judge/stubs
mkdir -p /sys /var/lib/imgbuild
for folder in /etc /usr/lib/imgbuild /var/lib/imgbuild /var/lib/unbound; do
    [ -d "$folder" ] || continue
    mkdir -p "/tmp/judge$folder"
    cp -a --no-preserve=ownership "$folder/." "/tmp/judge$folder"
    mount --bind "/tmp/judge$folder" "$folder"
done

# A radio that can do all that a radio can. There is none: hostapd gives up behind the file.
mount -t tmpfs -o mode=755 tmpfs /sys
mkdir -p /sys/class/ieee80211/phy0/device/net /sys/class/net/wlan0/device /sys/bus/drivers/any
ln -s ../../ieee80211/phy0 /sys/class/net/wlan0/phy80211
ln -s ../../../../net/wlan0 /sys/class/ieee80211/phy0/device/net/wlan0
ln -s /sys/bus/drivers/any /sys/class/net/wlan0/device/driver
cat > /tmp/judge/stubs/iw <<'END'
#!/bin/sh
printf '\tSupported interface modes:\n\t\t * AP\n\tBand 1:\n\t\tHT20/HT40\n\t\tVHT Capabilities (0x1)\n'
printf '\t\tHE Iftypes: managed, AP\n\tDevice supports SAE with AUTHENTICATE command\n'
END
printf '#!/bin/sh\n' | tee /tmp/judge/stubs/rfkill /tmp/judge/stubs/hostname > /tmp/judge/stubs/systemctl
chmod 755 /tmp/judge/stubs/*
mkdir -p /run/hotspot /run/imgbuild /run/sshd
echo '$INTERFACE=eth0' > /run/imgbuild/ha-interface.conf
ssh-keygen -A > /dev/null
# Its unit brings it before each start.
[ ! -d /var/lib/unbound ] || cp /usr/share/dns/root.key /var/lib/unbound
[ -s /etc/machine-id ] || printf '%032x\n' 42 > /etc/machine-id

# judge FILE NONSENSE COMMAND...: the command takes the file, and does not take it with a line of nonsense.
judge() {
    local file=$1 nonsense=$2 output
    shift 2
    [ -e "$file" ] || return 0
    output=$("$@" 2>&1) || echo "$file: $*: $output"
    echo "$file" >> /tmp/judge/done
    cp -a "$file" /tmp/judge/sound
    echo "$nonsense" >> "$file"
    ! "$@" > /tmp/judge/output 2>&1 || echo "$file: $* takes nonsense"
    cp -a /tmp/judge/sound "$file"
}

# What it says of a file comes before it looks for the radio.
hostapd_reads() {
    local output
    output=$(timeout 20 hostapd /run/hotspot/hostapd.conf 2>&1) && return 1
    echo "$output" | grep -E '^Line |errors? found in' && return 1
    echo "$output" | grep -q wlan0 || { echo "$output"; return 1; }
}

tor_reads() {
    tor --verify-config --hush -f /etc/tor/torrc --defaults-torrc /usr/share/tor/tor-service-defaults-torrc
}

# Files that depend on settings.
check_files() {
    judge /etc/nftables.conf nonsense nft -c -f /etc/nftables.conf
    judge /etc/haproxy/haproxy.cfg nonsense haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d
    judge /etc/tor/torrc 'Nonsense 1' tor_reads
    judge /etc/keepalived/keepalived.conf nonsense keepalived -t -f /etc/keepalived/keepalived.conf
    if [ -e /etc/hotspot/hostapd.conf.in ]; then
        echo a passphrase > /etc/hotspot/passphrase
        [ -s /etc/hotspot/ssid ] || echo name > /etc/hotspot/ssid
        output=$(/usr/lib/imgbuild/hotspot-prepare 2>&1) || echo "hotspot-prepare: $output"
        judge /run/hotspot/hostapd.conf nonsense=1 hostapd_reads
    fi
    check_scripts
}

# A script is checked by the shell that runs it.
check_scripts() {
    for file in /usr/lib/imgbuild/* /usr/lib/imgbuild/*.d/* /etc/update-motd.d/* /usr/local/bin/* /usr/sbin/imgbuild-*; do
        [ -f "$file" ] || continue
        case $file$(head -n 1 "$file") in
            */apply.d/*) continue ;;
            */health.d/* | *'#!/bin/bash') shell=bash ;;
            *'#!/usr/bin/perl') shell=perl; perl -c "$file" 2>&1 | grep -v 'syntax OK' || true ;;
            */firstboot.d/* | */credentials.d/* | *'#!/bin/sh') shell=dash ;;
            *) echo "$file: nobody knows what runs it"; continue ;;
        esac
        [ $shell = perl ] || "$shell" -n "$file" 2>&1 || true
        echo "$shell" >> /tmp/judge/done
    done
}

# Files that are the same with all settings.
check_always() {
    judge /etc/ssh/sshd_config.d/10-imgbuild.conf 'Nonsense 1' sshd -t
    sshd_takes_keys_only
    judge /etc/sudoers nonsense visudo -c -q
    judge /etc/udev/rules.d/70-hotspot.rules 'NONSENSE=="1"' udevadm verify /etc/udev/rules.d/70-hotspot.rules
    judge /etc/unbound/unbound.conf.d/10-exit.conf nonsense: unbound-checkconf
    check_units
}

# How much a service could do, by systemd's own figure from 0 to 10.
exposure() {
    case $1 in
        *.service) systemd-analyze security --offline=true --no-pager "$1" | sed -n 's/.* level for [^ ]*: \([0-9.]*\) .*/ \1/p' ;;
    esac
}

# What sshd itself says that it does: keys only, no root, no windows.
sshd_takes_keys_only() {
    local output
    output=$(sshd -T -C user=root,host=h,addr=192.0.2.1 | grep -xE '(kbdinteractiveauthentication|passwordauthentication|permitrootlogin|x11forwarding) no' | wc -l)
    [ "$output" = 4 ] || sshd -T -C user=root,host=h,addr=192.0.2.1
    echo 'sshd -T' >> /tmp/judge/done
}

# Units that come with the image, and Debian's with drop-ins of ours.
check_units() {
    local output unit units
    units=$(cd /usr/lib/systemd/system && ls -d imgbuild-* hotspot.service 2> /dev/null || true)
    for unit in /etc/systemd/system/*.d; do
        unit=${unit##*/}
        units="$units ${unit%.d}"
    done
    for unit in $units; do
        echo "$unit$(exposure "$unit")" >> /tmp/judge/done
        output=$(systemd-analyze verify --man=no --recursive-errors=no "$unit" 2>&1) || echo "$unit: $output"
        [ -z "$output" ] || echo "$unit: $output"
    done
    printf '[Service]\nNonsense=1\n' > /etc/systemd/system/nonsense.service
    output=$(systemd-analyze verify --man=no --recursive-errors=no nonsense.service 2>&1) || true
    [ -n "$output" ] || echo 'systemd-analyze verify takes nonsense'
    echo systemd-analyze >> /tmp/judge/done
}

check_always
for settings; do
    printf '%s\n' "$settings" > /etc/imgbuild/settings
    output=$(perl /usr/sbin/imgbuild-config boot 2>&1)
    [ -z "$output" ] || echo "with $settings: $output"
    check_files | sed "s/^/with $(echo "$settings" | tr '\n' ' ' | sed 's/[&/\\]/./g'): /"
done
sort -u /tmp/judge/done
