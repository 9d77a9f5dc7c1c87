/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm floating point arithmetic, exactly.                                   [DDI0487 J1.3: shared/functions/float]
 *
 * An operand is unpacked to a class, a sign and, for finite non-zero values, `sig` * 2^(exp - 63) with bit 63 of sig
 * set. Operations form their result in that shape, the lowest bit of sig being sticky (it stands for everything below),
 * and `round_pack` is the one place that rounds, flushes, overflows and records flags. The order in which flags appear
 * and NaNs are chosen is that of the pseudocode.
 */
#include "cpu/softfp.h"

struct layout {
	unsigned width, exp_bits, frac_bits;
	int bias;
};

static const struct layout layouts[] = {
	[FP16] = {16, 5, 10, 15},
	[FP32] = {32, 8, 23, 127},
	[FP64] = {64, 11, 52, 1023},
};

enum class { IS_ZERO, IS_FINITE, IS_INF, IS_QNAN, IS_SNAN };

struct num {
	enum class class;
	bool sign;
	int exp;
	u64 sig;
};

static u64 pack(enum fp_format f, bool sign, u64 exp, u64 frac)
{
	const struct layout *l = &layouts[f];

	return (u64)sign << (l->width - 1) | exp << l->frac_bits | frac;
}
static u64 exp_max(enum fp_format f)
{
	return ones(layouts[f].exp_bits);
}
static u64 make_zero(enum fp_format f, bool sign)
{
	return pack(f, sign, 0, 0);
}
static u64 make_inf(enum fp_format f, bool sign)
{
	return pack(f, sign, exp_max(f), 0);
}
static u64 make_max_normal(enum fp_format f, bool sign)
{
	return pack(f, sign, exp_max(f) - 1, ones(layouts[f].frac_bits));
}
static u64 make_default_nan(enum fp_format f)
{
	return pack(f, 0, exp_max(f), 1ull << (layouts[f].frac_bits - 1));
}
static u64 invalid(enum fp_format f, u32 *fpsr)
{
	*fpsr |= FPSR_IOC;
	return make_default_nan(f);
}

static bool flushes(enum fp_format f, u32 fpcr)
{
	return fpcr & (f == FP16 ? FPCR_FZ16 : FPCR_FZ);
}

/* FPUnpackBase. FPUnpack and FPUnpackCV differ in which of AHP and FZ16 the caller has cleared in fpcr. */
static struct num unpack_base(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	u64 exp = bits(a, l->width - 2, l->frac_bits), frac = a & ones(l->frac_bits);
	struct num r = {.class = IS_FINITE, .sign = bit(a, l->width - 1)};

	if (exp == 0) {
		if (frac && flushes(f, fpcr)) {
			if (f != FP16)
				*fpsr |= FPSR_IDC;
			frac = 0;
		}
		if (!frac) {
			r.class = IS_ZERO;
			return r;
		}
		unsigned shift = (unsigned)__builtin_clzll(frac);
		r.sig = frac << shift;
		r.exp = 1 - l->bias - (int)l->frac_bits + 63 - (int)shift;
	} else if (exp == exp_max(f) && !(f == FP16 && (fpcr & FPCR_AHP))) {
		r.class = !frac ? IS_INF : bit(frac, l->frac_bits - 1) ? IS_QNAN : IS_SNAN;
	} else {
		r.sig = (frac | 1ull << l->frac_bits) << (63 - l->frac_bits);
		r.exp = (int)exp - l->bias;
	}
	return r;
}

static struct num unpack(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	return unpack_base(f, a, fpcr & ~FPCR_AHP, fpsr);
}

static bool is_nan(struct num a)
{
	return a.class >= IS_QNAN;
}

/* FPProcessNaN. */
static u64 process_nan(enum fp_format f, enum class class, u64 a, u32 fpcr, u32 *fpsr)
{
	if (class == IS_SNAN) {
		*fpsr |= FPSR_IOC;
		a |= 1ull << (layouts[f].frac_bits - 1);
	}
	return fpcr & FPCR_DN ? make_default_nan(f) : a;
}

