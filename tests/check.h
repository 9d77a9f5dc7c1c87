/* SPDX-License-Identifier: BSD-2-Clause */
/* What every unit test includes: cmocka, and the walking-ones test of a register block that all rooms share. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
/* cmocka's fail() has no arguments; `fail` is base/error.h's, and tests say fail_msg. */
#undef fail
#undef fail_msg
#define fail_msg(text, ...)                                                                                            \
	do {                                                                                                           \
		print_error("ERROR: " text "\n", ##__VA_ARGS__);                                                       \
		_fail(__FILE__, __LINE__);                                                                             \
	} while (0)

#include "base/bits.h"
#include "base/error.h"
#include "base/types.h"

/* The text of an error has this part. */
#define check_says(err, part)                                                                                          \
	do {                                                                                                           \
		if (!strstr((err)->text, part))                                                                        \
			fail_msg("the error \"%s\" does not say \"%s\"", (err)->text, part);                           \
	} while (0)

/* A small generator for tests: the same run every time. */
static inline u64 check_random(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Skips a test whose subject opens files below a folder, where the system has no openat2: QEMU's user mode before 9.1.
 */
static inline void check_openat2(void)
{
	if (syscall(SYS_openat2, -1, NULL, NULL, 0) < 0 && errno == ENOSYS)
		skip();
}

/* The rest is for tests that include mem/reg.h first. */
#ifdef MEM_REG_H

struct check_walk {
	/* Rows to leave out (effects that a test cannot have), or NULL. Rows with a read, write or locked hook are left
	 * out unless `with_hooks`. */
	bool (*leave_out)(const struct reg *row);
	bool with_hooks;
	unsigned checked; /* bits, for the caller to see that it was not empty */
};

/* What a row holds after its reset value and one full write. */
static inline u64 check_written(const struct reg *row, u64 value)
{
	u64 now = 0;

	for (unsigned n = 0; n < row->size * 8u; n++) {
		bool is = bit(row->reset, n);

		if (bit(row->rw, n) || bit(row->rwo, n))
			is = bit(value, n);
		else if (bit(row->w1c, n) && bit(value, n))
			is = false;
		now |= (u64)is << n;
	}
	return now;
}

static inline void check_walk_element(struct regs *b, const struct reg *row, u32 base, unsigned i, void *arg)
{
	struct check_walk *walk = arg;
	u32 offset = base + row->offset + i * row->stride;
	u8 *before = malloc(b->size);

	assert_non_null(before);
	if ((walk->leave_out && walk->leave_out(row)) ||
	    (!walk->with_hooks && (row->read || row->write || row->locked))) {
		free(before);
		return;
	}
	for (unsigned n = 0; n < row->size * 16u; n++) {
		u64 one = BIT(n % (row->size * 8u)), value = (n < row->size * 8u ? one : ~one) & ones(row->size * 8u);

		regs_reset(b, RESET_COLD);
		memcpy(before, b->store, b->size);
		if (regs_read(b, offset, row->size) != row->reset)
			fail_msg("%s: %s[%u] does not reset to 0x%llx", b->name, row->name, i,
				 (unsigned long long)row->reset);
		if (b->access == REGS_BYTES && n & 1) /* byte by byte, which must come to the same */
			for (unsigned k = 0; k < row->size; k++)
				regs_write(b, offset + k, 1, value >> (k * 8) & 0xff);
		else
			regs_write(b, offset, row->size, value);
		if (regs_read(b, offset, row->size) != check_written(row, value))
			fail_msg("%s: %s[%u] holds 0x%llx after a write of 0x%llx, not 0x%llx", b->name, row->name, i,
				 (unsigned long long)regs_read(b, offset, row->size), (unsigned long long)value,
				 (unsigned long long)check_written(row, value));
		memcpy(before + offset, b->store + offset, row->size);
		if (!row->write && memcmp(before, b->store, b->size))
			fail_msg("%s: a write to %s[%u] changed another register", b->name, row->name, i);
		walk->checked++;
	}
	free(before);
}

/* Walks a one and a zero through every bit of every row; leaves the block in cold reset. */
static inline unsigned check_walking_ones(struct regs *b, struct check_walk *walk)
{
	struct check_walk plain = {0};

	walk = walk ? walk : &plain;
	regs_each(b, check_walk_element, walk);
	regs_reset(b, RESET_COLD);
	return walk->checked;
}

#endif
#endif
