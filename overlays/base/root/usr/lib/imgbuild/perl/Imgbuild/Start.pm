# How settings take part in the start of the device: `boot` before its services, `verdict` after
# them.
package Imgbuild::Start;
use v5.36;
use Imgbuild::BootFile;
use Imgbuild::Change;
use Imgbuild::Credentials;
use Imgbuild::File;
use Imgbuild::Health;
use Imgbuild::Rules;
use Imgbuild::Store;

# Finishes what a power cut interrupted, and makes what the first boot has to make. Takes over what
# was written into the files by hand and, provisionally, on the boot partition. A mistake costs the
# change and never the start.
sub boot ($image) {
    start($image) if !resume($image);
    # The texts above the login are in /run, so they are made anew with each start.
    Imgbuild::BootFile::announce();
    publish($image);
    return 0;
}

sub publish ($image) {
    Imgbuild::Credentials::publish($image, final => !Imgbuild::Change::unfinished());
}

sub start ($image) {
    my ($pairs, $mistakes) = Imgbuild::BootFile::changed($image);
    my $again = !@$mistakes && Imgbuild::BootFile::were_refused($image, $pairs);
    Imgbuild::BootFile::forget_refusal() if !$again;
    my $use = @$pairs && !@$mistakes && !$again;
    apply_own($image, $use ? map { $_->{name} } @$pairs : ());
    my $taken = !$use || eval {
        my $note = Imgbuild::BootFile::stored($image, $pairs);
        take_over($image, $pairs, provisional => $note);
        1;
    };
    if (!$taken) {
        $mistakes = [split /\n/, $@];
        apply_own($image);
    }
    my @problems = $again ? Imgbuild::BootFile::problems() : map { "  $_" } @$mistakes;
    unshift @problems, 'imgbuild.txt was not used. Nothing was changed because of:' if @$mistakes;
    eval { Imgbuild::BootFile::report($image, @problems); 1 } or say "imgbuild: $@";
    say "imgbuild: imgbuild.txt is not used: $_" for @$mistakes;
    say 'imgbuild: imgbuild.txt is not tried again before it changes' if $again;
    Imgbuild::BootFile::take_secrets($image)
        if !@$mistakes && !$again && !Imgbuild::Change::is_provisional();
}

# Decides about what was taken over: the device has to be well with it within `$seconds`, or no
# better without it.
sub verdict ($image, $seconds) {
    return 0 if !Imgbuild::Change::is_provisional();
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
    my @complaints = map { Imgbuild::Health::complaints($_->{name}) } grep { $_->{service} } @ill;
    my @problems = go_back($image, $reason, @complaints);
    my %still =
        map { $_->{name} => 1 } Imgbuild::Health::ill_after_start($image, $seconds, @services);
    if (!grep { !$still{$_->{name}} } @ill) {
        take_up_again($image);
        say 'imgbuild: the settings of imgbuild.txt stay; the device is not well without them ',
            "either: $reason";
        return;
    }
    Imgbuild::BootFile::report($image, @problems);
    # The unit's standard error is the console.
    print STDERR "imgbuild: $_\n" for @problems;
}

# Takes over again what was put back and turned out not to be to blame.
sub take_up_again ($image) {
    Imgbuild::BootFile::forget_refusal();
    my ($pairs, $mistakes) = Imgbuild::BootFile::changed($image);
    return if @$mistakes;
    print STDERR "imgbuild: $_"
        for Imgbuild::Rules::reload_each(Imgbuild::Rules::of(take_over($image, $pairs)));
    Imgbuild::BootFile::take_secrets($image);
}

# Whether a provisional change goes on with this start. Any other unfinished change is put back.
sub resume ($image) {
    return 0 if !Imgbuild::Change::unfinished();
    my $provisional = Imgbuild::Change::is_provisional();
    my $failed = Imgbuild::Change::noted('failed');
    my ($pairs, $mistakes) =
        $provisional && !defined $failed ? Imgbuild::BootFile::changed($image) : ([], []);
    my $card_changed = @$pairs || @$mistakes;
    if (!$provisional || $card_changed) {
        Imgbuild::Rules::install(Imgbuild::Rules::of(Imgbuild::Change::put_back()));
        say 'imgbuild: the power failed before a change was found good; everything is as it was ',
            'before it'
            if !$provisional;
        return 0;
    }
    return 1 if !defined $failed && Imgbuild::Change::starts_again();
    my $reason = $failed // 'the device was switched off each time before its services were up';
    Imgbuild::Rules::install(Imgbuild::Rules::of(Imgbuild::BootFile::refuse($reason)));
    Imgbuild::BootFile::remember(problems($reason));
    return 0;
}

# Puts everything back as it was before the provisional change, while the device runs. Returns the
# lines for the owner.
sub go_back ($image, $reason, @complaints) {
    my @paths = Imgbuild::BootFile::refuse($reason);
    push @paths, apply_own($image);
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

# Applies what was set by hand and makes what is absent, except for the settings `@elsewhere`.
# Returns the paths of the files that changed.
sub apply_own ($image, @elsewhere) {
    my @changed;
    return @changed if eval { @changed = start_with($image, except => \@elsewhere); 1 };
    print "imgbuild: /etc/imgbuild is not used: $@";
    # The device has to make its own values in any case, even if nothing can be checked.
    my $applied = sub ($lines) { %$lines = %{Imgbuild::Store::lines(1)} };
    my %how = (edit => $applied, except => \@elsewhere, unverified => 1);
    eval { @changed = start_with($image, %how); 1 } or print "imgbuild: $@";
    return @changed;
}

# Makes what each device makes for itself, for the programs that check a finished image.
sub prepare ($image) { start_with($image, unverified => 1) }

# Takes over pairs of the boot partition. Returns the paths of the files that changed.
sub take_over ($image, $pairs, %how) {
    my $edit =
        sub ($lines) { Imgbuild::Store::put($image, $lines, $_->{name}, $_->{text}) for @$pairs };
    my @changed =
        start_with($image, edit => $edit, beside => {Imgbuild::BootFile::seen($image)}, %how);
    say "imgbuild: taken over from imgbuild.txt: $_->{name}" for @$pairs;
    return @changed;
}

# Applies what was set by hand before services start. `edit` changes the lines first; `beside`
# names further files to write; nothing is made for the settings `except`. Returns the paths of the
# files that changed.
sub start_with ($image, %how) {
    my $lines = Imgbuild::Store::checked($image, Imgbuild::Store::lines());
    $how{edit}->($lines) if $how{edit};
    my $made = Imgbuild::Store::make_absent($image, $lines, @{$how{except} // []});
    my ($change, $state) = Imgbuild::Change::of_lines($image, $lines);
    my $same = !grep { (Imgbuild::File::slurp($_) // '') ne $state->{$_}{bytes} } keys %$state;
    my $beside = $how{beside} // {};
    return () if !%$change && $same && !%$beside;
    # Nobody is there to read it now: after a seal, everything new is shown again.
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
