#!/bin/bash
# Sourced. leaks DEVICE HOST: shows which packets of the pcap file at the standard input left DEVICE, whose
# address is 198.18.0.HOST, by the cable. Not shown: Tor's connections to relays, the device's own names and
# time, and how neighbours find each other.
leaks() {
    local device=$1 own="src host 198.18.0.$2" hardware
    hardware=$(ip -n "$device" -o link show uplink0 | sed 's,.*link/ether \([0-9a-f:]*\).*,\1,')
    # Neighbours find each other by ICMPv6, types 133 to 136, and say in which groups they are by type 143,
    # behind a hop-by-hop header.
    unshare --user tcpdump -n -l -r - "
        ether src $hardware and not arp
        and not ($own and tcp and (dst port 5000 or dst port 7000))
        and not ($own and udp and dst host 198.18.0.53 and (dst port 53 or dst port 123))
        and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136)
        and not (ip6[6] = 0 and ip6[48] = 143)"
}
