/* SPDX-License-Identifier: BSD-2-Clause */
/* Generic timers, virtual and physical: count, CVAL and TVAL, ISTATUS, mask, interrupt, WFI wakes, WFE event stream. [DDI0487 D11] */
#include "bare.h"

static volatile u64 taken[64], at[64];

static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid >= 64)
		return intid == 1023;
	taken[intid]++;
	at[intid] = now();
	if (intid == 27)
		write_sysreg(3, cntv_ctl_el0); /* masked */
	if (intid == 30)
		write_sysreg(3, cntp_ctl_el0);
	isb();
	icc_set(intid, ICC_EOIR1);
	return true;
}

#define TIMER(v, ppi)                                                                                                  \
	static void timer_##v(void)                                                                                    \
	{                                                                                                              \
		u64 start, t;                                                                                          \
		s64 left;                                                                                              \
		write_sysreg(0, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		check("off", read_sysreg(cnt##v##_ctl_el0) & 3, 0);                                                    \
		write_sysreg(~0ul, cnt##v##_cval_el0);                                                                 \
		check("cval", read_sysreg(cnt##v##_cval_el0), ~0ul);                                                   \
		write_sysreg(1, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		check("far away", read_sysreg(cnt##v##_ctl_el0), 1);                                                   \
		write_sysreg(0, cnt##v##_cval_el0);                                                                    \
		isb();                                                                                                 \
		check("ISTATUS", read_sysreg(cnt##v##_ctl_el0), 5);                               \
		write_sysreg(2, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		check("ctl keeps IMASK", read_sysreg(cnt##v##_ctl_el0) & 3, 2);                                        \
		/* TVAL is a signed 32-bit view of CVAL less the count. */                                             \
		start = read_sysreg(cnt##v##ct_el0);                                                                   \
		write_sysreg(1000000, cnt##v##_tval_el0);                                                              \
		t = read_sysreg(cnt##v##_cval_el0);                                                                    \
		check_true("tval sets cval", t - start >= 1000000 && t - start < 1000000 + ms(200));                   \
		write_sysreg((u64)(u32)-5000, cnt##v##_tval_el0);                                                      \
		start = read_sysreg(cnt##v##ct_el0);                                                                   \
		t = read_sysreg(cnt##v##_cval_el0);                                                                    \
		check_true("negative tval", t < start && start - t < 5000 + ms(200));                                  \
		left = (s64)read_sysreg(cnt##v##_tval_el0);                                                            \
		check_true("tval reads 32 bits", left >= 0 && left >> 32 == 0 && (int)left < 0);                       \
		/* The interrupt comes, after its time; masked it does not. */                                         \
		taken[ppi] = 0;                                                                                        \
		irq_on();                                                                                              \
		start = read_sysreg(cnt##v##ct_el0);                                                                   \
		write_sysreg(start + ms(3), cnt##v##_cval_el0);                                                        \
		write_sysreg(1, cnt##v##_ctl_el0);                                                                     \
		while (!taken[ppi] && now() < start + ms(2000))                                                        \
			;                                                                                              \
		check("interrupt", taken[ppi], 1);                                                                     \
		check_true("not too early", at[ppi] >= start + ms(3));                                                 \
		write_sysreg(3, cnt##v##_ctl_el0);                                                                     \
		write_sysreg(now() + ms(1), cnt##v##_cval_el0);                                                        \
		for (t = now() + ms(4); now() < t;)                                                                    \
			;                                                                                              \
		check("masked", taken[ppi], 1);                                                                        \
		/* WFI with interrupts masked in PSTATE wakes too, and takes nothing. */                               \
		irq_off();                                                                                             \
		start = now();                                                                                         \
		write_sysreg(start + ms(3), cnt##v##_cval_el0);                                                        \
		write_sysreg(1, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		asm volatile("wfi" ::: "memory");                                                                      \
		check_true("WFI waits", now() >= start + ms(3));                                                       \
		check_true("WFI wakes in time", now() < start + ms(1500));                                             \
		check("nothing taken", taken[ppi], 1);                                                                 \
		check("ISR_EL1", read_sysreg(isr_el1), 0x80);                                                          \
		irq_on();                                                                                              \
		isb();                                                                                                 \
		check("taken when unmasked", taken[ppi], 2);                                                           \
		irq_off();                                                                                             \
		write_sysreg(0, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		check("ISR_EL1 is clear", read_sysreg(isr_el1), 0);                                                    \
		/* A level: withdrawn when the comparison no longer holds. */                                          \
		write_sysreg(0, cnt##v##_cval_el0);                                                                    \
		write_sysreg(1, cnt##v##_ctl_el0);                                                                     \
		isb();                                                                                                 \
		check("pending", read_sysreg(isr_el1), 0x80);                                                          \
		write_sysreg(~0ul, cnt##v##_cval_el0);                                                                 \
		isb();                                                                                                 \
		check("withdrawn", read_sysreg(isr_el1), 0);                                                           \
		/* Whoever has seen the timer's time come finds the interrupt. */                                      \
		for (unsigned i = 0; i < 300; i++) {                                                                   \
			write_sysreg(now() + 20000, cnt##v##_cval_el0);                                                \
			while (!(read_sysreg(cnt##v##_ctl_el0) & 4))                                                   \
				;                                                                                      \
			check("pending with ISTATUS", read_sysreg(isr_el1), 0x80);                                     \
		}                                                                                                      \
		write_sysreg(0, cnt##v##_ctl_el0);                                                                     \
		done("timer cnt" #v);                                                                                  \
	}
TIMER(v, 27)
TIMER(p, 30)

void test(void)
{
	u64 a, b, rtc;

	mmu_flat();
	gic_init();
	self()->irq = irq;
	gic_enable(27, 0x80, 1);
	gic_enable(30, 0x80, 1);
	check("frequency", read_sysreg(cntfrq_el0), 1000000000);
	a = read_sysreg(cntvct_el0);
	for (unsigned i = 0; i < 1000; i++, a = b) {
		b = read_sysreg(cntvct_el0);
		check_true("never back", b >= a);
	}
	/* Against the RTC: one of its seconds, or another, as a host may stand still in the midst of one. */
	for (unsigned turn = 0; turn < 5; turn++) {
		rtc = read32(RTC);
		while (read32(RTC) == rtc)
			;
		a = now();
		while (read32(RTC) == rtc + 1)
			;
		b = now();
		if (b - a > ms(700) && b - a < ms(1300))
			break;
	}
	check_true("a second is a second", b - a > ms(700) && b - a < ms(1300));
	done("counter");
	timer_v();
	timer_p();
	/* Event stream: WFE wakes at each change of a counter bit. EVNTEN, EVNTI 15: 2^15 ns. */
	write_sysreg(1 << 2 | 15 << 4, cntkctl_el1);
	isb();
	u64 took = ms(1000);
	for (unsigned turn = 0; turn < 5 && took >= ms(1000); turn++) {
		a = now();
		for (unsigned i = 0; i < 5; i++)
			asm volatile("wfe" ::: "memory");
		took = now() - a;
	}
	check_true("event stream", took < ms(1000));
	write_sysreg(0, cntkctl_el1);
	asm volatile("sev; wfe; sevl; wfe");
	done("event stream");
}
