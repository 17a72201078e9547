# The text file on the boot partition in which a person sets what is to change, on any computer.
package Imgbuild::BootFile;
use v5.36;
use Imgbuild::File;
use Imgbuild::Issue;
use Imgbuild::Json;
use Imgbuild::Store;
use Imgbuild::ProvisionalStart;

my $SEEN = "$Imgbuild::Store::STATE/boot-file";
my $PROBLEMS = "$Imgbuild::Store::STATE/problems";
# A screen has no room for more of them.
my $MOST = 12;

sub folder ($image) { return $image->{context}{image}{'boot-mount'} }
sub path ($image) { return folder($image) . '/imgbuild.txt' }

# The pairs that were changed since the file was last taken over, and what is wrong with any of it.
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

# Whether these pairs, and no others, were refused before.
sub were_refused ($image, $pairs) {
    my $refused = Imgbuild::ProvisionalStart::refused() // return 0;
    return @$pairs == keys %$refused && !grep { !is_stored($image, $_, $refused) } @$pairs;
}

# Pairs as they are kept, of secrets what the device itself keeps of them.
sub kept ($image, $pairs) {
    my %kept =
        map { $_->{name} => Imgbuild::Store::stored($image->{settings}{$_->{name}}, $_->{text}) }
        @$pairs;
    return Imgbuild::Json::encode(\%kept);
}

# The file's pairs are taken over: notes that. Gives the notes as a file to write.
sub seen ($image) {
    my ($pairs) = Imgbuild::Store::parse(Imgbuild::File::slurp(path($image)) // '');
    return ($SEEN => {bytes => kept($image, $pairs), mode => 0600});
}

# Once secrets are on the device and hold, nobody needs to read them on the card.
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
    my ($path, $notes) = seen($image);
    Imgbuild::File::replace($path, @$notes{qw(bytes mode)});
}

# Tells beside the file why it is not used, or that nothing is wrong with it any more.
sub report ($image, @lines) {
    remember(@lines);
    my $path = folder($image) . '/imgbuild-problems.txt';
    if (!@lines) { unlink $path; return }
    my $text = join '', map { "$_\r\n" } @lines;
    return if (Imgbuild::File::slurp($path) // '') eq $text;
    Imgbuild::File::replace($path, $text, 0644);
}

# The same for imgbuild-status, and for later starts.
sub remember (@lines) {
    my $text = join '', map { "$_\n" } @lines;
    if (!@lines) { unlink $PROBLEMS }
    elsif ((Imgbuild::File::slurp($PROBLEMS) // '') ne $text) {
        Imgbuild::File::replace($PROBLEMS, $text, 0600);
    }
    announce();
}

# The same above the login, for a person who has nothing but the console.
sub announce() {
    my @lines = problems();
    splice @lines, $MOST, @lines, '  … and more, in imgbuild-problems.txt beside it'
        if @lines > $MOST + 1;
    Imgbuild::Issue::put('55-imgbuild',
        @lines ? Imgbuild::Issue::literal(join '', map { "$_\n" } @lines, '') : '');
}

sub problems() { return split /\n/, Imgbuild::File::slurp($PROBLEMS) // '' }

1;
