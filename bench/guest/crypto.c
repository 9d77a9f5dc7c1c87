/* SPDX-License-Identifier: BSD-2-Clause */
/* The crypto extension by itself: SHA-256 blocks and AES-128 rounds, as libraries that have found it in HWCAP do them.
 */
#include <arm_neon.h>
#include <string.h>

#include "rows.h"

static uint64_t row_sha256(void)
{
	uint32_t words[16];
	uint32x4_t a = vdupq_n_u32(0x6a09e667), b = vdupq_n_u32(0x510e527f), k = vdupq_n_u32(0x428a2f98);

	for (unsigned i = 0; i < 16; i++)
		words[i] = i * 0x9e3779b9u;
	for (unsigned block = 0; block < 250000; block++) {
		uint32x4_t w[4], a0 = a, b0 = b;

		for (unsigned i = 0; i < 4; i++)
			w[i] = vld1q_u32(words + 4 * i);
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) {
			uint32x4_t sum = vaddq_u32(w[i & 3], k), was = a;

			if (i < 12)
				w[i & 3] = vsha256su1q_u32(vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]), w[(i + 2) & 3],
							   w[(i + 3) & 3]);
			a = vsha256hq_u32(a, b, sum);
			b = vsha256h2q_u32(b, was, sum);
		}
		a = vaddq_u32(a, a0);
		b = vaddq_u32(b, b0);
	}
	return vgetq_lane_u64(vreinterpretq_u64_u32(veorq_u32(a, b)), 0);
}

static uint64_t row_aes(void)
{
	uint8x16_t key[11], counter = vdupq_n_u8(1), x[4], sum = vdupq_n_u8(0);

	for (unsigned i = 0; i < 11; i++)
		key[i] = vdupq_n_u8((uint8_t)(i * 37 + 1));
	for (unsigned i = 0; i < 150000; i++) {
		for (unsigned k = 0; k < 4; k++) {
			x[k] = counter;
			counter = vreinterpretq_u8_u64(
				vaddq_u64(vreinterpretq_u64_u8(counter), vdupq_n_u64(0x100000001ull)));
		}
#pragma GCC unroll 9
		for (unsigned r = 0; r < 9; r++)
			for (unsigned k = 0; k < 4; k++)
				x[k] = vaesmcq_u8(vaeseq_u8(x[k], key[r]));
		for (unsigned k = 0; k < 4; k++)
			sum = veorq_u8(sum, veorq_u8(vaeseq_u8(x[k], key[9]), key[10]));
	}
	return vgetq_lane_u64(vreinterpretq_u64_u8(sum), 0);
}

/* GHASH's multiplications. */
static uint64_t row_pmull(void)
{
	poly64x2_t h = vreinterpretq_p64_u64(
		vcombine_u64(vcreate_u64(0x87654321deadbeefull), vcreate_u64(0x123456789abcdef1ull)));
	uint64x2_t s = vdupq_n_u64(1);

	for (unsigned i = 0; i < 5000000; i++) {
		uint64x2_t low = vreinterpretq_u64_p128(vmull_p64(
			(poly64_t)vgetq_lane_u64(s, 0), (poly64_t)vgetq_lane_u64(vreinterpretq_u64_p64(h), 0)));
		uint64x2_t high = vreinterpretq_u64_p128(vmull_high_p64(vreinterpretq_p64_u64(s), h));

		s = vaddq_u64(veorq_u64(low, high), vdupq_n_u64(i));
	}
	return vgetq_lane_u64(s, 0) ^ vgetq_lane_u64(s, 1);
}

const struct row crypto_rows[] = {{"sha256", row_sha256, 0}, {"aes", row_aes, 0}, {"pmull", row_pmull, 0}, {0}};
