/* SPDX-License-Identifier: BSD-2-Clause */
/* The runtime services as a guest calls them: statuses for every misuse, clock, variables, reset. [UEFI2.10 8] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "boot/boot.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

#define ERR(n) (1ull << 63 | (n))
enum { INVALID = 2, UNSUPPORTED = 3, TOO_SMALL = 5, PROTECTED = 8, NO_RESOURCES = 9, NOT_FOUND = 14 };
enum {
	GET_TIME,
	SET_TIME,
	GET_WAKEUP,
	SET_WAKEUP,
	SET_MAP,
	CONVERT,
	GET_VAR,
	NEXT_VAR,
	SET_VAR,
	COUNT,
	RESET,
	CAPSULE,
	QUERY_CAPSULE,
	QUERY_VARS
};
enum { NV_BS_RT = 7 };

#define BASE 0xffff800000000000ull
enum { ROOM = 256 * 1024 };

struct world {
	u8 memory[ROOM]; /* at BASE; all else faults */
	u64 now_ns;
	unsigned offs, resets;
	struct efi_runtime *rt;
	struct efi_guest guest;
};

static bool guest_read(void *opaque, u64 va, void *to, u64 size)
{
	struct world *w = opaque;

	if (va < BASE || !range_ok(va - BASE, size, ROOM))
		return false;
	memcpy(to, w->memory + (va - BASE), size);
	return true;
}

static bool guest_write(void *opaque, u64 va, const void *from, u64 size)
{
	struct world *w = opaque;

	if (va < BASE || !range_ok(va - BASE, size, ROOM))
		return false;
	memcpy(w->memory + (va - BASE), from, size);
	return true;
}

static u64 now_ns(void *opaque)
{
	return ((struct world *)opaque)->now_ns;
}

static void count_off(void *opaque)
{
	((struct world *)opaque)->offs++;
}

static void count_reset(void *opaque)
{
	((struct world *)opaque)->resets++;
}

static struct world *begin(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct efi_runtime_config config = {now_ns, count_off, count_reset, w};

	assert_non_null(w);
	w->now_ns = 1763849617ull * 1000000000 + 5;
	w->rt = efi_runtime_create(&config);
	w->guest = (struct efi_guest){guest_read, guest_write, w};
	assert_non_null(w->rt);
	return w;
}

static void end(struct world *w)
{
	efi_runtime_destroy(w->rt);
	free(w);
}

static u64 call(struct world *w, unsigned service, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	u64 x[8] = {a, b, c, d, e, 0, 0, 0};

	assert_true(efi_runtime_call(w->rt, &w->guest, (u16)(EFI_HVC_BASE + service), x));
	return x[0];
}

/* Guest layout of the variable tests. */
enum { NAME = 0x0, GUID = 0x1000, ATTR = 0x1100, SIZE = 0x1108, DATA = 0x2000 };

static void put_name(struct world *w, const char *name)
{
	unsigned i;

	for (i = 0; i <= strlen(name); i++)
		store_le(w->memory + NAME + 2 * i, 2, (u8)name[i]);
}

static u64 set(struct world *w, const char *name, u32 attributes, const void *data, u64 size)
{
	put_name(w, name);
	memset(w->memory + GUID, 0x11, 16);
	if (size <= ROOM - DATA)
		memcpy(w->memory + DATA, data, size);
	return call(w, SET_VAR, BASE + NAME, BASE + GUID, attributes, size, size ? BASE + DATA : 0);
}

static u64 get(struct world *w, const char *name, u64 room)
{
	put_name(w, name);
	memset(w->memory + GUID, 0x11, 16);
	store_le(w->memory + SIZE, 8, room);
	return call(w, GET_VAR, BASE + NAME, BASE + GUID, BASE + ATTR, BASE + SIZE, BASE + DATA);
}

