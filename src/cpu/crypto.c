/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cryptographic extensions: AES, polynomial multiply, SHA-1, SHA-256, SHA-512, SHA-3.   [DDI0487 C4.1, FIPS 180-4, 197]
 * The AES S-boxes are spelled out, as FIPS 197 prints the first; MixColumns is computed by doubling in GF(2^8).
 */
#include "cpu/simd.h"

/* --- AES --- */
static const u8 sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
	0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
	0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
	0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
	0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
	0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
	0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
	0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
	0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
	0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
	0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};
static const u8 inverse_sbox[256] = {
	0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
	0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
	0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
	0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
	0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
	0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
	0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
	0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
	0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
	0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
	0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
	0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
	0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
	0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
	0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
	0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

/* State byte c * 4 + r is row r of column c; ShiftRows moves row r left by r columns. */
INLINE vec aes_sub_shift(vec a, const u8 *box, bool inverse)
{
	vec r;

	for (unsigned i = 0; i < 16; i++)
		r.u8[i] = box[a.u8[(inverse ? i - 4 * (i & 3) : i + 4 * (i & 3)) & 15]];
	return r;
}
FP_INSN(AESE)
{
	vec a = {.u128 = cpu->v[insn->d] ^ cpu->v[insn->n]};
	cpu->v[insn->d] = aes_sub_shift(a, sbox, false).u128;
}
FP_INSN(AESD)
{
	vec a = {.u128 = cpu->v[insn->d] ^ cpu->v[insn->n]};
	cpu->v[insn->d] = aes_sub_shift(a, inverse_sbox, true).u128;
}

/* Doubles each byte in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1. */
INLINE u32 double4(u32 v)
{
	return (v & 0x7f7f7f7f) << 1 ^ (v >> 7 & 0x01010101) * 0x1b;
}
INLINE u32 ror32(u32 v, unsigned n)
{
	return v >> n | v << (32 - n);
}
INLINE u32 mix_column(u32 v)
{
	u32 twice = double4(v);
	return twice ^ ror32(v ^ twice, 8) ^ ror32(v, 16) ^ ror32(v, 24);
}
FP_INSN(AESMC)
{
	vec n = vget(cpu, insn->n);

	for (unsigned e = 0; e < 4; e++)
		n.u32[e] = mix_column(n.u32[e]);
	cpu->v[insn->d] = n.u128;
}
/* The inverse matrix is the forward one after adding 4 * (v + v two rows away). */
FP_INSN(AESIMC)
{
	vec n = vget(cpu, insn->n);

	for (unsigned e = 0; e < 4; e++) {
		u32 v = n.u32[e];
		n.u32[e] = mix_column(v ^ double4(double4(v ^ ror32(v, 16))));
	}
	cpu->v[insn->d] = n.u128;
}

/* --- polynomial multiply, long: z 0 bytes, 3 doublewords --- */
INLINE u128 multiply_carryless(u64 a, u64 b)
{
	u128 r = 0;

	for (unsigned i = 0; i < 64; i++)
		r ^= ((u128)a << i) & -(u128)(b >> i & 1);
	return r;
}
FP_INSN_IF(PMULL_vec, insn->z == 0 || insn->z == 3)
{
	vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), r = {0};

	if (insn->z == 3) {
		r.u128 = multiply_carryless(n.u64[insn->q], m.u64[insn->q]);
	} else {
		for (unsigned i = 0; i < 8; i++)
			for (unsigned e = 0; e < 8; e++) {
				unsigned k = e + (insn->q ? 8 : 0);
				r.u16[e] ^= (u16)((u16)(n.u8[k] << i) & -(m.u8[k] >> i & 1));
			}
	}
	cpu->v[insn->d] = r.u128;
}

