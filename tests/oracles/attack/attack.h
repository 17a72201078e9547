/* What the programs of the attack share. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The key that the user has, and the one that scripts try to leave behind. */
#define SECRET "imgbuild-secret"
#define PLANTED "imgbuild-planted"
/* The number of the descriptor of `/` that was left open. */
#define LEAKED 9
#define SHARED 0x494d4742
#define ABSTRACT "imgbuild-attack"

/* Runs the block behind it in a process of its own, which says how it went. */
#define TRY(...) for (int tried_ = begin(__VA_ARGS__); tried_; tried_ = 0)
#define HELD_IF(condition) _exit((condition) ? 0 : 1)

/* Prints the outcome of the attempt and gives 0 in the parent, 1 in the child. */
__attribute__((format(printf, 1, 2), unused)) static int begin(const char *format, ...)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		return 1;
	/* What the attempt itself made has other numbers. */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	va_list arguments;
	va_start(arguments, format);
	/* Killed by the filter is held as well. */
	int held = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGSYS;
	printf(held ? "held " : "escaped ");
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	return 0;
}

void kernel_files(void);
/* Tries to be others; `outside` is a file of the host, beside a folder `open` for everybody. */
void identities(const char *outside);
/* Whether this program still is the account that started it; 0 if so. */
int who(void);
