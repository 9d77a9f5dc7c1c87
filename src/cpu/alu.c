/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Integer data processing. [DDI0487 C6.2]
 *
 * Each row has one function per register width and, where it pays, one for its commonest form; the prepare function
 * picks. The suffixes: _w 32-bit, _lsl shifted left, _sh any other shift. A function named as its row is the 64-bit,
 * plain form.
 */
#include "cpu/exec.h"

#define D cpu->x[insn->d]
#define N cpu->x[insn->n]
#define M cpu->x[insn->m]
#define A cpu->x[insn->a]
#define I insn->i
#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define VARIANT(name) static void exec_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name) bool prep_##name(struct insn *insn)
/* A row whose record only chooses the width. */
#define WIDTHS(name)                                                                                                   \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		if (!insn->z)                                                                                          \
			insn->exec = exec_##name##_w;                                                                  \
		return true;                                                                                           \
	}

/* --- add and subtract, immediate: i is the immediate, shifted --- */

EXEC(ADD_imm)
{
	D = N + I;
}
VARIANT(ADD_imm_w)
{
	D = (u32)N + I;
}
EXEC(SUB_imm)
{
	D = N - I;
}
VARIANT(SUB_imm_w)
{
	D = (u32)N - I;
}
EXEC(ADDS_imm)
{
	D = add_flags64(cpu, N, I, 0);
}
VARIANT(ADDS_imm_w)
{
	D = add_flags32(cpu, (u32)N, I, 0);
}
EXEC(SUBS_imm)
{
	D = add_flags64(cpu, N, ~(u64)I, 1);
}
VARIANT(SUBS_imm_w)
{
	D = add_flags32(cpu, (u32)N, ~I, 1);
}

#define PREP_ADD_IMM(name)                                                                                             \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		insn->i <<= insn->h * 12;                                                                              \
		if (!insn->z)                                                                                          \
			insn->exec = exec_##name##_w;                                                                  \
		return true;                                                                                           \
	}
PREP_ADD_IMM(ADD_imm)
PREP_ADD_IMM(SUB_imm)
PREP_ADD_IMM(ADDS_imm)
PREP_ADD_IMM(SUBS_imm)

/* --- logical, immediate --- */

bool logical_immediate(bool is64, unsigned n, unsigned immr, unsigned imms, u64 *value)
{
	unsigned pattern = n << 6 | (~imms & 0x3f), size, s, r;
	u64 element;

	if (pattern < 2 || (!is64 && n))
		return false;
	size = 1u << (31 - __builtin_clz(pattern));
	s = imms & (size - 1);
	r = immr & (size - 1);
	if (s == size - 1)
		return false;
	element = ones(s + 1);
	if (r)
		element = (element >> r | element << (size - r)) & ones(size);
	for (; size < 64; size *= 2)
		element |= element << size;
	*value = is64 ? element : (u32)element;
	return true;
}

