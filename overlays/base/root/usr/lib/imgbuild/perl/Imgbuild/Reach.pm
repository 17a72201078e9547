# Whether the device still reaches the next router of its uplink, so that its owner reaches it. The
# router itself is asked by ARP and NDP, which no firewall of a router drops.
package Imgbuild::Reach;
use v5.36;
use Imgbuild::Command;
use Imgbuild::Json;

# How often an answer is looked for, and the seconds between.
my ($LOOKS, $PAUSE) = (10, 0.2);

# The gateways that the kernel would take, the best of each family: family, address, device.
sub gateways() {
    my @gateways;
    for my $family (4, 6) {
        my ($best) =
            sort { ($a->{metric} // 0) <=> ($b->{metric} // 0) }
            grep { defined $_->{gateway} && defined $_->{dev} }
            @{ip("-$family", 'route', 'show', 'default')};
        push @gateways, {family => $family, address => $best->{gateway}, device => $best->{dev}}
            if $best;
    }
    return @gateways;
}

# Those of `@gateways` that answer now.
sub answering (@gateways) {
    for my $gateway (@gateways) {
        my @neighbour = ($gateway->{address}, 'dev', $gateway->{device});
        # What the kernel learnt before says nothing about now.
        Imgbuild::Command::try('ip', 'neigh', 'flush', 'to', @neighbour);
        Imgbuild::Command::try('ip', 'neigh', 'replace', @neighbour, 'nud', 'none', 'use');
    }
    my @silent = @gateways;
    my %answers;
    for (1 .. $LOOKS) {
        @silent = grep { !($answers{$_} = answers($_)) } @silent or last;
        select undef, undef, undef, $PAUSE;
    }
    return grep { $answers{$_} } @gateways;
}

sub answers ($gateway) {
    my $entries = ip("-$gateway->{family}", 'neigh', 'show', 'to', $gateway->{address}, 'dev',
        $gateway->{device});
    return scalar grep { $_ eq 'REACHABLE' } map { @{$_->{state} // []} } @$entries;
}

# What ip(8) lists; an empty list if it cannot.
sub ip (@words) {
    return eval { Imgbuild::Json::decode(Imgbuild::Command::output('ip', '-json', @words)) } // [];
}

1;
