/* SPDX-License-Identifier: BSD-2-Clause */
/* A bench for one device: a space with RAM under instruction time, a line that remembers, access by address. */
#ifndef TESTS_DEV_BENCH_H
#define TESTS_DEV_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "dev/platform.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

#define BASE 0x09000000ull
#define RAM_BASE 0x40000000ull
#define RAM_BYTES (4 * MiB)

struct bench {
	struct loop *loop;
	struct space *space;
	struct region ram;
	bool level;
};

static void bench_set(void *opaque, unsigned n, bool level)
{
	struct bench *b = opaque;

	assert_int_equal(n, 7);
	b->level = level;
}

static inline struct line bench_line(struct bench *b)
{
	return (struct line){.set = bench_set, .opaque = b, .n = 7};
}

static inline u64 get(struct bench *b, u64 offset, unsigned size)
{
	u64 value = 0;

	assert_int_equal(space_read(b->space, BASE + offset, size, &value), MEM_OK);
	return value;
}

static inline void put(struct bench *b, u64 offset, unsigned size, u64 value)
{
	assert_int_equal(space_write(b->space, BASE + offset, size, value), MEM_OK);
}

/* Walking ones over a plain 32-bit register. */
static inline void walk(struct bench *b, u64 offset, u32 rw)
{
	u32 before = (u32)get(b, offset, 4);

	for (unsigned n = 0; n < 32; n++) {
		put(b, offset, 4, BIT(n));
		assert_int_equal(get(b, offset, 4), (before & ~rw) | (BIT(n) & rw));
	}
	put(b, offset, 4, before);
}

static void bench_open(struct bench *b)
{
	struct error err;

	*b = (struct bench){0};
	b->loop = loop_create(true, &err);
	assert_non_null(b->loop);
	loop_lock(b->loop);
	b->space = space_create(b->loop);
	b->ram = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_BYTES, .host = calloc(1, RAM_BYTES)};
	space_add(b->space, &b->ram);
}

static void bench_close(struct bench *b)
{
	space_remove(b->space, &b->ram);
	space_destroy(b->space);
	loop_unlock(b->loop);
	loop_destroy(b->loop);
	free(b->ram.host);
}

#endif
