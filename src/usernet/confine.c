/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a network peer that took this program over from getting further: no file can be opened (Landlock, where
 * the kernel has it, and the filter), nothing executed, no privilege gained or kept but that of low ports; and a filter
 * of system calls, which kills.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "usernet/usernet.h"

/* What libslirp, GLib's memory functions and libc use from now on. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(getrandom),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(tgkill),
};
/* What is refused without ending the program: libraries try these, and go on without. */
static const int refused[] = {
	SCMP_SYS(open),  SCMP_SYS(openat), SCMP_SYS(stat),     SCMP_SYS(newfstatat),
	SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(readlink),
};

static bool filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const int families[] = {AF_INET, AF_INET6};
	const unsigned long ioctls[] = {FIONREAD, FIONBIO, SIOCATMARK};
	bool ok = ctx != NULL;

	for (size_t i = 0; ok && i < ARRAY_SIZE(allowed); i++)
		ok = !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; ok && i < ARRAY_SIZE(refused); i++)
		ok = !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	for (size_t i = 0; ok && i < ARRAY_SIZE(families); i++)
		ok = !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	for (size_t i = 0; ok && i < ARRAY_SIZE(ioctls); i++)
		ok = !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	/* Looking up an interface's name opens a UNIX socket: refused, not fatal. */
	ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* Memory, but none that can be executed. */
	ok = ok && !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0)) &&
	     !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	ok = ok && !seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return ok;
}

/* A rule set that handles everything and allows nothing; a kernel without Landlock has the filter alone. */
static void no_files(void)
{
	struct landlock_ruleset_attr rules = {.handled_access_fs = 0x1fff}; /* the rights of its first version */
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (fd < 0)
		return;
	syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

static bool no_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct had[2], caps[2] = {{0}};
	struct rlimit none = {0};

	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
	    syscall(SYS_capget, &header, had))
		return false;
	caps[0].permitted = caps[0].effective = had[0].permitted & 1u << CAP_NET_BIND_SERVICE;
	return !syscall(SYS_capset, &header, caps);
}

bool confine(char *why, size_t why_bytes)
{
	if (!no_privileges()) {
		snprintf(why, why_bytes, "privileges cannot be dropped: %s", strerror(errno));
		return false;
	}
	no_files();
	if (!filter()) {
		snprintf(why, why_bytes, "the host's kernel takes no system call filter (seccomp)");
		return false;
	}
	return true;
}
