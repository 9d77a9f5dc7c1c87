/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * softfp against MPFR: values and cumulative flags of every operation that MPFR knows, in three formats and all
 * rounding modes, with and without flushing; specials crossed with specials, then random operands.
 *
 * The reference rounds to the format's precision with an unbounded exponent, and then lets MPFR impose the range and
 * the subnormal precision. Tininess before rounding: the magnitude rounded toward zero is below the smallest normal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <mpfr.h>

#include "cpu/softfp.h"
#include "tools/insn_vectors/vectors.h"

static const int precision[] = {11, 24, 53}, bias[] = {15, 127, 1023};

enum op { ADD, SUB, MUL, DIV, SQRT, MULADD, RECIP_STEP, RSQRT_STEP, OP_COUNT };
static const char *const op_names[] = {"add", "sub", "mul", "div", "sqrt", "muladd", "recip_step", "rsqrt_step"};

static unsigned frac_bits(enum fp_format f)
{
	return (unsigned)precision[f] - 1;
}
static u64 exp_field(enum fp_format f, u64 a)
{
	return (a & (fp_sign_bit(f) - 1)) >> frac_bits(f);
}
static bool is_nan(enum fp_format f, u64 a)
{
	return exp_field(f, a) == 2ull * bias[f] + 1 && (a & ones(frac_bits(f)));
}
static bool is_snan(enum fp_format f, u64 a)
{
	return is_nan(f, a) && !(a >> (frac_bits(f) - 1) & 1);
}

static void decode_to(mpfr_t x, enum fp_format f, u64 a)
{
	bool sign = a & fp_sign_bit(f);
	u64 exp = exp_field(f, a), frac = a & ones(frac_bits(f));

	if (exp == 2ull * bias[f] + 1)
		mpfr_set_inf(x, 1);
	else
		mpfr_set_ui_2exp(x, exp ? frac | 1ull << frac_bits(f) : frac,
				 (exp ? (long)exp : 1) - bias[f] - (long)frac_bits(f), MPFR_RNDN);
	mpfr_setsign(x, x, sign, MPFR_RNDN);
}

static u64 encode(mpfr_t x, enum fp_format f)
{
	u64 sign = mpfr_signbit(x) ? fp_sign_bit(f) : 0;
	mpfr_t m;

	if (mpfr_inf_p(x))
		return sign | (2ull * bias[f] + 1) << frac_bits(f);
	if (mpfr_zero_p(x))
		return sign;
	long exp = mpfr_get_exp(x) - 1;
	if (exp < 1 - bias[f])
		exp = 1 - bias[f];
	mpfr_init2(m, 64);
	mpfr_abs(m, x, MPFR_RNDN);
	mpfr_mul_2si(m, m, (long)frac_bits(f) - exp, MPFR_RNDN);
	u64 mant = mpfr_get_uj(m, MPFR_RNDN);
	mpfr_clear(m);
	/* The hidden bit, if there, counts the exponent up from 0. */
	return sign | (mant + ((u64)(exp + bias[f] - 1) << frac_bits(f)));
}

static mpfr_rnd_t mpfr_mode(enum fp_round mode)
{
	static const mpfr_rnd_t modes[] = {MPFR_RNDN, MPFR_RNDU, MPFR_RNDD, MPFR_RNDZ};
	return modes[mode];
}

/* Imposes the format on x, rounded with `ternary`; x_rndz is the same value rounded toward zero. */
static u64 finish(mpfr_t x, int ternary, mpfr_t toward_zero, enum fp_format f, u32 fpcr, u32 *flags)
{
	mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
	mpfr_rnd_t rnd = mpfr_mode(fpcr_round(fpcr));
	bool tiny = mpfr_regular_p(toward_zero) && mpfr_get_exp(toward_zero) - 1 < 1 - bias[f];

	if (tiny && (fpcr & (f == FP16 ? FPCR_FZ16 : FPCR_FZ))) {
		*flags |= FPSR_UFC;
		return mpfr_signbit(x) ? fp_sign_bit(f) : 0;
	}
	mpfr_set_emin(2 - bias[f] - precision[f] + 1);
	mpfr_set_emax(bias[f] + 1);
	mpfr_clear_flags();
	ternary = mpfr_check_range(x, ternary, rnd);
	bool overflow = mpfr_overflow_p();
	ternary = mpfr_subnormalize(x, ternary, rnd);
	mpfr_set_emin(emin);
	mpfr_set_emax(emax);
	if (ternary)
		*flags |= FPSR_IXC | (tiny ? FPSR_UFC : 0) | (overflow ? FPSR_OFC : 0);
	return encode(x, f);
}

