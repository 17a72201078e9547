# Whether the device still reaches the next router of its uplink, and so is reached: asked of the
# neighbour itself by ARP and NDP, which no firewall of a router drops.
package Imgbuild::Reach;
use v5.36;
use Imgbuild::Json;

# How often is looked for an answer, and the pause between, in seconds.
my ($LOOKS, $PAUSE) = (10, 0.2);

# The gateways that the kernel would take, the best of each family: family, address, device.
sub gateways() {
    my @gateways;
    for my $family (4, 6) {
        my @routes = grep { defined $_->{gateway} && defined $_->{dev} }
            @{ip("-$family", 'route', 'show', 'default')};
        my ($best) = sort { metric($a) <=> metric($b) } @routes;
        push @gateways, {family => $family, address => $best->{gateway}, device => $best->{dev}}
            if $best;
    }
    return @gateways;
}

sub metric ($route) { return defined $route->{metric} ? ${$route->{metric}} : 0 }

# Those of `@gateways` that answer now.
sub answering (@gateways) {
    for my $gateway (@gateways) {
        # What was learnt before says nothing about now.
        quietly('ip', 'neigh', 'flush', 'to', $gateway->{address}, 'dev', $gateway->{device});
        quietly(
            'ip', 'neigh', 'replace', $gateway->{address},
            'dev', $gateway->{device}, 'nud', 'none',
            'use'
        );
    }
    my @waiting = @gateways;
    my @answered;
    for (1 .. $LOOKS) {
        my @silent;
        push @{answers($_) ? \@answered : \@silent}, $_ for @waiting;
        @waiting = @silent or last;
        select undef, undef, undef, $PAUSE;
    }
    return @answered;
}

sub answers ($gateway) {
    my $entries = ip("-$gateway->{family}", 'neigh', 'show', 'to', $gateway->{address}, 'dev',
        $gateway->{device});
    return scalar grep {
        grep { $_ eq 'REACHABLE' }
            @{$_->{state} // []}
    } @$entries;
}

# What ip(8) lists; nothing where it cannot.
sub ip (@words) {
    open my $output, '-|', 'ip', '-json', @words or return [];
    my $text = do { local $/; <$output> }
        // '';
    close $output;
    return eval { Imgbuild::Json::decode($text) } // [];
}

sub quietly (@command) {
    my $pid = fork // return;
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec @command or exit 1;
    }
    waitpid $pid, 0;
}

1;