/* FPProcessNaNs: signalling ones first, then in operand order. */
static bool process_nans(enum fp_format f, struct num x, struct num y, u64 a, u64 b, u32 fpcr, u32 *fpsr, u64 *result)
{
	if (likely(!is_nan(x) && !is_nan(y)))
		return false;
	if (x.class == IS_SNAN || (y.class != IS_SNAN && x.class == IS_QNAN))
		*result = process_nan(f, x.class, a, fpcr, fpsr);
	else
		*result = process_nan(f, y.class, b, fpcr, fpsr);
	return true;
}

/* FPProcessNaNs3. */
static bool process_nans3(enum fp_format f, const struct num n[3], const u64 raw[3], u32 fpcr, u32 *fpsr, u64 *result)
{
	for (enum class class = IS_SNAN; class >= IS_QNAN; class --)
		for (unsigned i = 0; i < 3; i++)
			if (n[i].class == class) {
				*result = process_nan(f, class, raw[i], fpcr, fpsr);
				return true;
			}
	return false;
}

/* v >> n, or-ing what falls out into the lowest bit. */
static u64 shift_sticky(u64 v, unsigned n)
{
	if (n == 0)
		return v;
	if (n >= 64)
		return v != 0;
	return v >> n | ((v & ones(n)) != 0);
}
static u128 shift_sticky128(u128 v, unsigned n)
{
	if (n == 0)
		return v;
	if (n >= 128)
		return v != 0;
	return v >> n | ((v & (((u128)1 << n) - 1)) != 0);
}

/* Whether a magnitude goes up, given its lowest kept bit, the half bit and the rest. */
static bool rounds_up(enum fp_round mode, bool sign, bool odd, bool half, bool rest)
{
	switch (mode) {
	case ROUND_TIEEVEN: return half && (rest || odd);
	case ROUND_TIEAWAY: return half;
	case ROUND_POSINF: return !sign && (half || rest);
	case ROUND_NEGINF: return sign && (half || rest);
	default: return false;
	}
}

/*
 * FPRoundBase: sig * 2^(exp - 63), bit 63 of sig set, bit 0 sticky, to format f. With AHP in fpcr, FP16 is the
 * alternative format: callers other than fp_convert clear it.
 */
static u64 round_pack(enum fp_format f, bool sign, int exp, u64 sig, enum fp_round mode, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	int min_exp = 1 - l->bias;

	if (exp < min_exp && flushes(f, fpcr)) {
		*fpsr |= FPSR_UFC;
		return make_zero(f, sign);
	}
	unsigned drop = 63 - l->frac_bits;
	int biased = exp - min_exp + 1;

	if (biased <= 0) {
		sig = shift_sticky(sig, (unsigned)MIN(1 - biased, 100));
		biased = 0;
	}
	u64 mant = sig >> drop;
	bool half = bit(sig, drop - 1), rest = (sig & ones(drop - 1)) != 0;
	bool inexact = half || rest;

	if (biased == 0 && inexact)
		*fpsr |= FPSR_UFC;
	if (rounds_up(mode, sign, mant & 1, half, rest)) {
		mant++;
		if (mant == 1ull << l->frac_bits)
			biased = 1; /* denormal up to normal; a normal one has its top bit set and never equals this */
		if (mant == 2ull << l->frac_bits) {
			biased++;
			mant >>= 1;
		}
	}
	if (mode == ROUND_ODD && inexact)
		mant |= 1;
	if (f == FP16 && (fpcr & FPCR_AHP)) {
		if (biased > 31) {
			*fpsr |= FPSR_IOC;
			return pack(f, sign, 31, 0x3ff);
		}
	} else if (biased >= (int)exp_max(f)) {
		bool to_inf = mode == ROUND_TIEEVEN || mode == ROUND_TIEAWAY || (mode == ROUND_POSINF && !sign) ||
			      (mode == ROUND_NEGINF && sign);
		*fpsr |= FPSR_OFC | FPSR_IXC;
		return to_inf ? make_inf(f, sign) : make_max_normal(f, sign);
	}
	if (inexact)
		*fpsr |= FPSR_IXC;
	return pack(f, sign, (u64)biased, mant & ones(l->frac_bits));
}

