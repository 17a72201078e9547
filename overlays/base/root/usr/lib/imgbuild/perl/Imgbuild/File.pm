# Files that are there whole or not at all, also after a power cut, and that leave nothing behind:
# what others may not read is overwritten before its blocks are free, where it is replaced as well
# as where it is removed. This reaches the blocks of ext4 and FAT, which write in place; what a
# flash card keeps behind its own translation nobody can reach.
package Imgbuild::File;
use v5.36;
use Fcntl qw(O_CREAT O_EXCL O_NOCTTY O_NOFOLLOW O_NONBLOCK O_RDONLY O_RDWR O_WRONLY);
use IO::Handle;

# The bytes of a file; undef if there is no such file.
sub slurp ($path) {
    open my $file, '<:raw', $path or return undef;
    local $/ = undef;
    return scalar(<$file>) // '';
}

# The bytes of a file that somebody names, of a megabyte at most, as in imgbuild itself
# (src/cli/files.rs). A pipe is waited for, but not without a word. Dies with what is wrong.
sub given ($path) {
    sysopen my $file, $path, O_RDONLY | O_NONBLOCK | O_NOCTTY or die "cannot read `$path`: $!\n";
    if (!(-f $file || -p _ || -t $file)) {
        my $found = -d _ ? 'a folder' : 'a device';
        die "cannot read `$path`: it is $found; expected a file or a pipe\n";
    }
    my ($bytes, $silence) = ('', 1);
    while (length $bytes <= 1 << 20) {
        vec(my $ready = '', fileno $file, 1) = 1;
        if (!select $ready, undef, undef, $silence) {
            say {*STDERR} "waiting for `$path`: nobody has written into it yet";
            $silence = undef;
            next;
        }
        my $count = sysread $file, $bytes, 65536, length $bytes;
        return $bytes if defined $count && $count == 0;
        defined $count || $!{EAGAIN} || $!{EINTR} or die "cannot read `$path`: $!\n";
    }
    die "cannot read `$path`: it is longer than a megabyte\n";
}

# Writes a file that nobody else reads before it has its owner and mode.
sub create ($path, $bytes, $mode, $uid = 0, $gid = 0) {
    remove($path);
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600
        or die "cannot write `$path`: $!\n";
    binmode $file;
    (print {$file} $bytes) && $file->flush && $file->sync or die "cannot write `$path`: $!\n";
    # A FAT has neither owners nor modes.
    if (!chown $uid, $gid, $file) { $!{EPERM} or die "cannot give away `$path`: $!\n" }
    if (!chmod $mode, $file) { $!{EPERM} or die "cannot set the mode of `$path`: $!\n" }
    close $file or die "cannot write `$path`: $!\n";
}

# Puts a file in the place of what is there.
sub replace ($path, $bytes, $mode, $uid = 0, $gid = 0) {
    my $new = beside($path);
    create($new, $bytes, $mode, $uid, $gid);
    put($new, $path, !($mode & 0004));
}

# Renames `$new` to `$path`. What was there is overwritten where others may not read it, or it is
# `$private`: on a FAT everybody may read everything.
sub put ($new, $path, $private = 0) {
    my $old = opened($path, $private);
    rename $new, $path or die "cannot replace `$path`: $!\n";
    sync_directory($path);
    overwrite($old) if $old;
}

# Removes a file, if it is there; a `$private` one is overwritten in any case.
sub remove ($path, $private = 0) {
    my $old = opened($path, $private);
    # Before its name goes, so that a power cut leaves no blocks that nobody finds any more.
    overwrite($old) if $old;
    unlink $path or $!{ENOENT} or die "cannot remove `$path`: $!\n";
}

# A file whose bytes are to be overwritten; undef where that is not needed, or where another name
# has them too.
sub opened ($path, $private) {
    sysopen my $file, $path, O_RDWR | O_NOFOLLOW | O_NONBLOCK or return undef;
    my ($mode, $links) = (stat $file)[2, 3];
    return undef if !-f _ || $links > 1 || !$private && $mode & 0004;
    return $file;
}

sub overwrite ($file) {
    my $left = -s $file;
    binmode $file;
    seek $file, 0, 0;
    while ($left > 0) {
        my $length = $left < 65536 ? $left : 65536;
        print {$file} "\0" x $length or die "cannot overwrite a file: $!\n";
        $left -= $length;
    }
    $file->flush && $file->sync or die "cannot overwrite a file: $!\n";
}

# Where the next version of a file waits: hidden, so that no program that reads the folder takes it.
sub beside ($path) {
    my ($folder, $name) = $path =~ m{\A(.*)/([^/]+)\z};
    return "$folder/.$name.imgbuild";
}

sub make_directories ($folder) {
    my $path = '';
    for my $name (grep { length } split m{/}, $folder) {
        $path .= "/$name";
        -d $path or mkdir $path, 0755 or die "cannot make `$path`: $!\n";
    }
}

# A name is safe on the disk when its directory is.
sub sync_directory ($path) {
    my ($folder) = $path =~ m{\A(.*)/[^/]+\z};
    open my $directory, '<', $folder eq '' ? '/' : $folder or return;
    $directory->sync;
}

1;
