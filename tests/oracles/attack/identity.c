/* Attempts to be somebody else than the supervisor knows, and to have it make files where nobody may.
 * An account is a process that became user 70 of group 71. */
#define _GNU_SOURCE
#include "attack.h"
#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>

#define LOCKS 10
#define BAD ((void *)8)

static const char *folder;

static void become(void)
{
	gid_t groups[2] = { 72, 73 };
	if (setgroups(2, groups) != 0 || setgid(71) != 0 || setuid(70) != 0)
		_exit(1);
}

#define ACCOUNT(...) TRY(__VA_ARGS__) for (int once_ = (become(), 1); once_; once_ = 0)

/* Whether whatever this process makes is the account's. */
static int is_account(void)
{
	struct stat s;
	char path[64];
	snprintf(path, sizeof path, "/w/of-%d", getpid());
	unlink(path);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	int own = fd >= 0 && fstat(fd, &s) == 0 && s.st_uid == 70 && s.st_gid == 71;
	close(fd);
	unlink(path);
	return own && getuid() == 70 && geteuid() == 70 && getgid() == 71 && getegid() == 71 && setuid(0) != 0;
}

static int is_root(void)
{
	struct stat s;
	char path[64];
	snprintf(path, sizeof path, "/w/of-%d", getpid());
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	int own = fd >= 0 && fstat(fd, &s) == 0 && s.st_uid == 0 && s.st_gid == 0;
	close(fd);
	unlink(path);
	return own && getuid() == 0 && geteuid() == 0;
}

static int is_unlimited(void)
{
	struct rlimit limit = { 1, 1 }, other = { 1, 1 };
	return getrlimit(LOCKS, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY && limit.rlim_max == RLIM_INFINITY
		&& syscall(SYS_prlimit64, 0, LOCKS, 0, &other) == 0 && other.rlim_cur == RLIM_INFINITY;
}

/* The limit that holds who a process is, by every call, on itself, and on others. */
static void limits(void)
{
	static const rlim_t values[] = { 0, 1, 2, 3, 100, 1 << 20, RLIM_INFINITY - 1, RLIM_INFINITY };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct rlimit soft = { values[i], RLIM_INFINITY }, both = { values[i], values[i] };
		TRY("root sets its limit to %lu", (unsigned long)values[i]) {
			setrlimit(LOCKS, &soft);
			syscall(SYS_setrlimit, (long)LOCKS, &soft);
			syscall(SYS_setrlimit, 0x100000000 | LOCKS, &soft);
			syscall(SYS_prlimit64, 0, LOCKS, &soft, 0);
			syscall(SYS_prlimit64, 0x100000000, 0x100000000 | LOCKS, &soft, 0);
			syscall(SYS_prlimit64, getpid(), LOCKS, &soft, 0);
			HELD_IF(is_root() && is_unlimited());
		}
		ACCOUNT("an account sets its limit to %lu", (unsigned long)values[i]) {
			setrlimit(LOCKS, &soft);
			setrlimit(LOCKS, &both);
			syscall(SYS_setrlimit, 0x100000000 | LOCKS, &both);
			syscall(SYS_prlimit64, 0, LOCKS, &both, 0);
			syscall(SYS_prlimit64, getpid(), LOCKS, &both, 0);
			HELD_IF(is_account() && is_unlimited());
		}
		ACCOUNT("a token of %lu for the next program", (unsigned long)values[i]) {
			setrlimit(LOCKS, &soft);
			execl("/inside", "inside", "who", NULL);
		}
		TRY("the limit of another process, %lu", (unsigned long)values[i]) {
			pid_t parent = getpid();
			pid_t child = fork();
			if (child == 0) {
				become();
				int refused = syscall(SYS_prlimit64, parent, LOCKS, &soft, 0) != 0 && syscall(SYS_prlimit64, 1, LOCKS, &soft, 0) != 0;
				_exit(!(refused && is_account()));
			}
			int status = 1, refused = syscall(SYS_prlimit64, child, LOCKS, &soft, 0) != 0;
			waitpid(child, &status, 0);
			HELD_IF(refused && status == 0 && is_root());
		}
	}
#ifdef __x86_64__
	/* i386: setrlimit, ugetrlimit, prlimit64, setuid32, getuid32, open, mkdir, creat. */
	static const long small[] = { 75, 191, 340, 213, 199, 5, 39, 8 };
	char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	for (size_t i = 0; i < sizeof small / sizeof *small; i++)
		ACCOUNT("i386 call %ld of an account", small[i]) {
			long result;
			__asm__ volatile("int $0x80" : "=a"(result) : "a"(small[i]), "b"(LOCKS), "c"(low), "d"(low), "S"(0), "D"(0) : "memory", "r8", "r9", "r10", "r11");
			HELD_IF(((int)result == -ENOSYS || (int)result == -EPERM) && is_account());
		}
#endif
}

