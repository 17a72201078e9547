# How services are, as systemd says.
package Imgbuild::Services;
use v5.36;

my @PROPERTIES = qw(ActiveState SubState Result ConditionResult InvocationID NRestarts);

# The services in the order of their names: name, state, what it is about, whether all is well with
# it, which of its starts this is, and how often systemd started it again by itself.
sub of (@names) {
    return () if !@names;
    open my $output, '-|', 'systemctl', 'show', '--property=' . join(',', 'Id', @PROPERTIES), @names
        or return ();
    my @blocks = split /\n\n/, do { local $/; <$output> }
        // '';
    close $output;
    return map { service($_, shift @blocks // '') } @names;
}

sub service ($name, $block) {
    my %unit = map { /\A(\w+)=(.*)\z/ ? ($1 => $2) : () } split /\n/, $block;
    my $state = $unit{ActiveState} // 'unknown';
    # A radio that is not there, for one.
    my $unneeded = $state eq 'inactive' && ($unit{ConditionResult} // '') eq 'no';
    my $why = $state eq 'failed' ? $unit{Result} : $unneeded ? 'not needed yet' : $unit{SubState}
        // '';
    return {
        name => $name,
        state => $state,
        detail => $why,
        well => $state eq 'active' || $unneeded,
        # Its own name for what is neither well nor failed: also while systemd waits to try it
        # again.
        starting => scalar($state =~ /\A(?:activating|reloading|refreshing)\z/),
        run => $unit{InvocationID} // '',
        restarts => $unit{NRestarts} // 0,
    };
}

# The last that a service complained about since the device started.
sub complaints ($name) {
    my @which = ('--unit', $name, '--boot', '--priority', 'warning', '--lines', '3');
    open my $output, '-|', 'journalctl', '--quiet', '--output', 'cat', @which or return ();
    my @lines = map { s/[\x00-\x1f\x7f]+\z//r =~ s/[\x00-\x1f\x7f]/?/gr } <$output>;
    close $output;
    return @lines;
}

1;
