# What an account does in the new folder $1.
set -eu
mkdir "$1"
cd "$1"
name=${1##*/}
id > id
echo a > file
: >> appended
mkdir -p deep/er
touch deep/er/file
ln -s nowhere dangling
ln -s deep link
echo d > dangling
ln -s deep/made absolute
ln -sfn "$1/deep/by-root" absolute
echo d > absolute
ln file hard
mkfifo fifo
mknod pipe p
mv "$(mktemp ./tmp.XXXXXX)" temporary
mv "$(mktemp -d ./tmp.XXXXXX)" temporary-folder
(umask 077; echo p > private; mkdir hidden; mkfifo hidden/fifo)
(umask 0; echo p > public; mkdir public-folder)
install -d -m 2750 installed
install -m 4755 file program
cp -a file copy
cp -a deep copied
cp -P link copied-link
tar cf archive deep link file fifo hidden
mkdir unpacked
tar xf archive -C unpacked
echo s > "/w/shared/$name"
mkdir "/w/shared/$name-folder"
touch "/w/shared/$name-folder/file"
ln -s x "/w/shared/$name-link"
mkfifo "/w/shared/$name-fifo"
echo t > "/w/theirs/$name"
mv file moved
echo again > file
{
	for group in 71 72 73 50 80; do
		chgrp $group copy && echo "gives to group $group"
	done
	chown 0 copy && echo 'gives to root'
	chown 70:71 copy && echo 'gives to itself'
	chown 70 /w/shared && echo "takes root's"
	chgrp 71 /w/shared && echo "takes root's for its group"
	chgrp -h 72 link && echo 'gives a link'
	setpriv --reuid=0 true && echo 'becomes root'
	setpriv --regid=0 true && echo "takes root's group"
	setpriv --clear-groups true && echo 'leaves its groups'
	mkdir file || echo 'is no folder'
	mkdir nowhere/x || echo 'is no folder'
	echo x > absent/file || echo 'has no folder'
} > said 2> /dev/null || true
