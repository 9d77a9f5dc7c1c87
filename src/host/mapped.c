/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that are mapped shared. Where the host cannot give a page of one - the file was cut short, its disk is full -
 * it sends SIGBUS to the thread that touched the page, and no one can go on: the program ends with one line that names
 * the file, its terminal as it was. A signal handler gets no argument, so the list of files is a file-level variable;
 * it only grows, and a row that is free is used again.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"
#include "host/terminal.h"

#define EXIT_FAILED 1

struct mapped_file {
	struct mapped_file *next;
	const u8 *start;
	u64 size; /* 0: the row is free */
	int fd;
	char shorter[1024], full[1024]; /* the two lines, made beforehand */
};

static bool mapped_ending;
static struct mapped_file *mapped_files;                        /* read without the lock, also by the handler */
static pthread_mutex_t mapped_lock = PTHREAD_MUTEX_INITIALIZER; /* of those who change the list */

static const struct mapped_file *file_of(const u8 *address)
{
	for (const struct mapped_file *m = __atomic_load_n(&mapped_files, __ATOMIC_ACQUIRE); m; m = m->next)
		if ((u64)(address - m->start) < __atomic_load_n(&m->size, __ATOMIC_ACQUIRE))
			return m;
	return NULL;
}

/* Async-signal-safe calls only. Several vCPUs may meet the hole at once: the first one speaks. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
	const struct mapped_file *m = info->si_code == BUS_ADRERR ? file_of(info->si_addr) : NULL;
	struct stat st;
	const char *line;

	if (!m)
		terminal_die_of(signal_number);
	if (!m)
		return;
	line = !fstat(m->fd, &st) && S_ISREG(st.st_mode) && (u64)st.st_size < m->size ? m->shorter : m->full;
	while (__atomic_exchange_n(&mapped_ending, true, __ATOMIC_ACQ_REL))
		poll(NULL, 0, -1);
	terminal_restore();
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		_exit(EXIT_FAILED); /* nobody hears it */
	_exit(EXIT_FAILED);
}

void mapped_hook(void)
{
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_RESTART}, before;

	if (!sigaction(SIGBUS, NULL, &before) && !(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_IGN)
		return;
	sigfillset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

void mapped_file_watch(const u8 *start, u64 size, int fd, const char *what)
{
	struct mapped_file *m;

	pthread_mutex_lock(&mapped_lock);
	for (m = mapped_files; m && m->size; m = m->next)
		;
	if (!m) {
		m = calloc(1, sizeof(*m));
		assert(m);
		m->next = mapped_files;
		__atomic_store_n(&mapped_files, m, __ATOMIC_RELEASE);
	}
	m->start = start;
	m->fd = fd;
	snprintf(
		m->shorter, sizeof(m->shorter) - 1,
		"cxlvm: %.800s: the file has become shorter than its %llu bytes of memory; nobody may cut it while we run; "
		"make it as long again with truncate, and start anew",
		what, (unsigned long long)size);
	snprintf(
		m->full, sizeof(m->full) - 1,
		"cxlvm: %.800s: the host has no room for a page of the file; is its disk full? make room there and start "
		"anew; prealloc=on takes all of it at the start",
		what);
	strcat(m->shorter, "\n");
	strcat(m->full, "\n");
	__atomic_store_n(&m->size, size, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&mapped_lock);
	mapped_hook();
}

void mapped_file_forget(const u8 *start)
{
	pthread_mutex_lock(&mapped_lock);
	for (struct mapped_file *m = mapped_files; m; m = m->next)
		if (m->size && m->start == start)
			__atomic_store_n(&m->size, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&mapped_lock);
}