/* The same from 128 bits: v * 2^(exp - 127), v non-zero, not normalised. */
static u64 round_pack128(enum fp_format f, bool sign, int exp, u128 v, enum fp_round mode, u32 fpcr, u32 *fpsr)
{
	u64 high = (u64)(v >> 64);
	unsigned shift = high ? (unsigned)__builtin_clzll(high) : 64 + (unsigned)__builtin_clzll((u64)v);

	v <<= shift;
	return round_pack(f, sign, exp - (int)shift, (u64)(v >> 64) | ((u64)v != 0), mode, fpcr, fpsr);
}

/* The same from 64 bits: v * 2^(exp - 63). */
static u64 round_pack64(enum fp_format f, bool sign, int exp, u64 v, enum fp_round mode, u32 fpcr, u32 *fpsr)
{
	unsigned shift = (unsigned)__builtin_clzll(v);

	return round_pack(f, sign, exp - (int)shift, v << shift, mode, fpcr, fpsr);
}

/* x + y of magnitudes with signs: v * 2^(exp - 127), v below 2^127. Zero: exact cancellation. */
static u128 add_sigs(u128 x, int x_exp, bool x_sign, u128 y, int y_exp, bool y_sign, int *exp, bool *sign)
{
	if (x_exp < y_exp || (x_exp == y_exp && x < y)) {
		u128 t = x;
		int e = x_exp;
		bool s = x_sign;
		x = y, x_exp = y_exp, x_sign = y_sign;
		y = t, y_exp = e, y_sign = s;
	}
	/* One bit of room for the carry; sigs come in with bit 127 set and at least 2 low bits clear. */
	*exp = x_exp + 1;
	*sign = x_sign;
	x >>= 1;
	y = shift_sticky128(y >> 1, (unsigned)MIN(x_exp - y_exp, 200));
	return x_sign == y_sign ? x + y : x - y;
}

static u64 zero_of_cancel(enum fp_format f, u32 fpcr)
{
	return make_zero(f, fpcr_round(fpcr) == ROUND_NEGINF);
}

static u64 add(enum fp_format f, u64 a, u64 b, bool negate_b, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);
	u64 r;
	int exp;
	bool sign;

	if (process_nans(f, x, y, a, b, fpcr, fpsr, &r))
		return r;
	y.sign ^= negate_b;
	if (x.class == IS_INF || y.class == IS_INF) {
		if (x.class == y.class && x.sign != y.sign)
			return invalid(f, fpsr);
		return make_inf(f, x.class == IS_INF ? x.sign : y.sign);
	}
	if (x.class == IS_ZERO && y.class == IS_ZERO)
		return x.sign == y.sign ? make_zero(f, x.sign) : zero_of_cancel(f, fpcr);
	fpcr &= ~FPCR_AHP;
	if (x.class == IS_ZERO)
		return round_pack(f, y.sign, y.exp, y.sig, fpcr_round(fpcr), fpcr, fpsr);
	if (y.class == IS_ZERO)
		return round_pack(f, x.sign, x.exp, x.sig, fpcr_round(fpcr), fpcr, fpsr);
	u128 v = add_sigs((u128)x.sig << 64, x.exp, x.sign, (u128)y.sig << 64, y.exp, y.sign, &exp, &sign);
	if (!v)
		return zero_of_cancel(f, fpcr);
	return round_pack128(f, sign, exp, v, fpcr_round(fpcr), fpcr, fpsr);
}

u64 fp_add(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return add(f, a, b, false, fpcr, fpsr);
}

u64 fp_sub(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return add(f, a, b, true, fpcr, fpsr);
}

