# Files that are there whole or not at all, also after a power cut. What others may not read is
# overwritten before its blocks are free, both when it is replaced and when it is removed. This
# reaches the blocks of ext4 and FAT, which write in place; nobody can reach what a flash card keeps
# behind its own translation.
package Imgbuild::File;
use v5.36;
use Fcntl
    qw(LOCK_EX LOCK_NB O_CREAT O_EXCL O_NOCTTY O_NOFOLLOW O_NONBLOCK O_RDONLY O_RDWR O_WRONLY);
use File::Basename qw(dirname fileparse);
use IO::Handle;

# The bytes of a file; undef if it cannot be read.
sub slurp ($path) {
    open my $file, '<:raw', $path or return undef;
    local $/ = undef;
    return scalar(<$file>) // '';
}

# The bytes of a file that a person names, a megabyte at most, as in imgbuild itself
# (src/cli/files.rs). A pipe is waited for, which is announced. Dies with what is wrong.
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

# Writes a new file, which nobody else can read before it has its owner and mode.
sub create ($path, $bytes, $mode, $uid = 0, $gid = 0) {
    remove($path);
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600
        or die "cannot write `$path`: $!\n";
    binmode $file;
    (print {$file} $bytes) && $file->flush && $file->sync or die "cannot write `$path`: $!\n";
    # A FAT has neither owners nor modes.
    chown $uid, $gid, $file or $!{EPERM} or die "cannot give away `$path`: $!\n";
    chmod $mode, $file or $!{EPERM} or die "cannot set the mode of `$path`: $!\n";
    close $file or die "cannot write `$path`: $!\n";
}

# Puts a new file in the place of an old one.
sub replace ($path, $bytes, $mode, $uid = 0, $gid = 0) {
    my $new = beside($path);
    create($new, $bytes, $mode, $uid, $gid);
    put($new, $path, !($mode & 0004));
}

# Replaces a file unless it has these bytes already; without any bytes there is to be no file.
# Returns whether something changed.
sub update ($path, $bytes, $mode, $private = 0) {
    my $old = slurp($path);
    return 0 if $bytes eq '' ? !defined $old : defined $old && $old eq $bytes;
    if ($bytes eq '') { remove($path, $private) }
    else { replace($path, $bytes, $mode) }
    return 1;
}

# Renames `$new` to `$path`. The old file is overwritten if others may not read it, or if it is
# `$private`: on a FAT everybody may read everything.
sub put ($new, $path, $private = 0) {
    my $old = opened($path, $private);
    rename $new, $path or die "cannot replace `$path`: $!\n";
    sync_directory($path);
    overwrite($old) if $old;
}

# Removes a file if it is there. A `$private` one is overwritten in any case.
sub remove ($path, $private = 0) {
    my $old = opened($path, $private);
    # The name goes last, so that a power cut leaves no blocks that nobody finds any more.
    overwrite($old) if $old;
    unlink $path or $!{ENOENT} or die "cannot remove `$path`: $!\n";
}

# An open file that has to be overwritten; undef if that is not needed, or if the bytes have another
# name too.
sub opened ($path, $private) {
    sysopen my $file, $path, O_RDWR | O_NOFOLLOW | O_NONBLOCK or return undef;
    my ($mode, $links) = (stat $file)[2, 3];
    return undef if !-f _ || $links > 1 || !$private && $mode & 0004;
    return $file;
}

sub overwrite ($file) {
    binmode $file;
    seek $file, 0, 0;
    for (my $left = -s $file ; $left > 0 ; $left -= 65536) {
        print {$file} "\0" x ($left < 65536 ? $left : 65536)
            or die "cannot overwrite a file: $!\n";
    }
    $file->flush && $file->sync or die "cannot overwrite a file: $!\n";
}

# Where the next version of a file waits: hidden, so that no program that reads the folder uses it.
sub beside ($path) {
    my ($name, $folder) = fileparse($path);
    return "$folder.$name.imgbuild";
}

sub make_directories ($folder) {
    return if -d $folder;
    make_directories(dirname($folder));
    mkdir $folder, 0755 or die "cannot make `$folder`: $!\n";
}

# Takes a lock, which is held as long as the handle is; undef if `$how` does not wait (LOCK_NB) and
# another process holds it.
sub lock ($path, $how = LOCK_EX) {
    open my $lock, '>', $path or die "cannot open `$path`: $!\n";
    return $lock if flock $lock, $how;
    $how & LOCK_NB or die "cannot lock `$path`: $!\n";
    return undef;
}

# Has the directory of a file reach the disk, without which its new name is not safe.
sub sync_directory ($path) {
    open my $directory, '<', dirname($path) or return;
    $directory->sync;
}

1;
