/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A filter of system calls, for a guest that took this program over: what an intruder alone would ask for ends the
 * program, and what is in no table is answered as by a kernel that does not know it, so that a newer libc goes on with
 * what it used before.
 */
#include "host/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "base/bits.h"

/* By newer libcs, instead of TCGETS and so on; their structure collides with libc's own. */
#define TCGETS2_NUMBER 0x802c542a
#define TCSETS2_NUMBER 0x402c542b
#define TCSETSW2_NUMBER 0x402c542c
#define TCSETSF2_NUMBER 0x402c542d

/* The machine, its disks, shared folders, consoles and monitors; libc's memory, threads and clocks. */
static const char allowed[] =
	"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range "
	"dup dup2 dup3 pipe2 fcntl flock fsync fdatasync fallocate truncate ftruncate "
	"open openat openat2 stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 "
	"readlink readlinkat getdents64 getcwd mkdirat mknodat unlink unlinkat linkat symlinkat "
	"rename renameat chmod fchmod fchmodat fchmodat2 fchown fchownat utimensat getxattr "
	"setxattr listxattr removexattr "
	"poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 "
	"timerfd_create timerfd_settime "
	"accept accept4 recvfrom recvmsg sendto sendmsg shutdown getsockname getpeername "
	"getsockopt setsockopt "
	"mmap munmap mremap mprotect madvise msync brk memfd_create membarrier "
	"futex set_robust_list rseq sched_yield sched_getaffinity exit exit_group restart_syscall "
	"rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack wait4 getpid getpgrp gettid "
	"getuid geteuid getgid getegid getrlimit getrusage uname sysinfo clock_gettime clock_getres "
	"clock_nanosleep nanosleep gettimeofday time getrandom ";

/* To plug a network: cxlvm-net is started and confines itself, or another program is connected to. */
static const char spawning[] =
	"execve arch_prctl set_tid_address prctl seccomp landlock_create_ruleset landlock_restrict_self "
	"capget capset setrlimit clone vfork socket socketpair bind connect listen ";

/* Terminals, sockets (also cxlvm-net's), block devices, networks. None puts characters into a terminal (TIOCSTI). */
static const unsigned long ioctls[] = {
	TCGETS,    TCSETS,     TCSETSW,        TCSETSF,        TIOCGWINSZ,      TIOCGPTN,        TIOCGPGRP,
	FIONREAD,  FIONBIO,    TCGETS2_NUMBER, TCSETS2_NUMBER, TCSETSW2_NUMBER, TCSETSF2_NUMBER, BLKGETSIZE64,
	BLKSSZGET, BLKDISCARD, BLKZEROOUT,     TUNSETOFFLOAD,  TUNSETIFF,       TUNSETVNETHDRSZ, SIOCATMARK,
};

/* Nothing here asks for these, whatever it is linked with. */
static const char fatal[] =
	"ptrace process_vm_readv process_vm_writev execveat setuid setgid setreuid setregid setresuid "
	"setresgid setgroups setns unshare chroot pivot_root mount umount2 open_by_handle_at bpf "
	"perf_event_open userfaultfd io_uring_setup add_key request_key keyctl init_module finit_module "
	"delete_module kexec_load reboot swapon swapoff settimeofday clock_settime iopl ioperm ";

/* Those that the library or the host's architecture does not know need no rule. */
static bool add_all(scmp_filter_ctx ctx, uint32_t action, const char *names)
{
	char name[32];

	for (int used; sscanf(names, "%31s%n", name, &used) == 1; names += used) {
		int number = seccomp_syscall_resolve_name(name);

		if (number >= 0 && seccomp_rule_add(ctx, action, number, 0))
			return false;
	}
	return true;
}

/* Threads are made as ever. clone3 keeps its flags in memory, where no filter sees them; libc goes on with clone. */
static bool add_threads(scmp_filter_ctx ctx, bool spawn)
{
	return spawn || (!seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
					   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) &&
			 !seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) &&
			 !seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(execve), 0));
}

/* Signals: to threads of this program, and the one that ends cxlvm-net when its network is unplugged. How exactly a
 * vCPU sleeps. Limits are this process's own: libc has one call for its own and for others'. */
static bool add_narrow(scmp_filter_ctx ctx)
{
	return !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A1(SCMP_CMP_EQ, SIGKILL)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0)) &&
	       !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_TIMERSLACK));
}

static bool fill(scmp_filter_ctx ctx, bool spawn)
{
	bool ok = add_all(ctx, SCMP_ACT_ALLOW, allowed) && add_all(ctx, SCMP_ACT_KILL_PROCESS, fatal) &&
		  add_threads(ctx, spawn) && add_narrow(ctx);

	if (ok && spawn)
		ok = add_all(ctx, SCMP_ACT_ALLOW, spawning);
	for (size_t n = 0; ok && n < ARRAY_SIZE(ioctls); n++)
		ok = !seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[n]));
	return ok;
}

bool sandbox_enter(bool spawn, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	bool ok;

	/* All threads at once; the calls of every disk access are found by a tree; and no kernel slows translated code
	 * down for it (speculative stores stay as they are for other programs). */
	ok = ctx && !seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (ok) {
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	}
	ok = ok && fill(ctx, spawn) && !seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return ok ||
	       fail(err, "-sandbox on: the host's kernel takes no filter of system calls (seccomp); leave it out");
}
