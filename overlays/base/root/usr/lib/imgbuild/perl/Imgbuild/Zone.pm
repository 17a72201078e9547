# Time zones: whether this device has one, and otherwise which one it has instead, in the words of
# imgbuild itself (src/compose/named.rs).
package Imgbuild::Zone;
use v5.36;
use Imgbuild::File;
use Imgbuild::Nearest;

my $FOLDER = '/usr/share/zoneinfo';

# Whether zic(8) has made a file of this name. Names that begin with a small letter are links for
# old programs.
sub is_there ($zone) {
    return $zone =~ /\A[A-Z]/ && (Imgbuild::File::slurp("$FOLDER/$zone") // '') =~ /\ATZif/;
}

# What is wrong with `$zone`, and what the device has; undef if nothing is, or if nobody knows.
sub problem ($zone) {
    return undef if !-d $FOLDER || is_there($zone);
    my $data = Imgbuild::File::slurp("$FOLDER/tzdata.zi") // '';
    # zic(8): `Z NAME` is a zone and `L TARGET NAME` a link. Debian has old links in tzdata-legacy
    # only.
    my %today = reverse $data =~ /^L (\S+) (\S+)/mg;
    my @known = ((sort keys %today), $data =~ /^Z (\S+)/mg);
    my ($near) = ((grep { lc eq lc $zone } @known), grep { m{/\Q$zone\E\z}i } @known);
    $near //= Imgbuild::Nearest::nearest($zone, @known);
    my ($there) = grep { defined && is_there($_) } $near, defined $near ? $today{$near} : undef;
    return 'the device has no such zone; '
        . (defined $there ? "there is `$there`" : 'expected a name such as `Europe/Berlin`');
}

1;
