#!/bin/bash
# ssh.sh ROOT CASES: logs in with each authorized_keys in the folders below CASES, by the sshd of ROOT, which has the
# programs of an image. Runs as an account of namespaces of its own, so that sshd needs no other. Who was let in
# says `in`; sshd's own words are in `log`.
set -euo pipefail
root=$1 cases=$2
mount -t tmpfs none "$root/tmp"
mount -t tmpfs none "$root/etc"
for folder in dev proc; do mount --rbind "/$folder" "$root/$folder"; done
mount --rbind "$cases" "$root/mnt"
mkdir "$root/etc/ssh"
printf '%s\n' 'tester:x:1000:1000::/tmp:/bin/sh' 'sshd:x:1001:1001::/tmp:/bin/false' > "$root/etc/passwd"
cat > "$root/etc/ssh/sshd_config" << 'END'
ListenAddress 127.0.0.1
HostKey /mnt/host
PidFile /tmp/pid
AuthorizedKeysFile /tmp/keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PerSourcePenalties no
LogLevel DEBUG2
END
ip link set lo up
# ssh waits for it to listen.
chroot "$root" /usr/sbin/sshd -D -E /tmp/log -p 2222 &
login() {
    chroot "$root" /usr/bin/ssh -n -F none -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR \
        -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o ConnectionAttempts=60 "$@" tester@127.0.0.1 true
}
for case in "$cases"/*/; do
    cp "$case/authorized_keys" "$root/tmp/keys"
    : > "$root/tmp/log"
    type=$(cat "$case/type")
    certificate=()
    [ ! -e "$cases/user-$type-cert.pub" ] || certificate=(-i "/mnt/user-$type" -o "CertificateFile=/mnt/user-$type-cert.pub")
    status=0
    login -i "/mnt/$type" "${certificate[@]}" > "$case/output" 2>&1 || status=$?
    # What runs in the place of `true` may fail; 255 is the status of ssh itself.
    [ "$status" = 255 ] || echo in > "$case/in"
    cp "$root/tmp/log" "$case/log"
done
kill %1
