/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors told to the user: one line that names key, value, rule and fix.
 *
 * A function that can fail returns bool and takes `struct error *err` last: never NULL, owned by the caller, no
 * allocation. `fail` fills it and returns false. The first error wins; a caller may put words before it.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/types.h"

#define ERROR_BYTES 1024

struct error {
	char text[ERROR_BYTES];
};

bool fail(struct error *err, const char *format, ...) printf_like(2, 3);
/* Puts "words: " before what err says already; returns false. */
bool fail_context(struct error *err, const char *format, ...) printf_like(2, 3);

/* A line for the user on stderr, "cxlvm: " before it. Any thread. */
void notice(const char *format, ...) printf_like(1, 2);

/* The analyzer sees no other file, and must not look for what happens when they return true. */
#ifdef __clang_analyzer__
#define fail(...) (fail(__VA_ARGS__), false)
#define fail_context(...) (fail_context(__VA_ARGS__), false)
#endif

#endif
