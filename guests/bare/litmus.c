/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory-model litmus tests: MP, SB, LB, 2+2W on two vCPUs and IRIW on four, each in plain, acquire/release, LSE, exclusive and DMB
 * forms. A round lets the vCPUs run along arrays of fresh locations, so that they meet at many phases; outcomes that the model
 * forbids fail, weak ones it allows are counted and told. [DDI0487 B2.3]
 */
/* run: smp=2,4 timeout=60 */
#include "bare.h"

asm(".arch armv8.4-a");

#define N 1000
#define STRIDE 8 /* words: x and y a line each */
static struct barrier bar;
static u64 *xs, *ys;
static u64 r[4][N][2];
static unsigned cpus;
static volatile bool more;
static u64 rounds_wanted;

struct shape {
	const char *name;
	unsigned threads;
	void (*thread[4])(u64 x, u64 y, u64 *r);
	bool (*forbidden)(unsigned i); /* on r and final x, y */
	bool is_allowed;
};

#define STR(p, v) "str " v ", [" p "]\n"
#define T(name, text)                                                                                                  \
	static void name(u64 x, u64 y, u64 *out)                                                                       \
	{                                                                                                              \
		u64 a = 0, b = 0;                                                                                      \
		asm volatile("mov x9, #1; mov x10, #2\n" text : "+&r"(a), "+&r"(b) : "r"(x), "r"(y)                    \
			     : "x9", "x10", "x11", "x12", "memory");                                                   \
		out[0] = a;                                                                                            \
		out[1] = b;                                                                                            \
	}
/* %0, %1: what is read; %2: x, %3: y; x9 = 1, x10 = 2 */
#define STX(v, p) "1: ldxr x11, [" p "]; stxr w12, " v ", [" p "]; cbnz w12, 1b\n"
#define STLX(v, p) "1: ldaxr x11, [" p "]; stlxr w12, " v ", [" p "]; cbnz w12, 1b\n"
#define LDX(d, p) "1: ldaxr " d ", [" p "]; stlxr w12, " d ", [" p "]; cbnz w12, 1b\n"

T(mp_w_plain, "str x9, [%2]; str x9, [%3]") T(mp_r_plain, "ldr %0, [%3]; ldr %1, [%2]")
T(mp_w_rel, "str x9, [%2]; stlr x9, [%3]") T(mp_r_acq, "ldar %0, [%3]; ldr %1, [%2]")
T(mp_r_acqpc, "ldapr %0, [%3]; ldr %1, [%2]")
T(mp_w_dmb, "str x9, [%2]; dmb ishst; str x9, [%3]") T(mp_r_dmb, "ldr %0, [%3]; dmb ishld; ldr %1, [%2]")
T(mp_r_addr, "ldr %0, [%3]; and x11, %0, xzr; ldr %1, [%2, x11]")
T(mp_w_lse, "str x9, [%2]; swpl x9, x11, [%3]") T(mp_r_lse, "ldadda xzr, %0, [%3]; ldr %1, [%2]")
T(mp_w_excl, "str x9, [%2]\n" STLX("x9", "%3")) T(mp_r_excl, LDX("%0", "%3") "ldr %1, [%2]")

T(sb_0_plain, "str x9, [%2]; ldr %0, [%3]") T(sb_1_plain, "str x9, [%3]; ldr %0, [%2]")
T(sb_0_rcsc, "stlr x9, [%2]; ldar %0, [%3]") T(sb_1_rcsc, "stlr x9, [%3]; ldar %0, [%2]")
T(sb_0_rcpc, "stlr x9, [%2]; ldapr %0, [%3]") T(sb_1_rcpc, "stlr x9, [%3]; ldapr %0, [%2]")
T(sb_0_dmb, "str x9, [%2]; dmb ish; ldr %0, [%3]") T(sb_1_dmb, "str x9, [%3]; dmb ish; ldr %0, [%2]")
T(sb_0_dsb, "str x9, [%2]; dsb ish; ldr %0, [%3]") T(sb_1_dsb, "str x9, [%3]; dsb ish; ldr %0, [%2]")
T(sb_0_lse, "swpal x9, x11, [%2]; ldar %0, [%3]") T(sb_1_lse, "swpal x9, x11, [%3]; ldar %0, [%2]")
T(sb_0_excl, STLX("x9", "%2") "ldar %0, [%3]") T(sb_1_excl, STLX("x9", "%3") "ldar %0, [%2]")
T(sb_0_rmw, "ldaddal x9, x11, [%2]; ldaddal xzr, %0, [%3]") T(sb_1_rmw, "ldaddal x9, x11, [%3]; ldaddal xzr, %0, [%2]")

