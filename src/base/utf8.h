/* SPDX-License-Identifier: BSD-2-Clause */
/* UTF-8. [RFC3629 4] */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/types.h"

/* Length of the character that `size` bytes at `p` begin with, or 0 if that is none. */
static inline unsigned utf8_length(const u8 *p, size_t size)
{
	unsigned length = !size       ? 0 :
			  p[0] < 0x80 ? 1 :
			  p[0] < 0xc2 ? 0 :
			  p[0] < 0xe0 ? 2 :
			  p[0] < 0xf0 ? 3 :
			  p[0] < 0xf5 ? 4 :
					0;

	if (length > size)
		return 0;
	for (unsigned i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Not in the shortest form, surrogates, past U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return length;
}

#endif
