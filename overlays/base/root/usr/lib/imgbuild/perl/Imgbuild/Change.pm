# One change of this device, which is made whole or not at all. Files are staged beside those that
# they replace, checked by the programs that read them, and renamed; then their services are
# reloaded. If the device is not well afterwards, or the power fails before that is known,
# everything is put back.
package Imgbuild::Change;
use v5.36;
use File::Basename qw(dirname);
use Imgbuild::File;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Rules;
use Imgbuild::Store;

my $UNDO = "$Imgbuild::Store::STATE/undo";
# The power may fail before anybody knows whether the device works with a provisional change. After
# this many starts it is given up: it may be what keeps the device from getting that far.
my $STARTS = 3;

# What `$lines` change in the files, and the files in which the lines themselves are stored.
sub of_lines ($image, $lines, $overwrite = 0) {
    my $values = Imgbuild::Store::values($image, $lines);
    my @mistakes = Imgbuild::Store::mistakes($image, $values);
    die join("\n", @mistakes) . "\n" if @mistakes;
    my $before =
        Imgbuild::Files::of($image, Imgbuild::Store::values($image, Imgbuild::Store::lines(1)));
    my $change = between($before, Imgbuild::Files::of($image, $values), $overwrite);
    return ($change, Imgbuild::Store::written($lines));
}

# What has to be written so that `$new` takes the place of `$old`, both path → file: path → file, or
# undef if the file has to go. A file that was changed by hand is left alone; if it would have to
# change, that is an error. With `$overwrite`, every such file becomes what settings make of it.
sub between ($old, $new, $overwrite) {
    my (%change, @by_hand);
    for my $path (sort keys %{{%$old, %$new}}) {
        my ($before, $after) = map { $_->{$path} ? $_->{$path}{bytes} : undef } $old, $new;
        next if Imgbuild::Json::same($before, $after) && !$overwrite;
        my $found = Imgbuild::File::slurp($path);
        next if Imgbuild::Json::same($found, $after);
        push @by_hand, $path if !Imgbuild::Json::same($found, $before);
        $change{$path} = $new->{$path};
    }
    die 'changed by hand: `' . join('`, `', @by_hand) . "`; `--overwrite` replaces that\n"
        if @by_hand && !$overwrite;
    return \%change;
}

# Makes `%$change`, together with `%$state`, which no program checks. Dies with the reason after
# everything is as it was. `unverified`: the change is not checked either. `await`: services run,
# so they are reloaded, and then this function must return without dying. `provisional`: a text to
# note; the change stays unfinished until a verdict (Imgbuild::Start).
sub make ($change, $state, %how) {
    my $rules = Imgbuild::Rules::of(keys %$change);
    my %all = (%$change, %$state);
    my $staged = eval {
        stage(\%all);
        Imgbuild::Rules::verify($rules, $change) if !$how{unverified};
        1;
    };
    if (!$staged) {
        my $reason = $@;
        Imgbuild::File::remove(Imgbuild::File::beside($_)) for keys %all;
        die $reason;
    }
    save($how{provisional}, keys %all);
    my $done = eval {
        swap(\%all);
        Imgbuild::Rules::install($rules);
        Imgbuild::Rules::reload($rules) if $how{await};
        $how{await}->() if $how{await};
        note('start-1', '') if defined $how{provisional};
        1;
    };
    if (!$done) {
        my $reason = $@;
        put_back();
        eval {
            Imgbuild::Rules::install($rules);
            Imgbuild::Rules::reload($rules) if $how{await};
            1;
        } or $reason .= "and what was before does not start either: $@";
        die $reason;
    }
    forget() if !defined $how{provisional};
}

