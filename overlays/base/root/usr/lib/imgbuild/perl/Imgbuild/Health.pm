# What the profile's own checks say of this device: lines `NAME ok|FAIL|skipped DETAIL`.
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

# The checks in their order: name, ok, detail; one that is skipped is ok. None where the profile has none.
sub checks($image) {
    my $program = $image->{context}{profile}{health} // return ();
    open my $output, '-|', 'timeout', '60', $program or return ();
    my @checks;
    while (<$output>) {
        push @checks, {name => $1, ok => $2 ne 'FAIL', detail => $3} if /\A(\S+) (ok|FAIL|skipped) ?(.*)$/;
    }
    close $output;
    return @checks;
}

# For the next start: what has to be well then, too.
sub remember(@checks) {
    my $passed = join '', map { "$_->{name}\n" } grep { $_->{ok} } @checks;
    my $before = Imgbuild::File::slurp($PASSED);
    Imgbuild::File::replace($PASSED, $passed, 0600) if !defined $before || $before ne $passed;
}

# Waits until all that was well before is well again; dies with what is not after `$seconds`.
sub await($image, $before, $seconds) {
    my @needed = map { $_->{name} } grep { $_->{ok} } @$before;
    my $end = time + $seconds;
    while (1) {
        my %now = map { $_->{name} => $_ } checks($image);
        my @missing = grep { !$now{$_} || !$now{$_}{ok} } @needed;
        return if !@missing;
        if (time >= $end) {
            my @reasons = map { $now{$_} // {name => $_, detail => ''} } @missing;
            die "not well within $seconds s: " . reason(@reasons) . "\n";
        }
        sleep 1;
    }
}

# Waits, after a start, until `@services` are up and stay so, and all is well that was before it or, where
# nobody knows that, all that can be. Neither network nor radio can be blamed on a setting if they are not
# there. Gives what is not well after `$seconds`, or where a service was given up.
sub ill_after_start($image, $seconds, @services) {
    local $ENV{IMGBUILD_WITHOUT} = join ' ', 'network', glob('/sys/class/ieee80211/*') ? () : 'radio';
    my $passed = Imgbuild::File::slurp($PASSED);
    my %passed = map { $_ => 1 } split /\n/, $passed // '';
    my $steady = $seconds < $STEADY ? $seconds : $STEADY;
    my ($began, $since, $seen) = (time, time, '');
    my %before;
    while (1) {
        my @now = Imgbuild::Services::of(@services);
        $before{$_->{name}} //= $_->{restarts} for @now;
        my @ill = map { {name => $_->{name}, detail => "$_->{state}, $_->{detail}", service => 1} } grep { !$_->{well} } @now;
        my @checks = checks($image);
        my %ends = map { $_->{name} => 1 } @checks;
        push @ill, grep { !$_->{ok} && (!defined $passed || $passed{$_->{name}}) } @checks;
        push @ill, map { {name => $_, detail => ''} } grep { !$ends{$_} } sort keys %passed;
        my $found = join ' ', map({ "$_->{state} $_->{run}" } @now), map { $_->{name} } @ill;
        ($since, $seen) = (time, $found) if $found ne $seen;
        my $stays = time - $since >= $steady;
        return () if !@ill && $stays;
        my $given_up = $stays && grep { $_->{state} eq 'failed' } @now;
        my $in_vain = time - $began >= $TRIES && grep { !$_->{well} && $_->{restarts} - $before{$_->{name}} >= $RESTARTS } @now;
        return @ill if @ill && ($given_up || $in_vain || time - $began >= $seconds);
        return {name => 'services', detail => 'they start again and again'} if time - $began >= $seconds + $steady;
        sleep 1;
    }
}

sub reason(@checks) {
    return join ', ', map { $_->{detail} eq '' ? $_->{name} : "$_->{name} ($_->{detail})" } @checks;
}

1;
