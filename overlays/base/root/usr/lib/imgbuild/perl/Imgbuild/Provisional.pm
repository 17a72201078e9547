# A change while the device runs, provisional until it is known to be good (commit-confirm, as
# routers call it). A unit of its own carries it out, so that it is kept or taken back also where
# the session that asked for it breaks; who asked follows what it says. Everything of it but the
# change itself is in /run: after a power cut the next start takes back what was not found good.
package Imgbuild::Provisional;
use v5.36;
use Imgbuild::Change;
use Imgbuild::Credentials;
use Imgbuild::File;
use Imgbuild::Health;
use Imgbuild::Json;
use Imgbuild::Reach;
use Imgbuild::Rules;

my $FOLDER = '/run/imgbuild-change';
my $UNIT = 'imgbuild-change.service';
# A network that is just being set up may answer once more as it was.
my $STEADY = 3;
# Between two lines about what is waited for.
my $TELL = 5;
# Servers that are new to a load balancer are up until it has asked them.
my $SETTLE = 8;
# A unit that has to end does so within its TimeoutStopSec, after which systemd kills it.
my $ENDS = 310;

# Hands `$request` over to the unit and prints what that says until it ends; gives the exit code.
sub hand_over ($request) {
    -d $FOLDER or mkdir $FOLDER, 0700 or die "cannot make `$FOLDER`: $!\n";
    Imgbuild::File::remove("$FOLDER/$_") for qw(output result trying waiting confirmed);
    Imgbuild::File::create("$FOLDER/output", '', 0600);
    Imgbuild::File::create("$FOLDER/request", Imgbuild::Json::encode($request), 0600);
    my $starter = start();
    local @SIG{qw(INT TERM)} = (\&leave) x 2;
    open my $output, '<', "$FOLDER/output" or die "cannot read `$FOLDER/output`: $!\n";
    while (1) {
        my $ended = waitpid($starter, 1) != 0;
        while (<$output>) { print }
        last if $ended;
        seek $output, 0, 1;
        select undef, undef, undef, 0.2;
    }
    my $result = Imgbuild::File::slurp("$FOLDER/result");
    defined $result
        or die
        "the change ended before it was found good, and was taken back (journalctl -u $UNIT)\n";
    $result = Imgbuild::Json::decode($result);
    die $result->{error} if defined $result->{error};
    return 0;
}

# Waits until the unit of the change before has ended, its `take-back` included: until then settings
# and files may still become again what they were, and a new request would be removed with the old
# one. The session that asked for that change may be gone, so that its lock (`front`) says nothing
# of the unit. `take-back` needs the other lock (`lock`): whoever waits here must not hold it. Gives
# whether the unit has ended; one that still tries its change is not waited for.
sub has_ended() {
    my ($end, $line) = (time + $ENDS, time);
    while (1) {
        my $state = unit_state();
        return $state ne 'activating' if $state !~ /\A(?:active|deactivating)\z/;
        time < $end
            or die "the change before did not end within $ENDS s (systemctl status $UNIT)\n";
        if (time >= $line) {
            $line = time + $TELL;
            say 'waiting for the change before to end; ', $end - time, ' s left';
        }
        select undef, undef, undef, 0.1;
    }
}

# ActiveState as systemd has it (org.freedesktop.systemd1(5)); empty where there is no systemd to
# ask.
sub unit_state() {
    -d '/run/systemd/system' or return '';
    open my $output, '-|', 'systemctl', 'show', '--property=ActiveState', '--value', $UNIT
        or return '';
    my $state = <$output> // '';
    close $output;
    chomp $state;
    return $state;
}

sub leave ($signal) {
    print STDERR "\nstill being tried; `sudo imgbuild-config status` says how it stands\n";
    exit 130;
}

# Starts the unit in a process that ends with it; without systemd, what the unit would start.
sub start() {
    my $pid = fork // die "cannot start `$UNIT`: $!\n";
    return $pid if $pid;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    if (-d '/run/systemd/system') { exec 'systemctl', 'start', $UNIT or exit 1 }
    exec 'setsid', '--wait', 'sh', '-c', 'imgbuild-config carry-out; imgbuild-config take-back'
        or exit 1;
}

