/* Runs a command as a user whom scripts may want to rob: with a secret in the session keyring, `/` left
 * open, shared memory and an abstract socket. Afterwards it looks whether keys were taken or left.
 *
 * usage: host UID COMMAND... */
#define _GNU_SOURCE
#include "attack.h"
#include <grp.h>

static void check(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(3);
	}
}

static long find(long keyring, const char *name)
{
	return syscall(SYS_keyctl, 10, keyring, "user", name, 0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	uid_t uid = atoi(argv[1]);
	if (geteuid() == 0 && uid != 0)
		check(setgroups(0, 0) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0, "become the user");
	check(syscall(SYS_keyctl, 1, 0) >= 0, "join a session keyring");
	long key = syscall(SYS_add_key, "user", SECRET, "words", 5, -3);
	check(key >= 0, "add a key");
	/* Readable for the whole user, as keys of many programs are. */
	check(syscall(SYS_keyctl, 5, key, 0x3f3f0000) == 0, "open the key");
	check(dup2(open("/", O_RDONLY | O_DIRECTORY), LEAKED) == LEAKED, "leave / open");
	int memory = shmget(SHARED, 4096, IPC_CREAT | 0666);
	check(memory >= 0, "share memory");
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0" ABSTRACT };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(ABSTRACT);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(bind(listener, (void *)&address, length) == 0 && listen(listener, 8) == 0, "listen");

	int status;
	pid_t child = fork();
	if (child == 0) {
		execv(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	check(waitpid(child, &status, 0) == child, "wait");
	shmctl(memory, IPC_RMID, 0);
	char words[16] = "";
	int kept = syscall(SYS_keyctl, 11, find(-3, SECRET), words, sizeof words) == 5 && strcmp(words, "words") == 0;
	puts(kept ? "held the user's secret" : "escaped the user's secret was changed");
	puts(find(-3, PLANTED) < 0 && find(-4, PLANTED) < 0 ? "held the keyrings" : "escaped a key was planted");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
