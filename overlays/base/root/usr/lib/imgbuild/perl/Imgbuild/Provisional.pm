# A change while the device runs, which is provisional until it is known to be good (commit-confirm,
# as routers call it). A unit of its own carries it out, so that it is kept or taken back even if
# the session that asked for it breaks; the session follows what the unit prints. All files of this
# module are in /run: after a power cut, the next start takes back what was not found good.
package Imgbuild::Provisional;
use v5.36;
use Imgbuild::Change;
use Imgbuild::Command;
use Imgbuild::Credentials;
use Imgbuild::File;
use Imgbuild::Health;
use Imgbuild::Json;
use Imgbuild::Reach;
use Imgbuild::Rules;

my $FOLDER = '/run/imgbuild-change';
my $UNIT = 'imgbuild-change.service';
# All times are in seconds. A network that is just being set up may answer once more as it was.
my $STEADY = 3;
# Between two lines about what is waited for.
my $TELL = 5;
# A load balancer takes new servers to be up until it has checked them.
my $SETTLE = 8;
# A unit that has to end does so within its TimeoutStopSec, after which systemd kills it.
my $ENDS = 310;

# Hands `$request` over to the unit and prints what the unit prints until it ends. Returns the exit
# code.
sub hand_over ($request) {
    -d $FOLDER or mkdir $FOLDER, 0700 or die "cannot make `$FOLDER`: $!\n";
    remove_files(qw(output result trying waiting confirmed));
    Imgbuild::File::create("$FOLDER/output", '', 0600);
    Imgbuild::File::create("$FOLDER/request", Imgbuild::Json::encode($request), 0600);
    my $starter = start();
    local @SIG{qw(INT TERM)} = (\&leave, \&leave);
    open my $output, '<', "$FOLDER/output" or die "cannot read `$FOLDER/output`: $!\n";
    while (1) {
        my $ended = waitpid($starter, 1) != 0;
        print while <$output>;
        last if $ended;
        seek $output, 0, 1;
        select undef, undef, undef, 0.2;
    }
    my $result = Imgbuild::File::slurp("$FOLDER/result")
        // die
        "the change ended before it was found good, and was taken back (journalctl -u $UNIT)\n";
    $result = Imgbuild::Json::decode($result);
    die $result->{error} if defined $result->{error};
    return 0;
}

