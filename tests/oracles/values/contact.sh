# What Tor says that it read of an image's torrc.
set -euo pipefail
said=$1
tor --dump-config short --hush -f /etc/tor/torrc --defaults-torrc /dev/null > "$said/tor" 2>&1 || true
