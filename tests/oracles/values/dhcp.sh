# What a client of the hotspot is told when it asks for an address (DHCPDISCOVER, RFC 2131). The client is in a network
# namespace of its own, for an answer that comes from one's own address is passed over.
set -euo pipefail
output=$1
mkdir -p /etc/systemd/networkd.conf.d
printf '[DHCPServer]\nPersistLeases=no\n' > /etc/systemd/networkd.conf.d/here.conf
/usr/lib/systemd/systemd-networkd > "$output/networkd" 2>&1 &
networkd=$!
until ip link show hotspot0 > /dev/null 2>&1; do
    kill -0 $networkd
    sleep 0.05
done
ip link add port0 type veth peer name client0
ip link set port0 master hotspot0 up
cat > /run/client.pl <<'END'
use v5.36;
use Socket;
socket my $socket, PF_INET, SOCK_DGRAM, 0 or die $!;
setsockopt $socket, SOL_SOCKET, SO_BROADCAST, 1 or die $!;
setsockopt $socket, SOL_SOCKET, 25, 'client0' or die $!; # SO_BINDTODEVICE
bind $socket, sockaddr_in(68, INADDR_ANY) or die $!;
my $discover = pack('C4 N n2 x16 C6 x10 x192 N C3 C6 C', 1, 1, 6, 0, 0x12345678, 0, 0x8000,
    2, 0, 0, 0, 0, 1, 0x63825363, 53, 1, 1, 55, 4, 1, 3, 6, 51, 255) . "\0" x 48;
my $answer = '';
for (1 .. 120) {
    send $socket, $discover, 0, sockaddr_in(67, INADDR_BROADCAST);
    vec(my $ready = '', fileno $socket, 1) = 1;
    next if !select $ready, undef, undef, 0.5;
    recv $socket, $answer, 1500, 0;
    last;
}
my %options;
my $at = 240;
while ($at + 1 < length $answer && (my $code = ord substr $answer, $at, 1) != 255) {
    my $len = ord substr $answer, $at + 1, 1;
    $options{$code} = substr $answer, $at + 2, $len;
    $at += 2 + $len;
}
my $addresses = sub($bytes) { return join ',', map { inet_ntoa($_) } unpack '(a4)*', $bytes // '' };
say 'mask ', $addresses->($options{1});
say 'router ', $addresses->($options{3});
say 'names ', $addresses->($options{6});
say 'seconds ', unpack 'N', $options{51} // "\0\0\0\0";
END
ip netns add client
ip link set client0 netns client
nsenter --net=/run/netns/client bash -c 'ip link set client0 up && exec perl /run/client.pl' > "$output/dhcp"
ip netns delete client
umount /run/netns
kill $networkd
wait $networkd || true
ip link delete hotspot0
ip link delete port0 2> /dev/null || true
