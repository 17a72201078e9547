# The text file on the boot partition in which a person sets what is to change, on any computer.
package Imgbuild::BootFile;
use v5.36;
use Imgbuild::File;
use Imgbuild::Json;
use Imgbuild::Store;

my $SEEN = "$Imgbuild::Store::STATE/boot-file";

sub folder($image) { return $image->{context}{image}{'boot-mount'} }
sub path($image)   { return folder($image) . '/imgbuild.txt' }

# What the first boot told its owner, until that is taken away.
sub told($image) { return folder($image) . '/imgbuild-secrets.txt' }

# The pairs that were changed since the file was last taken over, and what is wrong with any of it.
sub changed($image) {
    my $text = Imgbuild::File::slurp(path($image)) // return ([], []);
    my ($pairs, $mistakes) = Imgbuild::Store::parse($text);
    for my $pair (@$pairs) {
        next if eval { Imgbuild::Store::check_pair($image, $pair->{name}, $pair->{text}); 1 };
        chomp(my $reason = $@);
        push @$mistakes, "line $pair->{line}: $reason";
    }
    my $seen = Imgbuild::Json::decode(Imgbuild::File::slurp($SEEN) // '{}');
    my @changed = grep { !defined $seen->{$_->{name}} || $seen->{$_->{name}} ne $_->{text} } @$pairs;
    return (\@changed, $mistakes);
}

# The file's pairs are taken over: notes that, and takes secrets out of the file. Gives the notes as a
# file to write.
sub seen($image) {
    my ($pairs) = Imgbuild::Store::parse(Imgbuild::File::slurp(path($image)) // '');
    my %open = map { $_->{name} => $_->{text} } grep { !$image->{settings}{$_->{name}}{secret} } @$pairs;
    return ($SEEN => {bytes => Imgbuild::Json::encode(\%open), mode => 0600});
}

# Once secrets are on the device, nobody needs to read them on the card.
sub take_secrets($image) {
    my $text = Imgbuild::File::slurp(path($image)) // return;
    my ($pairs) = Imgbuild::Store::parse($text);
    for my $name (map { $_->{name} } grep { $image->{settings}{$_->{name}}{secret} } @$pairs) {
        $text =~ s/^(\xef\xbb\xbf)?[ \t]*\Q$name\E[ \t]*=[^\r\n]*/($1 \/\/ '') . "# $name: the device has it now"/me;
    }
    Imgbuild::File::replace(path($image), $text, 0600) if $text ne Imgbuild::File::slurp(path($image));
}

# Tells beside the file what is wrong with it, or that nothing is any more.
sub report($image, @mistakes) {
    my $path = folder($image) . '/imgbuild-problems.txt';
    if (!@mistakes) { unlink $path; return }
    my @lines = ('imgbuild.txt was not used. Nothing was changed because of:', map { "  $_" } @mistakes);
    my $text = join '', map { "$_\r\n" } @lines;
    return if (Imgbuild::File::slurp($path) // '') eq $text;
    Imgbuild::File::replace($path, $text, 0644);
}

1;
