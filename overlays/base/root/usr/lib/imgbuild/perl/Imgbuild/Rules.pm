# What has to be done when a file changes: /usr/lib/imgbuild/apply.d, explained in
# overlays/README.md.
package Imgbuild::Rules;
use v5.36;
use Imgbuild::Command;
use Imgbuild::File;
use List::Util qw(uniq);

my $FOLDER = '/usr/lib/imgbuild/apply.d';
# A private view of the root filesystem, in which staged files stand in the place of those that they
# will replace. If a file does not exist yet, a copy of its folder makes room for it.
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
    my (@rules, $rule);
    for my $file (glob "$FOLDER/*") {
        for (split /\n/, Imgbuild::File::slurp($file) // '') {
            next if /\A\s*(?:#|\z)/;
            my ($word, $rest) =
                /\A(changed|prepare|verify|install|reload|service|confirm)\s+(.*?)\s*\z/
                or die "`$file`: no rule: $_\n";
            if ($word ne 'changed') { push @{$rule->{$word}}, $rest; next }
            $rule = {};
            # `*` stands for any characters of one name.
            my $files = join '|', map { quotemeta =~ s{\\\*}{[^/]*}gr } split ' ', $rest;
            push @rules, $rule if grep { /\A(?:$files)\z/ } @paths;
        }
    }
    return \@rules;
}

# The commands behind a word of the rules, each once.
sub commands ($rules, $word) {
    return uniq map { @{$_->{$word} // []} } @$rules;
}

# Has the staged files of `%$change` checked by the programs that read them.
sub verify ($rules, $change) {
    # A copy that is mounted over a folder hides what was mounted there before, so files that need
    # one come first.
    my @paths = sort { !!-e $a <=> !!-e $b || $a cmp $b } keys %$change;
    my @view = map { ($change->{$_} ? Imgbuild::File::beside($_) : '/dev/null', $_) } @paths;
    my @private = qw(unshare --mount --propagation private sh -c);
    for my $command (commands($rules, 'verify')) {
        Imgbuild::Command::run($command, @private, $SCRIPT, 'sh', @view, '--', $command);
    }
}

# Writes what else depends on the changed files; also when the device starts.
sub install ($rules) { shell($_) for commands($rules, 'install') }

sub reload ($rules) { shell($_) for commands($rules, 'reload') }

# The same if a service that fails must not keep the others from it. Returns the errors.
sub reload_each ($rules) {
    my @errors;
    for my $command (commands($rules, 'reload')) {
        eval { shell($command); 1 } or push @errors, $@;
    }
    return @errors;
}

sub shell ($command) { Imgbuild::Command::run($command, 'sh', '-c', $command) }

1;
