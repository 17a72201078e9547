# What agetty shows above the login at every console. The files are in /run, so that nothing of them
# reaches a disk.
package Imgbuild::Issue;
use v5.36;
use Imgbuild::Command;
use Imgbuild::File;

my $FOLDER = '/run/issue.d';
# The device's IPv4 address, as agetty(8) writes it.
our $ADDRESS = '\\4';

# Makes `$text` the part called `$name`, and has agetty show it; an empty text removes the part. A
# failure is reported and stops nothing else.
sub put ($name, $text, $mode = 0644) {
    eval {
        Imgbuild::File::make_directories($FOLDER) if $text ne '';
        Imgbuild::Command::try('agetty', '--reload')
            if Imgbuild::File::update("$FOLDER/$name.issue", $text, $mode);
        1;
    } or print STDERR "imgbuild: $@";
}

# Text in which agetty sees no backslash, and which steers no terminal.
sub literal ($text) {
    return $text =~ s/\\/\\\\/gr =~ s/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/?/gr;
}

1;
