# What the device makes of settings: reads {"image", "cases": [{name: text}]} and writes, a line a case,
# {"files": {path: bytes}, "shown": {name: text}} or {"refused": reason}.
use v5.36;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Kind;
use Imgbuild::Store;

binmode $_ for *STDIN, *STDOUT;
my $given = Imgbuild::Json::decode(do { local $/; <STDIN> });
my $image = $given->{image};
Imgbuild::Kind::prepare($image);
for my $case (@{$given->{cases}}) {
    my $answer = eval {
        Imgbuild::Store::check_pair($image, $_, $case->{$_}) for sort keys %$case;
        my $lines = {settings => {}, secrets => {}, made => {}};
        for my $name (keys %$case) {
            my $kind = $image->{settings}{$name}{secret} ? 'secrets' : 'settings';
            # As through the file in which it stands.
            my ($pairs, $mistakes) = Imgbuild::Store::parse(Imgbuild::Store::format_lines($kind, {$name => Imgbuild::Store::stored($image->{settings}{$name}, $case->{$name})}));
            die "not read back: @$mistakes\n" if @$mistakes || @$pairs != 1;
            $lines->{$kind}{$name} = $pairs->[0]{text};
        }
        my $values = Imgbuild::Store::values($image, $lines);
        my @mistakes = Imgbuild::Store::mistakes($image, $values);
        die "$mistakes[0]\n" if @mistakes;
        my $files = Imgbuild::Files::of($image, $values);
        my %shown = map { $_ => Imgbuild::Kind::show($image->{settings}{$_}, $values->{$_}) } keys %$case;
        { files => { map { $_ => $files->{$_}{bytes} } keys %$files }, shown => \%shown };
    };
    say Imgbuild::Json::encode($answer // { refused => $@ });
}
