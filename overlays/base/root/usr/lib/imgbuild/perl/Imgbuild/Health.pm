# What the profile's own checks say of this device: lines `NAME ok|FAIL|starting|skipped DETAIL`.
package Imgbuild::Health;
use v5.36;
use Imgbuild::File;
use Imgbuild::Services;
use Imgbuild::Store;

# The names of the checks that passed when they were all asked last.
my $PASSED = "$Imgbuild::Store::STATE/well";
# A service that is up may end a moment later, and start again.
my $STEADY = 5;
# One that was started that often, and for that many seconds, does not come up any more.
my ($RESTARTS, $TRIES) = (5, 30);

# The checks in their order: name, ok, whether it is still starting, detail; one that is skipped is
# ok, and so is one that needs what `@without` names. None where the profile has none.
sub checks ($image, @without) {
    my $program = $image->{context}{profile}{health} // return ();
    local $ENV{IMGBUILD_WITHOUT} = join ' ', $ENV{IMGBUILD_WITHOUT} // (), @without if @without;
    open my $output, '-|', 'timeout', '60', $program or return ();
    my @checks;
    while (<$output>) {
        my ($name, $word, $detail) = /\A(\S+) (ok|FAIL|starting|skipped) ?(.*)$/ or next;
        push @checks,
            {
            name => $name,
            ok => $word eq 'ok' || $word eq 'skipped',
            starting => $word eq 'starting',
            detail => $detail
            };
    }
    close $output;
    return @checks;
}

# For the next start: what has to be well then, too.
sub remember (@checks) {
    my $passed = join '', map { "$_->{name}\n" } grep { $_->{ok} } @checks;
    my $before = Imgbuild::File::slurp($PASSED);
    Imgbuild::File::replace($PASSED, $passed, 0600) if !defined $before || $before ne $passed;
}

# What was well before and is not now, of checks as they were `$before`. Servers of others that are
# down are no fault of a setting: whoever names them may start them later.
sub missing ($image, $before) {
    my %now = map { $_->{name} => $_ } checks($image, 'servers');
    return map { $now{$_->{name}} // {name => $_->{name}, detail => ''} }
        grep { $_->{ok} && !($now{$_->{name}} && $now{$_->{name}}{ok}) } @$before;
}

# Waits, after a start, until `@services` are up and stay so, and all is well that was before it or,
# where nobody knows that, all that can be. Neither network nor radio can be blamed on a setting if
# they are not there. Gives what is not well after `$seconds`, or where a service was given up.
sub ill_after_start ($image, $seconds, @services) {
    local $ENV{IMGBUILD_WITHOUT} = join ' ', 'network',
        glob('/sys/class/ieee80211/*') ? () : 'radio';
    my $passed = Imgbuild::File::slurp($PASSED);
    my %passed = map { $_ => 1 } split /\n/, $passed // '';
    my $steady = $seconds < $STEADY ? $seconds : $STEADY;
    my ($began, $since, $seen) = (time, time, '');
    my %before;
    while (1) {
        my @now = Imgbuild::Services::of(@services);
        $before{$_->{name}} //= $_->{restarts} for @now;
        my @ill = map { {name => $_->{name}, detail => "$_->{state}, $_->{detail}", service => 1} }
            grep { !$_->{well} } @now;
        my @checks = checks($image);
        my %ends = map { $_->{name} => 1 } @checks;
        push @ill, grep { !$_->{ok} && (!defined $passed || $passed{$_->{name}}) } @checks;
        push @ill, map { {name => $_, detail => ''} } grep { !$ends{$_} } sort keys %passed;
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

sub reason (@checks) {
    return join ', ', map { $_->{detail} eq '' ? $_->{name} : "$_->{name} ($_->{detail})" } @checks;
}

1;
