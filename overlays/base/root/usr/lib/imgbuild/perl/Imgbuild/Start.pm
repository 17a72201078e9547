# What settings have to do with the start of the device: `boot` before its services, `verdict` after
# them.
package Imgbuild::Start;
use v5.36;
use Imgbuild::BootFile;
use Imgbuild::Change;
use Imgbuild::Credentials;
use Imgbuild::File;
use Imgbuild::Health;
use Imgbuild::Rules;
use Imgbuild::Services;
use Imgbuild::Store;
use Imgbuild::ProvisionalStart;

# Finishes what a power cut interrupted, makes what the first boot has to make, and takes over what
# was written into the files by hand and, provisionally, on the boot partition. A mistake costs the
# change and never the start.
sub boot ($image) {
    my $status = start($image);
    # Nothing stands above the login yet: it is made anew with each start.
    Imgbuild::BootFile::announce();
    publish($image);
    return $status;
}

sub publish ($image) {
    Imgbuild::Credentials::publish($image, final => !Imgbuild::Change::unfinished());
}

sub start ($image) {
    return 0 if resume($image);
    my ($pairs, $mistakes) = Imgbuild::BootFile::changed($image);
    my $again = !@$mistakes && Imgbuild::BootFile::were_refused($image, $pairs);
    Imgbuild::ProvisionalStart::forget_refusal() if !$again;
    my $use = @$pairs && !@$mistakes && !$again;
    own($image, $use ? map { $_->{name} } @$pairs : ());
    if (
        $use && !eval {
            take_over($image, $pairs, provisional => Imgbuild::BootFile::kept($image, $pairs));
            1;
        }
        )
    {
        $mistakes = [split /\n/, $@];
        own($image);
    }
    my @told = $again ? Imgbuild::BootFile::problems() : map { "  $_" } @$mistakes;
    unshift @told, 'imgbuild.txt was not used. Nothing was changed because of:' if @$mistakes;
    eval { Imgbuild::BootFile::report($image, @told); 1 } or say "imgbuild: $@";
    say "imgbuild: imgbuild.txt is not used: $_" for @$mistakes;
    say 'imgbuild: imgbuild.txt is not tried again before it changes' if $again;
    Imgbuild::BootFile::take_secrets($image)
        if !@$mistakes && !$again && !Imgbuild::ProvisionalStart::runs();
    return 0;
}

# Decides about what was taken over: the device has to be well with it within `$seconds`, or no
# better without it.
sub verdict ($image, $seconds) {
    return 0 if !Imgbuild::ProvisionalStart::runs();
    decide($image, $seconds);
    publish($image);
    return 0;
}

sub decide ($image, $seconds) {
    my @services =
        Imgbuild::Rules::commands(Imgbuild::Rules::of(Imgbuild::Change::paths()), 'service');
    my @ill = Imgbuild::Health::ill_after_start($image, $seconds, @services);
    if (!@ill) {
        Imgbuild::Change::forget();
        Imgbuild::BootFile::take_secrets($image);
        say 'imgbuild: the device works with the settings of imgbuild.txt';
        return;
    }
    my $reason = Imgbuild::Health::reason(@ill);
    my @complaints = map { Imgbuild::Services::complaints($_->{name}) } grep { $_->{service} } @ill;
    my @problems = go_back($image, $reason, @complaints);
    my %still =
        map { $_->{name} => $_ } Imgbuild::Health::ill_after_start($image, $seconds, @services);
    if (!grep { !$still{$_->{name}} } @ill) {
        take_up_again($image);
        say 'imgbuild: the settings of imgbuild.txt stay; the device is not well without them ',
            "either: $reason";
        return;
    }
    Imgbuild::BootFile::report($image, @problems);
    # Standard error is the console here.
    print STDERR "imgbuild: $_\n" for @problems;
}

# What was put back was not to blame.
sub take_up_again ($image) {
    Imgbuild::ProvisionalStart::forget_refusal();
    my ($pairs, $mistakes) = Imgbuild::BootFile::changed($image);
    return if @$mistakes;
    print STDERR "imgbuild: $_"
        for Imgbuild::Rules::reload_each(Imgbuild::Rules::of(take_over($image, $pairs)));
    Imgbuild::BootFile::take_secrets($image);
}

