/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said to the user: on standard error, or into the file of -D. A reader who is slow is waited for as long as
 * the program runs. Once it ends he has five seconds, so that one who has stopped reading does not hold it. Any thread.
 */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <pthread.h>
#include <stddef.h>

#include "base/types.h"

struct out {
	int fd;
	bool is_ours; /* nobody else has its description, which is O_NONBLOCK */
	/* under the lock */
	pthread_mutex_t lock;
	bool is_known, is_file; /* is_file: writes do not wait */
	bool is_left;           /* its reader had his five seconds */
};
/* clang-format off */
#define OUT_INIT(number) {.fd = number, .lock = PTHREAD_MUTEX_INITIALIZER}
/* clang-format on */

extern struct out out_stderr;

/* The bytes of a call stay together. False, with errno: the host takes them no more. What a reader was not waited for
 * is lost without a word. */
bool out_write(struct out *out, const void *bytes, size_t size);
void out_end(void); /* the program ends; async-signal-safe */

#endif