static void *again(void *unused)
{
	(void)unused;
	return (void *)(long)(syscall(SYS_setresuid, 0, 0, 0) == 0);
}

static void ids(void)
{
	ACCOUNT("root again")
		HELD_IF(setuid(0) != 0 && errno == EPERM && setreuid(0, 0) != 0 && setresuid(0, 0, 0) != 0 && seteuid(0) != 0 && is_account());
	ACCOUNT("root's group again")
		HELD_IF(setgid(0) != 0 && setregid(0, 0) != 0 && setresgid(0, 0, 0) != 0 && setgroups(0, 0) != 0 && is_account());
	ACCOUNT("root's files again")
		HELD_IF(syscall(SYS_setfsuid, 0) == 70 && syscall(SYS_setfsuid, -1) == 70 && syscall(SYS_setfsgid, 0) == 71 && is_account());
	ACCOUNT("root again in a thread") {
		pthread_t thread;
		void *gained = 0;
		HELD_IF(pthread_create(&thread, 0, again, 0) == 0 && pthread_join(thread, &gained) == 0 && !gained && is_account());
	}
	ACCOUNT("root again by keeping capabilities")
		HELD_IF(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && setuid(0) != 0 && is_account());
	TRY("capabilities that the next program keeps") {
		prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		become();
		execl("/inside", "inside", "who", NULL);
	}
	TRY("a program with a setuid bit") {
		char text[65536];
		int from = open("/inside", O_RDONLY), to = open("/w/setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
		for (ssize_t n; (n = read(from, text, sizeof text)) > 0;)
			if (write(to, text, n) != n)
				_exit(1);
		close(to);
		if (chmod("/w/setuid", 06755) != 0)
			_exit(1);
		become();
		execl("/w/setuid", "inside", "who", NULL);
	}
	ACCOUNT("what is not its own")
		HELD_IF(chown("/w/file", 70, 71) != 0 && chown("/w/owned", 70, -1) != 0 && lchown("/w/owned", -1, 71) != 0 && is_account());
}

/* Addresses and numbers that are none. */
static void arguments(void)
{
	static gid_t many[65537];
	gid_t got[4];
	uid_t *constant = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	gid_t *edge = (gid_t *)(pages + 4096 - sizeof *edge);
	TRY("setgroups: a bad address")
		HELD_IF(syscall(SYS_setgroups, 1L, BAD) != 0 && errno == EFAULT && syscall(SYS_setgroups, 2L, edge) != 0 && errno == EFAULT && is_root());
	TRY("setgroups: an address of the kernel")
		HELD_IF(syscall(SYS_setgroups, 4L, 0xffffffff81000000) != 0 && errno == EFAULT && is_root());
	TRY("setgroups: too many")
		HELD_IF(setgroups(65537, many) != 0 && errno == EINVAL && syscall(SYS_setgroups, -1L, many) != 0 && errno == EINVAL && is_root());
	TRY("setgroups: the group -1")
		HELD_IF((got[0] = -1, setgroups(1, got)) != 0 && errno == EINVAL && is_root());
	TRY("setuid and setgid: -1")
		HELD_IF(setuid(-1) != 0 && errno == EINVAL && setgid(-1) != 0 && errno == EINVAL && is_root());
	ACCOUNT("getgroups: a bad address")
		HELD_IF(syscall(SYS_getgroups, 4L, BAD) == -1 && errno == EFAULT && syscall(SYS_getgroups, 4L, edge) == -1 && errno == EFAULT && syscall(SYS_getgroups, 4L, constant) == -1 && is_account());
	ACCOUNT("getgroups: too little room")
		HELD_IF(getgroups(1, got) == -1 && errno == EINVAL && syscall(SYS_getgroups, -1L, got) == -1 && errno == EINVAL && getgroups(0, 0) == 2 && is_account());
	ACCOUNT("getresuid: a bad address")
		HELD_IF(syscall(SYS_getresuid, BAD, BAD, BAD) != 0 && errno == EFAULT && syscall(SYS_getresgid, got, got + 1, constant) != 0 && errno == EFAULT && is_account());
	ACCOUNT("getrlimit: a bad address")
		HELD_IF(syscall(SYS_getrlimit, LOCKS, BAD) != 0 && syscall(SYS_prlimit64, 0, LOCKS, 0, constant) != 0 && is_account());
	ACCOUNT("a path at a bad address")
		HELD_IF(syscall(SYS_openat, AT_FDCWD, BAD, O_CREAT | O_WRONLY, 0600) < 0 && errno == EFAULT && syscall(SYS_mkdirat, AT_FDCWD, 0, 0700) < 0 && errno == EFAULT
			&& syscall(SYS_symlinkat, BAD, AT_FDCWD, "/w/none") < 0 && errno == EFAULT && is_account());
	ACCOUNT("a path at a bad descriptor")
		HELD_IF(openat(99, "x", O_CREAT | O_WRONLY, 0600) < 0 && errno == EBADF && mkdirat(-7, "x", 0700) < 0 && errno == EBADF && is_account());
	ACCOUNT("openat2 of what nobody knows") {
		struct open_how how = { .flags = O_CREAT | O_WRONLY | 1ULL << 40, .mode = 0600 };
		int unknown = syscall(SYS_openat2, AT_FDCWD, "/w/none", &how, sizeof how) < 0;
		how.flags = O_CREAT | O_WRONLY;
		int small = syscall(SYS_openat2, AT_FDCWD, "/w/none", &how, 8L) < 0, bad = syscall(SYS_openat2, AT_FDCWD, "/w/none", BAD, sizeof how) < 0;
		how.mode = 0x10600;
		HELD_IF(unknown && small && bad && syscall(SYS_openat2, AT_FDCWD, "/w/none", &how, sizeof how) < 0 && access("/w/none", F_OK) != 0 && is_account());
	}
	ACCOUNT("more descriptors than allowed") {
		struct rlimit limit = { 3, 3 };
		HELD_IF(setrlimit(RLIMIT_NOFILE, &limit) == 0 && open("/w/one-more", O_CREAT | O_EXCL | O_WRONLY, 0600) < 0 && errno == EMFILE);
	}
}

/* New files at `path`, which leads out of the tree or nowhere. */
static void try_to_make(const char *path)
{
	char link[64];
	struct open_how how = { .flags = O_CREAT | O_WRONLY, .mode = 0666 };
	ACCOUNT("make %s", path)
		HELD_IF(open(path, O_CREAT | O_WRONLY, 0666) < 0 && open(path, O_CREAT | O_EXCL | O_WRONLY, 0666) < 0 && creat(path, 0666) < 0
			&& syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) < 0);
	ACCOUNT("make a folder %s", path)
		HELD_IF(mkdir(path, 0777) != 0 && mkdirat(AT_FDCWD, path, 0777) != 0);
	ACCOUNT("make a symlink %s", path)
		HELD_IF(symlink("x", path) != 0 && symlinkat("x", AT_FDCWD, path) != 0);
	ACCOUNT("make a pipe %s", path)
		HELD_IF(mknod(path, S_IFIFO | 0666, 0) != 0 && mknodat(AT_FDCWD, path, S_IFREG | 0666, 0) != 0);
	ACCOUNT("make by a dangling symlink: %s", path) {
		snprintf(link, sizeof link, "/w/dangling-%d", getpid());
		HELD_IF(symlink(path, link) == 0 && open(link, O_CREAT | O_WRONLY, 0666) < 0);
	}
}

