# How the device is: its services, as systemd reports them, and the checks of the profile.
package Imgbuild::Health;
use v5.36;
use Imgbuild::Command;
use Imgbuild::File;
use Imgbuild::Store;
use List::Util qw(min);

my $PROPERTIES = 'Id,ActiveState,SubState,Result,ConditionResult,InvocationID,NRestarts';
# The names of the checks that passed when all of them last ran.
my $PASSED = "$Imgbuild::Store::STATE/well";
# A service that is up may end a moment later, and start again. In seconds.
my $STEADY = 5;
# A service that was restarted that often, and for that many seconds, does not come up any more.
my ($RESTARTS, $TRIES) = (5, 30);

# The services in the order of their names: name, state, detail, whether all is well with it,
# whether it is starting, the id of its last start (`run`), and how often systemd has restarted it.
sub services (@names) {
    return () if !@names;
    my @blocks = split /\n\n/,
        Imgbuild::Command::output('systemctl', 'show', "--property=$PROPERTIES", @names);
    return map { service($_, shift @blocks // '') } @names;
}

sub service ($name, $block) {
    my %unit = map { /\A(\w+)=(.*)\z/ ? ($1 => $2) : () } split /\n/, $block;
    my $state = $unit{ActiveState} // 'unknown';
    # The hotspot of a device without a radio, for example.
    my $unneeded = $state eq 'inactive' && ($unit{ConditionResult} // '') eq 'no';
    my $why = $state eq 'failed' ? $unit{Result} : $unneeded ? 'not needed yet' : $unit{SubState};
    return {
        name => $name,
        state => $state,
        detail => $why // '',
        well => $state eq 'active' || $unneeded,
        # It is `activating` also while systemd waits before it tries again.
        starting => scalar($state =~ /\A(?:activating|reloading|refreshing)\z/),
        run => $unit{InvocationID} // '',
        restarts => $unit{NRestarts} // 0,
    };
}

# The last warnings of a service since the device started.
sub complaints ($name) {
    my @which = ('--unit', $name, '--boot', '--priority', 'warning', '--lines', '3');
    my $output = Imgbuild::Command::output('journalctl', '--quiet', '--output', 'cat', @which);
    return map { s/[\x00-\x1f\x7f]+\z//r =~ s/[\x00-\x1f\x7f]/?/gr } split /\n/, $output;
}

# The checks in their order: name, ok, whether it is still starting, detail. A check that is skipped
# is ok; so is one that needs something that `@without` names. A profile may have no checks.
# Its program prints lines `NAME ok|FAIL|starting|skipped DETAIL`.
sub checks ($image, @without) {
    my $program = $image->{context}{profile}{health} // return ();
    local $ENV{IMGBUILD_WITHOUT} = join ' ', $ENV{IMGBUILD_WITHOUT} // (), @without if @without;
    my @checks;
    for (split /\n/, Imgbuild::Command::output('timeout', '60', $program)) {
        my ($name, $word, $detail) = /\A(\S+) (ok|FAIL|starting|skipped) ?(.*)\z/ or next;
        my ($ok, $starting) = ($word eq 'ok' || $word eq 'skipped', $word eq 'starting');
        push @checks, {name => $name, ok => $ok, starting => $starting, detail => $detail};
    }
    return @checks;
}

# Keeps what has to be well after the next start, too.
sub remember (@checks) {
    my $passed = join '', map { "$_->{name}\n" } grep { $_->{ok} } @checks;
    my $before = Imgbuild::File::slurp($PASSED);
    Imgbuild::File::replace($PASSED, $passed, 0600) if !defined $before || $before ne $passed;
}

# The checks that passed `$before` and do not pass now. Servers of others that are down are no
# fault of a setting: whoever names them may start them later.
sub missing ($image, $before) {
    my %now = map { $_->{name} => $_ } checks($image, 'servers');
    return grep { !$_->{ok} }
        map { $now{$_->{name}} // {name => $_->{name}, detail => ''} } grep { $_->{ok} } @$before;
}

# Waits, after a start, until `@services` are up and stay up, and until every check passes that
# passed before the start (all checks, if that is unknown). No setting can be blamed for a missing
# network or radio. Returns what is not well after `$seconds`, or once a service is given up.
sub ill_after_start ($image, $seconds, @services) {
    local $ENV{IMGBUILD_WITHOUT} = join ' ', 'network',
        glob('/sys/class/ieee80211/*') ? () : 'radio';
    my $passed = Imgbuild::File::slurp($PASSED);
    my %passed = map { $_ => 1 } split /\n/, $passed // '';
    my $steady = min $seconds, $STEADY;
    my ($began, $since, $seen) = (time, time, '');
    my %before;
    while (1) {
        my @now = services(@services);
        $before{$_->{name}} //= $_->{restarts} for @now;
        my @ill = map { {name => $_->{name}, detail => "$_->{state}, $_->{detail}", service => 1} }
            grep { !$_->{well} } @now;
        my @checks = checks($image);
        my %ended = map { $_->{name} => 1 } @checks;
        push @ill, grep { !$_->{ok} && (!defined $passed || $passed{$_->{name}}) } @checks;
        push @ill, map { {name => $_, detail => ''} } grep { !$ended{$_} } sort keys %passed;
        my $found = join ' ', map({ "$_->{state} $_->{run}" } @now), map { $_->{name} } @ill;
        ($since, $seen) = (time, $found) if $found ne $seen;
        my $stays = time - $since >= $steady;
        return () if !@ill && $stays;
        my $given_up = $stays && grep { $_->{state} eq 'failed' } @now;
        my $in_vain = time - $began >= $TRIES
            && grep { !$_->{well} && $_->{restarts} - $before{$_->{name}} >= $RESTARTS } @now;
        return @ill if @ill && ($given_up || $in_vain || time - $began >= $seconds);
        return {name => 'services', detail => 'they start again and again'}
            if time - $began >= $seconds + $steady;
        sleep 1;
    }
}

# What is not well, for a person.
sub reason (@checks) {
    return join ', ', map { $_->{detail} eq '' ? $_->{name} : "$_->{name} ($_->{detail})" } @checks;
}

1;