static u64 mul(enum fp_format f, u64 a, u64 b, bool extended, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);
	u64 r;

	if (process_nans(f, x, y, a, b, fpcr, fpsr, &r))
		return r;
	bool sign = x.sign ^ y.sign;
	if ((x.class == IS_INF && y.class == IS_ZERO) || (x.class == IS_ZERO && y.class == IS_INF))
		return extended ? pack(f, sign, (u64)layouts[f].bias + 1, 0) : invalid(f, fpsr);
	if (x.class == IS_INF || y.class == IS_INF)
		return make_inf(f, sign);
	if (x.class == IS_ZERO || y.class == IS_ZERO)
		return make_zero(f, sign);
	fpcr &= ~FPCR_AHP;
	return round_pack128(f, sign, x.exp + y.exp + 1, (u128)x.sig * y.sig, fpcr_round(fpcr), fpcr, fpsr);
}

u64 fp_mul(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return mul(f, a, b, false, fpcr, fpsr);
}

u64 fp_mulx(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return mul(f, a, b, true, fpcr, fpsr);
}

u64 fp_div(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);
	u64 r;

	if (process_nans(f, x, y, a, b, fpcr, fpsr, &r))
		return r;
	bool sign = x.sign ^ y.sign;
	if (x.class == y.class && x.class != IS_FINITE)
		return invalid(f, fpsr);
	if (x.class == IS_INF || y.class == IS_ZERO) {
		if (x.class != IS_INF)
			*fpsr |= FPSR_DZC;
		return make_inf(f, sign);
	}
	if (x.class == IS_ZERO || y.class == IS_INF)
		return make_zero(f, sign);
	fpcr &= ~FPCR_AHP;
	/* x.sig / y.sig lies in (1/2, 2): a quotient of 63 or 64 bits, then sticky. */
	u128 dividend = (u128)x.sig << 62;
	u64 q = (u64)(dividend / y.sig);
	q = q << 1 | (dividend % y.sig != 0);
	return round_pack64(f, sign, x.exp - y.exp, q, fpcr_round(fpcr), fpcr, fpsr);
}

u64 fp_sqrt(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr);

	if (is_nan(x))
		return process_nan(f, x.class, a, fpcr, fpsr);
	if (x.class == IS_ZERO)
		return make_zero(f, x.sign);
	if (x.sign)
		return invalid(f, fpsr);
	if (x.class == IS_INF)
		return make_inf(f, false);
	fpcr &= ~FPCR_AHP;
	/* Bring the exponent to even: value = v * 2^(e - 126), v < 2^128, root = isqrt(v) * 2^(e/2 - 63). */
	int e = x.exp;
	u128 v = (u128)x.sig << 63;
	if (e & 1) {
		v <<= 1;
		e--;
	}
	/* A double's root is within a few 2^11 of the 64-bit one; Newton's step and corrections do the rest. */
	double guess = sqrt((double)v);
	u64 root = guess >= 18446744073709551615.0 ? ~0ull : (u64)guess;
	root = (u64)(((v / root) + root) >> 1);
	while ((u128)root * root > v)
		root--;
	while (root != ~0ull && (u128)(root + 1) * (root + 1) <= v)
		root++;
	return round_pack64(f, false, e / 2, root | ((u128)root * root != v), fpcr_round(fpcr), fpcr, fpsr);
}

/* c + x * y, all finite, x and y not zero, in `scale` halves; shared by the fused operations. */
static u64 fused(enum fp_format f, struct num c, struct num x, struct num y, int scale, u32 fpcr, u32 *fpsr)
{
	bool sign = x.sign ^ y.sign;
	u128 v = (u128)x.sig * y.sig;
	int exp = x.exp + y.exp + 1;

	fpcr &= ~FPCR_AHP;
	if (!(v >> 127)) {
		v <<= 1;
		exp--;
	}
	if (c.class == IS_FINITE) {
		v = add_sigs(v, exp, sign, (u128)c.sig << 64, c.exp, c.sign, &exp, &sign);
		if (!v)
			return zero_of_cancel(f, fpcr);
	}
	return round_pack128(f, sign, exp - scale, v, fpcr_round(fpcr), fpcr, fpsr);
}