/* --- SHA-1 --- */
INLINE u32 rol32(u32 v, unsigned n)
{
	return v << n | v >> (32 - n);
}
INLINE u32 choose(u32 x, u32 y, u32 z)
{
	return ((y ^ z) & x) ^ z;
}
INLINE u32 parity(u32 x, u32 y, u32 z)
{
	return x ^ y ^ z;
}
INLINE u32 majority(u32 x, u32 y, u32 z)
{
	return (x & y) | ((x | y) & z);
}
/* Four rounds: d holds a b c d, n's first word e, m the schedule plus constants. */
#define SHA1_ROUNDS(name, function)                                                                                    \
	FP_INSN(name)                                                                                                  \
	{                                                                                                              \
		vec x = vget(cpu, insn->d), w = vget(cpu, insn->m);                                                    \
		u32 y = (u32)cpu->v[insn->n];                                                                          \
		for (unsigned e = 0; e < 4; e++) {                                                                     \
			u32 t = y + rol32(x.u32[0], 5) + function(x.u32[1], x.u32[2], x.u32[3]) + w.u32[e];            \
			y = x.u32[3];                                                                                  \
			x.u32[3] = x.u32[2];                                                                           \
			x.u32[2] = rol32(x.u32[1], 30);                                                                \
			x.u32[1] = x.u32[0];                                                                           \
			x.u32[0] = t;                                                                                  \
		}                                                                                                      \
		cpu->v[insn->d] = x.u128;                                                                              \
	}
SHA1_ROUNDS(SHA1C, choose)
SHA1_ROUNDS(SHA1P, parity)
SHA1_ROUNDS(SHA1M, majority)
FP_INSN(SHA1H)
{
	cpu->v[insn->d] = rol32((u32)cpu->v[insn->n], 30);
}
FP_INSN(SHA1SU0)
{
	vec d = vget(cpu, insn->d), n = vget(cpu, insn->n), m = vget(cpu, insn->m);
	u128 r = (u128)n.u64[0] << 64 | d.u64[1];
	cpu->v[insn->d] = r ^ d.u128 ^ m.u128;
}
FP_INSN(SHA1SU1)
{
	vec t = {.u128 = cpu->v[insn->d] ^ cpu->v[insn->n] >> 32};

	for (unsigned e = 0; e < 4; e++)
		t.u32[e] = rol32(t.u32[e], 1);
	t.u32[3] ^= rol32(t.u32[0], 1); /* t0 is rotated once already */
	cpu->v[insn->d] = t.u128;
}

/* --- SHA-256 --- */
INLINE vec sha256_rounds(vec x, vec y, vec w, bool part1)
{
	for (unsigned e = 0; e < 4; e++) {
		u32 a = x.u32[0], g = y.u32[0];
		u32 t = y.u32[3] + (ror32(g, 6) ^ ror32(g, 11) ^ ror32(g, 25)) + choose(g, y.u32[1], y.u32[2]) +
			w.u32[e];
		u32 new_e = x.u32[3] + t;
		u32 new_a = t + (ror32(a, 2) ^ ror32(a, 13) ^ ror32(a, 22)) + majority(a, x.u32[1], x.u32[2]);
		y.u128 = y.u128 << 32 | new_e;
		x.u128 = x.u128 << 32 | new_a;
	}
	return part1 ? x : y;
}
FP_INSN(SHA256H)
{
	vec x = vget(cpu, insn->d), y = vget(cpu, insn->n);
	cpu->v[insn->d] = sha256_rounds(x, y, vget(cpu, insn->m), true).u128;
}
FP_INSN(SHA256H2)
{
	vec x = vget(cpu, insn->n), y = vget(cpu, insn->d);
	cpu->v[insn->d] = sha256_rounds(x, y, vget(cpu, insn->m), false).u128;
}
FP_INSN(SHA256SU0)
{
	vec d = vget(cpu, insn->d), t = {.u128 = cpu->v[insn->d] >> 32 | cpu->v[insn->n] << 96};

	for (unsigned e = 0; e < 4; e++)
		d.u32[e] += ror32(t.u32[e], 7) ^ ror32(t.u32[e], 18) ^ t.u32[e] >> 3;
	cpu->v[insn->d] = d.u128;
}
FP_INSN(SHA256SU1)
{
	vec d = vget(cpu, insn->d), n = vget(cpu, insn->n), m = vget(cpu, insn->m);
	vec t = {.u128 = n.u128 >> 32 | m.u128 << 96};

	for (unsigned e = 0; e < 4; e++) {
		u32 s = e < 2 ? m.u32[e + 2] : d.u32[e - 2]; /* the two new words by now */
		d.u32[e] += t.u32[e] + (ror32(s, 17) ^ ror32(s, 19) ^ s >> 10);
	}
	cpu->v[insn->d] = d.u128;
}

