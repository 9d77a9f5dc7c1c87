/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fail(struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return false;
}

bool fail_context(struct error *err, const char *format, ...)
{
	char inner[ERROR_BYTES];
	va_list args;
	size_t length;
	int used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(args, format);
	used = vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	if (used < 0 || (size_t)used + 3 > sizeof(err->text))
		return false;
	memcpy(err->text + used, ": ", 2);
	length = MIN(strlen(inner), sizeof(err->text) - (size_t)used - 3);
	memcpy(err->text + used + 2, inner, length);
	err->text[(size_t)used + 2 + length] = 0;
	return false;
}
