# Which rules the kernel has of the files of a firewall.
set -euo pipefail
said=$1
nft -f /etc/nftables.conf
nft list ruleset > "$said/nft"
nft flush ruleset