u64 fp_muladd(enum fp_format f, u64 c, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	u64 raw[3] = {c, a, b}, r;
	struct num n[3];

	for (unsigned i = 0; i < 3; i++)
		n[i] = unpack(f, raw[i], fpcr, fpsr);
	bool bad_product =
		(n[1].class == IS_INF && n[2].class == IS_ZERO) || (n[1].class == IS_ZERO && n[2].class == IS_INF);
	bool nan = process_nans3(f, n, raw, fpcr, fpsr, &r);
	if (n[0].class == IS_QNAN && bad_product)
		return invalid(f, fpsr);
	if (nan)
		return r;
	bool sign = n[1].sign ^ n[2].sign, inf = n[1].class == IS_INF || n[2].class == IS_INF;
	if (bad_product || (n[0].class == IS_INF && inf && n[0].sign != sign))
		return invalid(f, fpsr);
	if (n[0].class == IS_INF || inf)
		return make_inf(f, n[0].class == IS_INF ? n[0].sign : sign);
	if (n[1].class == IS_ZERO || n[2].class == IS_ZERO) {
		if (n[0].class == IS_ZERO)
			return n[0].sign == sign ? make_zero(f, sign) : zero_of_cancel(f, fpcr);
		return round_pack(f, n[0].sign, n[0].exp, n[0].sig, fpcr_round(fpcr), fpcr & ~FPCR_AHP, fpsr);
	}
	return fused(f, n[0], n[1], n[2], 0, fpcr, fpsr);
}

/* FRECPS: 2 - a * b; FRSQRTS: (3 - a * b) / 2. The negation comes before NaNs are processed. */
static u64 step(enum fp_format f, u64 a, u64 b, bool rsqrt, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	u64 r;

	a = fp_neg(f, a);
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);
	if (process_nans(f, x, y, a, b, fpcr, fpsr, &r))
		return r;
	if ((x.class == IS_INF && y.class == IS_ZERO) || (x.class == IS_ZERO && y.class == IS_INF) ||
	    x.class == IS_ZERO || y.class == IS_ZERO)
		return rsqrt ? pack(f, 0, (u64)l->bias, 1ull << (l->frac_bits - 1)) : pack(f, 0, (u64)l->bias + 1, 0);
	if (x.class == IS_INF || y.class == IS_INF)
		return make_inf(f, x.sign ^ y.sign);
	struct num c = {.class = IS_FINITE, .exp = 1, .sig = rsqrt ? 3ull << 62 : 1ull << 63};
	return fused(f, c, x, y, rsqrt, fpcr, fpsr);
}

u64 fp_recip_step(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return step(f, a, b, false, fpcr, fpsr);
}

u64 fp_rsqrt_step(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return step(f, a, b, true, fpcr, fpsr);
}

/* -1, 0, 1 as x is below, equal to, above y; neither is a NaN. */
static int order(struct num x, struct num y)
{
	if (x.class == IS_ZERO && y.class == IS_ZERO)
		return 0;
	int x_side = x.class == IS_ZERO ? 0 : x.sign ? -1 : 1, y_side = y.class == IS_ZERO ? 0 : y.sign ? -1 : 1;
	if (x_side != y_side)
		return x_side < y_side ? -1 : 1;
	int magnitude;
	if (x.class != y.class)
		magnitude = x.class < y.class ? -1 : 1; /* IS_FINITE < IS_INF */
	else if (x.class == IS_INF)
		magnitude = 0;
	else if (x.exp != y.exp)
		magnitude = x.exp < y.exp ? -1 : 1;
	else
		magnitude = x.sig < y.sig ? -1 : x.sig > y.sig;
	return x_side * magnitude;
}

static u64 extreme(enum fp_format f, u64 a, u64 b, bool max, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);
	u64 r;

	if (process_nans(f, x, y, a, b, fpcr, fpsr, &r))
		return r;
	if (x.class == IS_ZERO && y.class == IS_ZERO)
		return make_zero(f, max ? x.sign && y.sign : x.sign || y.sign);
	int o = order(x, y);
	bool first = max ? o > 0 : o < 0;
	if ((first ? x : y).class == IS_ZERO)
		return make_zero(f, (first ? x : y).sign); /* a flushed denormal */
	return first ? a : b;
}

