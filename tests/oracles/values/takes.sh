# What HAProxy has against an image's files; nothing where it takes them.
set -euo pipefail
said=$1
! haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d > "$said/haproxy" 2>&1 || : > "$said/haproxy"