static void clock_is_told_and_set(void **state)
{
	static const s64 seconds[] = {0,          951782399,  951782400,  951868800,
				      1735689599, 1735689600, 4107542399, 253402300799};
	struct world *w = begin();
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		time_t s = seconds[i];
		struct tm tm;

		if (s > 18446744073) /* beyond u64 nanoseconds */
			break;
		w->now_ns = (u64)s * 1000000000 + 123;
		assert_int_equal(call(w, GET_TIME, BASE, BASE + 64, 0, 0, 0), 0);
		gmtime_r(&s, &tm);
		assert_int_equal(load_le(w->memory, 2), tm.tm_year + 1900);
		assert_int_equal(w->memory[2], tm.tm_mon + 1);
		assert_int_equal(w->memory[3], tm.tm_mday);
		assert_int_equal(w->memory[4], tm.tm_hour);
		assert_int_equal(w->memory[5], tm.tm_min);
		assert_int_equal(w->memory[6], tm.tm_sec);
		assert_int_equal(load_le(w->memory + 8, 4), 123);
		assert_int_equal(load_le(w->memory + 12, 2), 2047);
		assert_int_equal(load_le(w->memory + 64, 4), 1);
	}
	/* 29 February 2028, 12:34:56, one hour east; then three seconds pass. */
	memset(w->memory, 0, 16);
	store_le(w->memory, 2, 2028), w->memory[2] = 2, w->memory[3] = 29;
	w->memory[4] = 12, w->memory[5] = 34, w->memory[6] = 56;
	store_le(w->memory + 12, 2, 60), w->memory[14] = 1;
	assert_int_equal(call(w, SET_TIME, BASE, 0, 0, 0, 0), 0);
	w->now_ns += 3000000000;
	assert_int_equal(call(w, GET_TIME, BASE, 0, 0, 0, 0), 0);
	assert_int_equal(load_le(w->memory, 2), 2028);
	assert_int_equal(w->memory[3], 29);
	assert_int_equal(w->memory[6], 59);
	assert_int_equal(load_le(w->memory + 12, 2), 60);
	assert_int_equal(w->memory[14], 1);
	end(w);
}

static void the_wakeup_timer_stays_off(void **state)
{
	struct world *w = begin();

	memset(w->memory, 0xff, 64);
	assert_int_equal(call(w, GET_WAKEUP, BASE, BASE + 1, BASE + 8, 0, 0), 0);
	assert_int_equal(w->memory[0], 0);
	assert_int_equal(w->memory[1], 0);
	assert_int_equal(call(w, GET_TIME, BASE + 32, 0, 0, 0, 0), 0);
	assert_memory_equal(w->memory + 8, w->memory + 32, 16);
	assert_int_equal(call(w, GET_WAKEUP, BASE, BASE + 1, 0, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, GET_WAKEUP, BASE, 0x10, BASE + 8, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, SET_WAKEUP, 0, 0, 0, 0, 0), 0);
	assert_int_equal(call(w, SET_WAKEUP, 1, BASE, 0, 0, 0), ERR(UNSUPPORTED));
	end(w);
}

static void bad_times_are_refused(void **state)
{
	static const struct {
		u8 offset, size;
		u64 value;
	} bad[] = {
		{0, 2, 1899}, {0, 2, 10000}, {2, 1, 0},  {2, 1, 13},         {3, 1, 0},     {3, 1, 30},
		{4, 1, 24},   {5, 1, 60},    {6, 1, 60}, {8, 4, 1000000000}, {12, 2, 1441}, {12, 2, 0x10000 - 1441},
		{14, 1, 4},
	};
	struct world *w = begin();
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(w->memory, 0, 16);
		store_le(w->memory, 2, 2027), w->memory[2] = 2,
					      w->memory[3] = 28; /* 2027 is no leap year: day 29 too */
		store_le(w->memory + bad[i].offset, bad[i].size, bad[i].value);
		assert_int_equal(call(w, SET_TIME, BASE, 0, 0, 0, 0), ERR(INVALID));
	}
	assert_int_equal(call(w, SET_TIME, 0, 0, 0, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, SET_TIME, 0x1000, 0, 0, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, GET_TIME, 0, 0, 0, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, GET_TIME, BASE + ROOM - 8, 0, 0, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, GET_TIME, BASE, 0x10, 0, 0, 0), ERR(INVALID));
	end(w);
}