/* --- SHA-512 --- */
INLINE u64 ror64(u64 v, unsigned n)
{
	return n ? v >> n | v << (64 - n) : v;
}
FP_INSN(SHA512H)
{
	vec w = vget(cpu, insn->d), x = vget(cpu, insn->n), y = vget(cpu, insn->m), r;
	u64 s1 = ror64(y.u64[1], 14) ^ ror64(y.u64[1], 18) ^ ror64(y.u64[1], 41);

	r.u64[1] = ((y.u64[1] & x.u64[0]) ^ (~y.u64[1] & x.u64[1])) + s1 + w.u64[1];
	u64 t = r.u64[1] + y.u64[0];
	s1 = ror64(t, 14) ^ ror64(t, 18) ^ ror64(t, 41);
	r.u64[0] = ((t & y.u64[1]) ^ (~t & x.u64[0])) + s1 + w.u64[0];
	cpu->v[insn->d] = r.u128;
}
INLINE u64 majority64(u64 x, u64 y, u64 z)
{
	return (x & y) ^ (x & z) ^ (y & z);
}
FP_INSN(SHA512H2)
{
	vec w = vget(cpu, insn->d), x = vget(cpu, insn->n), y = vget(cpu, insn->m), r;
	u64 s0 = ror64(y.u64[0], 28) ^ ror64(y.u64[0], 34) ^ ror64(y.u64[0], 39);

	r.u64[1] = majority64(x.u64[0], y.u64[1], y.u64[0]) + s0 + w.u64[1];
	s0 = ror64(r.u64[1], 28) ^ ror64(r.u64[1], 34) ^ ror64(r.u64[1], 39);
	r.u64[0] = majority64(r.u64[1], y.u64[0], y.u64[1]) + s0 + w.u64[0];
	cpu->v[insn->d] = r.u128;
}
INLINE u64 sha512_sigma0(u64 v)
{
	return ror64(v, 1) ^ ror64(v, 8) ^ v >> 7;
}
INLINE u64 sha512_sigma1(u64 v)
{
	return ror64(v, 19) ^ ror64(v, 61) ^ v >> 6;
}
FP_INSN(SHA512SU0)
{
	vec w = vget(cpu, insn->d), x = vget(cpu, insn->n), r;

	r.u64[0] = w.u64[0] + sha512_sigma0(w.u64[1]);
	r.u64[1] = w.u64[1] + sha512_sigma0(x.u64[0]);
	cpu->v[insn->d] = r.u128;
}
FP_INSN(SHA512SU1)
{
	vec w = vget(cpu, insn->d), x = vget(cpu, insn->n), y = vget(cpu, insn->m), r;

	for (unsigned e = 0; e < 2; e++)
		r.u64[e] = w.u64[e] + sha512_sigma1(x.u64[e]) + y.u64[e];
	cpu->v[insn->d] = r.u128;
}

/* --- SHA-3 --- */
FP_INSN(EOR3)
{
	cpu->v[insn->d] = cpu->v[insn->n] ^ cpu->v[insn->m] ^ cpu->v[insn->a];
}
FP_INSN(BCAX)
{
	cpu->v[insn->d] = cpu->v[insn->n] ^ (cpu->v[insn->m] & ~cpu->v[insn->a]);
}
FP_INSN(RAX1)
{
	vec n = vget(cpu, insn->n), m = vget(cpu, insn->m);

	for (unsigned e = 0; e < 2; e++)
		n.u64[e] ^= ror64(m.u64[e], 63);
	cpu->v[insn->d] = n.u128;
}
FP_INSN(XAR)
{
	vec r = {.u128 = cpu->v[insn->n] ^ cpu->v[insn->m]};

	for (unsigned e = 0; e < 2; e++)
		r.u64[e] = ror64(r.u64[e], insn->i);
	cpu->v[insn->d] = r.u128;
}