/* Immediates whose halves are equal stand in i; the others (N = 1) are r and s: ones(s + 1) rotated right by r. */
static always_inline u64 imm_halves(const struct insn *insn)
{
	return (u64)I << 32 | I;
}
static always_inline u64 imm_rotated(const struct insn *insn)
{
	return ror64(~0ull >> (63 - insn->s), insn->r);
}
#define LOGIC_IMM(name, op, flags64, flags32)                                                                          \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		D = flags64(N op imm_halves(insn));                                                                    \
	}                                                                                                              \
	VARIANT(name##_rotated)                                                                                        \
	{                                                                                                              \
		D = flags64(N op imm_rotated(insn));                                                                   \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		D = flags32((u32)N op I);                                                                              \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		u64 value;                                                                                             \
                                                                                                                       \
		if (!logical_immediate(insn->z, insn->h, insn->r, insn->s, &value))                                    \
			return false;                                                                                  \
		insn->i = (u32)value;                                                                                  \
		if (!insn->z)                                                                                          \
			insn->exec = exec_##name##_w;                                                                  \
		else if ((u32)(value >> 32) != (u32)value)                                                             \
			insn->exec = exec_##name##_rotated;                                                            \
		return true;                                                                                           \
	}
#define KEEP(v) (v)
#define FLAGS64(v) logic_flags64(cpu, v)
#define FLAGS32(v) logic_flags32(cpu, v)
LOGIC_IMM(AND_imm, &, KEEP, KEEP)
LOGIC_IMM(ORR_imm, |, KEEP, KEEP)
LOGIC_IMM(EOR_imm, ^, KEEP, KEEP)
LOGIC_IMM(ANDS_imm, &, FLAGS64, FLAGS32)

/* --- move wide: h becomes the shift --- */

EXEC(MOVZ)
{
	D = (u64)I << insn->h;
}
VARIANT(MOVZ_small)
{
	D = I;
}
EXEC(MOVN)
{
	D = ~((u64)I << insn->h);
}
EXEC(MOVK)
{
	D = (D & ~(0xffffull << insn->h)) | (u64)I << insn->h;
}
VARIANT(MOVK_w)
{
	D = (u32)((D & ~(0xffffull << insn->h)) | (u64)I << insn->h);
}

static bool move_wide(struct insn *insn)
{
	if (!insn->z && insn->h > 1)
		return false;
	insn->h *= 16;
	return true;
}
PREP(MOVZ)
{
	if (!move_wide(insn))
		return false;
	if (insn->h <= 16) {
		insn->i <<= insn->h;
		insn->exec = exec_MOVZ_small;
	}
	return true;
}
PREP(MOVN)
{
	if (!move_wide(insn))
		return false;
	if (!insn->z) {
		insn->i = ~(insn->i << insn->h);
		insn->exec = exec_MOVZ_small;
	}
	return true;
}
PREP(MOVK)
{
	if (!insn->z)
		insn->exec = exec_MOVK_w;
	return move_wide(insn);
}

/* --- bit fields: shift left by r, then right by s, brings the field to its place --- */

EXEC(UBFM)
{
	D = N << insn->r >> insn->s;
}
VARIANT(UBFM_w)
{
	D = (u32)N << insn->r >> insn->s;
}
VARIANT(UBFM_lsl)
{
	D = N << insn->r;
}
VARIANT(UBFM_lsr)
{
	D = N >> insn->s;
}
VARIANT(UBFM_mask)
{
	D = N & I;
}
EXEC(SBFM)
{
	D = (u64)((s64)(N << insn->r) >> insn->s);
}
VARIANT(SBFM_w)
{
	D = (u32)((s32)((u32)N << insn->r) >> insn->s);
}
VARIANT(SBFM_sxtw)
{
	D = (u64)(s32)N;
}
EXEC(BFM)
{
	u64 mask = ~0ull << insn->r >> insn->s;

	D = (D & ~mask) | N << insn->r >> insn->s;
}
VARIANT(BFM_w)
{
	u32 mask = ~0u << insn->r >> insn->s;

	D = ((u32)D & ~mask) | (u32)N << insn->r >> insn->s;
}

static bool bitfield(struct insn *insn)
{
	unsigned size = insn->z ? 64 : 32, r = insn->r, s = insn->s;

	if (insn->h != insn->z || r >= size || s >= size)
		return false;
	insn->r = (u8)(size - 1 - s);
	insn->s = (u8)(s >= r ? size - 1 - s + r : r - s - 1);
	return true;
}
PREP(UBFM)
{
	if (!bitfield(insn))
		return false;
	if (!insn->z)
		insn->exec = exec_UBFM_w;
	else if (insn->s == 0)
		insn->exec = exec_UBFM_lsl;
	else if (insn->r == 0)
		insn->exec = exec_UBFM_lsr;
	if (insn->r == insn->s && insn->r >= (insn->z ? 32 : 0)) { /* the low bits: UXTB, UXTH and the like */
		insn->i = (u32)ones((insn->z ? 64u : 32u) - insn->r);
		insn->exec = exec_UBFM_mask;
	}
	return true;
}
PREP(SBFM)
{
	if (!bitfield(insn))
		return false;
	if (!insn->z)
		insn->exec = exec_SBFM_w;
	else if (insn->r == 32 && insn->s == 32)
		insn->exec = exec_SBFM_sxtw;
	return true;
}
PREP(BFM)
{
	if (!insn->z)
		insn->exec = exec_BFM_w;
	return bitfield(insn);
}

EXEC(EXTR)
{
	D = (u64)(((u128)N << 64 | M) >> I);
}
VARIANT(EXTR_w)
{
	D = (u32)(((u64)(u32)N << 32 | (u32)M) >> I);
}
PREP(EXTR)
{
	if (insn->h != insn->z || (!insn->z && insn->i >= 32))
		return false;
	if (!insn->z)
		insn->exec = exec_EXTR_w;
	return true;
}

/* --- shifted registers: h kind, i amount --- */

static always_inline u64 shifted64(const struct cpu *cpu, const struct insn *insn)
{
	switch (insn->h) {
	case 0: return M << I;
	case 1: return M >> I;
	case 2: return (u64)((s64)M >> I);
	default: return ror64(M, I);
	}
}
static always_inline u32 shifted32(const struct cpu *cpu, const struct insn *insn)
{
	u32 m = (u32)M;

	switch (insn->h) {
	case 0: return m << I;
	case 1: return m >> I;
	case 2: return (u32)((s32)m >> I);
	default: return ror32(m, I);
	}
}
/* `e64` and `e32` compute from `m`, the shifted operand. */
#define SHIFTED(name, rotates, e64, e32)                                                                               \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		u64 m = M;                                                                                             \
		D = e64;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_lsl)                                                                                            \
	{                                                                                                              \
		u64 m = M << I;                                                                                        \
		D = e64;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_sh)                                                                                             \
	{                                                                                                              \
		u64 m = shifted64(cpu, insn);                                                                          \
		D = e64;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		u32 m = (u32)M;                                                                                        \
		D = e32;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_w_sh)                                                                                           \
	{                                                                                                              \
		u32 m = shifted32(cpu, insn);                                                                          \
		D = e32;                                                                                               \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		if ((!(rotates) && insn->h == 3) || (!insn->z && insn->i >= 32))                                       \
			return false;                                                                                  \
		if (!insn->z)                                                                                          \
			insn->exec = insn->i ? exec_##name##_w_sh : exec_##name##_w;                                   \
		else if (insn->i)                                                                                      \
			insn->exec = insn->h ? exec_##name##_sh : exec_##name##_lsl;                                   \
		return true;                                                                                           \
	}
