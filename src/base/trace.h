/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace points. `trace(CXL, "commit %s ...", name)` prints one line when `-d cxl` is on and costs one test of a
 * word when it is off. Lines go to stderr or to the file of `-D`; printing is thread-safe, line by line.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "base/error.h"
#include "base/types.h"

enum trace_item {
#define TRACE_ITEM(name, text, help) TRACE_##name,
#include "base/trace.def"
#undef TRACE_ITEM
	TRACE_ITEM_COUNT
};

extern u32 trace_mask;                     /* set once, before threads start */
extern u64 trace_counts[TRACE_ITEM_COUNT]; /* UNIMP is counted even when not printed; GUEST_ERROR is
					      base/conformance.h's */

#define trace_is_on(item) unlikely(trace_mask &(1u << TRACE_##item))
#define trace(item, ...)                                                                                               \
	do {                                                                                                           \
		if (TRACE_##item == TRACE_UNIMP)                                                                       \
			__atomic_fetch_add(&trace_counts[TRACE_##item], 1, __ATOMIC_RELAXED);                          \
		if (trace_is_on(item))                                                                                 \
			trace_print(TRACE_##item, __VA_ARGS__);                                                        \
	} while (0)

void trace_print(enum trace_item item, const char *format, ...) printf_like(2, 3);
/* Parses "cxl,mmio" (or "all"); "help" is the caller's to handle. */
bool trace_enable(const char *items, struct error *err);
bool trace_open(const char *path, struct error *err);
/* Prints "name  help" of every item to stdout. */
void trace_help(void);

#endif
