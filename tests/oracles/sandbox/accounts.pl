# The same by the system calls that shells do not make.
use strict;
use warnings;
use Fcntl;
use POSIX ();
use threads;

umask 022;
my $output = '';

sub make {
	my ($path, $flags, $mode) = @_;
	sysopen my $file, $path, ($flags // 0) | O_WRONLY | O_CREAT, $mode // 0666 or return $output .= "$path: $!\n";
	syswrite $file, "x";
}

# In a process of its own, which ends with it.
sub child(&) {
	my $part = shift;
	$output = '';
	my $pid = fork // die $!;
	if (!$pid) {
		open my $file, '>>', '/w/perl/said' or die $!;
		$part->();
		print $file $output;
		close $file;
		POSIX::_exit(0);
	}
	waitpid $pid, 0;
	die "a child failed" if $?;
}

mkdir '/w/perl' or die $!;
chown 70, 71, '/w/perl' or die $!;
mkdir '/w/perl/chroot' or die $!;
mkdir '/w/perl/chroot/inner' or die $!;
chmod 0777, '/w/perl/chroot', '/w/perl/chroot/inner';

# For a while only.
child {
	$) = "71 71 72";
	$> = 70;
	make('/w/perl/effective');
	$output .= "$< $> $( | $)\n";
	$> = 0;
	$) = "0 0";
	make('/w/perl/root-again');
	$output .= "$< $>\n";
};

# Real and effective ids that differ, and change places.
child {
	$( = 71; $) = "72 72";
	POSIX::setuid(0);
	($<, $>) = (70, 75);
	make('/w/shared/perl-swapped');
	$output .= "$< $>\n";
	($<, $>) = ($>, $<);
	make('/w/shared/perl-swapped-back');
	$output .= "$< $>\n";
	$output .= "root again\n" if POSIX::setuid(0);
	$output .= "$!\n";
};

# For files alone.
child {
	my ($uid, $gid) = (POSIX::uname())[4] eq 'aarch64' ? (151, 152) : (122, 123);
	$output .= join ' ', map(syscall($gid, $_), 72, 71, -1), map(syscall($uid, $_), 70, 70, -1);
	$output .= " $< $>\n";
	make('/w/perl/files-only');
	mkdir '/w/perl/files-only-folder';
	$output .= chown(70, 71, '/w/shared') . " $!\n";
};

# Threads become it together.
child {
	POSIX::setgid(71);
	POSIX::setuid(70);
	my @threads = map { my $n = $_; threads->create(sub { mkdir "/w/perl/thread-$n"; make("/w/perl/thread-$n/file"); "$< $>" }) } 1 .. 4;
	$output .= $_->join . "\n" for @threads;
	my @racers = map { threads->create(sub { for my $n (1 .. 20) { sysopen my $f, "/w/perl/race-$n", O_CREAT | O_WRONLY, 0644 or die } 1 }) } 1 .. 4;
	$_->join or die for @racers;
};

# What a program gets that is started, and what it does not.
child {
	POSIX::setgid(71);
	POSIX::setuid(70);
	make('/w/perl/read-only', O_EXCL, 0444);
	make('/w/perl/read-only', O_EXCL, 0444);
	$^F = 255;
	sysopen my $kept, '/w/perl/kept', O_CREAT | O_EXCL | O_RDWR, 0600 or die $!;
	sysopen my $closed, '/w/perl/closed', O_CREAT | O_EXCL | O_RDWR | 02000000, 0600 or die $!;
	syswrite $kept, 'kept';
	my ($k, $c) = (fileno $kept, fileno $closed);
	$output .= `sh -c '[ -e /proc/self/fd/$k ] && echo kept; [ -e /proc/self/fd/$c ] || echo closed'`;
	seek $kept, 0, 0;
	sysread $kept, my $word, 9;
	$output .= "$word\n";
	# A program can be run at once that was written just now.
	sysopen my $program, '/w/perl/program', O_CREAT | O_EXCL | O_WRONLY, 0755 or die $!;
	syswrite $program, "#!/bin/sh\necho runs\n";
	close $program;
	$output .= `/w/perl/program`;
	make('/w/perl/trailing/');
	make('/w/perl/no/such');
	make('/w/perl');
	make('/w/perl/' . 'n' x 256);
	mkdir '/w/perl/slashes///' or die $!;
	mkdir '/w/perl/.' or $output .= "$!\n";
	mkdir '/w/perl/slashes' or $output .= "$!\n";
	symlink 'loop', '/w/perl/loop' or die $!;
	make('/w/perl/loop');
	symlink 'nothing/', '/w/perl/into-folder' or die $!;
	make('/w/perl/into-folder');
	chdir '/w/perl' or die $!;
	make('./here');
	make('../perl//here-too');
	opendir my $folder, '/w/perl/slashes' or die $!;
	chdir $folder or die $!;
	make('there');
};

# Below another root.
child {
	symlink '/inner/there', '/w/perl/chroot/link' or die $!;
	chroot '/w/perl/chroot' or die $!;
	chdir '/inner' or die $!;
	$) = "71 71";
	$> = 70;
	make('/link');
	make('../../../../top');
	mkdir '/inner/folder' or die $!;
	make('folder/file');
	$> = 0;
	chroot '.' ;
	$output .= "done\n";
};