SHIFTED(ADD_reg, false, N + m, (u32)N + m)
SHIFTED(SUB_reg, false, N - m, (u32)N - m)
SHIFTED(ADDS_reg, false, add_flags64(cpu, N, m, 0), add_flags32(cpu, (u32)N, m, 0))
SHIFTED(SUBS_reg, false, add_flags64(cpu, N, ~m, 1), add_flags32(cpu, (u32)N, ~m, 1))
SHIFTED(AND_reg, true, N &m, (u32)N & m)
SHIFTED(BIC_reg, true, N & ~m, (u32)N & ~m)
SHIFTED(ORR_reg, true, N | m, (u32)N | m)
SHIFTED(ORN_reg, true, N | ~m, (u32)N | ~m)
SHIFTED(EOR_reg, true, N ^ m, (u32)N ^ m)
SHIFTED(EON_reg, true, N ^ ~m, (u32)N ^ ~m)
SHIFTED(ANDS_reg, true, logic_flags64(cpu, N &m), logic_flags32(cpu, (u32)N & m))
SHIFTED(BICS_reg, true, logic_flags64(cpu, N & ~m), logic_flags32(cpu, (u32)N & ~m))

/* --- extended registers: o kind, i shift --- */

static always_inline u64 extended(const struct cpu *cpu, const struct insn *insn)
{
	u64 m = M;

	switch (insn->o) {
	case 0: m = (u8)m; break;
	case 1: m = (u16)m; break;
	case 2: m = (u32)m; break;
	case 4: m = (u64)(s8)m; break;
	case 5: m = (u64)(s16)m; break;
	case 6: m = (u64)(s32)m; break;
	default: break;
	}
	return m << I;
}
#define EXTENDED(name, e64, e32)                                                                                       \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		u64 m = extended(cpu, insn);                                                                           \
		D = e64;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		u32 m = (u32)extended(cpu, insn);                                                                      \
		D = e32;                                                                                               \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		if (!insn->z)                                                                                          \
			insn->exec = exec_##name##_w;                                                                  \
		return insn->i <= 4;                                                                                   \
	}
EXTENDED(ADD_ext, N + m, (u32)N + m)
EXTENDED(SUB_ext, N - m, (u32)N - m)
EXTENDED(ADDS_ext, add_flags64(cpu, N, m, 0), add_flags32(cpu, (u32)N, m, 0))
EXTENDED(SUBS_ext, add_flags64(cpu, N, ~m, 1), add_flags32(cpu, (u32)N, ~m, 1))

