#!/bin/bash
# read.sh: says which files of a folder its program reads, as `READ FOLDER NAME...` for each on one line. Each file holds its number, in
# words that its program shows or does not take. Where one mistake ends the reading, each name is tried alone.
export LC_ALL=C.UTF-8 SYSTEMD_LOG_TARGET=console SYSTEMD_PAGER=cat
names=/usr/share/judge-names

# Takes text with paths of FOLDER in it, each with an end of line, a blank, a quote or a line's number behind.
read_paths() {
    echo "READ $1" $(grep -o "$1/[^\"' ]*" | sed -e "s,^$1/,," -e 's/:\([0-9].*\)*$//' | sort -u | grep -Fxf "$names")
}

# Takes lines that hold `judgeNUMBER` of the names list.
numbered() { echo "READ $1" $(grep -o 'judge[0-9]*' | sort -u | while read -r word; do sed -n "$((${word#judge} + 1))p" "$names"; done); }

# alone FOLDER TEXT COMMAND...: the names with which a file of this text makes the command fail.
alone() {
    local folder=$1 text=$2 name read=
    shift 2
    while read -r name; do
        rm -rf /tmp/alone
        mkdir -p /tmp/alone
        echo "$text" > "/tmp/alone/$name"
        "$@" > /dev/null 2>&1 || read+=" $name"
    done < "$names"
    echo "READ $folder$read"
}

all() {
    run-parts --test /etc/cron.daily | read_paths /etc/cron.daily
    # cron(8) has the same rule.
    run-parts --list /etc/cron.d | read_paths /etc/cron.d
    run-parts --lsbsysinit --test /etc/update-motd.d | read_paths /etc/update-motd.d
    visudo -c | read_paths /etc/sudoers.d
    logrotate -d /etc/logrotate.conf 2>&1 | sed -n 's,^reading config file ,/etc/logrotate.d/,p' | read_paths /etc/logrotate.d
    sshd -T | numbered /etc/ssh/sshd_config.d
    udevadm verify 2>&1 | read_paths /etc/udev/rules.d
    /usr/lib/systemd/systemd-sysctl --cat-config | read_paths /etc/sysctl.d
    systemd-tmpfiles --cat-config | read_paths /etc/tmpfiles.d
    systemd-sysusers --cat-config | read_paths /etc/sysusers.d
    /usr/lib/systemd/systemd-modules-load 2>&1 | numbered /etc/modules-load.d
    modprobe --showconfig | numbered /etc/modprobe.d
    systemd-analyze cat-config systemd/journald.conf | read_paths /etc/systemd/journald.conf.d
    systemctl --root=/ list-unit-files | sed 's,^,/etc/systemd/system/,' | grep '/a' | read_paths /etc/systemd/system
    apt-config dump 2> /dev/null | numbered /etc/apt/apt.conf.d
    apt-get indextargets --no-release-info 2> /dev/null | numbered /etc/apt/sources.list.d
    alone /etc/apt/preferences.d 'nonsense' apt-cache policy -o Dir::Etc::PreferencesParts=/tmp/alone
    sed 's,/etc/nftables.d,/tmp/alone,' /etc/nftables.conf > /tmp/nftables.conf
    alone /etc/nftables.d 'nonsense' nft -c -f /tmp/nftables.conf
    printf 'listen x\n mode tcp\n bind 127.0.0.1:9\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n' > /tmp/haproxy.cfg
    alone /etc/haproxy/conf.d 'nonsense' haproxy -c -f /tmp/haproxy.cfg -f /tmp/alone
    sed 's,/etc/rsyslog.d,/tmp/alone,' /etc/rsyslog.conf > /tmp/rsyslog.conf
    alone /etc/rsyslog.d 'nonsense(' rsyslogd -N1 -f /tmp/rsyslog.conf
    sh -c '. /etc/profile' | numbered /etc/profile.d
    ldconfig -v -N -X 2>&1 | numbered /etc/ld.so.conf.d
}

all | tr '\n' ' '
