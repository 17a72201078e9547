# What HAProxy asks the server behind it for, and what it answers to whoever has the login of its statistics.
set -euo pipefail
output=$1
mkdir -p /run/haproxy
sed -i 's/^ *chroot .*//' /etc/haproxy/haproxy.cfg
perl - "$output" << 'END'
use v5.36;
use IO::Socket::INET;
my ($output) = @ARGV;
alarm 60;
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 9001, Listen => 9, ReuseAddr => 1) or die "server: $@";
my $pid = fork // die $!;
if ($pid == 0) {
    open STDOUT, '>', "$output/haproxy";
    open STDERR, '>&', \*STDOUT;
    exec qw(haproxy -db -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d);
}
# It ends where it does not take its files, and nobody calls.
$SIG{CHLD} = sub { keep('check', ''); keep('stats', ''); exit 0 };
my $check = $server->accept or die "no check: $!";
keep('check', head($check));
print $check "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
close $check;
open my $file, '<', "$output/given" or die $!;
my $login = do { local $/; <$file> };
my $encoded = join '', map { s/^.//r =~ tr/` -_/AA-Za-z0-9+\//r =~ s/\n//r } split /^/, pack 'u', $login;
$encoded =~ s/A{$_}\z/'=' x $_/e for (3 - length($login) % 3) % 3;
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 1338) or die "statistics: $@";
print $client "GET /;csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic $encoded\r\n\r\n";
keep('stats', do { local $/; <$client> });
$SIG{CHLD} = 'DEFAULT';
kill 'TERM', $pid;
waitpid $pid, 0;

sub head($socket) {
    my $text = '';
    while ($text !~ /\r\n\r\n/) { sysread $socket, $text, 4096, length $text or last }
    return $text;
}

sub keep($name, $text) {
    open my $file, '>', "$output/$name" or die $!;
    print $file $text;
}
END
