# What the owner of the device has to know: names, passwords and addresses. This module alone makes
# these texts, from the files as they are, whenever they may have changed. It shows them above the
# login and in a text file on the boot partition until `imgbuild-config seal`. They never pass
# through the output of a unit, which would go to the journal and stay there. A text that the device
# made and otherwise stores only as a hash is kept here in the clear until the seal.
package Imgbuild::Credentials;
use v5.36;
use File::Basename qw(dirname);
use Imgbuild::Command;
use Imgbuild::File;
use Imgbuild::Issue;
use Imgbuild::Store;

my $KEPT = "$Imgbuild::Store::STATE/credentials";
my $SEALED = "$Imgbuild::Store::STATE/sealed";
my $FIRST_BOOT = "$Imgbuild::Store::STATE/firstboot-done";
# Prints the texts, with what is kept: the parts in credentials.d.
my $PROGRAM = '/usr/lib/imgbuild/credentials';
my $PART = '50-imgbuild';
# Held while texts are shown or removed, so that nobody who began before a seal undoes it.
my $LOCK = '/run/imgbuild-credentials.lock';
# Where older images showed the texts.
my $OLD_ISSUE = '/etc/issue.d/50-imgbuild.issue';

sub path ($image) { return "$image->{context}{image}{'boot-mount'}/imgbuild-secrets.txt" }

sub is_sealed() { return -e $SEALED }

# The part of `%$made` that has to be kept in the clear, because nothing else on the device holds
# it.
sub only_here ($image, $made) {
    return map { $_ => $made->{$_} } grep { $image->{settings}{$_}{hashed} } keys %$made;
}

# The texts that are kept, by name.
sub kept() {
    my ($pairs) = Imgbuild::Store::parse(Imgbuild::File::slurp($KEPT) // '');
    return map { $_->{name} => $_->{text} } @$pairs;
}

# Keeps more texts. This comes before any of them is used, so that no power cut leaves a password
# that nobody knows.
sub keep (%texts) {
    write_kept(kept(), %texts) if %texts;
}

sub write_kept (%texts) {
    Imgbuild::File::update($KEPT, Imgbuild::Store::format_pairs(\%texts), 0600, !%texts);
}

# The texts that are kept and still hold: a setting may have been set since.
sub valid ($image) {
    my %kept = kept();
    my $lines = Imgbuild::Store::lines(1);
    for my $name (grep { $image->{settings}{$_} } keys %kept) {
        delete $kept{$name}
            if Imgbuild::Store::origin($image, $lines, $name) ne 'made by this device'
            || !Imgbuild::Store::is_stored($image->{settings}{$name},
            $kept{$name}, $lines->{made}{$name});
    }
    return %kept;
}

# The clear text of a secret; undef if the device has only its hash.
sub reveal ($image, $name, $value) {
    return $value if !$image->{settings}{$name}{hashed};
    return {valid($image)}->{$name};
}

# Makes the texts anew and shows them; before the end of the first boot only with `first_boot`.
# `final`: nothing will be put back any more, so texts that do not hold are forgotten. Returns
# whether all went well: no change and no start fails because of a text.
sub publish ($image, %how) {
    return 1 if eval { my $lock = Imgbuild::File::lock($LOCK); show($image, %how); 1 };
    print STDERR "imgbuild: $@";
    return 0;
}

sub show ($image, %how) {
    return if !-e $FIRST_BOOT && !$how{first_boot};
    my %kept = valid($image);
    write_kept(%kept) if $how{final};
    # A text that was made after a seal is shown until the next seal.
    my $text =
        is_sealed()
        ? join('', map { "$_: $kept{$_} (made anew)\n" } sort keys %kept)
        : text($image, %kept);
    Imgbuild::Issue::put($PART, $text eq '' ? '' : Imgbuild::Issue::literal("$text\n"), 0600);
    my $path = path($image);
    Imgbuild::File::update($path, $text, 0600, $text eq '') if is_mounted(dirname($path));
    write_on_console($text) if $how{first_boot};
}

sub text ($image, %kept) {
    local $ENV{IMGBUILD_MADE} = join '', map { "$_ = $kept{$_}\n" } sort keys %kept;
    my $text = Imgbuild::Command::output('timeout', '30', $PROGRAM);
    die "`$PROGRAM` failed\n" if $?;
    return "$image->{context}{image}{name}: made at the first boot of this device\n$text";
}

# Whether something is mounted at a folder. Without its partition, the boot folder is one of the
# root filesystem, where nobody looks.
sub is_mounted ($folder) {
    return grep { (split / /)[4] eq $folder } split /\n/,
        Imgbuild::File::slurp('/proc/self/mountinfo') // '';
}

# For a person at a console without a login.
sub write_on_console ($text) {
    open my $console, '|-', 'timeout 10 sh -c "cat > /dev/console" 2> /dev/null' or return;
    local $SIG{PIPE} = 'IGNORE';
    print {$console} $text;
    close $console;
}

# Removes everything that was shown or kept. Returns the paths of the removed files.
sub seal ($image) {
    my $lock = Imgbuild::File::lock($LOCK);
    Imgbuild::File::replace($SEALED, '', 0600);
    my @paths = grep { -e } path($image), $KEPT, $OLD_ISSUE;
    for my $path (@paths) {
        Imgbuild::File::remove($path, 1);
        Imgbuild::File::sync_directory($path);
    }
    Imgbuild::Issue::put($PART, '');
    return @paths;
}

1;
