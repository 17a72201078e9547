# A change that was taken over when the device started, before anybody could know whether its
# services come up with it: files and all stay ready to be put back until that is decided.
package Imgbuild::ProvisionalStart;
use v5.36;
use Imgbuild::Change;
use Imgbuild::File;
use Imgbuild::Json;
use Imgbuild::Store;

my $REFUSED = "$Imgbuild::Store::STATE/refused";
# Power may fail while nobody knows yet. What is not known after this many starts is given up: it
# may be the change that keeps the device from getting that far.
my $STARTS = 3;

# Whether one is going on: all of it is in place.
sub runs() { return Imgbuild::Change::unfinished() && defined Imgbuild::Change::noted('start-1') }

# Why it was found bad, where all is to be put back and the power failed on the way.
sub failed() { return Imgbuild::Change::noted('failed') }

# One more start with it; false where it had enough of them.
sub starts_again() {
    my ($next) = grep { !defined Imgbuild::Change::noted("start-$_") } 1 .. $STARTS;
    Imgbuild::Change::note("start-$next", '') if defined $next;
    return defined $next;
}

# It is found bad: puts everything back, and remembers what it was. Gives the files.
sub refuse ($reason) {
    Imgbuild::Change::note('failed', $reason);
    Imgbuild::File::replace($REFUSED, Imgbuild::Change::noted('provisional'), 0600);
    return Imgbuild::Change::put_back();
}

# What was refused last: name → as it is stored.
sub refused() { return Imgbuild::Json::decode(Imgbuild::File::slurp($REFUSED) // 'null') }

sub forget_refusal() { Imgbuild::File::remove($REFUSED) }

1;