/* --- the plain forms: one expression per width --- */

#define PLAIN(name, e64, e32)                                                                                          \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		D = e64;                                                                                               \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		D = (u32)(e32);                                                                                        \
	}                                                                                                              \
	WIDTHS(name)
#define CARRY (cpu->nzcv >> 29 & 1)
PLAIN(ADC, N + M + CARRY, (u32)N + (u32)M + CARRY)
PLAIN(SBC, N + ~M + CARRY, (u32)N + ~(u32)M + CARRY)
PLAIN(ADCS, add_flags64(cpu, N, M, CARRY), add_flags32(cpu, (u32)N, (u32)M, CARRY))
PLAIN(SBCS, add_flags64(cpu, N, ~M, CARRY), add_flags32(cpu, (u32)N, ~(u32)M, CARRY))

#define COND cond_holds(cpu, insn->c)
PLAIN(CSEL, COND ? N : M, COND ? N : M)
PLAIN(CSINC, COND ? N : M + 1, COND ? N : M + 1)
PLAIN(CSINV, COND ? N : ~M, COND ? N : ~M)
PLAIN(CSNEG, COND ? N : -M, COND ? N : -M)

PLAIN(LSLV, N << (M & 63), (u32)N << (M & 31))
PLAIN(LSRV, N >> (M & 63), (u32)N >> (M & 31))
PLAIN(ASRV, (u64)((s64)N >> (M & 63)), (s32)N >> (M & 31))
PLAIN(RORV, ror64(N, (unsigned)M), ror32((u32)N, (unsigned)M))

PLAIN(MADD, A + N * M, (u32)A + (u32)N * (u32)M)
PLAIN(MSUB, A - N * M, (u32)A - (u32)N * (u32)M)

/* Division by zero gives 0; the most negative number by -1 gives itself. */
static u64 divide_signed(s64 n, s64 m)
{
	return m == 0 ? 0 : m == -1 ? -(u64)n : (u64)(n / m);
}
PLAIN(UDIV, M ? N / M : 0, (u32)M ? (u32)N / (u32)M : 0)
PLAIN(SDIV, divide_signed((s64)N, (s64)M), divide_signed((s32)N, (s32)M))

