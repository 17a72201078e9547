/* Runs in the sandbox as a maintainer script would, and tries to get out of it, or at what is the
 * host's. Every attempt is a line: `held NAME` or `escaped NAME`. What succeeds changes nothing that
 * matters: modes and times are set to what they are, sysctls are opened and not written.
 *
 * usage: inside FILE INODE LISTENER     FILE, of the host, has that inode; LISTENER is a TCP port there */
#define _GNU_SOURCE
#include "attack.h"

static const char *outside;
static unsigned long outside_inode;

/* A system call that must not reach the kernel, or must be refused there. */
struct call { const char *name; long number; long arguments[6]; };

static int is_refusal(int error)
{
	return error == EPERM || error == ENOSYS || error == EAFNOSUPPORT;
}

static int call_is_held(const struct call *c)
{
	const long *a = c->arguments;
	errno = 0;
	long result = syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return result == -1 && is_refusal(errno);
}

#define P(pointer) ((long)(pointer))
static long scratch[64];
static char name_[] = "tmpfs", target_[] = "/tmp", empty_[] = "", user_[] = "user";

static const struct call calls[] = {
	{ "io_uring_setup", 425, { 8, P(scratch) } },
	{ "io_uring_enter", 426, { 0 } },
	{ "io_uring_register", 427, { 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 } },
	{ "bpf", SYS_bpf, { 0, P(scratch), 48 } },
	{ "perf_event_open", SYS_perf_event_open, { P(scratch), 0, -1, -1, 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "kexec_file_load", SYS_kexec_file_load, { -1, -1, 0, 0, 0 } },
	{ "mount a tmpfs", SYS_mount, { P(name_), P(target_), P(name_), 0, 0 } },
	{ "bind /", SYS_mount, { P("/"), P(target_), 0, MS_BIND, 0 } },
	{ "remount /proc", SYS_mount, { 0, P("/proc"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "remount /dev/null", SYS_mount, { 0, P("/dev/null"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "propagate mounts", SYS_mount, { 0, P("/"), 0, MS_SHARED | MS_REC, 0 } },
	{ "unmount /proc/keys", SYS_umount2, { P("/proc/keys"), MNT_DETACH } },
	{ "unmount /proc", SYS_umount2, { P("/proc"), MNT_DETACH } },
	{ "unmount /dev/null", SYS_umount2, { P("/dev/null"), MNT_DETACH } },
	{ "pivot_root", SYS_pivot_root, { P("."), P(".") } },
	{ "open_tree", 428, { AT_FDCWD, P("/"), 1 } },
	{ "move_mount", 429, { -1, P(empty_), -1, P(empty_), 4 } },
	{ "fsopen", 430, { P(name_), 0 } },
	{ "fsconfig", 431, { -1, 0, 0, 0, 0 } },
	{ "fsmount", 432, { -1, 0, 0 } },
	{ "fspick", 433, { AT_FDCWD, P("/"), 0 } },
	{ "mount_setattr", 442, { AT_FDCWD, P("/"), 0, P(scratch), 32 } },
	{ "unshare a user namespace", SYS_unshare, { 0x10000000 } },
	{ "unshare a mount namespace", SYS_unshare, { 0x00020000 } },
	{ "unshare a process namespace", SYS_unshare, { 0x20000000 } },
	{ "unshare a network", SYS_unshare, { 0x40000000 } },
	{ "unshare IPC", SYS_unshare, { 0x08000000 } },
	{ "unshare a host name", SYS_unshare, { 0x04000000 } },
	{ "unshare control groups", SYS_unshare, { 0x02000000 } },
	{ "unshare time", SYS_unshare, { 0x00000080 } },
	{ "clone into a user namespace", SYS_clone, { 0x10000011, 0, 0, 0, 0 } },
	{ "clone into a user and mount namespace", SYS_clone, { 0x10020011, 0, 0, 0, 0 } },
	{ "clone3", SYS_clone3, { P(scratch), 64 } },
	{ "setns", SYS_setns, { -1, 0 } },
	{ "read the session keyring", SYS_keyctl, { 0, -3, 0 } },
	{ "read the user keyring", SYS_keyctl, { 0, -4, 1 } },
	{ "find the secret", SYS_keyctl, { 10, -3, P(user_), P(SECRET), 0 } },
	{ "join a keyring", SYS_keyctl, { 1, P("imgbuild-attack") } },
	{ "plant a key", SYS_add_key, { P(user_), P(PLANTED), P("x"), 1, -3 } },
	{ "plant a key for the user", SYS_add_key, { P(user_), P(PLANTED), P("x"), 1, -4 } },
	{ "request the secret", SYS_request_key, { P(user_), P(SECRET), 0, 0 } },
	{ "be traced", SYS_ptrace, { 0, 0, 0, 0 } },
	{ "trace the supervisor", SYS_ptrace, { 16, 1, 0, 0 } },
	{ "seize the supervisor", SYS_ptrace, { 0x4206, 1, 0, 0 } },
	{ "read memory", SYS_process_vm_readv, { 1, P(scratch), 1, P(scratch), 1, 0 } },
	{ "write memory", SYS_process_vm_writev, { 1, P(scratch), 1, P(scratch), 1, 0 } },
	{ "advise memory", 440, { -1, P(scratch), 1, 4, 0 } },
	{ "take a descriptor", 438, { -1, 0, 0 } },
	{ "compare with the supervisor", SYS_kcmp, { 1, 1, 2, 0, 0 } },
	{ "name a file by handle", SYS_name_to_handle_at, { AT_FDCWD, P("/"), P(scratch), P(scratch + 32), 0 } },
	{ "open a file by handle", SYS_open_by_handle_at, { AT_FDCWD, P(scratch), 0 } },
	{ "load a module", SYS_init_module, { P(scratch), 0, P(empty_) } },
	{ "load a module file", SYS_finit_module, { -1, P(empty_), 0 } },
	{ "remove a module", SYS_delete_module, { P("loop"), O_NONBLOCK } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "swap on", SYS_swapon, { P("/w/file"), 0 } },
	{ "swap off", SYS_swapoff, { P("/w/file") } },
	{ "set the host name", SYS_sethostname, { P("x"), 1 } },
	{ "set the domain name", SYS_setdomainname, { P("x"), 1 } },
	{ "set the clock", SYS_clock_settime, { 0, P(scratch) } },
	{ "set the time of day", SYS_settimeofday, { P(scratch), 0 } },
	{ "read the kernel's log", SYS_syslog, { 10, 0, 0 } },
	{ "clear the kernel's log", SYS_syslog, { 5, 0, 0 } },
	{ "account processes", SYS_acct, { P("/w/file") } },
	{ "ask for quotas", SYS_quotactl, { 0x80000100, 0, 0, 0 } },
	{ "watch a filesystem", SYS_fanotify_init, { 0, 0 } },
	{ "hang up", SYS_vhangup, { 0 } },
	{ "list mounts", 458, { P(scratch), P(scratch), 1, 0 } },
	{ "hide memory", 447, { 0 } },
	{ "place memory", SYS_mbind, { 0, 0, 0, 0, 0, 0 } },
	{ "move pages of the supervisor", SYS_move_pages, { 1, 0, 0, 0, 0, 0 } },
	{ "migrate the supervisor", SYS_migrate_pages, { 1, 64, P(scratch), P(scratch) } },
	{ "switch off randomization", SYS_personality, { 0x0040000 } },
	{ "make memory executable", SYS_personality, { 0x0400000 } },
	{ "limit the supervisor's files", SYS_prlimit64, { 1, RLIMIT_NOFILE, 0, P(scratch) } },
	{ "limit the supervisor's file size", SYS_prlimit64, { 1, RLIMIT_FSIZE, 0, P(scratch) } },
	{ "packet socket", SYS_socket, { 17, 3, 0 } },
	{ "vsock", SYS_socket, { 40, 1, 0 } },
	{ "crypto socket", SYS_socket, { 38, 5, 0 } },
	{ "bluetooth socket", SYS_socket, { 31, 3, 0 } },
	{ "CAN socket", SYS_socket, { 29, 3, 1 } },
	{ "key socket", SYS_socket, { 15, 3, 2 } },
	{ "TIPC socket", SYS_socket, { 30, 1, 0 } },
	{ "XDP socket", SYS_socket, { 44, 3, 0 } },
	{ "RDS socket", SYS_socket, { 21, 5, 0 } },
	{ "NFC socket", SYS_socket, { 39, 3, 0 } },
	{ "SMC socket", SYS_socket, { 43, 1, 0 } },
	{ "QIPCRTR socket", SYS_socket, { 42, 2, 0 } },
	{ "console ioctl", SYS_ioctl, { 1, 0x541c, P(scratch) } },
	{ "a call from the future", 600, { 0 } },
#ifdef __x86_64__
	{ "port access", SYS_iopl, { 3 } },
	{ "one port", SYS_ioperm, { 0x70, 1, 1 } },
	{ "local descriptors", SYS_modify_ldt, { 0, P(scratch), 64 } },
	{ "mknod a disk", SYS_mknod, { P("/w/disk"), S_IFBLK | 0600, 0x0800 } },
#endif
	{ "mknodat memory", SYS_mknodat, { AT_FDCWD, P("/w/mem"), S_IFCHR | 0600, 0x0101 } },
};

#ifdef __x86_64__
/* The same by numbers of the 32-bit ABI; pointers lie below 4 GiB. */
static long small_call(long number, long b, long c, long d, long e, long f)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(b), "c"(c), "d"(d), "S"(e), "D"(f) : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

static char *low;

static void other_abis(void)
{
	low = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	strcpy(low, "/w/owned");
	char *buffer = low + 4096;
	int fd = open("/w/owned", O_RDONLY);
	struct { const char *name; long number, b, c, d, e, f; } small[] = {
		{ "getpid", 20 }, { "stat", 106, P(low), P(buffer) }, { "lstat", 107, P(low), P(buffer) },
		{ "fstat", 108, fd, P(buffer) }, { "stat64", 195, P(low), P(buffer) },
		{ "lstat64", 196, P(low), P(buffer) }, { "fstat64", 197, fd, P(buffer) },
		{ "fstatat64", 300, -100, P(low), P(buffer), 0 }, { "statx", 383, -100, P(low), 0, 0xfff, P(buffer) },
		{ "oldstat", 18, P(low), P(buffer) }, { "chown", 182, P(low), 0, 0 }, { "lchown", 16, P(low), 0, 0 },
		{ "fchown", 95, fd, 0, 0 }, { "chown32", 212, P(low), 0, 0 }, { "lchown32", 198, P(low), 0, 0 },
		{ "fchown32", 207, fd, 0, 0 }, { "fchownat", 298, -100, P(low), 0, 0, 0 },
		{ "setuid32", 213, 0 }, { "unshare", 310, 0x10000000 }, { "clone", 120, 0x10000011 },
		{ "clone3", 435, P(buffer), 64 }, { "mount", 21, P(low), P(low), P(low), MS_BIND }, { "setns", 346, -1, 0 },
		{ "keyctl", 288, 0, -3, 0 }, { "add_key", 286, P(low), P(low), P(low), 1, -3 },
		{ "ptrace", 26, 0 }, { "io_uring_setup", 425, 8, P(buffer) }, { "socketcall", 102, 1, P(buffer) },
		{ "socket", 359, 17, 3, 0 }, { "personality", 136, 0x40000 }, { "open", 5, P(low), 0 },
		{ "open_by_handle_at", 342, -100, P(buffer), 0 }, { "userfaultfd", 374, 1 }, { "ipc", 117, 23, 0, 0, 0 },
	};
	for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
		TRY("i386 %s", small[i].name) {
			long r = small_call(small[i].number, small[i].b, small[i].c, small[i].d, small[i].e, small[i].f);
			HELD_IF(r < 0 && is_refusal(-r));
		}
	}
	struct call wide[] = {
		{ "getpid", 39, { 0 } }, { "stat", 4, { P(low), P(buffer) } }, { "fstat", 5, { fd, P(buffer) } },
		{ "lstat", 6, { P(low), P(buffer) } }, { "chown", 92, { P(low), 0, 0 } }, { "fchown", 93, { fd, 0, 0 } },
		{ "lchown", 94, { P(low), 0, 0 } }, { "fchownat", 260, { AT_FDCWD, P(low), 0, 0, 0 } },
		{ "newfstatat", 262, { AT_FDCWD, P(low), P(buffer), 0 } }, { "statx", 332, { AT_FDCWD, P(low), 0, 0xfff, P(buffer) } },
		{ "unshare", 272, { 0x10000000 } }, { "clone", 56, { 0x10000011 } }, { "keyctl", 250, { 0, -3, 0 } },
		{ "io_uring_setup", 425, { 8, P(buffer) } }, { "socket", 41, { 17, 3, 0 } }, { "ptrace", 521, { 0 } },
	};
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
		wide[i].number |= 0x40000000;
		TRY("x32 %s", wide[i].name)
			HELD_IF(call_is_held(&wide[i]));
	}
}
#else
static void other_abis(void) {}
#endif

/* Whether `path` shows the file of the host, or whether there is one. */
static void try_path(const char *path)
{
	struct stat s;
	struct statx x;
	char none[5000];
	snprintf(none, sizeof none, "%s-none", path);
	TRY("stat %s", path)
		HELD_IF(stat(path, &s) != 0 || s.st_ino != outside_inode);
	TRY("statx %s", path)
		HELD_IF(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &x) != 0 || x.stx_ino != outside_inode);
	TRY("lchown nothing %s", path)
		HELD_IF(lchown(path, -1, -1) == lchown(none, -1, -1));
	TRY("chown %s", path)
		HELD_IF(chown(path, 7, 7) == chown(none, 7, 7));
	TRY("fchownat %s", path)
		HELD_IF(fchownat(AT_FDCWD, path, 0, 0, 0) == fchownat(AT_FDCWD, none, 0, 0, 0));
	TRY("open %s", path)
		HELD_IF(open(path, O_RDONLY | O_NONBLOCK) < 0);
}

static const char up[] = "../../../../../../../../../..";

static void paths(void)
{
	static const char *const fixed[] = {
		"", "/proc/self/root", "/./proc/self/root", "//proc/self/root", "/tmp/../proc/self/root", "/proc/1/root",
		"/./proc/1/root", "/proc/thread-self/root", "/./proc/thread-self/root", "/./proc/1/task/1/root", "/w/proc/self/root",
		"/./dev/fd/0/root", "/./proc/self/cwd", "/./proc/1/cwd", "/./proc/self/exe", "/w/self/root", "/w/up",
	};
	static const char *const folders[] = { "/proc/self/fd", "/./proc/self/fd", "/proc/1/fd", "/./dev/fd", "/w/fd", "/w/proc/thread-self/fd" };
	char path[5000];
	symlink("/proc", "/w/proc");
	symlink("/./proc/self", "/w/self");
	symlink("/proc/self/fd", "/w/fd");
	symlink("../../../../../..", "/w/up");
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
		snprintf(path, sizeof path, "%s%s", fixed[i], outside);
		try_path(path);
		snprintf(path, sizeof path, "%s/%s%s", fixed[i], up, outside);
		try_path(path);
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		for (int fd = 0; fd < 12; fd++) {
			snprintf(path, sizeof path, "%s/%d/%s%s", folders[i], fd, up, outside);
			try_path(path);
		}
	/* From a working directory and a descriptor in /proc. */
	for (int fd = 0; fd < 12; fd++) {
		struct stat s;
		snprintf(path, sizeof path, "%d/%s%s", fd, up, outside);
		TRY("stat in /proc/self/fd: %d", fd)
			HELD_IF(chdir("/proc/self/fd") == 0 && (stat(path, &s) != 0 || s.st_ino != outside_inode));
		TRY("lchown in /proc/1/fd: %d", fd)
			HELD_IF(chdir("/proc/1/fd") != 0 || lchown(path, -1, -1) != 0);
		int folder = open("/proc/self/fd", O_PATH | O_DIRECTORY);
		TRY("fchownat below /proc/self/fd: %d", fd)
			HELD_IF(fchownat(folder, path, 7, 7, AT_SYMLINK_NOFOLLOW) != 0);
		close(folder);
	}
	snprintf(path, sizeof path, "%s%s", up, outside);
	TRY("above the root")
		HELD_IF(chdir("/") == 0 && access(path, F_OK) != 0);
	TRY("out of a chroot by its old working directory") {
		mkdir("/w/jail", 0755);
		HELD_IF(chdir("/") == 0 && chroot("/w/jail") == 0 && access(path, F_OK) != 0 && lchown(path, -1, -1) != 0);
	}
}

static void descriptors(void)
{
	for (int fd = 3; fd < 64; fd++) {
		struct stat s;
		if (fstat(fd, &s) == 0)
			TRY("descriptor %d is open", fd)
				HELD_IF(0);
	}
	TRY("the folder that was left open")
		HELD_IF(fcntl(LEAKED, F_GETFD) < 0);
	TRY("standard input has words")
		HELD_IF(read(0, scratch, 1) == 0);
	TRY("terminal")
		HELD_IF(open("/dev/tty", O_RDWR) < 0);
	TRY("type into a terminal") {
		int terminal = open("/dev/ptmx", O_RDWR);
		errno = 0;
		HELD_IF(terminal >= 0 && ioctl(terminal, TIOCSTI, "x") != 0 && errno == EPERM);
	}
	TRY("type into a terminal, high bits set") {
		int terminal = open("/dev/ptmx", O_RDWR);
		errno = 0;
		HELD_IF(terminal >= 0 && syscall(SYS_ioctl, (long)terminal, 0x100000000 | TIOCSTI, "x") != 0 && errno == EPERM);
	}
}

static void processes(int port)
{
	static const int signals[] = { SIGKILL, SIGSTOP, SIGTERM, SIGSEGV, SIGSEGV, SIGBUS, SIGBUS, SIGHUP, SIGINT, SIGUSR1, SIGPIPE, SIGALRM, SIGABRT };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		kill(1, signals[i]);
		struct stat s;
		/* The supervisor answers, so it lives. */
		TRY("signal %d to the supervisor", signals[i])
			HELD_IF(stat("/w/owned", &s) == 0 && s.st_uid == 7);
	}
	TRY("signal by a process descriptor") {
		int pid = syscall(SYS_pidfd_open, 1, 0);
		struct stat s;
		syscall(SYS_pidfd_send_signal, pid, SIGKILL, 0, 0);
		HELD_IF(stat("/w/owned", &s) == 0 && s.st_uid == 7);
	}
	TRY("gain privileges")
		HELD_IF(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	for (int capability = 0; capability < 41; capability++) {
		/* What container runtimes leave: CAP_CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
		 * SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, AUDIT_WRITE, SETFCAP. */
		static const unsigned long kept = 0x5fb | 1UL << 18 | 1UL << 29 | 1UL << 31;
		if (kept >> capability & 1)
			continue;
		TRY("capability %d", capability)
			HELD_IF(prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1);
	}
	TRY("shared memory of the host")
		HELD_IF(shmget(SHARED, 0, 0) < 0);
	TRY("the host's network") {
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		HELD_IF(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address) != 0);
	}
	TRY("abstract socket of the host") {
		struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0" ABSTRACT };
		socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(ABSTRACT);
		HELD_IF(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, length) != 0);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return who();
	if (argc != 4)
		return 2;
	setvbuf(stdout, 0, _IOLBF, 0);
	outside = argv[1];
	outside_inode = strtoul(argv[2], 0, 10);
	mkdir("/w", 0755);
	close(open("/w/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	close(open("/w/owned", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	if (chown("/w/owned", 7, 8) != 0)
		return 3;
	descriptors();
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		TRY("%s", calls[i].name)
			HELD_IF(call_is_held(&calls[i]));
	other_abis();
	paths();
	kernel_files();
	identities(outside);
	processes(atoi(argv[3]));
	puts("finished");
	return 0;
}