sub stage ($all) {
    for my $path (sort keys %$all) {
        my $file = $all->{$path} // next;
        my ($user, $group) = map { $_ // 'root' } @$file{qw(owner group)};
        my $uid = getpwnam $user // die "`$path`: there is no user `$user`\n";
        my $gid = getgrnam $group // die "`$path`: there is no group `$group`\n";
        Imgbuild::File::make_directories(dirname($path));
        Imgbuild::File::create(Imgbuild::File::beside($path), @$file{qw(bytes mode)}, $uid, $gid);
    }
}

sub swap ($all) {
    for my $path (sort keys %$all) {
        if ($all->{$path}) { Imgbuild::File::put(Imgbuild::File::beside($path), $path) }
        else { Imgbuild::File::remove($path); Imgbuild::File::sync_directory($path) }
    }
}

# Saves the files as they are, before any of them changes.
sub save ($provisional, @paths) {
    remove_folder("$UNDO.new");
    mkdir "$UNDO.new", 0700 or die "cannot make `$UNDO.new`: $!\n";
    Imgbuild::File::create("$UNDO.new/provisional", $provisional, 0600) if defined $provisional;
    my @list;
    for my $path (sort @paths) {
        my $bytes = Imgbuild::File::slurp($path);
        my @status = stat $path;
        my ($mode, $uid, $gid) = map { $_ // 0 } @status[2, 4, 5];
        my %file = (path => $path, mode => $mode & 07777, uid => $uid, gid => $gid);
        if (defined $bytes) {
            $file{saved} = '' . @list;
            # Nobody else gets into the folder; the mode says whether the copy may stay in free
            # blocks.
            Imgbuild::File::create("$UNDO.new/$file{saved}", $bytes, 0600 | $mode & 0004);
        }
        push @list, \%file;
    }
    Imgbuild::File::create("$UNDO.new/list", Imgbuild::Json::encode(\@list), 0600);
    Imgbuild::File::sync_directory("$UNDO.new/list");
    rename "$UNDO.new", $UNDO or die "cannot make `$UNDO`: $!\n";
    Imgbuild::File::sync_directory($UNDO);
}

# Whether a change was begun and never found good.
sub unfinished() { return -e "$UNDO/list" }

# Whether such a change was made at a start and waits for its verdict. All its files are in place.
sub is_provisional() { return unfinished() && defined noted('start-1') }

# Counts one more start with the provisional change; false after too many of them.
sub starts_again() {
    my ($next) = grep { !defined noted("start-$_") } 1 .. $STARTS;
    note("start-$next", '') if defined $next;
    return defined $next;
}

# The paths of the files of an unfinished change.
sub paths() {
    return map { $_->{path} } @{list()};
}

sub list() { return Imgbuild::Json::decode(Imgbuild::File::slurp("$UNDO/list") // '[]') }

# Keeps a note about an unfinished change, until it is found good or put back.
sub note ($name, $bytes) {
    Imgbuild::File::create("$UNDO/$name", $bytes, 0600);
    Imgbuild::File::sync_directory("$UNDO/$name");
}

sub noted ($name) { return Imgbuild::File::slurp("$UNDO/$name") }

# Puts every file back as it was. Returns the paths.
sub put_back() {
    my $list = list();
    for my $file (@$list) {
        my $path = $file->{path};
        Imgbuild::File::remove(Imgbuild::File::beside($path));
        if (!defined $file->{saved}) {
            Imgbuild::File::remove($path);
            Imgbuild::File::sync_directory($path);
            next;
        }
        my $bytes = Imgbuild::File::slurp("$UNDO/$file->{saved}")
            // die "`$UNDO/$file->{saved}` is missing\n";
        Imgbuild::File::replace($path, $bytes, @$file{qw(mode uid gid)});
    }
    forget();
    return map { $_->{path} } @$list;
}

sub forget() {
    remove_folder("$UNDO.done");
    rename $UNDO, "$UNDO.done" or return;
    Imgbuild::File::sync_directory($UNDO);
    remove_folder("$UNDO.done");
}

sub remove_folder ($folder) {
    Imgbuild::File::remove($_) for glob "$folder/*";
    rmdir $folder;
}

1;