static u64 reverse_bits(u64 v)
{
	v = (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
	v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
	v = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
	return __builtin_bswap64(v);
}
static u64 swap_in_halfwords(u64 v)
{
	return (v >> 8 & 0x00ff00ff00ff00ffull) | (v & 0x00ff00ff00ff00ffull) << 8;
}
PLAIN(RBIT, reverse_bits(N), reverse_bits(N) >> 32)
PLAIN(REV16, swap_in_halfwords(N), swap_in_halfwords(N))
PLAIN(CLZ, N ? (unsigned)__builtin_clzll(N) : 64, (u32)N ? (unsigned)__builtin_clz((u32)N) : 32)
PLAIN(CLS, (unsigned)__builtin_clrsbll((s64)N), (unsigned)__builtin_clrsb((s32)N))
EXEC(REV_w)
{
	D = __builtin_bswap32((u32)N);
}
EXEC(REV32)
{
	D = ror64(__builtin_bswap64(N), 32);
}
EXEC(REV_x)
{
	D = __builtin_bswap64(N);
}

EXEC(SMADDL)
{
	D = A + (u64)((s64)(s32)N * (s32)M);
}
EXEC(SMSUBL)
{
	D = A - (u64)((s64)(s32)N * (s32)M);
}
EXEC(UMADDL)
{
	D = A + (u64)(u32)N * (u32)M;
}
EXEC(UMSUBL)
{
	D = A - (u64)(u32)N * (u32)M;
}
EXEC(SMULH)
{
	D = (u64)((s128)(s64)N * (s64)M >> 64);
}
EXEC(UMULH)
{
	D = (u64)((u128)N * M >> 64);
}

/* --- conditional compare: i is the flags if the condition fails --- */

#define COMPARE(name, e64, e32)                                                                                        \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		if (COND)                                                                                              \
			(void)e64;                                                                                     \
		else                                                                                                   \
			cpu->nzcv = I;                                                                                 \
	}                                                                                                              \
	VARIANT(name##_w)                                                                                              \
	{                                                                                                              \
		if (COND)                                                                                              \
			(void)e32;                                                                                     \
		else                                                                                                   \
			cpu->nzcv = I;                                                                                 \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		insn->i <<= 28;                                                                                        \
		if (!insn->z)                                                                                          \
			insn->exec = exec_##name##_w;                                                                  \
		return true;                                                                                           \
	}
COMPARE(CCMP_reg, add_flags64(cpu, N, ~M, 1), add_flags32(cpu, (u32)N, ~(u32)M, 1))
COMPARE(CCMN_reg, add_flags64(cpu, N, M, 0), add_flags32(cpu, (u32)N, (u32)M, 0))
COMPARE(CCMP_imm, add_flags64(cpu, N, ~(u64)insn->m, 1), add_flags32(cpu, (u32)N, ~(u32)insn->m, 1))
COMPARE(CCMN_imm, add_flags64(cpu, N, insn->m, 0), add_flags32(cpu, (u32)N, insn->m, 0))

/* --- flags --- */

EXEC(RMIF)
{
	u32 from = (u32)ror64(N, I) << 28, mask = (u32)insn->c << 28;

	cpu->nzcv = (cpu->nzcv & ~mask) | (from & mask);
}
static void set_flags_small(struct cpu *cpu, u32 v, unsigned width)
{
	u32 n = v >> (width - 1) & 1, z = !(v & (u32)ones(width)), c = v >> width & 1;

	cpu->nzcv = (cpu->nzcv & NZCV_C) | n << 31 | z << 30 | (n ^ c) << 28;
}
EXEC(SETF8)
{
	set_flags_small(cpu, (u32)N, 8);
}
EXEC(SETF16)
{
	set_flags_small(cpu, (u32)N, 16);
}
EXEC(CFINV)
{
	cpu->nzcv ^= NZCV_C;
}
/* From an alternative representation of a floating-point comparison, and to it. */
EXEC(XAFLAG)
{
	u32 z = cpu->nzcv >> 30 & 1, c = cpu->nzcv >> 29 & 1;

	cpu->nzcv = (!c && !z ? NZCV_N : 0) | (z && c ? NZCV_Z : 0) | (c || z ? NZCV_C : 0) | (!c && z ? NZCV_V : 0);
}
EXEC(AXFLAG)
{
	u32 z = cpu->nzcv >> 30 & 1, c = cpu->nzcv >> 29 & 1, v = cpu->nzcv >> 28 & 1;

	cpu->nzcv = (z || v ? NZCV_Z : 0) | (c && !v ? NZCV_C : 0);
}

/* --- CRC32: bit-reflected; the polynomials of IEEE 802.3 (0xedb88320) and Castagnoli --- */

/* What four bits come to. */
static const u32 crc32_nibble[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};
static const u32 crc32c_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};
static u32 crc32_bytes(const u32 nibble[16], u32 crc, u64 v, unsigned bytes)
{
	u64 acc = crc ^ v; /* of the low 32 bits; higher bytes join as they come down */

	for (unsigned k = 0; k < bytes * 2; k++)
		acc = acc >> 4 ^ nibble[acc & 15];
	return (u32)acc;
}
#define CRC(name, nibble, bytes, operand)                                                                              \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		D = crc32_bytes(nibble, (u32)N, operand, bytes);                                                       \
	}
CRC(CRC32B, crc32_nibble, 1, (u8)M)
CRC(CRC32H, crc32_nibble, 2, (u16)M)
CRC(CRC32W, crc32_nibble, 4, (u32)M)
CRC(CRC32X, crc32_nibble, 8, M)
CRC(CRC32CB, crc32c_nibble, 1, (u8)M)
CRC(CRC32CH, crc32c_nibble, 2, (u16)M)
CRC(CRC32CW, crc32c_nibble, 4, (u32)M)
CRC(CRC32CX, crc32c_nibble, 8, M)

/* --- PC-relative addresses: i is signed, in bytes or in pages --- */

EXEC(ADR)
{
	D = cpu_pc_of(cpu, insn) + (u64)(s32)I;
}
EXEC(ADRP)
{
	D = cpu->code_va + (u64)(s32)I * 4096;
}
PREP(ADR)
{
	insn->i = (u32)sign_extend(insn->i << 2 | insn->l, 21);
	return true;
}
PREP(ADRP)
{
	insn->i = (u32)sign_extend(insn->i << 2 | insn->l, 21);
	return true;
}
