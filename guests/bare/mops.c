/* SPDX-License-Identifier: BSD-2-Clause */
/* FEAT_MOPS: copies with overlap in both directions, sets, faults in the middle that resume, interrupts; and DC ZVA. [DDI0487 C6.2 CPYP, SETP] */
#include "bare.h"

asm(".arch armv8.7-a+mops");
#define VA 0x4000000000ul
static u8 *ram, model[32768];
static volatile u64 interrupts, resumed;
static u64 frames[8];

static void copy(u64 to, u64 from, u64 size, bool forward_only)
{
	if (forward_only)
		asm volatile("cpyfp [%0]!, [%1]!, %2!; cpyfm [%0]!, [%1]!, %2!; cpyfe [%0]!, [%1]!, %2!" : "+r"(to), "+r"(from), "+r"(size) :: "cc", "memory");
	else
		asm volatile("cpyp [%0]!, [%1]!, %2!; cpym [%0]!, [%1]!, %2!; cpye [%0]!, [%1]!, %2!" : "+r"(to), "+r"(from), "+r"(size) :: "cc", "memory");
	check("size is zero at the end", size, 0);
}

static void set(u64 to, u64 size, u64 byte)
{
	asm volatile("setp [%0]!, %1!, %2; setm [%0]!, %1!, %2; sete [%0]!, %1!, %2" : "+r"(to), "+r"(size) : "r"(byte) : "cc", "memory");
	check("size is zero at the end", size, 0);
}

static void fill(u8 *at, u64 size, u64 seed)
{
	for (u64 i = 0; i < size; i++) {
		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		at[i] = seed >> 56;
	}
}

static u64 differs(const u8 *a, const u8 *b, u64 size)
{
	for (u64 i = 0; i < size; i++)
		if (a[i] != b[i])
			return i + 1;
	return 0;
}

/* A page that is missing is brought in and the instruction resumed. */
static bool pager(struct frame *f, unsigned vector)
{
	unsigned page = (f->far - VA) / 4096;

	if (f->esr >> 26 != 0x25 || page >= 8 || (f->esr & 0x3c) != 4)
		return false;
	map(&flat, VA + page * 4096ul, frames[page], D_RAM, 3);
	dsb();
	resumed++;
	return true;
}

static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid != 27)
		return intid == 1023;
	interrupts++;
	write_sysreg(now() + 30000, cntv_cval_el0);
	isb();
	icc_set(intid, ICC_EOIR1);
	return true;
}

static void drop(void)
{
	for (unsigned i = 0; i < 8; i++)
		*(volatile u64 *)table_slot(&flat, VA + i * 4096, 3) = 0;
	tlbi_all();
}