static int compute(mpfr_t r, enum op op, mpfr_t a, mpfr_t b, mpfr_t c, mpfr_rnd_t rnd)
{
	int t;

	switch (op) {
	case ADD: return mpfr_add(r, a, b, rnd);
	case SUB: return mpfr_sub(r, a, b, rnd);
	case MUL: return mpfr_mul(r, a, b, rnd);
	case DIV: return mpfr_div(r, a, b, rnd);
	case SQRT: return mpfr_sqrt(r, a, rnd);
	case MULADD: return mpfr_fma(r, a, b, c, rnd);
	default:
		t = mpfr_fma(r, a, b, c, rnd);
		if (op == RSQRT_STEP)
			mpfr_div_2ui(r, r, 1, rnd);
		return t;
	}
}

static u64 reference(enum op op, enum fp_format f, u64 a, u64 b, u64 c, u32 fpcr, u32 *flags)
{
	u64 in[3], quiet = 1ull << (frac_bits(f) - 1), default_nan = exp_field(f, ~0ull) << frac_bits(f) | quiet;
	unsigned count = op == SQRT ? 1 : op == MULADD ? 3 : 2;
	mpfr_t x[3], r, z;
	u64 result;

	if (op >= RECIP_STEP)
		a = fp_neg(f, a);
	in[0] = op == MULADD ? c : a;
	in[1] = op == MULADD ? a : b;
	in[2] = b;
	for (unsigned i = 0; i < count; i++)
		if (!exp_field(f, in[i]) && (in[i] & ones(frac_bits(f))) &&
		    (fpcr & (f == FP16 ? FPCR_FZ16 : FPCR_FZ))) {
			in[i] &= fp_sign_bit(f);
			*flags |= f == FP16 ? 0 : FPSR_IDC;
		}
	bool bad_product = false;
	if (op == MULADD || op >= RECIP_STEP) {
		u64 p = in[op == MULADD], q = op == MULADD ? in[2] : in[1], inf = exp_field(f, ~0ull) << frac_bits(f);
		bad_product = (fp_abs(f, p) == inf && !fp_abs(f, q)) || (fp_abs(f, q) == inf && !fp_abs(f, p));
	}
	if (op == MULADD && bad_product && is_nan(f, in[0]) && !is_snan(f, in[0])) {
		*flags |= FPSR_IOC;
		return default_nan;
	}
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < count; i++)
			if (pass ? is_nan(f, in[i]) : is_snan(f, in[i])) {
				*flags |= pass ? 0 : FPSR_IOC;
				return fpcr & FPCR_DN ? default_nan : in[i] | quiet;
			}
	if (op >= RECIP_STEP && bad_product)
		return op == RECIP_STEP ? (u64)(bias[f] + 1) << frac_bits(f) : (u64)bias[f] << frac_bits(f) | quiet;
	for (unsigned i = 0; i < 3; i++)
		mpfr_init2(x[i], 53);
	for (unsigned i = 0; i < count; i++)
		decode_to(x[i], f, in[i]);
	mpfr_inits2(precision[f], r, z, (mpfr_ptr)0);
	mpfr_ptr ma = x[op == MULADD], mb = x[op == MULADD ? 2 : 1], mc = x[0];
	mpfr_t constant;
	mpfr_init2(constant, 53);
	mpfr_set_ui(constant, op == RECIP_STEP ? 2 : 3, MPFR_RNDN);
	if (op >= RECIP_STEP)
		mc = constant;
	compute(z, op, ma, mb, mc, MPFR_RNDZ);
	mpfr_clear_flags();
	int ternary = compute(r, op, ma, mb, mc, mpfr_mode(fpcr_round(fpcr)));
	if (mpfr_divby0_p())
		*flags |= FPSR_DZC;
	if (mpfr_nan_p(r)) {
		*flags |= FPSR_IOC;
		result = default_nan;
	} else {
		result = finish(r, ternary, z, f, fpcr, flags);
	}
	mpfr_clears(x[0], x[1], x[2], r, z, constant, (mpfr_ptr)0);
	return result;
}

