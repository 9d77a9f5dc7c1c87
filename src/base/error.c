/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An error is one line of at most ERROR_BYTES. What is longer, which is because of a value that the user gave, loses
 * its middle: key and value stand at the beginning, rule and fix at the end.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/out.h"
#include "base/utf8.h"

#define LONG_BYTES (16 * ERROR_BYTES)
#define HEAD_BYTES (ERROR_BYTES / 3)

static void error_set(struct error *err, const char *text, size_t length)
{
	static const char gap[] = " ... ";
	size_t tail = ERROR_BYTES - HEAD_BYTES - sizeof(gap);

	if (length < ERROR_BYTES) {
		memcpy(err->text, text, length + 1);
		return;
	}
	memcpy(err->text, text, HEAD_BYTES);
	memcpy(err->text + HEAD_BYTES, gap, sizeof(gap) - 1);
	memcpy(err->text + HEAD_BYTES + sizeof(gap) - 1, text + length - tail, tail + 1);
}

static size_t format_long(char text[LONG_BYTES], const char *format, va_list args)
{
	int used = vsnprintf(text, LONG_BYTES, format, args);

	if (used < 0)
		text[0] = 0;
	return used < 0 ? 0 : MIN((size_t)used, LONG_BYTES - 1);
}

bool fail(struct error *err, const char *format, ...)
{
	char text[LONG_BYTES];
	va_list args;

	va_start(args, format);
	error_set(err, text, format_long(text, format, args));
	va_end(args);
	return false;
}

bool fail_context(struct error *err, const char *format, ...)
{
	char text[LONG_BYTES + ERROR_BYTES + 2];
	va_list args;
	size_t length, inner = strlen(err->text);

	va_start(args, format);
	length = format_long(text, format, args);
	va_end(args);
	memcpy(text + length, ": ", 2);
	memcpy(text + length + 2, err->text, inner + 1);
	error_set(err, text, length + 2 + inner);
	return false;
}

/* Whatever the user's words hold: control characters and what is not UTF-8 are shown as numbers. */
void notice(const char *format, ...)
{
	char text[LONG_BYTES], line[4 * ERROR_BYTES + 16];
	size_t used = (size_t)snprintf(line, sizeof(line), "cxlvm: ");
	struct error err;
	const u8 *p = (const u8 *)err.text;
	va_list args;

	va_start(args, format);
	error_set(&err, text, format_long(text, format, args));
	va_end(args);
	while (*p) {
		unsigned length = utf8_length(p, strlen((const char *)p));

		if (!length || *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0)) {
			used += (size_t)snprintf(line + used, sizeof(line) - used, "\\x%02x", *p++);
		} else {
			memcpy(line + used, p, length);
			used += length;
			p += length;
		}
	}
	line[used++] = '\n';
	out_write(&out_stderr, line, used);
}
