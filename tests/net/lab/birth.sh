#!/bin/bash
# birth.sh DEVICE HOST: shows what has left DEVICE, whose address is 198.18.0.HOST, since the internet began
# to watch its cables.
set -eu
. "$(dirname "$0")/leaks.sh"
leaks "$1" "$2" < /run/roots/internet/tmp/wan.pcap
