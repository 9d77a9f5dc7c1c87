/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AES, SHA-1, SHA-256, SHA-512, CRC-32, polynomial multiplication and the three-way operations of SHA-3 by host instructions, where the host has
 * them.
 *
 * AES: the host's last round is SubBytes and ShiftRows, then XOR of a key, here zero; Arm adds the key first. A round with
 * MixColumns is AESE and AESMC; the two, as compilers put them, are one host instruction. MixColumns alone undoes a last round first.
 *
 * SHA: the host keeps a b e f and c d g h, highest lane first; Arm a b c d and e f g h, lowest first. SHA-1 on the host adds the
 * round's constant by itself; Arm's schedule has it in, so it is taken out before.
 */
#include "jit/vector.h"

/* --- AES --- */

static bool aes(struct block *b, const struct insn *i, unsigned last, unsigned full, unsigned mix)
{
	const struct insn *next = paired_insn(b, 1);
	unsigned d, n, x;

	if (!block_host(b)->aesni)
		return false;
	d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), x = vreg_new(b);
	v3(b, PXOR, x, d, n);
	v_zero(b, 0);
	if (next && next->row == mix && next->d == i->d && next->n == i->d) {
		v3(b, P66 | OP_38(full), x, x, 0);
		b->skip = 1;
	} else {
		v3(b, P66 | OP_38(last), x, x, 0);
	}
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(AESE)
{
	return aes(b, i, 0xdd, 0xdc, ROW_AESMC);
}
EMIT(AESD)
{
	return aes(b, i, 0xdf, 0xde, ROW_AESIMC);
}
EMIT(AESMC)
{
	unsigned n, x;

	if (!block_host(b)->aesni)
		return false;
	n = vreg_read(b, i->n, 16), x = vreg_new(b);
	v_zero(b, 0);
	v3(b, P66 | OP_38(0xdf), x, n, 0);
	v3(b, P66 | OP_38(0xdc), x, x, 0);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(AESIMC)
{
	unsigned n, x;

	if (!block_host(b)->aesni)
		return false;
	n = vreg_read(b, i->n, 16), x = vreg_new(b);
	v2(b, P66 | OP_38(0xdb), x, n);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(PMULL_vec)
{
	unsigned n, m, x;

	if (i->z != 3 || !block_host(b)->pclmul)
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);
	v3_imm(b, PCLMULQDQ, x, n, m, i->q ? 0x11 : 0);
	vreg_done(b, i->d, x, 16);
	return true;
}

/* --- SHA: legacy forms only --- */

/* SHUFPS of e f g h and a b c d, and of the host's registers back. */
enum { ABEF = 0x11, CDGH = 0xbb };

/* Four rounds of the host's state with the words of `w`. XMM0. */
static void sha256_rounds(struct block *b, unsigned abef, unsigned cdgh, unsigned w)
{
	v_move(b, 0, w);
	x64_rr(&b->x, false, OP_38(0xcb), cdgh, abef); /* sha256rnds2, words in XMM0: the new a b e f; the old one is the new c d g h */
	v2_imm(b, PSHUFD, 0, w, 0x0e);
	x64_rr(&b->x, false, OP_38(0xcb), abef, cdgh);
}
static bool sha256(struct block *b, const struct insn *i, unsigned x, unsigned y, unsigned select)
{
	unsigned w, r;

	if (!block_host(b)->sha)
		return false;
	x = vreg_read(b, x, 16), y = vreg_read(b, y, 16), w = vreg_read(b, i->m, 16);
	r = vreg_new(b);
	v3_imm(b, SHUFPS, 1, y, x, CDGH);
	v3_imm(b, SHUFPS, 2, y, x, ABEF);
	sha256_rounds(b, 2, 1, w);
	v3_imm(b, SHUFPS, r, 2, 1, select);
	vreg_done(b, i->d, r, 16);
	return true;
}
EMIT(SHA256H)
{
	return sha256(b, i, i->d, i->n, CDGH);
}
EMIT(SHA256H2)
{
	return sha256(b, i, i->n, i->d, ABEF);
}
/*
 * Both see the same state, thanks to a copy of its first half: MOV t, s, then SHA256H s, n, m and SHA256H2 n, t, m, or SHA256H t, n, m and SHA256H2 n, s, m.
 * Here they are one, and the host's form of the state stays in registers for the next.
 */
bool emit_sha256_both(struct block *b, const struct insn *i)
{
	const struct insn *h = paired_insn(b, 1), *h2 = paired_insn(b, 2);
	unsigned s, w, x, y, abef, cdgh;
	bool kept_in_copy;

	if (!block_host(b)->sha || !h || !h2 || h->row != ROW_SHA256H || h2->row != ROW_SHA256H2)
		return false;
	kept_in_copy = h->d == i->n && h2->n == i->d;
	if (i->d == i->n || (!kept_in_copy && (h->d != i->d || h2->n != i->n)))
		return false;
	if (h2->d != h->n || h2->m != h->m || h->n == i->d || h->n == i->n || h->m == i->d || h->m == h->d)
		return false;
	s = vreg_read(b, i->n, 16), w = vreg_read(b, h->m, 16);
	abef = vreg_read_pair(b, h->n, i->n, ABEF), cdgh = vreg_read_pair(b, h->n, i->n, CDGH);
	sha256_rounds(b, abef, cdgh, w);
	if (kept_in_copy) /* its host register has the copy from now on: the original is overwritten below */
		vreg_done(b, i->d, s, 16);
	x = vreg_new(b), y = vreg_new(b);
	v3_imm(b, SHUFPS, x, abef, cdgh, CDGH);
	v3_imm(b, SHUFPS, y, abef, cdgh, ABEF);
	vreg_done(b, h->d, x, 16);
	vreg_done(b, h->n, y, 16);
	vreg_pair_done(b, h->n, h->d, ABEF, abef);
	vreg_pair_done(b, h->n, h->d, CDGH, cdgh);
	b->skip = 2;
	return true;
}
EMIT(SHA256SU0)
{
	unsigned d, n, x;

	if (!block_host(b)->sha)
		return false;
	d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), x = vreg_new(b);
	v_move(b, x, d);
	x64_rr(&b->x, false, OP_38(0xcc), x, n);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(SHA256SU1)
{
	unsigned d, n, m, x;

	if (!block_host(b)->sha)
		return false;
	d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);
	v3_imm(b, PALIGNR, 0, m, n, 4);
	v3(b, host_add.op[2], x, d, 0);
	x64_rr(&b->x, false, OP_38(0xcd), x, m);
	vreg_done(b, i->d, x, 16);
	return true;
}
static bool sha1(struct block *b, const struct insn *i, unsigned function, enum constant minus_k)
{
	unsigned d, n, m, x;

	if (!block_host(b)->sha)
		return false;
	d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 4), m = vreg_read(b, i->m, 16), x = vreg_new(b);
	v3_c(b, host_add.op[2], 0, m, minus_k);
	v2_imm(b, PSHUFD, 0, 0, 0x1b);
	v_shift(b, 0x73, 7, 1, n, 12); /* e to the top lane */
	v3(b, host_add.op[2], 0, 0, 1);
	v2_imm(b, PSHUFD, x, d, 0x1b);
	x64_rr(&b->x, false, OP_3A(0xcc), x, 0);
	x64_u8(&b->x, function);
	v2_imm(b, PSHUFD, x, x, 0x1b);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(SHA1C)
{
	return sha1(b, i, 0, C_SHA1_K0);
}
EMIT(SHA1P)
{
	return sha1(b, i, 1, C_SHA1_K1);
}
EMIT(SHA1M)
{
	return sha1(b, i, 2, C_SHA1_K2);
}
EMIT(SHA1H)
{
	unsigned n = vreg_read(b, i->n, 4), x = vreg_new(b);

	v_rotate(b, 2, x, n, 30);
	v_low(b, x, x, 4);
	vreg_done(b, i->d, x, 4);
	return true;
}
EMIT(SHA1SU0)
{
	unsigned d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v3_imm(b, PALIGNR, x, n, d, 8);
	v3(b, PXOR, x, x, d);
	v3(b, PXOR, x, x, m);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(SHA1SU1)
{
	unsigned d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v_shift(b, 0x73, 3, 0, n, 4);
	v3(b, PXOR, 0, 0, d);
	v_rotate(b, 2, x, 0, 1);
	v_shift(b, 0x73, 7, 0, x, 12); /* word 0, rotated once more, into word 3 */
	v_rotate(b, 2, 1, 0, 1);
	v3(b, PXOR, x, x, 1);
	vreg_done(b, i->d, x, 16);
	return true;
}

/*
 * --- SHA-512: a step needs its upper half before its lower one, so the halves are computed in general registers, from V registers in memory; the
 * schedule's are lanes. ---
 */

static void rotate_right(struct block *b, unsigned to, unsigned from, unsigned count)
{
	if (block_host(b)->bmi2) {
		x64_rorx(&b->x, true, to, from, count);
	} else {
		x64_mov(&b->x, true, to, from);
		x64_shift_imm(&b->x, true, SHIFT_ROR, to, count);
	}
}
/* to = `from` rotated by each of the three, XORed. `other` is lost. */
static void rotations(struct block *b, unsigned to, unsigned from, unsigned other, const u8 counts[3])
{
	rotate_right(b, to, from, counts[0]);
	for (unsigned k = 1; k < 3; k++) {
		rotate_right(b, other, from, counts[k]);
		x64_alu(&b->x, true, ALU_XOR, to, other);
	}
}
/* to = ((to ^ z) & y) ^ z: where y has a one what `to` has, else what z has. With y ^ z for y: the majority of the three. */
static void choose(struct block *b, unsigned to, unsigned y, unsigned z)
{
	x64_alu(&b->x, true, ALU_XOR, to, z);
	x64_alu(&b->x, true, ALU_AND, to, y);
	x64_alu(&b->x, true, ALU_XOR, to, z);
}
/* The upper half is in XMM0. */
static void sha512_done(struct block *b, const struct insn *i, unsigned low)
{
	unsigned x = vreg_new(b);

	x64_movq_to_xmm(&b->x, true, 1, low);
	v3(b, PUNPCKLQDQ, x, 1, 0);
	vreg_done(b, i->d, x, 16);
}
EMIT(SHA512H)
{
	static const u8 sum1[] = {14, 18, 41};
	struct x64 *x = &b->x;

	x64_load(x, true, RAX, vreg_mem_at(i->m, 8));
	rotations(b, RCX, RAX, RSI, sum1);
	x64_load(x, true, RSI, vreg_mem_at(i->n, 8));
	x64_load(x, true, RDX, vreg_mem_at(i->n, 0));
	choose(b, RDX, RAX, RSI);
	x64_alu(x, true, ALU_ADD, RDX, RCX);
	x64_alu_load(x, true, ALU_ADD, RDX, vreg_mem_at(i->d, 8));

	x64_load(x, true, RSI, vreg_mem_at(i->m, 0));
	x64_alu(x, true, ALU_ADD, RSI, RDX);
	x64_movq_to_xmm(x, true, 0, RDX);
	rotations(b, RCX, RSI, RDX, sum1);
	x64_load(x, true, RDX, vreg_mem_at(i->n, 0));
	choose(b, RAX, RSI, RDX);
	x64_alu(x, true, ALU_ADD, RAX, RCX);
	x64_alu_load(x, true, ALU_ADD, RAX, vreg_mem_at(i->d, 0));
	sha512_done(b, i, RAX);
	return true;
}
EMIT(SHA512H2)
{
	static const u8 sum0[] = {28, 34, 39};
	struct x64 *x = &b->x;

	x64_load(x, true, RAX, vreg_mem_at(i->m, 0));
	rotations(b, RDX, RAX, RCX, sum0);
	x64_load(x, true, RCX, vreg_mem_at(i->m, 8));
	x64_load(x, true, RSI, vreg_mem_at(i->n, 0));
	x64_alu(x, true, ALU_XOR, RCX, RAX);
	choose(b, RSI, RCX, RAX);
	x64_alu(x, true, ALU_ADD, RDX, RSI);
	x64_alu_load(x, true, ALU_ADD, RDX, vreg_mem_at(i->d, 8));

	x64_movq_to_xmm(x, true, 0, RDX);
	rotations(b, RSI, RDX, RAX, sum0);
	x64_load(x, true, RAX, vreg_mem_at(i->m, 0));
	choose(b, RDX, RCX, RAX); /* RCX is still the lower half of Vm ^ the upper */
	x64_alu(x, true, ALU_ADD, RDX, RSI);
	x64_alu_load(x, true, ALU_ADD, RDX, vreg_mem_at(i->d, 0));
	sha512_done(b, i, RDX);
	return true;
}
/* x = d + the lanes of XMM0 rotated right twice and shifted, XORed. XMM1, XMM2. */
static void sha512_schedule(struct block *b, unsigned x, unsigned d, const u8 counts[3])
{
	v_rotate(b, 3, 1, 0, 64 - counts[0]);
	v_rotate(b, 3, 2, 0, 64 - counts[1]);
	v3(b, PXOR, 1, 1, 2);
	v_shift(b, 0x73, 2, 2, 0, counts[2]);
	v3(b, PXOR, 1, 1, 2);
	v3(b, host_add.op[3], x, d, 1);
}
EMIT(SHA512SU0)
{
	static const u8 sigma0[] = {1, 8, 7};
	unsigned d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v3_imm(b, PALIGNR, 0, n, d, 8);
	sha512_schedule(b, x, d, sigma0);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(SHA512SU1)
{
	static const u8 sigma1[] = {19, 61, 6};
	unsigned d = vreg_read(b, i->d, 16), n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v_move(b, 0, n);
	sha512_schedule(b, x, d, sigma1);
	v3(b, host_add.op[3], x, x, m);
	vreg_done(b, i->d, x, 16);
	return true;
}

/* --- SHA-3's --- */

EMIT(EOR3)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), a = vreg_read(b, i->a, 16), x = vreg_new(b);

	if (block_host(b)->avx512) {
		v_move(b, x, n);
		v_ternary(b, 0x96, x, m, a);
	} else {
		v3(b, PXOR, x, n, m);
		v3(b, PXOR, x, x, a);
	}
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(BCAX)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), a = vreg_read(b, i->a, 16), x = vreg_new(b);

	if (block_host(b)->avx512) { /* n ^ (m & ~a) */
		v_move(b, x, n);
		v_ternary(b, 0xb4, x, m, a);
	} else {
		v3(b, PANDN, x, a, m);
		v3(b, PXOR, x, x, n);
	}
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(RAX1)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v_rotate(b, 3, 0, m, 1);
	v3(b, PXOR, x, n, 0);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(XAR)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v3(b, PXOR, 0, n, m);
	v_rotate(b, 3, x, 0, -i->i & 63);
	vreg_done(b, i->d, x, 16);
	return true;
}