static void variables_are_kept(void **state)
{
	struct world *w = begin();

	assert_int_equal(get(w, "Boot", 100), ERR(NOT_FOUND));
	assert_int_equal(set(w, "Boot", NV_BS_RT, "hello", 5), 0);
	memset(w->memory + DATA, 0, 16);
	assert_int_equal(get(w, "Boot", 100), 0);
	assert_int_equal(load_le(w->memory + SIZE, 8), 5);
	assert_int_equal(load_le(w->memory + ATTR, 4), NV_BS_RT);
	assert_memory_equal(w->memory + DATA, "hello", 5);
	assert_int_equal(get(w, "Boot", 4), ERR(TOO_SMALL));
	assert_int_equal(load_le(w->memory + SIZE, 8), 5);
	assert_int_equal(set(w, "Boot", NV_BS_RT | 64, " you", 4), 0);
	assert_int_equal(get(w, "Boot", 100), 0);
	assert_memory_equal(w->memory + DATA, "hello you", 9);
	assert_int_equal(set(w, "Boot", NV_BS_RT | 64, "", 0), 0);
	assert_int_equal(get(w, "Boot", 9), 0);
	efi_runtime_reset(w->rt);
	assert_int_equal(get(w, "Boot", 100), 0);
	assert_int_equal(get(w, "boot", 100), ERR(NOT_FOUND));
	assert_int_equal(set(w, "Boot", NV_BS_RT, "", 0), 0);
	assert_int_equal(get(w, "Boot", 100), ERR(NOT_FOUND));
	assert_int_equal(set(w, "Boot", NV_BS_RT, "", 0), ERR(NOT_FOUND));
	assert_int_equal(set(w, "Boot", NV_BS_RT | 64, "x", 1), 0); /* appending to nothing makes it */
	assert_int_equal(set(w, "Boot", 0, "x", 1), 0);             /* no access attribute deletes */
	assert_int_equal(get(w, "Boot", 100), ERR(NOT_FOUND));
	end(w);
}