# In the unit: makes the change that was asked for.
sub carry_out ($image) {
    my $path = "$FOLDER/request";
    my $request = Imgbuild::Json::decode(Imgbuild::File::slurp($path) // return 0);
    Imgbuild::File::remove($path);
    Imgbuild::File::create("$FOLDER/trying", '', 0600);
    open my $output, '>>', "$FOLDER/output" or die "cannot write `$FOLDER/output`: $!\n";
    $output->autoflush(1);
    my $previous = select $output;
    my $done = eval { make($image, $request); 1 };
    my $error = $done ? undef : "nothing was changed: $@";
    select $previous;
    Imgbuild::File::remove("$FOLDER/$_") for qw(trying waiting);
    Imgbuild::Credentials::publish($image, final => 1);
    result($error);
    return 0;
}

sub result ($error) {
    Imgbuild::File::replace("$FOLDER/result", Imgbuild::Json::encode({error => $error}), 0600);
}

sub make ($image, $request) {
    my ($lines, $seconds) = ($request->{lines}, ${$request->{seconds}});
    my ($force, $overwrite) = map { ${$request->{$_}} } qw(force overwrite);
    Imgbuild::Credentials::keep(%{$request->{tell}});
    my ($change, $state) = Imgbuild::Change::of_lines($image, $lines, $overwrite);
    my $rules = Imgbuild::Rules::of(keys %$change);
    my @before = $force || !%$change ? () : Imgbuild::Health::checks($image, 'servers');
    my @risks = $force ? () : Imgbuild::Rules::commands($rules, 'confirm');
    my @gateways = @risks ? known(Imgbuild::Reach::gateways()) : ();
    my %watch = (
        image => $image,
        before => \@before,
        risks => \@risks,
        gateways => \@gateways,
        seconds => $seconds
    );
    say "trying it; it is taken back where the device is not well with it within $seconds s"
        if %$change && !$force;
    Imgbuild::Change::make($change, $state, well => sub() { await(%watch) });
    # Whatever ends what is only told from here on, the change stays.
    result(undef);
    Imgbuild::Credentials::publish($image);
    say "changed: $_" for sort keys %$change;
    say "done: $_" for Imgbuild::Rules::commands($rules, 'reload');
    say 'nothing had to change' if !%$change;
    tell_about_others($image) if %$change;
}

# Waits until all that was well before is well again, and the owner can still get here; dies with
# the reason.
sub await (%watch) {
    my $end = time + $watch{seconds};
    my ($told, $since) = (0, undef);
    Imgbuild::File::create("$FOLDER/waiting", '', 0600);
    Imgbuild::Credentials::publish($watch{image});
    while (1) {
        my @reasons = map { Imgbuild::Health::reason($_) }
            Imgbuild::Health::missing(@watch{qw(image before)});
        my $unreached =
            @{$watch{risks}} && !-e "$FOLDER/confirmed" ? unreached(@{$watch{gateways}}) : undef;
        $since = defined $unreached ? undef : $since // time;
        push @reasons, $unreached // ();
        my $steady =
               !@{$watch{risks}}
            || -e "$FOLDER/confirmed"
            || defined $since && time - $since >= $STEADY;
        return if !@reasons && $steady;
        my $left = $end - time;
        die "not well within $watch{seconds} s: " . join(', ', @reasons) . help($unreached) . "\n"
            if $left <= 0 && @reasons;

        if (@reasons && time - $told >= $TELL) {
            $told = time;
            say "$left s left until it is taken back; waiting for: "
                . join(', ', @reasons)
                . help($unreached);
        }
        sleep 1;
    }
}

sub help ($unreached) {
    return defined $unreached
        ? '; `sudo imgbuild-config confirm` keeps it, as does --force'
        : '; --force keeps it in any case';
}

# Gateways, each with whether it answers.
sub known (@gateways) {
    my %answers = map { $_->{address} => 1 } Imgbuild::Reach::answering(@gateways);
    return map {
        { %$_, answers => $answers{$_->{address}} }
    } @gateways;
}

# What keeps us from believing that the owner still gets here: a gateway that is new and silent, or
# none that answers in a family in which one did before, or none at all. Undef where nothing does.
sub unreached (@before) {
    my @now = known(Imgbuild::Reach::gateways());
    my %old = map { $_->{address} => 1 } @before;
    my %answered = map { $_->{answers} ? ($_->{family} => $_) : () } @before;
    my @reasons;
    for my $gateway (@now) {
        my $had = delete $answered{$gateway->{family}};
        push @reasons, "the gateway $gateway->{address} to answer"
            if !$gateway->{answers} && ($had || !$old{$gateway->{address}});
    }
    push @reasons, map { "a gateway in the place of $answered{$_}{address}" } sort keys %answered;
    push @reasons, 'a gateway that answers' if !@reasons && !grep { $_->{answers} } @now;
    return @reasons ? join ' and ', @reasons : undef;
}

# Others whose machines are down are named, and nothing is refused for it.
sub tell_about_others ($image) {
    my $end = time + $SETTLE;
    my (@checks, $settled);
    while (1) {
        @checks = grep { !$_->{ok} } Imgbuild::Health::checks($image);
        my $starting = grep { $_->{starting} } @checks;
        last if time >= $end || !$starting && $settled;
        # Once a load balancer has asked, it asks once more before it believes the worst.
        $settled = !$starting;
        sleep 1;
    }
    say "note: $_" for map { Imgbuild::Health::reason($_) } @checks;
}

# What was said last of a change that is being tried; undef where none is.
sub tried() {
    return undef if !-e "$FOLDER/trying";
    my @lines = split /\n/, Imgbuild::File::slurp("$FOLDER/output") // '';
    return $lines[-1] // '';
}

# The owner still gets here: the change needs no gateway any more.
sub confirm() {
    -e "$FOLDER/waiting" or die "no change waits to be confirmed\n";
    Imgbuild::File::create("$FOLDER/confirmed", '', 0600);
    say 'confirmed: the change stays once the checks pass that passed before';
    return 0;
}

# After the unit, however it ended: takes back what it did not get to the end of.
sub take_back ($image) {
    Imgbuild::File::remove("$FOLDER/$_") for qw(request trying waiting);
    return 0 if !Imgbuild::Change::unfinished() || Imgbuild::ProvisionalStart::runs();
    my $rules = Imgbuild::Rules::of(Imgbuild::Change::put_back());
    eval { Imgbuild::Rules::install($rules); 1 } or print STDERR "imgbuild: $@";
    print STDERR "imgbuild: $_" for Imgbuild::Rules::reload_each($rules);
    Imgbuild::Credentials::publish($image, final => 1);
    return 0;
}

1;