u64 fp_max(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return extreme(f, a, b, true, fpcr, fpsr);
}

u64 fp_min(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return extreme(f, a, b, false, fpcr, fpsr);
}

/* FPMaxNum, FPMinNum: one quiet NaN loses to a number. */
static u64 extreme_num(enum fp_format f, u64 a, u64 b, bool max, u32 fpcr, u32 *fpsr)
{
	u32 ignored = 0;
	enum class x = unpack(f, a, fpcr, &ignored).class, y = unpack(f, b, fpcr, &ignored).class;

	if (x == IS_QNAN && y != IS_QNAN) {
		/* The pseudocode puts an infinity here; a denormal on the other side is still flushed by the rest. */
		a = make_inf(f, max);
	} else if (x != IS_QNAN && y == IS_QNAN) {
		b = make_inf(f, max);
	}
	return extreme(f, a, b, max, fpcr, fpsr);
}

u64 fp_maxnm(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return extreme_num(f, a, b, true, fpcr, fpsr);
}

u64 fp_minnm(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return extreme_num(f, a, b, false, fpcr, fpsr);
}

u32 fp_compare(enum fp_format f, u64 a, u64 b, bool signal_nans, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr), y = unpack(f, b, fpcr, fpsr);

	if (is_nan(x) || is_nan(y)) {
		if (x.class == IS_SNAN || y.class == IS_SNAN || signal_nans)
			*fpsr |= FPSR_IOC;
		return 3;
	}
	int o = order(x, y);
	return o == 0 ? 6 : o < 0 ? 8 : 2;
}

bool fp_eq(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return fp_compare(f, a, b, false, fpcr, fpsr) == 6;
}

bool fp_ge(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	u32 nzcv = fp_compare(f, a, b, true, fpcr, fpsr);
	return nzcv == 6 || nzcv == 2;
}

bool fp_gt(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr)
{
	return fp_compare(f, a, b, true, fpcr, fpsr) == 2;
}

/* |x| rounded to an integer, at most 2^64 (x.exp <= 63); *inexact. */
static u128 round_magnitude(struct num x, enum fp_round mode, bool *inexact)
{
	if (x.exp >= 63) {
		*inexact = false;
		return x.sig;
	}
	unsigned drop = (unsigned)MIN(63 - x.exp, 66);
	u128 v = (u128)x.sig << 2;
	v = shift_sticky128(v, drop);
	/* Now in quarters; the lowest bit is sticky only once something was lost, which is all that is asked of it. */
	u64 whole = (u64)(v >> 2);
	*inexact = (v & 3) != 0;
	return (u128)whole + rounds_up(mode, x.sign, whole & 1, (v >> 1) & 1, v & 1);
}

u64 fp_round_int(enum fp_format f, u64 a, enum fp_round mode, bool exact, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr);
	bool inexact;

	if (is_nan(x))
		return process_nan(f, x.class, a, fpcr, fpsr);
	if (x.class == IS_INF)
		return make_inf(f, x.sign);
	if (x.class == IS_ZERO)
		return make_zero(f, x.sign);
	if (x.exp >= (int)layouts[f].frac_bits)
		return a;
	u64 v = (u64)round_magnitude(x, mode, &inexact);
	if (exact && inexact)
		*fpsr |= FPSR_IXC;
	if (!v)
		return make_zero(f, x.sign);
	return round_pack64(f, x.sign, 63, v, ROUND_ZERO, fpcr & ~FPCR_AHP, fpsr);
}

u64 fp_round_int_n(enum fp_format f, u64 a, enum fp_round mode, unsigned int_bits, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr);
	bool inexact = false, overflow = true;
	u128 v = 0;

	if (x.class == IS_ZERO)
		return make_zero(f, x.sign);
	if (x.class == IS_FINITE && x.exp <= 63) {
		v = round_magnitude(x, mode, &inexact);
		overflow = v > ((u128)1 << (int_bits - 1)) - !x.sign;
	}
	if (overflow) {
		*fpsr |= FPSR_IOC;
		return pack(f, true, (u64)layouts[f].bias + int_bits - 1, 0);
	}
	if (inexact)
		*fpsr |= FPSR_IXC;
	if (!v)
		return make_zero(f, x.sign);
	return round_pack64(f, x.sign, 63, (u64)v, ROUND_ZERO, fpcr & ~FPCR_AHP, fpsr);
}

