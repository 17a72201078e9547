# Which rules the kernel has of the files of a firewall.
set -euo pipefail
output=$1
nft -f /etc/nftables.conf
nft list ruleset > "$output/nft"
nft flush ruleset
