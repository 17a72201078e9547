# Programs that this code runs.
package Imgbuild::Command;
use v5.36;

# What a program prints, whatever its exit status (`$?`) is; nothing if it cannot be started.
sub output (@command) {
    $? = -1;
    open my $output, '-|', @command or return '';
    local $/ = undef;
    my $text = <$output> // '';
    close $output;
    return $text;
}

# Runs a program. If it fails, dies with `$name` and the last lines that it printed.
sub run ($name, @command) {
    my $pid = open(my $output, '-|') // die "cannot start `$name`: $!\n";
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        exec @command or exit 127;
    }
    my @lines = <$output>;
    return if close $output;
    chomp @lines;
    splice @lines, 0, @lines - 5 if @lines > 5;
    die "`$name` failed" . (@lines ? ': ' . join(' | ', @lines) : '') . "\n";
}

# The same if it does not matter whether the program succeeds.
sub try (@command) {
    eval { run($command[0], @command) }
}

1;