/* --- CRC-32 of IEEE 802.3: bits go from the lowest to the highest, so that x + q P, with q = x / P modulo 2^64, has 64 zeroes below the sum.
 * C_CRC32 is 1 / P, and P with its top bit, which comes first. Less than 8 bytes come last of 8, and leave the rest of the old sum. --- */

static bool crc32(struct block *b, const struct insn *i, unsigned bytes)
{
	struct x64 *x = &b->x;

	if (!block_host(b)->pclmul)
		return false;
	reg_copy(b, false, RAX, i->n);
	if (bytes < 4)
		x64_mov(x, false, RCX, RAX);
	reg_alu(b, bytes == 8, ALU_XOR, RAX, i->m);
	if (bytes < 8)
		x64_shift_imm(x, true, SHIFT_SHL, RAX, 64 - 8 * bytes);
	x64_movq_to_xmm(x, true, 0, RAX);
	v2_c(b, P66 | OP_0F(0x6f), 1, C_CRC32); /* movdqa */
	v3_imm(b, PCLMULQDQ, 0, 0, 1, 0x00);
	v3_imm(b, PCLMULQDQ, 0, 0, 1, 0x10);
	v2_imm(b, PSHUFD, 0, 0, 0x0e);
	x64_movq_from_xmm(x, false, RAX, 0);
	if (bytes < 4) {
		x64_shift_imm(x, false, SHIFT_SHR, RCX, 8 * bytes);
		x64_alu(x, false, ALU_XOR, RAX, RCX);
	}
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(CRC32B)
{
	return crc32(b, i, 1);
}
EMIT(CRC32H)
{
	return crc32(b, i, 2);
}
EMIT(CRC32W)
{
	return crc32(b, i, 4);
}
EMIT(CRC32X)
{
	return crc32(b, i, 8);
}

#define MAYBE(name) {ROW_##name, EMIT_KEEPS, emit_##name},
#define ROW(name) {ROW_##name, EMIT_PURE | EMIT_KEEPS, emit_##name},
const struct emitter_row emit_crypto_rows[] = {
	MAYBE(AESE) MAYBE(AESD) MAYBE(AESMC) MAYBE(AESIMC) MAYBE(PMULL_vec)
	MAYBE(SHA256H) MAYBE(SHA256H2) MAYBE(SHA256SU0) MAYBE(SHA256SU1) MAYBE(SHA1C) MAYBE(SHA1P) MAYBE(SHA1M)
	{ROW_CRC32B, 0, emit_CRC32B}, {ROW_CRC32H, 0, emit_CRC32H}, {ROW_CRC32W, 0, emit_CRC32W}, {ROW_CRC32X, 0, emit_CRC32X},
	{ROW_SHA512H, 0, emit_SHA512H}, {ROW_SHA512H2, 0, emit_SHA512H2}, ROW(SHA512SU0) ROW(SHA512SU1)
	ROW(SHA1H) ROW(SHA1SU0) ROW(SHA1SU1) ROW(EOR3) ROW(BCAX) ROW(RAX1) ROW(XAR)
	{ROW_NONE, 0, NULL},
};