static void paths(void)
{
	static const char *const starts[] = {
		"", "/proc/self/root", "/./proc/self/root", "/proc/1/root", "/proc/thread-self/root", "/proc/self/cwd", "/proc/1/cwd", "/./proc/1/cwd",
		"/proc/self/fd/0", "/proc/1/fd/0", "/proc/1/fd/3", "/proc/1/fd/4", "/proc/1/fd/5", "/proc/1/fd/6", "/proc/1/fd/7", "/dev/fd/0",
		"/proc/1/task/1/root", "/proc/1/task/1/cwd", "/w/proc/1/root", "..", "../../../../../../../..",
	};
	char path[5000];
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		snprintf(path, sizeof path, "%s%s/made", starts[i], folder);
		try_to_make(path);
		snprintf(path, sizeof path, "%s/../../../../../../../..%s/made", starts[i], folder);
		try_to_make(path);
	}
	static const char *const kernels[] = { "/proc/made", "/proc/self/made", "/sys/made", "/proc/sys/kernel/made", "/dev/pts/made" };
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
		try_to_make(kernels[i]);
	ACCOUNT("a nameless file in the folder of the host") {
		snprintf(path, sizeof path, "/proc/1/root%s", folder);
		HELD_IF(open(path, O_TMPFILE | O_RDWR, 0600) < 0 && open("/proc/self", O_TMPFILE | O_RDWR, 0600) < 0);
	}
	static const struct { const char *name; mode_t kind; int device; } nodes[] = {
		{ "a disk", S_IFBLK, 0x0800 }, { "memory", S_IFCHR, 0x0101 }, { "null", S_IFCHR, 0x0103 }, { "a loop device", S_IFBLK, 0x0700 },
	};
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		ACCOUNT("an account makes a device: %s", nodes[i].name)
			HELD_IF(mknod("/w/device", nodes[i].kind | 0666, nodes[i].device) != 0 && errno == EPERM
				&& syscall(SYS_mknodat, AT_FDCWD, "/w/device", nodes[i].kind | 0666, (long)nodes[i].device) != 0);
	TRY("out of a chroot by what it makes") {
		mkdir("/w/cell", 0777);
		if (chroot("/w/cell") != 0)
			_exit(1);
		setegid(71);
		seteuid(70);
		/* The working directory lies outside of that root, and the path goes up from it. */
		int below = mkdir("/../../w/made", 0777) != 0 && mkdir("/../../made", 0777) == 0;
		HELD_IF(below && access("/made", F_OK) == 0);
	}
}