u64 fp_convert(enum fp_format from, enum fp_format to, u64 a, enum fp_round mode, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[from], *m = &layouts[to];

	fpcr &= ~FPCR_FZ16;
	struct num x = unpack_base(from, a, fpcr, fpsr);
	bool alternative = to == FP16 && (fpcr & FPCR_AHP);

	if (is_nan(x)) {
		if (x.class == IS_SNAN || alternative)
			*fpsr |= FPSR_IOC;
		if (alternative)
			return make_zero(to, x.sign);
		if (fpcr & FPCR_DN)
			return make_default_nan(to);
		u64 frac = a & ones(l->frac_bits - 1); /* FPConvertNaN: the top of the payload stays */
		frac = m->frac_bits >= l->frac_bits ? frac << (m->frac_bits - l->frac_bits)
						    : frac >> (l->frac_bits - m->frac_bits);
		return pack(to, x.sign, exp_max(to), frac | 1ull << (m->frac_bits - 1));
	}
	if (x.class == IS_INF) {
		if (!alternative)
			return make_inf(to, x.sign);
		*fpsr |= FPSR_IOC;
		return pack(to, x.sign, 31, 0x3ff);
	}
	if (x.class == IS_ZERO)
		return make_zero(to, x.sign);
	return round_pack(to, x.sign, x.exp, x.sig, mode, fpcr, fpsr);
}

u64 fp_to_fixed(enum fp_format f, u64 a, unsigned fbits, bool is_unsigned, unsigned int_bits, enum fp_round mode,
		u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(f, a, fpcr, fpsr);
	bool inexact = false;
	u128 v = 0, limit = is_unsigned ? (x.sign ? 0 : ones(int_bits)) : ((u128)1 << (int_bits - 1)) - !x.sign;

	if (is_nan(x)) {
		*fpsr |= FPSR_IOC;
		return 0;
	}
	if (x.class == IS_FINITE) {
		x.exp += (int)fbits;
		v = x.exp > 63 ? (u128)1 << 64 : round_magnitude(x, mode, &inexact);
	} else if (x.class == IS_INF) {
		v = (u128)1 << 64;
	}
	if (v > limit) {
		*fpsr |= FPSR_IOC;
		v = limit;
	} else if (inexact) {
		*fpsr |= FPSR_IXC;
	}
	return (x.sign ? -(u64)v : (u64)v) & ones(int_bits);
}

u64 fp_from_fixed(enum fp_format f, u64 v, unsigned fbits, bool is_unsigned, u32 fpcr, u32 *fpsr)
{
	bool sign = !is_unsigned && (s64)v < 0;

	if (!v)
		return make_zero(f, false);
	return round_pack64(f, sign, 63 - (int)fbits, sign ? -v : v, fpcr_round(fpcr), fpcr & ~FPCR_AHP, fpsr);
}

u32 fp_to_fixed_js(u64 a, bool *z, u32 fpcr, u32 *fpsr)
{
	struct num x = unpack(FP64, a, fpcr, fpsr);
	u64 low;
	bool overflow, inexact = false;

	*z = false;
	if (is_nan(x) || x.class == IS_INF) {
		*fpsr |= FPSR_IOC;
		return 0;
	}
	if (x.class == IS_ZERO) {
		*z = !a; /* neither -0 nor a flushed denormal */
		return 0;
	}
	if (x.exp <= 63) {
		low = (u64)round_magnitude(x, ROUND_ZERO, &inexact);
		overflow = low > (1ull << 31) - !x.sign;
	} else {
		low = x.exp - 63 < 64 ? x.sig << (x.exp - 63) : 0;
		overflow = true;
	}
	if (overflow)
		*fpsr |= FPSR_IOC;
	else if (inexact)
		*fpsr |= FPSR_IXC;
	*z = !overflow && !inexact;
	return (u32)(x.sign ? -low : low);
}