void test(void)
{
	static const u64 sizes[] = {0, 1, 7, 16, 63, 64, 65, 255, 1000, 4095, 4096, 9000};
	bool there = (read_sysreg(s3_0_c0_c6_2) >> 16 & 15) == 1;

	mmu_flat();
	ram = page_alloc(32768);
	/* DC ZVA: 64 bytes, whatever the low bits of the address. */
	check("DCZID_EL0", read_sysreg(dczid_el0), 4);
	for (unsigned i = 0; i < 130; i += 13) {
		fill(ram, 256, i);
		memcpy(model, ram, 256);
		memset(model + (i & ~63u), 0, 64);
		asm volatile("dc zva, %0" :: "r"(ram + i) : "memory");
		check("dc zva", differs(ram, model, 256), 0);
	}
	done("dc zva");
	if (!there) {
		FAULTS("cpyp without FEAT_MOPS", EC(0, 0), "cpyp [x0]!, [x1]!, x2!" ::: "memory");
		done("no MOPS");
		return;
	}
	write_sysreg(read_sysreg(sctlr_el1) | BIT(32), sctlr_el1); /* MSCEn: for EL0 */
	isb();
	for (unsigned s = 0; s < sizeof(sizes) / 8; s++) {
		static const int deltas[] = {0, 1, -1, 8, -8, 17, -100, 4096, -4096, 12000};

		for (unsigned d = 0; d < sizeof(deltas) / sizeof(int); d++) {
			u64 from = 8200, to = from + deltas[d], size = sizes[s];

			fill(ram, 32768, s * 16 + d);
			for (u64 i = 0; i < 32768; i++)
				model[i] = ram[i];
			if (to > from)
				for (u64 i = size; i--;)
					model[to + i] = model[from + i];
			else
				for (u64 i = 0; i < size; i++)
					model[to + i] = model[from + i];
			copy((u64)ram + to, (u64)ram + from, size, false);
			check("copy with overlap", differs(ram, model, 32768), 0);
		}
		fill(ram, 32768, s);
		for (u64 i = 0; i < 32768; i++)
			model[i] = ram[i];
		for (u64 i = 0; i < sizes[s]; i++)
			model[16389 + i] = model[3 + i];
		copy((u64)ram + 16389, (u64)ram + 3, sizes[s], true);
		check("copy forward", differs(ram, model, 32768), 0);
		for (u64 i = 0; i < sizes[s]; i++)
			model[77 + i] = 0xa5;
		set((u64)ram + 77, sizes[s], 0x12a5);
		check("set", differs(ram, model, 32768), 0);
	}
	done("copies and sets");

	/* What a prologue does to the registers is done once, also where a branch follows and the flags are set anew behind it. */
	{
		u64 to = (u64)ram, from = (u64)ram + 4096, size = 64, x, n;

		for (unsigned k = 0; k < 3; k++) {
			asm volatile("mov x9, %2; mov x10, %3; mov x11, %4; cpyp [x9]!, [x10]!, x11!; b.ne 1f; cmp x9, x10; nop; 1: mov %0, x9; mov %1, x11"
				     : "=r"(x), "=r"(n) : "r"(to), "r"(from), "r"(size) : "x9", "x10", "x11", "cc", "memory");
			check("copy's address", x, to + size);
			check("copy's count", n, -size);
			asm volatile("mov x9, %2; mov x11, %3; setp [x9]!, x11!, xzr; b.ne 1f; cmp x9, x10; nop; 1: mov %0, x9; mov %1, x11"
				     : "=r"(x), "=r"(n) : "r"(to), "r"(size) : "x9", "x11", "cc", "memory");
			check("set's address", x, to + size);
			check("set's count", n, -size);
		}
	}
	done("prologues");

	/* Faults in the middle. */
	for (unsigned i = 0; i < 8; i++)
		frames[i] = (u64)ram + i * 4096;
	self()->hook = pager;
	fill(ram, 16384, 99);
	for (u64 i = 0; i < 16384; i++)
		model[i] = ram[i];
	drop();
	resumed = 0;
	copy(VA + 16384 + 100, VA + 50, 16000, true);
	check("pages brought in", resumed >= 8 && resumed <= 10, 1);
	check("copy over faults", differs(ram + 16384 + 100, model + 50, 16000), 0);
	drop();
	copy(VA + 1000, VA + 500, 16000, false); /* backwards */
	check("backwards over faults", differs(ram + 1000, model + 500, 15500), 0);
	drop();
	set(VA + 33, 30000, 0x3c);
	for (u64 i = 33; i < 30033; i++)
		if (ram[i] != 0x3c) {
			check("set over faults", i, 0);
			break;
		}
	self()->hook = NULL;
	/* A fault that nobody mends: registers say how far it came, what lies before is written. */
	drop();
	map(&flat, VA, frames[0], D_RAM, 3);
	fill(ram, 4096, 3);
	exc_begin();
	asm volatile("mov x9, %0; mov x10, #5000; mov x11, #0x77; setp [x9]!, x10!, x11; setm [x9]!, x10!, x11; sete [x9]!, x10!, x11"
		     :: "r"(VA + 100) : "x9", "x10", "x11", "cc", "memory");
	check_true("fault", self()->count >= 1 && self()->far == VA + 4096);
	check("before the fault", ram[4095], 0x77);
	done("faults in the middle");

	gic_init();
	self()->irq = irq;
	gic_enable(27, 0x80, 1);
	write_sysreg(now() + 10000, cntv_cval_el0);
	write_sysreg(1, cntv_ctl_el0);
	irq_on();
	u64 big = (u64)page_alloc(1 << 21), end = now() + ms(200);
	u8 *other = page_alloc(1 << 21);
	unsigned rounds = 0;

	while (now() < end || (interrupts <= 3 && rounds < 10000)) {
		set(big, 1 << 20, ++rounds);
		copy((u64)other, big, 1 << 20, rounds & 1);
		check("under interrupts", ((u64 *)other)[rounds % 131072], (rounds & 0xff) * 0x0101010101010101);
		check("under interrupts, end", other[(1 << 20) - 1], rounds & 0xff);
	}
	irq_off();
	write_sysreg(0, cntv_ctl_el0);
	check_true("interrupts came", interrupts > 3);
	done("interrupts");
}