T(lb_0_plain, "ldr %0, [%2]; str x9, [%3]") T(lb_1_plain, "ldr %0, [%3]; str x9, [%2]")
T(lb_0_rel, "ldr %0, [%2]; stlr x9, [%3]") T(lb_1_rel, "ldr %0, [%3]; stlr x9, [%2]")
T(lb_0_acq, "ldar %0, [%2]; str x9, [%3]") T(lb_1_acq, "ldar %0, [%3]; str x9, [%2]")
T(lb_0_data, "ldr %0, [%2]; eor x11, %0, %0; add x11, x11, #1; str x11, [%3]") T(lb_1_data, "ldr %0, [%3]; eor x11, %0, %0; add x11, x11, #1; str x11, [%2]")
T(lb_0_lse, "ldadda xzr, %0, [%2]; stadd x9, [%3]") T(lb_1_lse, "ldadda xzr, %0, [%3]; stadd x9, [%2]")
T(lb_0_dmb, "ldr %0, [%2]; dmb ishld; str x9, [%3]") T(lb_1_dmb, "ldr %0, [%3]; dmb ishld; str x9, [%2]")
T(lb_0_excl, LDX("%0", "%2") STX("x9", "%3")) T(lb_1_excl, LDX("%0", "%3") STX("x9", "%2"))

T(ww_0_plain, "str x9, [%2]; str x10, [%3]") T(ww_1_plain, "str x9, [%3]; str x10, [%2]")
T(ww_0_rel, "stlr x9, [%2]; stlr x10, [%3]") T(ww_1_rel, "stlr x9, [%3]; stlr x10, [%2]")
T(ww_0_dmb, "str x9, [%2]; dmb ishst; str x10, [%3]") T(ww_1_dmb, "str x9, [%3]; dmb ishst; str x10, [%2]")
T(ww_0_lse, "swpal x9, x11, [%2]; swpal x10, x11, [%3]") T(ww_1_lse, "swpal x9, x11, [%3]; swpal x10, x11, [%2]")
T(ww_0_excl, STLX("x9", "%2") STLX("x10", "%3")) T(ww_1_excl, STLX("x9", "%3") STLX("x10", "%2"))

T(w_x, "str x9, [%2]") T(w_y, "str x9, [%3]") T(w_x_rel, "stlr x9, [%2]") T(w_y_rel, "stlr x9, [%3]")
T(iriw_0_plain, "ldr %0, [%2]; ldr %1, [%3]") T(iriw_1_plain, "ldr %0, [%3]; ldr %1, [%2]")
T(iriw_0_acq, "ldar %0, [%2]; ldar %1, [%3]") T(iriw_1_acq, "ldar %0, [%3]; ldar %1, [%2]")
T(w_x_lse, "swpal x9, x11, [%2]") T(w_y_lse, "swpal x9, x11, [%3]") T(w_x_excl, STLX("x9", "%2")) T(w_y_excl, STLX("x9", "%3"))
T(iriw_0_lse, "ldaddal xzr, %0, [%2]; ldaddal xzr, %1, [%3]") T(iriw_1_lse, "ldaddal xzr, %0, [%3]; ldaddal xzr, %1, [%2]")
T(iriw_0_excl, LDX("%0", "%2") LDX("%1", "%3")) T(iriw_1_excl, LDX("%0", "%3") LDX("%1", "%2"))
T(iriw_0_dmb, "ldr %0, [%2]; dmb ish; ldr %1, [%3]") T(iriw_1_dmb, "ldr %0, [%3]; dmb ish; ldr %1, [%2]")

static bool mp(unsigned i) { return r[1][i][0] == 1 && r[1][i][1] == 0; }
static bool sb(unsigned i) { return r[0][i][0] == 0 && r[1][i][0] == 0; }
static bool lb(unsigned i) { return r[0][i][0] == 1 && r[1][i][0] == 1; }
static bool ww(unsigned i) { return xs[i * STRIDE] == 1 && ys[i * STRIDE] == 1; }
static bool iriw(unsigned i) { return r[2][i][0] == 1 && r[2][i][1] == 0 && r[3][i][0] == 1 && r[3][i][1] == 0; }