static u64 ours(enum op op, enum fp_format f, u64 a, u64 b, u64 c, u32 fpcr, u32 *flags)
{
	switch (op) {
	case ADD: return fp_add(f, a, b, fpcr, flags);
	case SUB: return fp_sub(f, a, b, fpcr, flags);
	case MUL: return fp_mul(f, a, b, fpcr, flags);
	case DIV: return fp_div(f, a, b, fpcr, flags);
	case SQRT: return fp_sqrt(f, a, fpcr, flags);
	case MULADD: return fp_muladd(f, c, a, b, fpcr, flags);
	case RECIP_STEP: return fp_recip_step(f, a, b, fpcr, flags);
	default: return fp_rsqrt_step(f, a, b, fpcr, flags);
	}
}

/* The fast doors, with Inexact recorded as they want it. */
static u64 fast(enum op op, enum fp_format f, u64 a, u64 b, u64 c, u32 fpcr, u32 *flags)
{
	switch (op) {
	case ADD: return f == FP32 ? fp32_add((u32)a, (u32)b, fpcr, flags) : fp64_add(a, b, fpcr, flags);
	case SUB: return f == FP32 ? fp32_sub((u32)a, (u32)b, fpcr, flags) : fp64_sub(a, b, fpcr, flags);
	case MUL: return f == FP32 ? fp32_mul((u32)a, (u32)b, fpcr, flags) : fp64_mul(a, b, fpcr, flags);
	case DIV: return f == FP32 ? fp32_div((u32)a, (u32)b, fpcr, flags) : fp64_div(a, b, fpcr, flags);
	case SQRT: return f == FP32 ? fp32_sqrt((u32)a, fpcr, flags) : fp64_sqrt(a, fpcr, flags);
	default:
		return f == FP32 ? fp32_muladd((u32)c, (u32)a, (u32)b, fpcr, flags) : fp64_muladd(c, a, b, fpcr, flags);
	}
}

static void check(enum op op, enum fp_format f, u64 a, u64 b, u64 c, u32 fpcr)
{
	u32 want_flags = 0, flags = 0;
	u64 want = reference(op, f, a, b, c, fpcr, &want_flags), got = ours(op, f, a, b, c, fpcr, &flags);

	if (want != got || want_flags != flags)
		fail_msg("%s fp%u a %llx b %llx c %llx fpcr %x: want %llx flags %x, got %llx flags %x", op_names[op],
			 fp_width(f), (unsigned long long)a, (unsigned long long)b, (unsigned long long)c, fpcr,
			 (unsigned long long)want, want_flags, (unsigned long long)got, flags);
	if (f == FP16 || op >= RECIP_STEP)
		return;
	flags = FPSR_IXC;
	got = fast(op, f, a, b, c, fpcr, &flags);
	if (want != got || (want_flags | FPSR_IXC) != flags)
		fail_msg("fast %s fp%u a %llx b %llx c %llx fpcr %x: want %llx flags %x, got %llx flags %x",
			 op_names[op], fp_width(f), (unsigned long long)a, (unsigned long long)b, (unsigned long long)c,
			 fpcr, (unsigned long long)want, want_flags, (unsigned long long)got, flags);
}

static u32 random_fpcr(u64 *s)
{
	u64 r = vectors_random(s);
	return (u32)((r & 3) << 22) | (r & 16 ? FPCR_FZ : 0) | (r & 32 ? FPCR_FZ16 : 0) | (r & 64 ? FPCR_DN : 0);
}

static void arithmetic_agrees_with_mpfr(void **state)
{
	u64 s = 1;

	for (enum fp_format f = FP16; f <= FP64; f++)
		for (enum op op = ADD; op < OP_COUNT; op++)
			for (unsigned i = 0; i < 40000; i++) {
				u64 a = vectors_number(&s, fp_width(f)), b = vectors_number(&s, fp_width(f));
				check(op, f, a, b, vectors_number(&s, fp_width(f)), random_fpcr(&s));
				if (i & 1) { /* near cancellation and near the ends of the range */
					u64 c = op == MULADD || op >= RECIP_STEP ? vectors_number(&s, fp_width(f)) : 0;
					check(op, f, a, fp_neg(f, a) ^ (b & 3), c, random_fpcr(&s));
				}
			}
}

