# What agetty shows above the login at every console. It lies in /run, so that it reaches no disk.
package Imgbuild::Issue;
use v5.36;
use Imgbuild::File;

my $FOLDER = '/run/issue.d';
# The device's IPv4 address, as agetty(8) writes it.
our $ADDRESS = '\\4';

# Makes `$text` the part called `$name`; an empty one takes it away. Prompts that are shown already
# are shown anew. Where that cannot be done, nothing else fails for it.
sub put ($name, $text, $mode = 0644) {
    eval { show($name, $text, $mode); 1 } or print STDERR "imgbuild: $@";
}

sub show ($name, $text, $mode) {
    my $path = "$FOLDER/$name.issue";
    return if (Imgbuild::File::slurp($path) // '') eq $text;
    Imgbuild::File::make_directories($FOLDER);
    if ($text eq '') { Imgbuild::File::remove($path) }
    else { Imgbuild::File::replace($path, $text, $mode) }
    my $pid = fork // return;
    if ($pid == 0) {
        open STDERR, '>', '/dev/null';
        no warnings 'exec';
        exec 'agetty', '--reload' or exit 1;
    }
    waitpid $pid, 0;
}

# Text whose backslashes mean nothing to agetty, and which steers no terminal.
sub literal ($text) {
    return $text =~ s/\\/\\\\/gr =~ s/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/?/gr;
}

1;
