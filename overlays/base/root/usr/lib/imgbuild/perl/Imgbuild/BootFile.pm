# imgbuild.txt on the boot partition, in which a person sets what is to change, on any computer.
package Imgbuild::BootFile;
use v5.36;
use Imgbuild::Change;
use Imgbuild::File;
use Imgbuild::Issue;
use Imgbuild::Json;
use Imgbuild::Store;

my $SEEN = "$Imgbuild::Store::STATE/boot-file";
my $REFUSED = "$Imgbuild::Store::STATE/refused";
my $PROBLEMS = "$Imgbuild::Store::STATE/problems";
# A screen has no room for more of them.
my $MOST = 12;

sub folder ($image) { return $image->{context}{image}{'boot-mount'} }
sub path ($image) { return folder($image) . '/imgbuild.txt' }

# The pairs that were changed since the file was last taken over, and what is wrong in the file.
sub changed ($image) {
    my $text = Imgbuild::File::slurp(path($image)) // return ([], []);
    my ($pairs, $mistakes) = Imgbuild::Store::parse($text);
    for my $pair (@$pairs) {
        next if eval { Imgbuild::Store::check_here($image, $pair->{name}, $pair->{text}); 1 };
        chomp(my $reason = $@);
        push @$mistakes, "line $pair->{line}: $reason";
    }
    @$mistakes =
        map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [/\Aline ([0-9]+)/, $_] } @$mistakes;
    my $seen = Imgbuild::Json::decode(Imgbuild::File::slurp($SEEN) // '{}');
    return ([grep { !is_stored($image, $_, $seen) } @$pairs], $mistakes);
}

sub is_stored ($image, $pair, $stored) {
    my $definition = $image->{settings}{$pair->{name}} // return 0;
    return Imgbuild::Store::is_stored($definition, $pair->{text}, $stored->{$pair->{name}});
}

# The pairs as they are stored: of secrets, what the device itself stores of them.
sub stored ($image, $pairs) {
    my %stored =
        map { $_->{name} => Imgbuild::Store::stored($image->{settings}{$_->{name}}, $_->{text}) }
        @$pairs;
    return Imgbuild::Json::encode(\%stored);
}

# The note that the pairs of the file are taken over, as a file to write.
sub seen ($image) {
    my ($pairs) = Imgbuild::Store::parse(Imgbuild::File::slurp(path($image)) // '');
    return ($SEEN => {bytes => stored($image, $pairs), mode => 0600});
}

# Puts everything back as it was before the provisional change, and remembers the pairs that were
# tried. Returns the paths of the files.
sub refuse ($reason) {
    Imgbuild::Change::note('failed', $reason);
    Imgbuild::File::replace($REFUSED, Imgbuild::Change::noted('provisional'), 0600);
    return Imgbuild::Change::put_back();
}

# Whether exactly these pairs were refused last.
sub were_refused ($image, $pairs) {
    my $refused = Imgbuild::Json::decode(Imgbuild::File::slurp($REFUSED) // return 0);
    return @$pairs == keys %$refused && !grep { !is_stored($image, $_, $refused) } @$pairs;
}

sub forget_refusal() { Imgbuild::File::remove($REFUSED) }

# Removes secrets from the card once the device has them and works with them.
sub take_secrets ($image) {
    my $text = Imgbuild::File::slurp(path($image)) // return;
    my $before = $text;
    my ($pairs) = Imgbuild::Store::parse($text);
    for my $name (map { $_->{name} } grep { $image->{settings}{$_->{name}}{secret} } @$pairs) {
        $text =~
            s/^(\xef\xbb\xbf|)[ \t]*\Q$name\E[ \t]*=[^\r\n]*/$1# $name: the device has it now/m;
    }
    return if $text eq $before;
    Imgbuild::File::replace(path($image), $text, 0600);
    my ($path, $note) = seen($image);
    Imgbuild::File::replace($path, @$note{qw(bytes mode)});
}

# Writes beside the file why it is not used, or removes what was written there before.
sub report ($image, @lines) {
    remember(@lines);
    Imgbuild::File::update(folder($image) . '/imgbuild-problems.txt',
        join('', map { "$_\r\n" } @lines), 0644);
}

# Keeps the same for imgbuild-status and for later starts.
sub remember (@lines) {
    Imgbuild::File::update($PROBLEMS, join('', map { "$_\n" } @lines), 0600);
    announce();
}

# Shows the same above the login, for a person who has only the console.
sub announce() {
    my @lines = problems();
    splice @lines, $MOST, @lines, '  … and more, in imgbuild-problems.txt beside it'
        if @lines > $MOST + 1;
    Imgbuild::Issue::put('55-imgbuild',
        @lines ? Imgbuild::Issue::literal(join '', map { "$_\n" } @lines, '') : '');
}

sub problems() { return split /\n/, Imgbuild::File::slurp($PROBLEMS) // '' }

1;