static void specials_agree_with_mpfr(void **state)
{
	for (enum fp_format f = FP16; f <= FP64; f++) {
		u64 inf = exp_field(f, ~0ull) << frac_bits(f), one = (u64)bias[f] << frac_bits(f),
		    low = 1ull << frac_bits(f);
		u64 v[] = {0,
			   1,
			   low - 1,
			   low,
			   low + 1,
			   one,
			   one + 1,
			   one - 1,
			   inf - 1,
			   inf,
			   inf | 1,
			   inf | low >> 1,
			   inf | low >> 1 | 1,
			   one + low,
			   one + low / 2};
		const unsigned n = ARRAY_SIZE(v);

		for (enum op op = ADD; op < OP_COUNT; op++)
			for (unsigned i = 0; i < 2 * n; i++)
				for (unsigned j = 0; j < 2 * n; j++)
					for (unsigned k = 0; k < (op == MULADD ? 2 * n : 1); k++)
						for (u32 mode = 0; mode < (op == MULADD ? 2u : 8u); mode++)
							check(op, f, v[i / 2] | (i & 1 ? fp_sign_bit(f) : 0),
							      v[j / 2] | (j & 1 ? fp_sign_bit(f) : 0),
							      v[k / 2] | (k & 1 ? fp_sign_bit(f) : 0),
							      (mode & 3) << 22 | (mode & 4 ? FPCR_FZ | FPCR_FZ16 : 0));
	}
}

static void conversions_agree_with_mpfr(void **state)
{
	u64 s = 2;

	for (enum fp_format from = FP16; from <= FP64; from++)
		for (unsigned i = 0; i < 100000; i++) {
			u64 a = vectors_number(&s, fp_width(from));
			u32 fpcr = random_fpcr(&s) & ~(FPCR_FZ | FPCR_FZ16 | FPCR_DN), flags = 0, want_flags = 0;
			enum fp_format to = (enum fp_format)((from + 1 + i % 2) % 3);
			mpfr_t x, r, z;

			if (is_nan(from, a))
				continue;
			mpfr_init2(x, 53);
			mpfr_inits2(precision[to], r, z, (mpfr_ptr)0);
			decode_to(x, from, a);
			mpfr_set(z, x, MPFR_RNDZ);
			int ternary = mpfr_set(r, x, mpfr_mode(fpcr_round(fpcr)));
			u64 want = finish(r, ternary, z, to, fpcr, &want_flags);
			u64 got = fp_convert(from, to, a, fpcr_round(fpcr), fpcr, &flags);
			if (want != got || flags != want_flags)
				fail_msg("convert fp%u %llx to fp%u: want %llx %x got %llx %x", fp_width(from),
					 (unsigned long long)a, fp_width(to), (unsigned long long)want, want_flags,
					 (unsigned long long)got, flags);

			/* To integers of 32 and 64 bits with fraction bits, and back. */
			unsigned width = i & 2 ? 64 : 32, fbits = (unsigned)(vectors_random(&s) % (width + 1));
			bool is_unsigned = i & 4;
			enum fp_round mode = (enum fp_round)(vectors_random(&s) % 4);
			mpfr_t scaled, whole;
			mpfr_inits2(200, scaled, whole, (mpfr_ptr)0);
			mpfr_mul_2ui(scaled, x, fbits, MPFR_RNDN);
			mpfr_rint(whole, scaled, mpfr_mode(mode));
			want_flags = flags = 0;
			mpfr_t low, high;
			mpfr_inits2(200, low, high, (mpfr_ptr)0);
			mpfr_set_si(low, 0, MPFR_RNDN);
			if (!is_unsigned)
				mpfr_set_si_2exp(low, -1, width - 1, MPFR_RNDN);
			mpfr_set_ui_2exp(high, 1, is_unsigned ? width : width - 1, MPFR_RNDN);
			mpfr_sub_ui(high, high, 1, MPFR_RNDN);
			if (mpfr_cmp(whole, low) < 0 || mpfr_cmp(whole, high) > 0) {
				want_flags = FPSR_IOC;
				mpfr_set(whole, mpfr_cmp(whole, low) < 0 ? low : high, MPFR_RNDN);
			} else if (mpfr_cmp(whole, scaled) != 0) {
				want_flags = FPSR_IXC;
			}
			want = mpfr_sgn(whole) < 0 ? (u64)mpfr_get_sj(whole, MPFR_RNDN) : mpfr_get_uj(whole, MPFR_RNDN);
			want &= ones(width);
			got = fp_to_fixed(from, a, fbits, is_unsigned, width, mode, 0, &flags);
			if (want != got || flags != want_flags)
				fail_msg("fp%u %llx to fixed %u.%u unsigned %d mode %d: want %llx %x got %llx %x",
					 fp_width(from), (unsigned long long)a, width, fbits, is_unsigned, mode,
					 (unsigned long long)want, want_flags, (unsigned long long)got, flags);

			u64 n = vectors_number(&s, 64);
			want_flags = flags = 0;
			mpfr_set_prec(r, precision[from]);
			mpfr_set_prec(z, precision[from]);
			if (is_unsigned)
				mpfr_set_uj(scaled, n, MPFR_RNDN);
			else
				mpfr_set_sj(scaled, (intmax_t)n, MPFR_RNDN);
			mpfr_div_2ui(scaled, scaled, fbits, MPFR_RNDN);
			mpfr_set(z, scaled, MPFR_RNDZ);
			ternary = mpfr_set(r, scaled, mpfr_mode(fpcr_round(fpcr)));
			want = finish(r, ternary, z, from, fpcr, &want_flags);
			got = fp_from_fixed(from, n, fbits, is_unsigned, fpcr, &flags);
			if (want != got || flags != want_flags)
				fail_msg("fixed %llx/2^%u to fp%u: want %llx %x got %llx %x", (unsigned long long)n,
					 fbits, fp_width(from), (unsigned long long)want, want_flags,
					 (unsigned long long)got, flags);
			mpfr_clears(x, r, z, scaled, whole, low, high, (mpfr_ptr)0);
		}
}

