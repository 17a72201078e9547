# Files that are there whole or not at all, also after a power cut.
package Imgbuild::File;
use v5.36;
use Fcntl qw(O_CREAT O_EXCL O_NOFOLLOW O_WRONLY);
use IO::Handle;

# The bytes of a file; undef where there is none.
sub slurp($path) {
    open my $file, '<:raw', $path or return undef;
    local $/ = undef;
    return scalar(<$file>) // '';
}

# Writes a file that nobody else reads before it has its owner and mode.
sub create($path, $bytes, $mode, $uid = 0, $gid = 0) {
    unlink $path;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600 or die "cannot write `$path`: $!\n";
    binmode $file;
    (print {$file} $bytes) && $file->flush && $file->sync or die "cannot write `$path`: $!\n";
    # A FAT has neither owners nor modes.
    if (!chown $uid, $gid, $file) { $!{EPERM} or die "cannot give away `$path`: $!\n" }
    if (!chmod $mode, $file) { $!{EPERM} or die "cannot set the mode of `$path`: $!\n" }
    close $file or die "cannot write `$path`: $!\n";
}

# Puts a file in the place of what is there.
sub replace($path, $bytes, $mode, $uid = 0, $gid = 0) {
    my $new = beside($path);
    create($new, $bytes, $mode, $uid, $gid);
    rename $new, $path or die "cannot replace `$path`: $!\n";
    sync_directory($path);
}

# Where the next version of a file waits: hidden, so that no program that reads the folder takes it.
sub beside($path) {
    my ($folder, $name) = $path =~ m{\A(.*)/([^/]+)\z};
    return "$folder/.$name.imgbuild";
}

sub make_directories($folder) {
    my $path = '';
    for my $name (grep { length } split m{/}, $folder) {
        $path .= "/$name";
        -d $path or mkdir $path, 0755 or die "cannot make `$path`: $!\n";
    }
}

# A name is safe on the disk when its directory is.
sub sync_directory($path) {
    my ($folder) = $path =~ m{\A(.*)/[^/]+\z};
    open my $directory, '<', $folder eq '' ? '/' : $folder or return;
    $directory->sync;
}

1;
