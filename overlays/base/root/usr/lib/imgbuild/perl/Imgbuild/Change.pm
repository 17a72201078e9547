# One change of this device, done whole or not at all: files are staged beside those that they
# replace, checked by the programs that read them, renamed, and their services reloaded. Where the
# device is not well afterwards, or the power fails before that is known, everything is put back.
package Imgbuild::Change;
use v5.36;
use Imgbuild::File;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Rules;
use Imgbuild::Store;

my $UNDO = "$Imgbuild::Store::STATE/undo";

# What the lines of a person and of the device change of the files, and what has to be written
# beside.
sub of_lines ($image, $lines, $overwrite = 0) {
    my $values = Imgbuild::Store::values($image, $lines);
    my @mistakes = Imgbuild::Store::mistakes($image, $values);
    die join("\n", @mistakes) . "\n" if @mistakes;
    my $before =
        Imgbuild::Files::of($image, Imgbuild::Store::values($image, Imgbuild::Store::lines(1)));
    my $change = between($before, Imgbuild::Files::of($image, $values), $overwrite);
    return ($change, Imgbuild::Store::written($lines));
}

# What has to be written for `$new` in the place of `$old`, both path → file: path → file, undef
# where the file goes. A file that somebody changed by hand is not touched, which is a mistake where
# it has to change; with `$overwrite` it becomes what settings make of it, also where that is what
# it was.
sub between ($old, $new, $overwrite) {
    my (%change, @by_hand);
    for my $path (sort keys %{{%$old, %$new}}) {
        my ($before, $after) = map { $_->{$path} ? $_->{$path}{bytes} : undef } $old, $new;
        next if same($before, $after) && !$overwrite;
        my $found = Imgbuild::File::slurp($path);
        next if same($found, $after);
        push @by_hand, $path if !same($found, $before);
        $change{$path} = $new->{$path};
    }
    die 'changed by hand: `' . join('`, `', @by_hand) . "`; `--overwrite` replaces that\n"
        if @by_hand && !$overwrite;
    return \%change;
}

sub same ($one, $other) {
    return defined $one && defined $other ? $one eq $other : !defined $one && !defined $other;
}

# Makes `%$change`, with `%$state` that nobody checks beside it. `unverified`: nobody checks the
# change either. `well`: services run already; they are reloaded, and this must not die.
# `provisional`: what is to be known of a change that Imgbuild::ProvisionalStart decides about
# later. Gives the rules that applied; dies with the reason where all is as it was.
sub make ($change, $state, %how) {
    my $rules = Imgbuild::Rules::of(keys %$change);
    my %all = (%$change, %$state);
    my @staged = eval { stage(\%all) };
    if (my $reason = $@) { unstage(keys %all); die $reason }
    if (!$how{unverified} && !eval { Imgbuild::Rules::verify($rules, $change); 1 }) {
        my $reason = $@;
        unstage(keys %all);
        die $reason;
    }
    save($how{provisional}, keys %all);
    my $done = eval {
        swap(\%all);
        Imgbuild::Rules::install($rules);
        if ($how{well}) {
            Imgbuild::Rules::reload($rules);
            $how{well}->();
        }
        note('start-1', '') if defined $how{provisional};
        1;
    };
    my $reason = $@;
    if (!$done) {
        put_back();
        if (
            !eval {
                Imgbuild::Rules::install($rules);
                Imgbuild::Rules::reload($rules) if $how{well};
                1;
            }
            )
        {
            $reason .= "and what was before does not start either: $@";
        }
        die $reason;
    }
    forget() if !defined $how{provisional};
    return $rules;
}

sub stage ($all) {
    for my $path (sort keys %$all) {
        my $file = $all->{$path} // next;
        my ($folder) = $path =~ m{\A(.*)/};
        Imgbuild::File::make_directories($folder);
        my $uid = getpwnam($file->{owner} // 'root')
            // die "`$path`: there is no user `$file->{owner}`\n";
        my $gid = getgrnam($file->{group} // 'root')
            // die "`$path`: there is no group `$file->{group}`\n";
        Imgbuild::File::create(Imgbuild::File::beside($path),
            $file->{bytes}, $file->{mode}, $uid, $gid);
    }
}

sub unstage (@paths) { Imgbuild::File::remove(Imgbuild::File::beside($_)) for @paths }

sub swap ($all) {
    for my $path (sort keys %$all) {
        if ($all->{$path}) { Imgbuild::File::put(Imgbuild::File::beside($path), $path) }
        else { Imgbuild::File::remove($path); Imgbuild::File::sync_directory($path) }
    }
}

# Writes down how the files are now, before any of them changes.
sub save ($provisional, @paths) {
    remove_folder("$UNDO.new");
    mkdir "$UNDO.new", 0700 or die "cannot make `$UNDO.new`: $!\n";
    Imgbuild::File::create("$UNDO.new/provisional", $provisional, 0600) if defined $provisional;
    my @list;
    for my $path (sort @paths) {
        my $bytes = Imgbuild::File::slurp($path);
        my @status = stat $path;
        my $name = defined $bytes ? scalar @list : undef;
        # Nobody else gets into the folder; the mode says whether the copy may stay in free blocks.
        Imgbuild::File::create("$UNDO.new/$name", $bytes, 0600 | ($status[2] & 0004))
            if defined $name;
        push @list,
            {
            path => $path,
            map { $_->[0] => Imgbuild::Json::number(0 + ($_->[1] // 0)) }
                ['mode', ($status[2] // 0) & 07777], ['uid', $status[4]], ['gid', $status[5]]
            };
        $list[-1]{saved} = "$name" if defined $name;
    }
    Imgbuild::File::create("$UNDO.new/list", Imgbuild::Json::encode(\@list), 0600);
    Imgbuild::File::sync_directory("$UNDO.new/list");
    rename "$UNDO.new", $UNDO or die "cannot make `$UNDO`: $!\n";
    Imgbuild::File::sync_directory($UNDO);
}

# Whether a change was begun and never found good.
sub unfinished() { return -e "$UNDO/list" }

# The files of such a change.
sub paths() {
    return map { $_->{path} } @{list()};
}

sub list() { return Imgbuild::Json::decode(Imgbuild::File::slurp("$UNDO/list") // '[]') }

# What else is to be known of it, until it is found good or put back.
sub note ($name, $bytes) {
    Imgbuild::File::create("$UNDO/$name", $bytes, 0600);
    Imgbuild::File::sync_directory("$UNDO/$name");
}

sub noted ($name) { return Imgbuild::File::slurp("$UNDO/$name") }

# Puts every file back as it was; gives their paths.
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
        Imgbuild::File::replace($path, $bytes, map { $$_ } @$file{qw(mode uid gid)});
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