static void rounding_to_integral_agrees_with_mpfr(void **state)
{
	u64 s = 3;

	for (enum fp_format f = FP16; f <= FP64; f++)
		for (unsigned i = 0; i < 100000; i++) {
			u64 a = vectors_number(&s, fp_width(f));
			enum fp_round mode = (enum fp_round)(i % 5);
			u32 flags = 0;
			mpfr_t x, r;

			if (is_nan(f, a))
				continue;
			mpfr_inits2(precision[f], x, r, (mpfr_ptr)0);
			decode_to(x, f, a);
			if (mode == ROUND_TIEAWAY)
				mpfr_round(r, x);
			else
				mpfr_rint(r, x, mpfr_mode(mode));
			u32 want_flags = mpfr_inf_p(x) || !mpfr_cmp(r, x) ? 0 : FPSR_IXC;
			u64 want = encode(r, f), got = fp_round_int(f, a, mode, true, 0, &flags);
			if (want != got || flags != want_flags)
				fail_msg("round fp%u %llx mode %d: want %llx %x got %llx %x", fp_width(f),
					 (unsigned long long)a, mode, (unsigned long long)want, want_flags,
					 (unsigned long long)got, flags);
			mpfr_clears(x, r, (mpfr_ptr)0);
		}
}

static void comparison_agrees_with_mpfr(void **state)
{
	u64 s = 4;

	for (enum fp_format f = FP16; f <= FP64; f++)
		for (unsigned i = 0; i < 100000; i++) {
			u64 a = vectors_number(&s, fp_width(f)), b = i & 7 ? vectors_number(&s, fp_width(f)) : a;
			u32 flags = 0;
			mpfr_t x, y;

			if (is_nan(f, a) || is_nan(f, b)) {
				assert_int_equal(fp_compare(f, a, b, false, 0, &flags), 3);
				assert_int_equal(flags, is_snan(f, a) || is_snan(f, b) ? FPSR_IOC : 0);
				continue;
			}
			mpfr_inits2(precision[f], x, y, (mpfr_ptr)0);
			decode_to(x, f, a);
			decode_to(y, f, b);
			int o = mpfr_cmp(x, y);
			assert_int_equal(fp_compare(f, a, b, false, 0, &flags), o < 0 ? 8 : o ? 2 : 6);
			if (o) {
				assert_int_equal(fp_max(f, a, b, 0, &flags), o > 0 ? a : b);
				assert_int_equal(fp_min(f, a, b, 0, &flags), o > 0 ? b : a);
			}
			assert_int_equal(flags, 0);
			mpfr_clears(x, y, (mpfr_ptr)0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_agrees_with_mpfr), cmocka_unit_test(specials_agree_with_mpfr),
		cmocka_unit_test(conversions_agree_with_mpfr), cmocka_unit_test(rounding_to_integral_agrees_with_mpfr),
		cmocka_unit_test(comparison_agrees_with_mpfr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
