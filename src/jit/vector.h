/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the emitters of floating point, SIMD and cryptography share: host vector instructions in AVX form where the host has it, in
 * SSE form where not; constants; lane helpers. XMM0..XMM3 are scratch; V registers are read by vreg_read into others, which may not
 * be changed; results are computed in a register of vreg_new (or in scratch) and given to vreg_done.
 */
#ifndef JIT_VECTOR_H
#define JIT_VECTOR_H

#include "cpu/softfp.h"
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

/* Host opcodes by lane size, 8 to 64 bits; 0: there is none. */
struct by_size {
	u32 op[4];
};
extern const struct by_size host_add, host_sub, host_eq, host_gt, host_smax, host_smin, host_umax, host_umin;

/* Constants of 16 bytes in the code cache. */
enum constant {
	C_ONES, C_EVEN8, C_EVEN16, C_EVEN32, C_ONE8, C_ONE16, C_ONE32, C_ONE64, C_LOW8, C_LOW16, C_NIBBLE, C_POPCOUNT, C_RBIT_HIGH, C_RBIT_LOW,
	C_UNZIP8, C_UNZIP16, C_REV64_8, C_REV64_16, C_REV64_32, C_REV32_8, C_REV32_16, C_REV16_8, C_TABLE, C_16, C_SIGN8, C_SIGN16, C_SIGN32,
	C_SIGN64, C_ABS32, C_ABS64, C_TINY32, C_TINY64, C_FP_ONE32, C_FP_ONE64, C_HALF_S, C_HALF_D, C_2_23_S, C_2_52_D, C_2_32_D, C_2_63_D, C_2_32_S, C_2_63_S, C_SHA1_K0, C_SHA1_K1, C_SHA1_K2, C_CRC32,
	C_TABLE_COUNT,
	/* Computed. Structures of three with elements of 1 << z bytes: which bytes of the part'th 16 of memory (load) or of the k'th register
	 * (store) go to the other. */
	C_LD3 = C_TABLE_COUNT, C_ST3 = C_LD3 + 36, C_COUNT = C_ST3 + 36,
};
static inline enum constant c_structure3(enum constant first, unsigned z, unsigned k, unsigned part)
{
	return (enum constant)(first + z * 9 + k * 3 + part);
}
void vector_constants_make(u8 *to);

/* d = n OP m. `d` may be n, and m only if it is n as well or AVX is there: give another register. */
void v3(struct block *b, u32 op, unsigned d, unsigned n, unsigned m);
void v3_imm(struct block *b, u32 op, unsigned d, unsigned n, unsigned m, unsigned imm);
/* The second operand is a constant. */
void v3_c(struct block *b, u32 op, unsigned d, unsigned n, enum constant c);
/* d = OP m */
void v2(struct block *b, u32 op, unsigned d, unsigned m);
void v2_imm(struct block *b, u32 op, unsigned d, unsigned m, unsigned imm);
void v2_c(struct block *b, u32 op, unsigned d, enum constant c);
/* d = n shifted by an immediate; op 0x71 words, 0x72 doublewords, 0x73 quadwords; ext 2 right, 4 right arithmetic, 6 left, 3 and 7
 * bytes right and left (0x73). */
void v_shift(struct block *b, unsigned op, unsigned ext, unsigned d, unsigned n, unsigned imm);
/* Bits of d, n and m choose one of `table`: bit 4 d + 2 n + m. With AVX-512 only. */
void v_ternary(struct block *b, unsigned table, unsigned d, unsigned n, unsigned m);
/* AVX-512's: d = n OP m, `w` as its manual has it. */
void v3_512(struct block *b, bool w, u32 op, unsigned d, unsigned n, unsigned m);
/* d = n rotated left by 0 to 63 in each lane of 32 (z 2) or 64 bits (z 3). XMM3. */
void v_rotate(struct block *b, unsigned z, unsigned d, unsigned n, unsigned count);
void v_move(struct block *b, unsigned d, unsigned n);
void v_zero(struct block *b, unsigned d);
/* The lanes of 8 << z bits all `value`. Keeps EFLAGS; RAX is lost. */
void v_fill(struct block *b, unsigned d, unsigned z, u64 value);
/* d = lane `e` of m in every lane. With bytes RAX and XMM3 are lost. */
void v_broadcast(struct block *b, unsigned d, unsigned m, unsigned z, unsigned e);
/* Bytes from `bytes` (4 or 8) on become zero; d may be n. */
void v_low(struct block *b, unsigned d, unsigned n, unsigned bytes);

/* XMM2: the element of Vm that a multiplication by one element names, in every lane. With bytes, as v_broadcast. */
static inline unsigned v_element(struct block *b, const struct insn *i)
{
	v_broadcast(b, 2, vreg_read(b, i->m, 16), i->z, i->i);
	return 2;
}

/* A copy of a V register that begins a step of SHA-256: the whole step, or false. */
bool emit_sha256_both(struct block *b, const struct insn *i);

#define PSHUFB (P66 | OP_38(0x00))
#define PSHUFD (P66 | OP_0F(0x70))
#define PAND (P66 | OP_0F(0xdb))
#define PANDN (P66 | OP_0F(0xdf)) /* ~n & m */
#define POR (P66 | OP_0F(0xeb))
#define PXOR (P66 | OP_0F(0xef))
#define PUNPCKLQDQ (P66 | OP_0F(0x6c))
#define PUNPCKHQDQ (P66 | OP_0F(0x6d))
#define PCLMULQDQ (P66 | OP_3A(0x44))
#define PALIGNR (P66 | OP_3A(0x0f))
#define SHUFPS OP_0F(0xc6)

/* The result `x` of a form of 16 or 8 bytes. */
static inline void vreg_done_q(struct block *b, const struct insn *i, unsigned x)
{
	if (!i->q)
		v_low(b, x, x, 8);
	vreg_done(b, i->d, x, i->q ? 16 : 8);
}

#endif