static void misuse_of_variables_has_its_status(void **state)
{
	struct world *w = begin();
	unsigned i;
	u8 big[70000] = {0};

	assert_int_equal(set(w, "A", NV_BS_RT, "x", 1), 0);
	assert_int_equal(set(w, "A", 0x100 | NV_BS_RT, "x", 1), ERR(INVALID));
	assert_int_equal(set(w, "A", 1 | 4, "x", 1), ERR(INVALID)); /* runtime without boot access */
	assert_int_equal(set(w, "A", 1 | 2, "x", 1), ERR(INVALID)); /* not at run time */
	assert_int_equal(set(w, "B", 2 | 4, "x", 1), ERR(INVALID)); /* volatile: not at run time */
	assert_int_equal(set(w, "A", 0x10 | NV_BS_RT, "x", 1), ERR(UNSUPPORTED));
	assert_int_equal(set(w, "A", 0x20 | NV_BS_RT, "x", 1), ERR(UNSUPPORTED));
	assert_int_equal(set(w, "A", 0x80 | NV_BS_RT, "x", 1), ERR(UNSUPPORTED));
	assert_int_equal(set(w, "A", 0x08 | NV_BS_RT, "x", 1), ERR(UNSUPPORTED));
	assert_int_equal(set(w, "", NV_BS_RT, "x", 1), ERR(INVALID));
	assert_int_equal(set(w, "C", NV_BS_RT, big, 65537), ERR(NO_RESOURCES));
	assert_int_equal(set(w, "C", NV_BS_RT, big, 65536), 0);
	assert_int_equal(set(w, "C", NV_BS_RT | 64, "x", 1), ERR(NO_RESOURCES));
	assert_int_equal(call(w, SET_VAR, BASE + NAME, BASE + GUID, NV_BS_RT, ~0ull, BASE + DATA), ERR(NO_RESOURCES));
	assert_int_equal(call(w, SET_VAR, BASE + NAME, BASE + GUID, NV_BS_RT, 5, 0), ERR(INVALID));
	assert_int_equal(call(w, SET_VAR, BASE + NAME, BASE + GUID, NV_BS_RT, 5, 0x1000), ERR(INVALID));
	assert_int_equal(call(w, SET_VAR, 0, BASE + GUID, NV_BS_RT, 5, BASE), ERR(INVALID));
	assert_int_equal(call(w, SET_VAR, BASE + NAME, 0, NV_BS_RT, 5, BASE), ERR(INVALID));
	assert_int_equal(call(w, GET_VAR, 0, BASE + GUID, 0, BASE + SIZE, BASE + DATA), ERR(INVALID));
	assert_int_equal(call(w, GET_VAR, BASE + NAME, 0, 0, BASE + SIZE, BASE + DATA), ERR(INVALID));
	assert_int_equal(call(w, GET_VAR, BASE + NAME, BASE + GUID, 0, 0, BASE + DATA), ERR(INVALID));
	put_name(w, "A");
	store_le(w->memory + SIZE, 8, 100);
	assert_int_equal(call(w, GET_VAR, BASE + NAME, BASE + GUID, 0, BASE + SIZE, 0), ERR(INVALID));
	store_le(w->memory + SIZE, 8, 0);
	assert_int_equal(call(w, GET_VAR, BASE + NAME, BASE + GUID, 0, BASE + SIZE, 0), ERR(TOO_SMALL));
	/* A name that never ends, and one that runs into unmapped memory. */
	memset(w->memory, 0x41, ROOM);
	assert_int_equal(call(w, GET_VAR, BASE, BASE, 0, BASE + 2048, BASE), ERR(INVALID));
	assert_int_equal(call(w, GET_VAR, BASE + ROOM - 4, BASE, 0, BASE + 2048, BASE), ERR(INVALID));
	/* The store fills up, and what is deleted makes room. */
	for (i = 0; i < 20; i++) {
		char name[3] = {'Z', (char)('a' + i), 0};

		if (set(w, name, NV_BS_RT, big, 60000))
			break;
	}
	assert_true(i > 4 && i < 9);
	assert_int_equal(set(w, "Zz", NV_BS_RT, big, 60000), ERR(NO_RESOURCES));
	assert_int_equal(set(w, "Za", NV_BS_RT, "", 0), 0);
	assert_int_equal(set(w, "Zz", NV_BS_RT, big, 60000), 0);
	end(w);
}

static u64 next(struct world *w, u64 room)
{
	store_le(w->memory + SIZE, 8, room);
	return call(w, NEXT_VAR, BASE + SIZE, BASE + NAME, BASE + GUID, 0, 0);
}

static void names_are_enumerated(void **state)
{
	static const char *const names[] = {"SecureBoot", "SetupMode", "One", "Two"};
	struct world *w = begin();
	unsigned i, k;

	assert_int_equal(set(w, "One", NV_BS_RT, "1", 1), 0);
	assert_int_equal(set(w, "Two", NV_BS_RT, "2", 1), 0);
	put_name(w, "");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(next(w, 4),
				 ERR(i ? INVALID : TOO_SMALL)); /* the given name must end within the size */
		assert_int_equal(next(w, 1024), 0);
		assert_int_equal(load_le(w->memory + SIZE, 8), 2 * strlen(names[i]) + 2);
		for (k = 0; k <= strlen(names[i]); k++)
			assert_int_equal(load_le(w->memory + NAME + 2 * k, 2), (u8)names[i][k]);
	}
	assert_int_equal(next(w, 1024), ERR(NOT_FOUND));
	put_name(w, "Three");
	assert_int_equal(next(w, 1024), ERR(INVALID));
	assert_int_equal(call(w, NEXT_VAR, 0, BASE, BASE, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, NEXT_VAR, BASE + SIZE, 0, BASE, 0, 0), ERR(INVALID));
	assert_int_equal(call(w, NEXT_VAR, BASE + SIZE, BASE, 0, 0, 0), ERR(INVALID));
	/* SecureBoot belongs to the firmware. */
	put_name(w, "");
	assert_int_equal(next(w, 1024), 0);
	assert_int_equal(call(w, SET_VAR, BASE + NAME, BASE + GUID, NV_BS_RT, 1, BASE + DATA), ERR(PROTECTED));
	assert_int_equal(call(w, SET_VAR, BASE + NAME, BASE + GUID, 0, 0, 0), ERR(PROTECTED));
	end(w);
}

