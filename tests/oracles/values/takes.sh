# What HAProxy has against an image's files; nothing where it takes them.
set -euo pipefail
output=$1
! haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d > "$output/haproxy" 2>&1 || : > "$output/haproxy"