/* Parents that become symlinks while the supervisor looks. That nothing was made outside is seen from there. */
static void races(void)
{
	static const char *const targets[] = { "/proc/1/root", "/proc/1/cwd", "/proc/self/root/../../../..", "../../../../../../..", "/proc/1/fd/3" };
	char target[5000], made[128];
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		ACCOUNT("a folder that becomes a symlink to %s", targets[i]) {
			char race[64], link_[80], folder_[80];
			snprintf(race, sizeof race, "/w/race-%zu", i);
			snprintf(link_, sizeof link_, "%s/link", race);
			snprintf(folder_, sizeof folder_, "%s/folder", race);
			snprintf(target, sizeof target, "%s%s", targets[i], folder);
			if (mkdir(race, 0777) != 0 || mkdir(folder_, 0777) != 0 || symlink(target, link_) != 0)
				_exit(1);
			pid_t swapper = fork();
			if (swapper == 0)
				for (;;)
					syscall(SYS_renameat2, AT_FDCWD, folder_, AT_FDCWD, link_, 2);
			for (int n = 0; n < 400; n++) {
				snprintf(made, sizeof made, "%s/%d", folder_, n);
				close(open(made, O_CREAT | O_EXCL | O_WRONLY, 0666));
				close(open(made, O_CREAT | O_WRONLY, 0666));
				mkdir(made, 0777);
				snprintf(made, sizeof made, "%s/link-%d", folder_, n);
				symlink("x", made);
			}
			kill(swapper, SIGKILL);
			HELD_IF(is_account());
		}
	}
	ACCOUNT("a file that is swapped for a pipe") {
		mkdir("/w/pipes", 0777);
		mkfifo("/w/pipes/pipe", 0666);
		pid_t swapper = fork();
		if (swapper == 0)
			for (;;) {
				link("/w/pipes/pipe", "/w/pipes/new");
				unlink("/w/pipes/new");
			}
		/* Whoever opens a pipe waits; the supervisor must not. */
		pid_t opener = fork();
		if (opener == 0)
			for (;;)
				close(open("/w/pipes/new", O_CREAT | O_WRONLY, 0666)), unlink("/w/pipes/new");
		for (int n = 0; n < 400; n++)
			if (getuid() != 70)
				_exit(1);
		kill(swapper, SIGKILL);
		kill(opener, SIGKILL);
		HELD_IF(is_account());
	}
}

/* The table of credentials has an end, and so does this sandbox's patience with them. */
static void too_many(void)
{
	static gid_t groups[65536];
	TRY("credentials without end") {
		int error = 0;
		for (int n = 1; n < 64 && !error; n++) {
			for (int i = 0; i < 65536; i++)
				groups[i] = n * 65536 + i;
			error = setgroups(65536, groups) == 0 ? 0 : errno;
		}
		HELD_IF(error == EAGAIN && getuid() == 0);
	}
}

int who(void)
{
	return is_account() ? 0 : 1;
}

void identities(const char *outside)
{
	static char open_folder[4096];
	snprintf(open_folder, sizeof open_folder, "%.*s/open", (int)(strrchr(outside, '/') - outside), outside);
	folder = open_folder;
	chmod("/w", 0777);
	limits();
	ids();
	arguments();
	paths();
	races();
	too_many();
}
