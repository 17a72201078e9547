# What Tor says that it read of an image's torrc.
set -euo pipefail
output=$1
tor --dump-config short --hush -f /etc/tor/torrc --defaults-torrc /dev/null > "$output/tor" 2>&1 || true
