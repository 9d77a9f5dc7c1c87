/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/out.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURN_MS 50
#define TURNS_AT_END 100

struct out out_stderr = OUT_INIT(STDERR_FILENO);
static bool out_ending;

void out_end(void)
{
	__atomic_store_n(&out_ending, true, __ATOMIC_RELAXED);
}

/* Lock held. False: he is waited for no longer. */
static bool reader_waited_for(struct out *out)
{
	struct pollfd p = {.fd = out->fd, .events = POLLOUT};
	unsigned turns = 0;

	while (!out->is_left && poll(&p, 1, TURN_MS) <= 0)
		out->is_left = __atomic_load_n(&out_ending, __ATOMIC_RELAXED) && ++turns == TURNS_AT_END;
	return !out->is_left || poll(&p, 1, 0) > 0;
}

/* Standard error is the shell's, too, and stays as it is: there, room is looked for before. A pipe that has some takes
 * PIPE_BUF bytes at once. */
static bool write_all(struct out *out, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put;

		if (!out->is_ours && !out->is_file && !reader_waited_for(out))
			return true;
		put = write(out->fd, bytes, MIN(size, 4096));
		if (put > 0) {
			bytes += put;
			size -= (size_t)put;
		} else if (put < 0 && errno == EAGAIN) {
			if (!reader_waited_for(out))
				return true;
		} else if (put == 0 || errno != EINTR) {
			return false;
		}
	}
	return true;
}

bool out_write(struct out *out, const void *bytes, size_t size)
{
	struct stat st;
	int error;
	bool ok;

	pthread_mutex_lock(&out->lock);
	if (!out->is_known)
		out->is_file = !fstat(out->fd, &st) && S_ISREG(st.st_mode);
	out->is_known = true;
	ok = write_all(out, bytes, size);
	error = errno;
	pthread_mutex_unlock(&out->lock);
	errno = error;
	return ok;
}