/* --- estimates --- */

/* RecipEstimate: a in 256..511, in units of 1/512. */
static unsigned recip_estimate(unsigned a)
{
	a = a * 2 + 1;
	unsigned b = (1u << 19) / a;
	return (b + 1) / 2;
}

/* RecipSqrtEstimate: a in 128..511. */
static unsigned rsqrt_estimate(unsigned a)
{
	a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
	unsigned b = 512;
	while (a * (b + 1) * (b + 1) < 1u << 28) /* at most 512 times */
		b++;
	return (b + 1) / 2;
}

u64 fp_recip_estimate(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	struct num x = unpack(f, a, fpcr, fpsr);

	if (is_nan(x))
		return process_nan(f, x.class, a, fpcr, fpsr);
	if (x.class == IS_INF)
		return make_zero(f, x.sign);
	if (x.class == IS_ZERO) {
		*fpsr |= FPSR_DZC;
		return make_inf(f, x.sign);
	}
	if (x.exp < -l->bias - 1) {
		enum fp_round mode = fpcr_round(fpcr);
		bool to_inf = mode == ROUND_TIEEVEN || mode == (x.sign ? ROUND_NEGINF : ROUND_POSINF);
		*fpsr |= FPSR_OFC | FPSR_IXC;
		return to_inf ? make_inf(f, x.sign) : make_max_normal(f, x.sign);
	}
	if (flushes(f, fpcr) && x.exp >= l->bias - 1) {
		*fpsr |= FPSR_UFC;
		return make_zero(f, x.sign);
	}
	/* The scaled operand is the top 9 bits of the significand; 1/x has exponent -x.exp - 1 and a top bit. */
	u64 frac = (u64)(recip_estimate((unsigned)(x.sig >> 55)) & 0xff) << 44;
	int exp = 2 * l->bias - 1 - (x.exp + l->bias);
	if (exp == 0) {
		frac = 1ull << 51 | frac >> 1;
	} else if (exp == -1) {
		frac = 1ull << 50 | frac >> 2;
		exp = 0;
	}
	return pack(f, x.sign, (u64)exp, frac >> (52 - l->frac_bits));
}

u64 fp_rsqrt_estimate(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	struct num x = unpack(f, a, fpcr, fpsr);

	if (is_nan(x))
		return process_nan(f, x.class, a, fpcr, fpsr);
	if (x.class == IS_ZERO) {
		*fpsr |= FPSR_DZC;
		return make_inf(f, x.sign);
	}
	if (x.sign)
		return invalid(f, fpsr);
	if (x.class == IS_INF)
		return make_zero(f, false);
	int exp = x.exp + l->bias; /* as if the exponent field had no lower bound */
	unsigned scaled = exp & 1 ? 128 | (unsigned)(x.sig >> 56 & 0x7f) : (unsigned)(x.sig >> 55);
	/* (44, 380, 3068 - exp) / 2 rounds toward minus infinity; it is positive here. */
	int result = (3 * l->bias - 1 - exp) / 2;
	return pack(f, false, (u64)result, (u64)(rsqrt_estimate(scaled) & 0xff) << (l->frac_bits - 8));
}

u64 fp_recpx(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr)
{
	const struct layout *l = &layouts[f];
	struct num x = unpack(f, a, fpcr, fpsr);
	u64 exp = bits(a, l->width - 2, l->frac_bits);

	if (is_nan(x))
		return process_nan(f, x.class, a, fpcr, fpsr);
	return pack(f, x.sign, exp ? ~exp & exp_max(f) : exp_max(f) - 1, 0);
}

u32 fp_unsigned_recip_estimate(u32 a)
{
	return a >> 31 ? recip_estimate(a >> 23) << 23 : ~0u;
}

u32 fp_unsigned_rsqrt_estimate(u32 a)
{
	return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : ~0u;
}
