#!/bin/sh
# Configures the packages that were put into this image unpacked. Tries three times, counted across
# restarts, and never hinders the device from starting. Written by imgbuild.
set -u

state=/var/lib/imgbuild/configure
failed=/var/lib/imgbuild/configure-failed
policy=/usr/sbin/policy-rc.d
options="--force-confdef --force-confold"

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
export PATH HOME LC_ALL DEBIAN_FRONTEND DEBCONF_NONINTERACTIVE_SEEN

# What differs from image to image: log, before, after.
. "$state/steps"

# No script may start a service and wait for it: all of them wait for this one.
forbid_services() {
	if [ ! -e "$state/forbidden" ]; then
		[ ! -e "$policy" ] || mv "$policy" "$state/policy" || return 1
		: >"$state/forbidden"
	fi
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}

# In this order, wherever it is cut short, the image's own policy comes back.
allow_services() {
	[ -e "$state/forbidden" ] || return 0
	rm -f "$policy" "$state/forbidden"
	[ ! -e "$state/policy" ] || mv "$state/policy" "$policy"
}

# once STEP VARIABLE=VALUE… -- COMMAND…: unless it succeeded before.
once() {
	step=$1
	shift
	[ ! -e "$state/done/$step" ] || return 0
	(
		while [ "$1" != -- ]; do
			export "$1"
			shift
		done
		shift
		echo "step $step"
		exec "$@"
	) || return 1
	: >"$state/done/$step"
}

attempt() {
	before || return 1
	# A circle of dependencies can leave packages behind that a second pass configures.
	dpkg $options --configure -a || dpkg $options --configure -a || return 1
	left=$(dpkg --audit) || return 1
	[ -z "$left" ] || { echo "$left"; return 1; }
	after
}

say() {
	echo "imgbuild: $*"
	echo "imgbuild: $*" >>"$log"
}

tries=$(cat "$state/tries")
outcome=failed
while [ "$tries" -lt 3 ]; do
	tries=$((tries + 1))
	echo "$tries" >"$state/tries"
	sync
	say "configuring packages, try $tries of 3"
	rm -f "$state/good"
	{ forbid_services && attempt && : >"$state/good"; } 2>&1 | tee -a "$log"
	allow_services
	if [ -e "$state/good" ]; then
		outcome=good
		break
	fi
done

if [ "$outcome" = good ]; then
	say "all packages are configured"
	rm -rf "$state"
	if [ -d /run/systemd/system ]; then
		# Services that were enabled just now are not part of the running start.
		systemctl daemon-reload
		systemctl start --no-block default.target
	fi
	sync
	exit 0
fi
allow_services
say "packages are left unconfigured; as root, \`dpkg --configure -a\` tries again"
rm -rf "$failed"
mv "$state" "$failed"
sync
exit 1
