/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that command lines bring along and that have nothing to do here: taken, so that what names them works. */
#include "machine/accepted.h"

struct accepted {
	struct dev dev;
	char *filename;
	u64 poll_ns;
};

static const struct prop file_props[] = {PROP_STRING("filename", struct accepted, filename, NULL, "accepted"), {}};
static const struct prop thread_props[] = {PROP_U64("poll-max-ns", struct accepted, poll_ns, 0, "accepted"), {}};

#define ACCEPTED .size = sizeof(struct accepted), .plugs = BUS_OBJECT
const struct dev_class rng_random_class = {
	.name = "rng-random", .doc = "accepted: random bytes are the host's", .props = file_props, ACCEPTED};
const struct dev_class rng_builtin_class = {
	.name = "rng-builtin", .doc = "accepted: random bytes are the host's", .props = file_props, ACCEPTED};
const struct dev_class iothread_class = {
	.name = "iothread", .doc = "accepted: disks have threads of their own", .props = thread_props, ACCEPTED};
