/* deny_syscall.c - runs a command for which one system call fails, as a container's seccomp profile does it.
 * In: deny-syscall NAME [--errno EPERM|ENOSYS|ENOMEM|EMFILE] -- COMMAND...  Out: the command, in this process.
 * Why so: Docker and containerd refuse io_uring with EPERM, gVisor with ENOSYS; both shall be tried on a machine
 * that has neither.  ENOMEM and EMFILE are what a kernel says that is short of something, in a container as well.  Raw BPF, because a test helper should not need libseccomp. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define OUR_ARCH AUDIT_ARCH_RISCV64
#else
#error "add the AUDIT_ARCH_ constant of this machine"
#endif

enum { EXIT_USAGE = 3, EXIT_SYSTEM = 4 };

static const struct { const char *name; unsigned number; } syscalls[] = {
	{ "io_uring_setup", SYS_io_uring_setup },
	{ "io_uring_enter", SYS_io_uring_enter },
	{ "io_uring_register", SYS_io_uring_register },
	{ "epoll_pwait2", SYS_epoll_pwait2 },
};

static const struct { const char *name; unsigned number; } errors[] = {
	{ "EPERM", EPERM },
	{ "ENOSYS", ENOSYS },
	{ "ENOMEM", ENOMEM },
	{ "EMFILE", EMFILE },
};

static unsigned error_named(const char *name)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (strcmp(name, errors[i].name) == 0)
			return errors[i].number;
	return 0;
}

static int deny(unsigned number, unsigned error)
{
	/* A number means nothing without its architecture: another one is let through untouched. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof filter / sizeof *filter, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return -errno;
	return 0;
}

static int usage(const char *wrong, const char *where)
{
	fprintf(stderr, "deny-syscall: %s: %s\n"
		"usage: deny-syscall io_uring_setup|io_uring_enter|io_uring_register|epoll_pwait2"
		" [--errno EPERM|ENOSYS|ENOMEM|EMFILE] -- COMMAND...\n", where, wrong);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	unsigned error = EPERM, number = 0;
	int at = 2, failed;
	size_t i;

	if (argc < 2)
		return usage("is missing", "the system call's name");
	for (i = 0; i < sizeof syscalls / sizeof *syscalls && strcmp(argv[1], syscalls[i].name) != 0; i++)
		;
	if (i == sizeof syscalls / sizeof *syscalls)
		return usage("this system call is not in the list", argv[1]);
	number = syscalls[i].number;
	if (at + 1 < argc && strcmp(argv[at], "--errno") == 0) {
		error = error_named(argv[at + 1]);
		if (!error)
			return usage("is none of the errors that can be given", argv[at + 1]);
		at += 2;
	}
	if (at + 1 >= argc || strcmp(argv[at], "--") != 0)
		return usage("`-- COMMAND...` is missing", at < argc ? argv[at] : "the end");
	failed = deny(number, error);
	if (failed) {
		fprintf(stderr, "deny-syscall: installing the filter: %s\n", strerror(-failed));
		return EXIT_SYSTEM;
	}
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "deny-syscall: %s: %s\n", argv[at + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
