/* SPDX-License-Identifier: BSD-2-Clause */
/* A sequence that is the same in every run, for what must repeat under instruction time: splitmix64. No secrets come
 * from it. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

#include "base/types.h"

static inline void random_fixed(u64 *state, void *to, size_t size)
{
	u8 *bytes = to;

	for (size_t i = 0; i < size; i++) {
		u64 z = *state += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		bytes[i] = (u8)(z >> 56);
	}
}

#endif
