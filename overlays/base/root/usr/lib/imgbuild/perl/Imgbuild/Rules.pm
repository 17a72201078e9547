# What has to be done when a file changes: /usr/lib/imgbuild/apply.d, explained in
# overlays/README.md.
package Imgbuild::Rules;
use v5.36;
use Imgbuild::File;

my $FOLDER = '/usr/lib/imgbuild/apply.d';
# A private view of the files, in which those that are to come stand in the place of those that are.
# If the file does not exist yet, a copy of its folder makes room for it.
my $SCRIPT = <<'END';
set -e
mkdir -p /run/imgbuild-view
mount -t tmpfs none /run/imgbuild-view
while [ "$1" != -- ]; do
    if [ ! -e "$2" ]; then
        folder=${2%/*} copy=$(mktemp -d /run/imgbuild-view/XXXXXX)
        cp -a "$folder" "$copy/copy"
        mount --bind "$copy/copy" "$folder"
        : > "$2"
    fi
    mount --bind "$1" "$2"
    shift 2
done
eval "$2"
END

# The rules for `@paths`, each once, in the order of their files.
sub of (@paths) {
    my @rules;
    for my $file (glob "$FOLDER/*") {
        for (split /\n/, Imgbuild::File::slurp($file) // '') {
            next if /\A\s*(?:#|\z)/;
            my ($word, $rest) =
                /\A(changed|prepare|verify|install|reload|service|confirm)\s+(.*?)\s*\z/
                or die "`$file`: no rule: $_\n";
            if ($word eq 'changed') {
                push @rules, {patterns => [map { pattern($_) } split ' ', $rest]};
            } else {
                push @{$rules[-1]{$word}}, $rest;
            }
        }
    }
    return [
        grep {
            my $rule = $_;
            grep {
                my $path = $_;
                grep { $path =~ $_ } @{$rule->{patterns}}
            } @paths
        } @rules
    ];
}

# `*` stands for any characters of one name.
sub pattern ($text) {
    my $pattern = join '[^/]*', map { quotemeta } split /\*/, $text, -1;
    return qr/\A$pattern\z/;
}

# The commands of a kind, each once.
sub commands ($rules, $word) {
    my %seen;
    return grep { !$seen{$_}++ } map { @{$_->{$word} // []} } @$rules;
}

# Has the staged files of `%$change` checked by whoever reads them.
sub verify ($rules, $change) {
    my ($there, $absent) = ([], []);
    push @{-e $_ ? $there : $absent}, $_ for sort keys %$change;
    # A folder that is laid over another hides what was laid there before.
    my @view = map { ($change->{$_} ? Imgbuild::File::beside($_) : '/dev/null', $_) } @$absent,
        @$there;
    for my $command (commands($rules, 'verify')) {
        run(
            $command, 'unshare', '--mount', '--propagation', 'private', 'sh',
            '-c', $SCRIPT, 'sh', @view, '--', $command
        );
    }
}

# What else is written of the changed files; also when the device starts.
sub install ($rules) { run($_, 'sh', '-c', $_) for commands($rules, 'install') }

sub reload ($rules) { run($_, 'sh', '-c', $_) for commands($rules, 'reload') }

# The same where one that refuses must not keep the others from it; gives what those said.
sub reload_each ($rules) {
    return map {
        my $command = $_;
        eval { run($command, 'sh', '-c', $command); 1 } ? () : $@
    } commands($rules, 'reload');
}

# Runs a program; dies with what it said where it fails.
sub run ($name, @command) {
    my $pid = open(my $output, '-|') // die "cannot start `$name`: $!\n";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        exec @command or exit 127;
    }
    my @said = <$output>;
    return if close $output;
    chomp @said;
    splice @said, 0, @said - 5 if @said > 5;
    die "`$name` failed" . (@said ? ': ' . join(' | ', @said) : '') . "\n";
}

1;