# Whether a provisional change goes on with this start. Anything else that was not finished is put
# back.
sub resume ($image) {
    return 0 if !Imgbuild::Change::unfinished();
    if (!Imgbuild::ProvisionalStart::runs()) {
        my @paths = Imgbuild::Change::put_back();
        Imgbuild::Rules::install(Imgbuild::Rules::of(@paths));
        say 'imgbuild: the power failed before a change was found good; everything is as it was ',
            'before it';
        return 0;
    }
    my $reason = Imgbuild::ProvisionalStart::failed();
    my ($pairs, $mistakes) = Imgbuild::BootFile::changed($image);
    if (!defined $reason && (@$pairs || @$mistakes)) {
        # A person thought better of it.
        Imgbuild::Rules::install(Imgbuild::Rules::of(Imgbuild::Change::put_back()));
        return 0;
    }
    return 1 if !defined $reason && Imgbuild::ProvisionalStart::starts_again();
    $reason //= 'the device was switched off each time before its services were up';
    my @paths = Imgbuild::ProvisionalStart::refuse($reason);
    Imgbuild::Rules::install(Imgbuild::Rules::of(@paths));
    Imgbuild::BootFile::remember(problems($reason));
    return 0;
}

# While the device runs: everything as it was before the provisional change. Gives what is to be
# told.
sub go_back ($image, $reason, @complaints) {
    my @paths = Imgbuild::ProvisionalStart::refuse($reason);
    push @paths, own($image);
    my $rules = Imgbuild::Rules::of(@paths);
    my @errors = eval { Imgbuild::Rules::install($rules); 1 } ? () : $@;
    push @errors, Imgbuild::Rules::reload_each($rules);
    chomp @errors;
    return (problems($reason, @complaints),
        map { "  And what was before does not start either: $_" } @errors);
}

sub problems ($reason, @complaints) {
    return (
        'imgbuild.txt was tried, and the device did not work with it. '
            . 'It went back to what it had, because of:',
        (map { "  $_" } $reason, @complaints),
        'It is tried again once it changes.',
    );
}

# Applies what was set by hand and makes what is absent, but for what comes from `@elsewhere`. Gives
# the files that changed.
sub own ($image, @elsewhere) {
    my @changed;
    return @changed if eval {
        @changed = start_with($image, sub ($lines) { }, but => \@elsewhere);
        1;
    };
    print "imgbuild: /etc/imgbuild is not used: $@";
    # What the device has to make for itself is made in any case, whoever cannot check it.
    my $applied = sub ($lines) { %$lines = %{Imgbuild::Store::lines(1)} };
    eval { @changed = start_with($image, $applied, but => \@elsewhere, unverified => 1); 1 }
        or print "imgbuild: $@";
    return @changed;
}

# Where the programs of an image look at it before there is a device: makes what each device makes
# for itself.
sub prepare ($image) {
    start_with($image, sub ($lines) { }, unverified => 1);
}

# Takes over pairs of the boot partition. Gives the files that changed.
sub take_over ($image, $pairs, %how) {
    my $edit =
        sub ($lines) { Imgbuild::Store::put($image, $lines, $_->{name}, $_->{text}) for @$pairs };
    my @changed = start_with($image, $edit, beside => {Imgbuild::BootFile::seen($image)}, %how);
    say "imgbuild: taken over from imgbuild.txt: $_->{name}" for @$pairs;
    return @changed;
}

# Applies what was set by hand, with what `$edit` does to it, before services start.
sub start_with ($image, $edit, %how) {
    my $lines = Imgbuild::Store::checked($image, Imgbuild::Store::lines());
    $edit->($lines);
    my $made = Imgbuild::Store::make_absent($image, $lines, @{$how{but} // []});
    my ($change, $state) = Imgbuild::Change::of_lines($image, $lines);
    my $same = !grep { (Imgbuild::File::slurp($_) // '') ne $state->{$_}{bytes} } keys %$state;
    my $beside = $how{beside} // {};
    return () if !%$change && $same && !%$beside;
    # Nobody sits there to be told once: after a seal all that is new is shown again.
    Imgbuild::Credentials::keep(
        Imgbuild::Credentials::is_sealed()
        ? %$made
        : Imgbuild::Credentials::only_here($image, $made)
    );
    Imgbuild::Change::make(
        $change, {%$state, %$beside},
        unverified => $how{unverified},
        provisional => %$change ? $how{provisional} : undef
    );
    return keys %$change;
}

1;
