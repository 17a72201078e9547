# What HAProxy answers to each path of a list where it takes nothing but URLs.
set -euo pipefail
output=$1
cat > /run/haproxy.cfg << 'END'
global
    expose-experimental-directives
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend strict
    bind 127.0.0.1:9002
    http-request normalize-uri percent-to-uppercase strict
    http-request return status 200
END
haproxy -D -p /run/haproxy.pid -f /run/haproxy.cfg > "$output/haproxy" 2>&1
perl - "$output" << 'END'
use v5.36;
use IO::Socket::INET;
my ($output) = @ARGV;
alarm 60;
open my $paths, '<', "$output/given" or die $!;
open my $statuses, '>', "$output/statuses" or die $!;
while (my $path = <$paths>) {
    chomp $path;
    my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 9002) or die "HAProxy: $@";
    print $client "GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    my $line = <$client> // '';
    say $statuses $line =~ m{\AHTTP/1.1 (\d+)} ? $1 : "none: $line";
}
END
kill "$(cat /run/haproxy.pid)"
