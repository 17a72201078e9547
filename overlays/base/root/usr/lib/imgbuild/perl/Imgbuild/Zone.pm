# Time zones: whether this device has one, and which it has instead, as imgbuild itself says it
# (src/compose/named.rs).
package Imgbuild::Zone;
use v5.36;
use Imgbuild::File;
use Imgbuild::Nearest;

my $FOLDER = '/usr/share/zoneinfo';

# Whether there is a file of zic(8) of this name. Names that begin with a small letter are links for
# programs of old.
sub is_there ($zone) {
    return $zone =~ /\A[A-Z]/ && (Imgbuild::File::slurp("$FOLDER/$zone") // '') =~ /\ATZif/;
}

# What is wrong with `$zone`, and what there is; undef where nothing is, or where nobody knows.
sub problem ($zone) {
    return undef if !-d $FOLDER || is_there($zone);
    my $data = Imgbuild::File::slurp("$FOLDER/tzdata.zi") // '';
    # zic(8): `L TARGET NAME` is a link, of which Debian has those of old in tzdata-legacy alone; `Z
    # NAME` is a zone.
    my %today = reverse $data =~ /^L (\S+) (\S+)/mg;
    my @known = ((sort keys %today), $data =~ /^Z (\S+)/mg);
    my ($near) = ((grep { lc eq lc $zone } @known), grep { m{/\Q$zone\E\z}i } @known);
    $near //= Imgbuild::Nearest::nearest($zone, @known);
    my ($there) = grep { defined && is_there($_) } $near, defined $near ? $today{$near} : undef;
    return 'the device has no such zone; '
        . (defined $there ? "there is `$there`" : 'expected a name such as `Europe/Berlin`');
}

1;