# Waits until the unit of the last change has ended, including its `take-back`: until then settings
# and files may still be put back, and a new request would be removed with the old one. The session
# that asked for the last change may be gone, so that its lock (`front`) says nothing about the
# unit. `take-back` needs the other lock (`lock`), which the caller must not hold. Returns whether
# the unit has ended; a unit that still tries its change is not waited for. Its states are in
# org.freedesktop.systemd1(5), ActiveState.
sub has_ended() {
    my ($end, $line) = (time + $ENDS, time);
    my @show = ('systemctl', 'show', '--property=ActiveState', '--value', $UNIT);
    while (1) {
        chomp(my $state = runs_systemd() ? Imgbuild::Command::output(@show) : '');
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

sub runs_systemd() { return -d '/run/systemd/system' }

sub leave ($signal) {
    print STDERR "\nstill being tried; `sudo imgbuild-config status` says how it stands\n";
    exit 130;
}

# Starts the unit, or without systemd what the unit would start, in a process that ends with it.
sub start() {
    my $pid = fork // die "cannot start `$UNIT`: $!\n";
    return $pid if $pid;
    my $command =
        runs_systemd()
        ? "systemctl start $UNIT"
        : "setsid --wait sh -c 'imgbuild-config carry-out; imgbuild-config take-back'";
    exec 'sh', '-c', "exec $command < /dev/null > /dev/null 2>&1" or exit 1;
}

sub remove_files (@names) { Imgbuild::File::remove("$FOLDER/$_") for @names }

# Makes the requested change. The unit runs this.
sub carry_out ($image) {
    my $request = Imgbuild::File::slurp("$FOLDER/request") // return 0;
    remove_files('request');
    Imgbuild::File::create("$FOLDER/trying", '', 0600);
    open my $output, '>>', "$FOLDER/output" or die "cannot write `$FOLDER/output`: $!\n";
    $output->autoflush(1);
    my $previous = select $output;
    my $done = eval { make($image, Imgbuild::Json::decode($request)); 1 };
    my $error = $done ? undef : "nothing was changed: $@";
    select $previous;
    remove_files(qw(trying waiting));
    Imgbuild::Credentials::publish($image, final => 1);
    result($error);
    return 0;
}

sub result ($error) {
    Imgbuild::File::replace("$FOLDER/result", Imgbuild::Json::encode({error => $error}), 0600);
}

sub make ($image, $request) {
    my ($lines, $seconds, $force) = @$request{qw(lines seconds force)};
    Imgbuild::Credentials::keep(%{$request->{kept}});
    my ($change, $state) = Imgbuild::Change::of_lines($image, $lines, $request->{overwrite});
    my $rules = Imgbuild::Rules::of(keys %$change);
    my @risks = $force ? () : Imgbuild::Rules::commands($rules, 'confirm');
    my %watch = (
        image => $image,
        before => [$force || !%$change ? () : Imgbuild::Health::checks($image, 'servers')],
        risky => scalar @risks,
        gateways => [@risks ? known(Imgbuild::Reach::gateways()) : ()],
        seconds => $seconds
    );
    say "trying it; it is taken back where the device is not well with it within $seconds s"
        if %$change && !$force;
    Imgbuild::Change::make($change, $state, await => sub() { await(%watch) });
    # From here on the change stays, even if the unit is killed while it prints the rest.
    result(undef);
    Imgbuild::Credentials::publish($image);
    say "changed: $_" for sort keys %$change;
    say "done: $_" for Imgbuild::Rules::commands($rules, 'reload');
    say 'nothing had to change' if !%$change;
    report_checks($image) if %$change;
}

# Waits until every check passes that passed before, and until the owner can still reach the device.
# Dies with the reason if that takes too long.
sub await (%watch) {
    my $end = time + $watch{seconds};
    my ($last_line, $since) = (0, undef);
    Imgbuild::File::create("$FOLDER/waiting", '', 0600);
    Imgbuild::Credentials::publish($watch{image});
    while (1) {
        my @reasons = map { Imgbuild::Health::reason($_) }
            Imgbuild::Health::missing(@watch{qw(image before)});
        my $sure = !$watch{risky} || -e "$FOLDER/confirmed";
        my $unreached = $sure ? undef : unreached(@{$watch{gateways}});
        $since = defined $unreached ? undef : $since // time;
        push @reasons, $unreached // ();
        return if !@reasons && ($sure || time - $since >= $STEADY);
        my $left = $end - time;
        my $help =
            defined $unreached
            ? '; `sudo imgbuild-config confirm` keeps it, as does --force'
            : '; --force keeps it in any case';
        my $waits_for = join(', ', @reasons) . $help;
        die "not well within $watch{seconds} s: $waits_for\n" if $left <= 0 && @reasons;

        if (@reasons && time - $last_line >= $TELL) {
            $last_line = time;
            say "$left s left until it is taken back; waiting for: $waits_for";
        }
        sleep 1;
    }
}

# Gateways, each with whether it answers.
sub known (@gateways) {
    my %answers = map { $_->{address} => 1 } Imgbuild::Reach::answering(@gateways);
    return map { +{%$_, answers => $answers{$_->{address}}} } @gateways;
}

# What leaves doubt whether the owner can still reach the device: a gateway that is new and silent,
# no gateway that answers in a family in which one did before, or no gateway that answers at all.
# Undef if there is no doubt.
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

# Prints the checks that fail because of machines of others, for which nothing is refused.
sub report_checks ($image) {
    my $end = time + $SETTLE;
    my (@failed, $settled);
    while (1) {
        @failed = grep { !$_->{ok} } Imgbuild::Health::checks($image);
        my $starting = grep { $_->{starting} } @failed;
        last if time >= $end || !$starting && $settled;
        # A load balancer checks a server once more before it takes it to be down.
        $settled = !$starting;
        sleep 1;
    }
    say 'note: ', Imgbuild::Health::reason($_) for @failed;
}

# The last line about a change that is being tried; undef if there is no such change.
sub tried() {
    return undef if !-e "$FOLDER/trying";
    my @lines = split /\n/, Imgbuild::File::slurp("$FOLDER/output") // '';
    return $lines[-1] // '';
}

# Lines about everything that is being tried, for a person.
sub pending() {
    my $tried = tried();
    return (Imgbuild::Change::is_provisional() ? 'what imgbuild.txt says is still being tried' : (),
        defined $tried ? "a change is still being tried: $tried" : ());
}

# The owner can still reach the device, so that the change needs no gateway any more.
sub confirm() {
    -e "$FOLDER/waiting" or die "no change waits to be confirmed\n";
    Imgbuild::File::create("$FOLDER/confirmed", '', 0600);
    say 'confirmed: the change stays once the checks pass that passed before';
    return 0;
}

# Takes back a change that the unit did not finish. This runs after the unit, however that ended.
sub take_back ($image) {
    remove_files(qw(request trying waiting));
    return 0 if !Imgbuild::Change::unfinished() || Imgbuild::Change::is_provisional();
    my $rules = Imgbuild::Rules::of(Imgbuild::Change::put_back());
    eval { Imgbuild::Rules::install($rules); 1 } or print STDERR "imgbuild: $@";
    print STDERR "imgbuild: $_" for Imgbuild::Rules::reload_each($rules);
    Imgbuild::Credentials::publish($image, final => 1);
    return 0;
}

1;
