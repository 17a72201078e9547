# Becomes an account in every way that scripts know, and makes files; run by root in an empty system.
set -eu
umask 022
mkdir /w /w/shared /w/theirs
chown db:db /w
chown 0:50 /w/shared
chmod 2777 /w/shared
chown 0:80 /w/theirs
chmod 2777 /w/theirs

setpriv --reuid=70 --regid=71 --init-groups sh /work.sh /w/setpriv
setpriv --reuid=70 --regid=71 --groups=72,50 sh /work.sh /w/groups
setpriv --reuid=70 --regid=71 --clear-groups sh /work.sh /w/alone
su -s /bin/sh db -c 'sh /work.sh /w/su'
su - db -c 'sh /work.sh /w/login; pwd > /w/login/home'
runuser -u db -- sh /work.sh /w/runuser
setpriv --regid=72 --clear-groups sh -c 'id > /w/group-only; touch /w/shared/group-only'

# A child that outlives its parent.
runuser -u db -- mkfifo /w/gate /w/over
runuser -u db -- sh -c '(sh -c "read word < /w/gate; mkdir /w/orphan; echo > /w/orphan/file; echo > /w/over" &)'
echo go > /w/gate
read -r word < /w/over

perl /work.pl
# Those who stayed root.
echo r > /w/root
echo r > /w/shared/root
mkdir /w/setpriv/of-root
find /w -printf '%p %m %U:%G %y %l\n' > /list
LC_ALL=C sort /list > /seen
echo >> /seen
grep -r . /w --include=said --include=id --include=group-only --include=home | LC_ALL=C sort >> /seen