static void storage_is_accounted_for(void **state)
{
	struct world *w = begin();
	u64 before;

	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT, BASE, BASE + 8, BASE + 16, 0), 0);
	before = load_le(w->memory + 8, 8);
	assert_int_equal(before, load_le(w->memory, 8));
	assert_int_equal(load_le(w->memory + 16, 8), 65536);
	assert_int_equal(set(w, "One", NV_BS_RT, "12345678", 8), 0);
	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT, BASE, BASE + 8, BASE + 16, 0), 0);
	assert_int_equal(load_le(w->memory + 8, 8), before - 32 - 8 - 8);
	assert_int_equal(set(w, "One", NV_BS_RT, "", 0), 0);
	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT, BASE, BASE + 8, BASE + 16, 0), 0);
	assert_int_equal(load_le(w->memory + 8, 8), before);
	assert_int_equal(call(w, QUERY_VARS, 0, BASE, BASE + 8, BASE + 16, 0), ERR(INVALID));
	assert_int_equal(call(w, QUERY_VARS, 4, BASE, BASE + 8, BASE + 16, 0), ERR(INVALID));
	assert_int_equal(call(w, QUERY_VARS, 3, BASE, BASE + 8, BASE + 16, 0), ERR(INVALID));
	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT | 32, BASE, BASE + 8, BASE + 16, 0), ERR(UNSUPPORTED));
	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT, 0, BASE + 8, BASE + 16, 0), ERR(INVALID));
	assert_int_equal(call(w, QUERY_VARS, NV_BS_RT, BASE, BASE + 8, 0x10, 0), ERR(INVALID));
	end(w);
}

static void the_rest_answers(void **state)
{
	static const u8 absent[] = {SET_MAP, CONVERT, CAPSULE, QUERY_CAPSULE};
	struct world *w = begin();
	u64 x[8] = {0};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(absent); i++)
		assert_int_equal(call(w, absent[i], BASE, BASE, BASE, BASE, BASE), ERR(UNSUPPORTED));
	assert_int_equal(call(w, COUNT, BASE, 0, 0, 0, 0), 0);
	assert_int_equal(load_le(w->memory, 4), 1);
	assert_int_equal(call(w, COUNT, BASE, 0, 0, 0, 0), 0);
	assert_int_equal(load_le(w->memory, 4), 2);
	assert_int_equal(call(w, COUNT, 0, 0, 0, 0, 0), ERR(INVALID));
	call(w, RESET, 0, 0, 0, 0, 0);
	call(w, RESET, 1, 0, 0, 0, 0);
	assert_int_equal(w->resets, 2);
	call(w, RESET, 2, 0, 0, 0, 0);
	assert_int_equal(w->offs, 1);
	call(w, RESET, 9, 0, 0, 0, 0);
	assert_int_equal(w->offs + w->resets, 3);
	assert_false(efi_runtime_call(w->rt, &w->guest, 0, x));
	assert_false(efi_runtime_call(w->rt, &w->guest, EFI_HVC_BASE - 1, x));
	assert_false(efi_runtime_call(w->rt, &w->guest, EFI_HVC_BASE + EFI_HVC_COUNT, x));
	end(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_is_told_and_set),
		cmocka_unit_test(bad_times_are_refused),
		cmocka_unit_test(the_wakeup_timer_stays_off),
		cmocka_unit_test(variables_are_kept),
		cmocka_unit_test(misuse_of_variables_has_its_status),
		cmocka_unit_test(names_are_enumerated),
		cmocka_unit_test(storage_is_accounted_for),
		cmocka_unit_test(the_rest_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