static const struct shape shapes[] = {
	{"MP plain", 2, {mp_w_plain, mp_r_plain}, mp, true},
	{"MP stlr/ldar", 2, {mp_w_rel, mp_r_acq}, mp, false},
	{"MP stlr/ldapr", 2, {mp_w_rel, mp_r_acqpc}, mp, false},
	{"MP dmb", 2, {mp_w_dmb, mp_r_dmb}, mp, false},
	{"MP dmb/addr", 2, {mp_w_dmb, mp_r_addr}, mp, false},
	{"MP lse", 2, {mp_w_lse, mp_r_lse}, mp, false},
	{"MP exclusive", 2, {mp_w_excl, mp_r_excl}, mp, false},
	{"SB plain", 2, {sb_0_plain, sb_1_plain}, sb, true},
	{"SB stlr/ldapr", 2, {sb_0_rcpc, sb_1_rcpc}, sb, true},
	{"SB stlr/ldar", 2, {sb_0_rcsc, sb_1_rcsc}, sb, false},
	{"SB dmb", 2, {sb_0_dmb, sb_1_dmb}, sb, false},
	{"SB dsb", 2, {sb_0_dsb, sb_1_dsb}, sb, false},
	{"SB lse/ldar", 2, {sb_0_lse, sb_1_lse}, sb, false},
	{"SB lse/lse", 2, {sb_0_rmw, sb_1_rmw}, sb, false},
	{"SB exclusive/ldar", 2, {sb_0_excl, sb_1_excl}, sb, false},
	{"LB plain", 2, {lb_0_plain, lb_1_plain}, lb, true},
	{"LB stlr", 2, {lb_0_rel, lb_1_rel}, lb, false},
	{"LB ldar", 2, {lb_0_acq, lb_1_acq}, lb, false},
	{"LB data", 2, {lb_0_data, lb_1_data}, lb, false},
	{"LB dmb", 2, {lb_0_dmb, lb_1_dmb}, lb, false},
	{"LB lse", 2, {lb_0_lse, lb_1_lse}, lb, false},
	{"LB exclusive", 2, {lb_0_excl, lb_1_excl}, lb, false},
	{"2+2W plain", 2, {ww_0_plain, ww_1_plain}, ww, true},
	{"2+2W stlr", 2, {ww_0_rel, ww_1_rel}, ww, false},
	{"2+2W dmb", 2, {ww_0_dmb, ww_1_dmb}, ww, false},
	{"2+2W lse", 2, {ww_0_lse, ww_1_lse}, ww, false},
	{"2+2W exclusive", 2, {ww_0_excl, ww_1_excl}, ww, false},
	{"IRIW plain", 4, {w_x, w_y, iriw_0_plain, iriw_1_plain}, iriw, true},
	{"IRIW stlr/ldar", 4, {w_x_rel, w_y_rel, iriw_0_acq, iriw_1_acq}, iriw, false},
	{"IRIW lse", 4, {w_x_lse, w_y_lse, iriw_0_lse, iriw_1_lse}, iriw, false},
	{"IRIW exclusive", 4, {w_x_excl, w_y_excl, iriw_0_excl, iriw_1_excl}, iriw, false},
	{"IRIW dmb", 4, {w_x, w_y, iriw_0_dmb, iriw_1_dmb}, iriw, false},
};

/* Two start each run together: each spins, a while, until it sees the other there, which WFE would not do in time. */
static volatile u64 meeting[4][16];

static inline void meet(unsigned cpu, u64 turn)
{
	__atomic_store_n(&meeting[cpu][0], turn, __ATOMIC_RELEASE);
	for (unsigned spins = 0; spins < 500 && __atomic_load_n(&meeting[!cpu][0], __ATOMIC_ACQUIRE) < turn; spins++)
		;
}

static void run_shape(unsigned cpu, void *arg)
{
	const struct shape *shape = arg;
	u64 weak = 0, done_runs = 0;
	static u64 turns = 1;
	u64 turn = turns, until = now() + ms(200);

	for (;;) {
		if (!cpu) {
			for (unsigned i = 0; i < N; i++)
				xs[i * STRIDE] = ys[i * STRIDE] = 0;
			more = done_runs < rounds_wanted && (LONG || !done_runs || now() < until); /* a busy host */
		}
		barrier_wait(&bar, shape->threads);
		if (!more)
			break;
		for (unsigned i = 0; i < N; i++, turn++) {
			if (shape->threads == 2)
				meet(cpu, turn);
			shape->thread[cpu]((u64)&xs[i * STRIDE], (u64)&ys[i * STRIDE], r[cpu][i]);
		}
		barrier_wait(&bar, shape->threads);
		if (!cpu) {
			for (unsigned i = 0; i < N; i++)
				weak += shape->forbidden(i);
			done_runs += N;
		}
	}
	if (cpu)
		return;
	turns = turn;
	if (shape->is_allowed) {
		put(shape->name);
		say(", weak outcomes (allowed)", weak);
	} else {
		check(shape->name, weak, 0);
	}
}

void test(void)
{
	cpus = cpus_present();
	mmu_flat();
	xs = page_alloc(N * STRIDE * 8 < 65536 ? 65536 : 1 << 20);
	ys = page_alloc(N * STRIDE * 8 < 65536 ? 65536 : 1 << 20);
	for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if ((shapes[i].threads == 4) != (cpus >= 4))
			continue;
		/* Four vCPUs on fewer host CPUs meet only by chance: fewer rounds in a hurry. */
		rounds_wanted = shapes[i].threads == 4 ? RUNS(20000, 10000000) : RUNS(100000, 10000000);
		smp_run(shapes[i].threads, run_shape, (void *)&shapes[i]);
		done(shapes[i].name);
	}
}
