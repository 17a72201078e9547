#!/bin/bash
# start.sh UNIT...: starts what the image's units say, in this order, as systemd would: first what runs
# before, then the daemon, whose words go to /tmp/UNIT.log.
set -eu
of() { # KEY UNIT
    sed -n "s/^$1=//p" "/usr/lib/systemd/system/$2"
}
for unit; do
    while IFS= read -r before; do
        case $before in
            -*) ${before#-} || true ;;
            *) $before ;;
        esac
    done < <(of ExecStartPre "$unit")
    # Variables of these units are empty.
    daemon=$(of ExecStart "$unit" | sed "s/ \$[A-Z_]*//")
    ${daemon#!!} > "/tmp/$unit.log" 2>&1 < /dev/null &
done
