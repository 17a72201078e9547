#!/bin/sh
# The first process of a lab's namespaces: makes room for what is mounted in them, and lives as long as
# whoever started it keeps its standard input open. With it ends everything that runs in them.
set -eu
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/roots
echo ready
cat > /dev/null
