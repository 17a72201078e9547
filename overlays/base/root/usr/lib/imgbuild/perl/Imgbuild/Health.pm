# What the profile's own checks say of this device: lines `NAME ok|FAIL DETAIL`.
package Imgbuild::Health;
use v5.36;

# The checks in their order: name, ok, detail. None where the profile has no checks.
sub checks($image) {
    my $program = $image->{context}{profile}{health} // return ();
    open my $output, '-|', 'timeout', '60', $program or return ();
    my @checks;
    while (<$output>) {
        push @checks, {name => $1, ok => $2 eq 'ok', detail => $3} if /\A(\S+) (ok|FAIL) ?(.*)$/;
    }
    close $output;
    return @checks;
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
            my @reasons = map { $now{$_} && $now{$_}{detail} ne '' ? "$_ ($now{$_}{detail})" : $_ } @missing;
            die 'not well within ' . $seconds . ' s: ' . join(', ', @reasons) . "\n";
        }
        sleep 1;
    }
}

1;
