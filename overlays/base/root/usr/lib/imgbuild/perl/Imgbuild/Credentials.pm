# What the owner of the device has to know: names, passwords and addresses. One place makes these
# texts, of the files as they are, whenever they may have changed, and shows them above the login
# and in a text file on the boot partition until `imgbuild-config seal`. They never pass through a
# unit's output: that goes to the journal, which stays. What the device made and keeps but the hash
# of is kept here in the clear until the seal.
package Imgbuild::Credentials;
use v5.36;
use Fcntl qw(LOCK_EX);
use Imgbuild::File;
use Imgbuild::Issue;
use Imgbuild::Store;

my $KEPT = "$Imgbuild::Store::STATE/credentials";
my $SEALED = "$Imgbuild::Store::STATE/sealed";
my $FIRST_BOOT = "$Imgbuild::Store::STATE/firstboot-done";
# Prints the texts: the parts in credentials.d, which know what is kept.
my $PROGRAM = '/usr/lib/imgbuild/credentials';
my $PART = '50-imgbuild';
# Where an image of before told them.
my $OLD_ISSUE = '/etc/issue.d/50-imgbuild.issue';

sub path ($image) { return "$image->{context}{image}{'boot-mount'}/imgbuild-secrets.txt" }

sub is_sealed() { return -e $SEALED }

# What of `%$made` is to be kept in the clear until it was told: what nothing else on the device
# holds.
sub only_here ($image, $made) {
    return map { $_ => $made->{$_} } grep { $image->{settings}{$_}{hashed} } keys %$made;
}

# What is kept: name → text.
sub kept() {
    my ($pairs) = Imgbuild::Store::parse(Imgbuild::File::slurp($KEPT) // '');
    return map { $_->{name} => $_->{text} } @$pairs;
}

# Keeps more, before anything of it is used, so that no power cut makes a password that nobody
# knows.
sub keep (%texts) {
    write_kept(kept(), %texts) if %texts;
}

sub write_kept (%texts) {
    if (!%texts) { Imgbuild::File::remove($KEPT, 1); return }
    my $bytes = join '',
        map { "$_ = " . Imgbuild::Store::quote($texts{$_}) . "\n" } sort keys %texts;
    Imgbuild::File::replace($KEPT, $bytes, 0600) if $bytes ne (Imgbuild::File::slurp($KEPT) // '');
}

# What is kept of settings and does not hold any more, for somebody has set it.
sub outdated ($image, %kept) {
    my $lines = Imgbuild::Store::lines(1);
    return grep {
        $image->{settings}{$_}
            && (Imgbuild::Store::origin($image, $lines, $_) ne 'made by this device'
            || !Imgbuild::Store::is_stored($image->{settings}{$_}, $kept{$_}, $lines->{made}{$_}))
    } keys %kept;
}

# The clear text of a secret that holds now; undef where the device has but its hash.
sub reveal ($image, $name, $value) {
    return $value if !$image->{settings}{$name}{hashed};
    my %kept = kept();
    delete @kept{outdated($image, %kept)};
    return $kept{$name};
}

# Makes the texts anew and shows them; before the end of the first boot only where that asks for it.
# `final`: nothing will be put back any more, and what does not hold can be forgotten. Gives whether
# that was done: no change and no start fails for a text.
sub publish ($image, %how) {
    return 1 if eval { my $turn = turn(); show($image, %how); 1 };
    print STDERR "imgbuild: $@";
    return 0;
}

# One at a time: a seal is not undone by somebody who began before it.
sub turn() {
    my $path = '/run/imgbuild-credentials.lock';
    open my $turn, '>', $path or die "cannot open `$path`: $!\n";
    flock $turn, LOCK_EX or die "cannot lock `$path`: $!\n";
    return $turn;
}

sub show ($image, %how) {
    return if !-e $FIRST_BOOT && !$how{first_boot};
    my %kept = kept();
    delete @kept{outdated($image, %kept)};
    write_kept(%kept) if $how{final};
    my $text = is_sealed() ? made_anew(%kept) : text($image, %kept);
    Imgbuild::Issue::put($PART, $text eq '' ? '' : Imgbuild::Issue::literal("$text\n"), 0600);
    write_on_boot_partition($image, $text);
    write_on_console($text) if $how{first_boot};
}

# What was made after the seal is told until the next one.
sub made_anew (%kept) {
    return join '', map { "$_: $kept{$_} (made anew)\n" } sort keys %kept;
}

sub text ($image, %kept) {
    local $ENV{IMGBUILD_MADE} = join '', map { "$_ = $kept{$_}\n" } sort keys %kept;
    open my $output, '-|', 'timeout', '30', $PROGRAM or die "cannot start `$PROGRAM`: $!\n";
    my $text = do { local $/; <$output> }
        // '';
    close $output or die "`$PROGRAM` failed\n";
    return "$image->{context}{image}{name}: made at the first boot of this device\n$text";
}

sub write_on_boot_partition ($image, $text) {
    my $path = path($image);
    return if (Imgbuild::File::slurp($path) // '') eq $text || !is_mounted($path =~ s{/[^/]+\z}{}r);
    if ($text eq '') { Imgbuild::File::remove($path, 1) }
    else { Imgbuild::File::replace($path, $text, 0600) }
}

# Without its partition the folder is one of the root filesystem, where nobody looks.
sub is_mounted ($folder) {
    return grep { (split / /)[4] eq $folder } split /\n/,
        Imgbuild::File::slurp('/proc/self/mountinfo') // '';
}

# For who sits at a console without a login.
sub write_on_console ($text) {
    open my $console, '|-', 'timeout 10 sh -c "cat > /dev/console" 2> /dev/null' or return;
    local $SIG{PIPE} = 'IGNORE';
    print {$console} $text;
    close $console;
}

# Forgets what was shown. Gives what was taken away.
sub seal ($image) {
    my $turn = turn();
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
