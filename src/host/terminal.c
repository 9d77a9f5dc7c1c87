/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal that the guest's console is on: raw while we run, as it was before on every way out - return, exit(), a
 * signal from outside, a crash of ours, Ctrl-Z. There is one controlling terminal per process and signal handlers get
 * no argument, so its state is the one thing here that lives in a file-level variable.
 */
#include "host/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/out.h"
#include "host/host.h"

static struct {
	struct termios before, raw;
	int fd;
	volatile sig_atomic_t is_raw, is_wanted; /* wanted: raw whenever we are in the foreground */
	volatile sig_atomic_t quit_asked;
	volatile int quit_fd; /* 0: nobody asks for a graceful end */
	bool hooked, quit_hooked;
} terminal;

static void give_back(void)
{
	if (terminal.is_raw) {
		terminal.is_raw = 0;
		tcsetattr(terminal.fd, TCSANOW, &terminal.before);
	}
}

void terminal_restore(void)
{
	int error = errno;

	terminal.is_wanted = 0;
	give_back();
	errno = error;
}

/* A background job leaves the terminal to the shell, or to the job in the foreground. [POSIX.1 11.1.4] */
static void take_again(void)
{
	terminal.is_raw = terminal.is_wanted && tcgetpgrp(terminal.fd) == getpgrp();
	if (terminal.is_raw && tcsetattr(terminal.fd, TCSANOW, &terminal.raw))
		terminal.is_raw = 0;
}

void terminal_input(void)
{
	if (terminal.is_wanted && !terminal.is_raw)
		take_again();
}

void terminal_die_of(int signal_number)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	terminal_restore();
	sigaction(signal_number, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(signal_number);
}

static void on_quit(int signal_number)
{
	int error = errno;
	u64 one = 1;

	if (terminal.quit_fd && !terminal.quit_asked) {
		terminal.quit_asked = 1;
		out_end();
		if (write(terminal.quit_fd, &one, sizeof(one)) == sizeof(one)) {
			errno = error;
			return;
		}
	}
	terminal_die_of(signal_number);
}

/* Ctrl-Z: the shell gets its terminal back; on_continue takes it again. */
static void on_suspend(int signal_number)
{
	int error = errno;

	give_back();
	raise(SIGSTOP);
	errno = error;
}

/* Also after SIGSTOP and SIGTTIN, which nobody can or need handle: the shell has set the terminal to its own liking. */
static void on_continue(int signal_number)
{
	int error = errno;

	take_again();
	errno = error;
}

static void hook(int signal_number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;

	/* What was ignored (nohup) stays ignored. */
	if (!sigaction(signal_number, NULL, &before) && before.sa_handler == SIG_IGN)
		return;
	sigfillset(&action.sa_mask);
	sigaction(signal_number, &action, NULL);
}

static void hook_quit_signals(void)
{
	static const int quits[] = {SIGINT, SIGTERM, SIGHUP};

	for (unsigned i = 0; i < ARRAY_SIZE(quits) && !terminal.quit_hooked; i++)
		hook(quits[i], on_quit);
	terminal.quit_hooked = true;
}

static void hook_all(void)
{
	static const int crashes[] = {SIGSEGV, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS, SIGALRM, SIGXCPU};

	if (terminal.hooked)
		return;
	terminal.hooked = true;
	atexit(terminal_restore);
	for (unsigned i = 0; i < ARRAY_SIZE(crashes); i++)
		hook(crashes[i], terminal_die_of);
	mapped_hook(); /* SIGBUS */
	hook(SIGTSTP, on_suspend);
	hook(SIGCONT, on_continue);
	hook_quit_signals();
}

void terminal_raw(int fd, bool signals)
{
	if (terminal.is_raw || tcgetattr(fd, &terminal.before))
		return;
	terminal.fd = fd;
	terminal.raw = terminal.before;
	terminal.raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	terminal.raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | (signals ? 0 : ISIG));
	terminal.raw.c_cflag = (terminal.raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	terminal.raw.c_cc[VMIN] = 1;
	terminal.raw.c_cc[VTIME] = 0;
	hook_all();
	terminal.is_wanted = 1;
	terminal.is_raw = 1; /* before the change: a signal in between restores what is so already */
	if (tcsetattr(fd, TCSANOW, &terminal.raw))
		terminal.is_raw = terminal.is_wanted = 0;
}

struct quit_call {
	void (*quit)(void *opaque);
	void *opaque;
	struct loop *loop;
};

static void quit_ready(void *opaque, u32 events)
{
	struct quit_call *call = opaque;
	u64 count;

	if (read(terminal.quit_fd, &count, sizeof(count)) == sizeof(count))
		call->quit(call->opaque);
}

int quit_signals_fd(void)
{
	return terminal.quit_fd ? terminal.quit_fd : -1;
}

bool quit_signals_watch(struct loop *loop, void (*quit)(void *opaque), void *opaque, struct error *err)
{
	struct quit_call *call;
	int fd;

	if (terminal.quit_fd)
		return true;
	call = calloc(1, sizeof(*call)); /* lives as long as the process, as handlers do */
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert(call);
	*call = (struct quit_call){.quit = quit, .opaque = opaque, .loop = loop};
	if (fd < 0 || !loop_watch(loop, fd, EPOLLIN, quit_ready, call, err)) {
		free(call);
		return fd >= 0 ? (close(fd), false) : fail(err, "cannot wait for signals: %s", strerror(errno));
	}
	terminal.quit_fd = fd;
	hook_quit_signals();
	return true;
}
