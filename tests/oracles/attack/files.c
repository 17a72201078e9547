/* Attempts at the files of the kernel and at the devices. */
#define _GNU_SOURCE
#include "attack.h"

static void writes(void)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/randomize_va_space",
		"/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/shmmax", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
		"/proc/sys/fs/file-max", "/proc/sys/fs/suid_dumpable", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces",
		"/proc/sys/fs/mqueue/msg_max", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/irq/0/smp_affinity",
		"/proc/bus/pci/00/00.0", "/proc/fs/ext4/vda/options", "/proc/mtrr", "/proc/acpi/wakeup", "/proc/scsi/scsi",
		"/proc/self/uid_map", "/proc/self/setgroups", "/proc/self/attr/exec", "/proc/self/oom_score_adj", "/proc/self/timerslack_ns",
		"/proc/1/mem", "/proc/1/oom_score_adj", "/proc/1/uid_map", "/proc/1/comm", "/proc/1/coredump_filter", "/proc/1/clear_refs",
		"/proc/1/fd/0", "/proc/1/fd/3", "/proc/1/fd/4", "/proc/1/fd/5", "/proc/1/exe", "/proc/1/task/1/mem",
		"/proc/kcore", "/proc/kmsg", "/proc/latency_stats", "/proc/timer_list", "/dev/kmsg", "/dev/mem", "/dev/vda", "/dev/sda",
		"/dev/loop-control", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/console", "/dev/tty0",
		"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state", "/sys/kernel/uevent_helper",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		/* A file that is hidden is the device null, which takes every word. */
		struct stat s;
		TRY("open to write: %s", files[i]) {
			int fd = open(files[i], O_WRONLY | O_NONBLOCK);
			HELD_IF(fd < 0 || (fstat(fd, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == 0x103));
		}
		TRY("set the mode: %s", files[i])
			HELD_IF(stat(files[i], &s) != 0 || chmod(files[i], s.st_mode & 07777) != 0);
	}
}

static void reads(void)
{
	static const char *const files[] = {
		"/proc/keys", "/proc/key-users", "/proc/kcore", "/proc/kallsyms", "/proc/timer_list", "/proc/latency_stats", "/proc/sched_debug",
		"/proc/interrupts", "/proc/kmsg", "/proc/kpagecount", "/proc/kpageflags", "/proc/scsi/scsi", "/proc/acpi/wakeup", "/proc/bus/input/devices",
		"/proc/1/environ", "/proc/1/maps", "/proc/1/mem", "/proc/1/auxv", "/proc/1/syscall", "/proc/1/stack", "/proc/1/io", "/proc/1/smaps",
		"/proc/1/personality", "/proc/1/pagemap", "/sys/firmware/acpi/tables/FACP", "/sys/class/net/lo/address",
	};
	static const char *const links[] = { "/proc/1/exe", "/proc/1/cwd", "/proc/1/root", "/proc/1/fd/0", "/proc/1/fd/3", "/proc/1/ns/user", "/proc/1/ns/mnt" };
	static const char *const folders[] = { "/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/scsi", "/proc/acpi", "/proc/1/fd", "/proc/1/map_files", "/proc/1/fdinfo" };
	char word[4096];
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		TRY("read: %s", files[i])
			HELD_IF(read(open(files[i], O_RDONLY | O_NONBLOCK), word, sizeof word) <= 0);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		TRY("read the link: %s", links[i])
			HELD_IF(readlink(links[i], word, sizeof word) < 0);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		TRY("list: %s", folders[i]) {
			DIR *folder = opendir(folders[i]);
			int n = 0;
			for (struct dirent *entry; folder && (entry = readdir(folder));)
				n += entry->d_name[0] != '.';
			HELD_IF(n == 0);
		}
	TRY("the supervisor names folders of the host") {
		ssize_t n = read(open("/proc/1/cmdline", O_RDONLY), word, sizeof word);
		int slashes = 0;
		for (ssize_t i = strlen(word); i < n; i++)
			slashes += word[i] == '/';
		/* The first word is the program. */
		HELD_IF(n > 0 && slashes == 0);
	}
	TRY("be root outside") {
		unsigned inner, outer;
		FILE *map = fopen("/proc/self/uid_map", "r");
		HELD_IF(map && fscanf(map, "%u %u", &inner, &outer) == 2 && outer != 0);
	}
}

static void devices(void)
{
	static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
		char path[64];
		struct stat s = { 0 };
		snprintf(path, sizeof path, "/dev/%s", nodes[i]);
		struct timespec times[2] = { { 0, UTIME_OMIT } };
		TRY("there is %s", path)
			HELD_IF(stat(path, &s) == 0 && S_ISCHR(s.st_mode));
		stat(path, &s);
		times[1] = s.st_mtim;
		TRY("chmod %s", path)
			HELD_IF(chmod(path, s.st_mode & 07777) != 0);
		TRY("set the times of %s", path)
			HELD_IF(utimensat(AT_FDCWD, path, times, 0) != 0);
		TRY("set an attribute of %s", path)
			HELD_IF(syscall(SYS_setxattr, path, "security.imgbuild", "x", 1, 0) != 0);
		TRY("remove %s", path)
			HELD_IF(unlink(path) != 0);
		TRY("rename %s", path)
			HELD_IF(rename(path, "/dev/moved") != 0);
		TRY("fchmod %s", path) {
			int fd = open(path, O_RDONLY | O_NONBLOCK);
			HELD_IF(fd < 0 || fchmod(fd, s.st_mode & 07777) != 0);
		}
		/* It succeeds and changes nothing; who looks from outside sees that. */
		TRY("chown %s", path)
			HELD_IF(chown(path, 7, 7) == 0 && stat(path, &s) == 0 && s.st_uid != 7);
	}
	TRY("make a folder in /sys")
		HELD_IF(mkdir("/sys/x", 0755) != 0);
	TRY("make a folder in /proc")
		HELD_IF(mkdir("/proc/x", 0755) != 0);
	TRY("/dev/null takes no words")
		HELD_IF(write(open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0644), "x", 1) == 1);
}

void kernel_files(void)
{
	writes();
	reads();
	devices();
}
