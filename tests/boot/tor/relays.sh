#!/bin/bash
# A Tor network in the lab's internet: three authorities, three exits, an onion service on the last.
# Prints nothing until all run; /tmp/relays/client.conf is what a client must know of it.
set -eu
folder=/tmp/relays
net=198.18.0
mkdir "$folder"
echo "nameserver $net.53" > "$folder/resolv.conf"
run() { ip netns exec internet "$@"; }

# Consensus every 20 seconds, and no flag needs weeks of uptime. Who is an exit is decided by policies, as everywhere.
common() { # NAME HOST
    mkdir -p -m 700 "$folder/$1/keys"
    cat <<X
TestingTorNetwork 1
PathsNeededToBuildCircuits 0.67
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
V3AuthNIntervalsValid 2
AssumeReachable 1
ShutdownWaitLength 0
RunAsDaemon 1
SocksPort 0
Log notice file $folder/$1/log
DataDirectory $folder/$1
Nickname $1
Address $net.$2
OutboundBindAddress $net.$2
ORPort $net.$2:5000
DirPort $net.$2:7000
X
}

authority() { # NAME HOST
    common "$1" "$2" > "$folder/$1.torrc"
    cat >> "$folder/$1.torrc" <<X
ExitRelay 0
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo $1@example.net
TestingV3AuthInitialVotingInterval 20
TestingV3AuthInitialVoteDelay 4
TestingV3AuthInitialDistDelay 4
V3AuthVotingInterval 20
V3AuthVoteDelay 4
V3AuthDistDelay 4
X
    echo passphrase | tor-gencert --create-identity-key --passphrase-fd 0 -m 12 -a "$net.$2:7000" \
        -i "$folder/$1/keys/authority_identity_key" -s "$folder/$1/keys/authority_signing_key" \
        -c "$folder/$1/keys/authority_certificate" 2> /dev/null
    # Tor starts in no testing network without an authority, not even to say its fingerprint.
    local nobody=0000000000000000000000000000000000000001 relay vote
    relay=$(tor --quiet --list-fingerprint -f "$folder/$1.torrc" \
        --DirAuthority "x v3ident=$nobody 127.0.0.1:1 $nobody" | tail -n 1 | cut -d ' ' -f 2- | tr -d ' ')
    vote=$(sed -n 's/^fingerprint //p' "$folder/$1/keys/authority_certificate")
    echo "DirAuthority $1 orport=5000 no-v2 v3ident=$vote $net.$2:7000 $relay" > "$folder/$1.authority"
}

exit_relay() { # NAME HOST
    common "$1" "$2" > "$folder/$1.torrc"
    cat >> "$folder/$1.torrc" <<X
ExitRelay 1
ExitPolicyRejectPrivate 0
ExitPolicy reject 0.0.0.0/8:*
ExitPolicy accept *:*
ServerDNSResolvConfFile $folder/resolv.conf
ServerDNSDetectHijacking 0
ServerDNSTestAddresses
ServerDNSAllowBrokenConfig 1
X
}

# Keys take the time; every processor makes some.
for i in 1 2 3; do authority "auth$i" "1$i" & done
wait
for i in 4 5 6; do exit_relay "exit$i" "1$i"; done
printf 'HiddenServiceDir %s/onion\nHiddenServicePort 80 %s.80:80\n' "$folder" "$net" >> "$folder/exit6.torrc"
for torrc in "$folder"/*.torrc; do
    cat "$folder"/*.authority >> "$torrc"
done
{ printf 'TestingTorNetwork 1\nPathsNeededToBuildCircuits 0.67\n'; cat "$folder"/*.authority; } > "$folder/client.conf"
for torrc in "$folder"/*.torrc; do
    run tor --quiet -f "$torrc"
done
until [ -s "$folder/onion/hostname" ]; do sleep 0.1; done
cat "$folder/onion/hostname"
