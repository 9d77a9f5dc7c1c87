/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register widths, design D7: config space, device registers and DOE take every width and alignment in their byte lanes; component registers
 * only the register's own. MMU off or Device memory: the CPU's unaligned accesses fault before the device. [CXL2.0 8.2.4]
 */
/* run: topology=cxl2 */
#include "bare.h"

#define CFG(bus, dev, reg) (ECAM + ((u64)(bus) << 20) + ((u64)(dev) << 15) + (reg))
#define BAR_BASE 0x20000000ul
#define HOST_REGS 0x4004000000ul

static u64 component[2], device[2];

/* Bus numbers, windows and BARs, as firmware would. */
static void enumerate(void)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned bus = 129 + i;
		u64 rp = CFG(128, i, 0), ep, base = BAR_BASE + i * 0x1000000ul;

		check("root port", read32(rp) != 0xffffffff && (read8(rp + 0x0e) & 0x7f) == 1, 1);
		write32(rp + 0x18, 128 | bus << 8 | bus << 16);
		write32(rp + 0x20, (u32)(base >> 16 & 0xfff0) | (u32)((base + 0xffffff) & 0xfff00000));
		write16(rp + 4, 6);
		ep = CFG(bus, 0, 0);
		check("CXL memory device", read32(ep + 8) >> 8, 0x050210);
		write32(ep + 0x10, 0xffffffff);
		check("BAR 0 is 64 KiB, 64 bits", read32(ep + 0x10), 0xffff0004);
		component[i] = base;
		device[i] = base + 0x10000;
		write32(ep + 0x10, (u32)component[i]);
		write32(ep + 0x14, 0);
		write32(ep + 0x18, (u32)device[i]);
		write32(ep + 0x1c, 0);
		write32(ep + 0x20, (u32)base + 0x20000);
		write32(ep + 0x24, 0);
		write16(ep + 4, 6);
	}
}

static void config_lanes(void)
{
	u64 ep = CFG(129, 0, 0);
	u32 id = read32(ep);

	for (unsigned i = 0; i < 4; i++)
		check("config byte", read8(ep + i), id >> (8 * i) & 0xff);
	check("config half", read16(ep + 2), id >> 16);
	check("config double", read64(ep), id | (u64)read32(ep + 4) << 32);
	/* Interrupt line 0x3c: one byte of a word; cache line size 0x0c. */
	write32(ep + 0x3c, 0);
	write8(ep + 0x3c, 0x5a);
	check("byte write", read32(ep + 0x3c) & 0xff, 0x5a);
	write8(ep + 0x3d, 0xff);
	check("neighbour's write", read8(ep + 0x3c), 0x5a);
	/* A BAR by bytes. */
	write8(ep + 0x1b, 0x21);
	check("BAR's top byte", read32(ep + 0x18) & ~0xful, (device[0] & 0xffffff) | 0x21000000);
	write16(ep + 0x1a, device[0] >> 16);
	check("BAR's top half", read32(ep + 0x18) & ~0xful, device[0]);
	check("BAR 0 kept", read32(ep + 0x10) & ~0xful, component[0]);
	write64(ep + 0x18, device[0]);
	check("BAR as 64 bits", read32(ep + 0x18) & ~0xful, device[0]);
	/* 4 KiB of config space, and buses that are not there. */
	check("extended capability", read32(ep + 0x100) & 0xffff, 0x23);
	check("no such function", read32(CFG(129, 1, 0)), 0xffffffff);
	check("no such bus", read64(CFG(200, 0, 0)), ~0ul);
	check("no such bus, byte", read8(CFG(200, 0, 3)), 0xff);
	FAULTS_FAR("unaligned config read", EC(0x25, 0x21), ep + 2, "ldr w9, [%0]" :: "r"(ep + 2) : "x9", "memory");
	done("config space");
}

static void device_lanes(void)
{
	u64 d = device[0], mailbox, payload, size;

	check("capability array", read64(d) & 0xffff, 0);
	mailbox = d + read32(d + 0x24);
	payload = mailbox + 0x20;
	/* Command register: 64 bits, by every width. */
	write64(mailbox + 8, 0);
	write32(mailbox + 8, 0x01020304);
	check("low half", read64(mailbox + 8), 0x01020304);
	write32(mailbox + 12, 0x1f);
	check("high half", read64(mailbox + 8), 0x1f01020304);
	write8(mailbox + 9, 0xaa);
	check("a byte", read64(mailbox + 8), 0x1f0102aa04);
	write16(mailbox + 10, 0xbbcc);
	check("a half", read64(mailbox + 8), 0x1fbbccaa04);
	for (unsigned i = 0; i < 8; i++)
		check("bytes read", read8(mailbox + 8 + i), 0x1fbbccaa04ul >> (8 * i) & 0xff);
	check("half read", read16(mailbox + 10), 0xbbcc);
	/* Two registers at once. */
	check("straddle of two 32-bit rows", read64(d + 0x20), read32(d + 0x20) | (u64)read32(d + 0x24) << 32);
	/* The payload: any width, any mix. */
	for (unsigned i = 0; i < 16; i++)
		write8(payload + i, 0x10 + i);
	check("payload as words", read32(payload + 4), 0x17161514);
	check("payload as doubles", read64(payload + 8), 0x1f1e1d1c1b1a1918);
	write16(payload + 2, 0xbeef);
	write32(payload + 8, 0xcafef00d);
	check("payload mixed", read64(payload), 0x17161514beef1110);
	asm volatile("ldp x9, x10, [%1]; eor %0, x9, x10" : "=r"(size) : "r"(payload) : "x9", "x10");
	check("pair", size, read64(payload) ^ read64(payload + 8));
	u64 wide = (payload + 15) & ~15ul;

	write64(wide, 0x1122334455667788);
	write64(wide + 8, 0x99aabbccddeeff00);
	asm volatile("ldr q0, [%1]; fmov %0, d0" : "=r"(size) : "r"(wide));
	check("128 bits", size, 0x1122334455667788);
	asm volatile("ldr q0, [%0]; str q0, [%1]" :: "r"(wide), "r"(wide + 32) : "memory");
	check("128 bits written", read64(wide + 32), 0x1122334455667788);
	check("128 bits written, high", read64(wide + 40), 0x99aabbccddeeff00);
	/* Identify, 4000h, started by a byte write to the doorbell. */
	write64(mailbox + 8, 0x4000);
	write8(mailbox + 4, 1);
	for (u64 until = now() + ms(1000); (read32(mailbox + 4) & 1) && now() < until;)
		;
	check("identify: success", read64(mailbox + 16) >> 32 & 0xffff, 0);
	check("identify: length", read64(mailbox + 8) >> 16 & 0x1fffff, 0x45);
	check("total capacity, 256 MiB units", read64(payload + 0x10), 1);
	/* The middle of a field by bytes. */
	check("capacity by byte", read8(payload + 0x10), 1);
	FAULTS_FAR("unaligned device register", EC(0x25, 0x21), payload + 1, "ldr x9, [%0]" :: "r"(payload + 1) : "x9", "memory");
	check("beyond the block", read32(d + 0xff0) == 0 || read32(d + 0xff0) == 0xffffffff, 1);
	exc_begin();
	asm volatile("ldxr x9, [%0]; clrex" :: "r"(payload) : "x9", "memory");
	check("exclusive on a device", self()->esr, self()->count ? EC(0x25, 0x35) : 0);
	FAULTS_FAR("atomic on a device", EC(0x25, 0x75), payload, ".arch armv8.1-a\n ldadd x9, x9, [%0]" :: "r"(payload) : "x9", "memory");
	done("device registers");
}

static void component_width(u64 base, const char *name)
{
	u64 cm = base + 0x1000, at = 0, link = 0, ras = 0;
	u32 head = read32(cm);

	check("CXL capability", head & 0xffff, 1);
	for (unsigned i = 1; i <= head >> 24; i++) {
		u32 c = read32(cm + 4 * i);

		if ((c & 0xffff) == 5)
			at = cm + (c >> 20);
		if ((c & 0xffff) == 4)
			link = cm + (c >> 20);
		if ((c & 0xffff) == 2)
			ras = cm + (c >> 20);
	}
	/* Narrower than the register: all ones, ignored. */
	check("byte of a 32-bit register", read8(cm), 0xff);
	check("half of a 32-bit register", read16(cm + 2), 0xffff);
	/* Two 32-bit registers at once are split, as Linux does it. */
	check("two 32-bit registers", read64(cm), head | (u64)read32(cm + 4) << 32);
	if (ras) {
		u32 mask = read32(ras + 4);

		write32(ras + 4, 0);
		check("RAS mask", read32(ras + 4), 0);
		write8(ras + 4, 0xff);
		check("RAS mask, byte write ignored", read32(ras + 4), 0);
		write16(ras + 4, 0xffff);
		check("RAS mask, half write ignored", read32(ras + 4), 0);
		write32(ras + 4, mask);
		check("RAS mask back", read32(ras + 4), mask);
	}
	if (link) {
		check("64-bit register by halves", read32(link), 0xffffffff);
		check_true("64-bit register", read64(link) != ~0ul && read64(link));
		check("64-bit register by bytes", read8(link + 1), 0xff);
	}
	if (at) { /* the second decoder is free, where there is one */
		u32 cap = read32(at), count = (cap & 15) ? (cap & 15) * 2 : 1;
		u64 second = at + 0x10 + 0x20;

		check_true("first decoder is committed", read32(at + 0x10 + 0x10) >> 10 & 1);
		if (count > 1) {
			write32(second, 0xabcdef12);
			check("decoder base", read32(second), 0xa0000000 | (0xabcdef12 & 0x0fffffff & 0xf0000000));
			write8(second + 3, 0x50);
			write16(second + 2, 0x5000);
			check("narrow writes ignored", read32(second), 0xa0000000);
			write64(second, 0x1230000000);
			check("low of a 64-bit write", read32(second), 0x30000000);
			check("high of a 64-bit write", read32(second + 4), 0x12);
			write64(second, 0);
		}
	}
	FAULTS_FAR("unaligned component register", EC(0x25, 0x21), cm + 2, "ldr w9, [%0]" :: "r"(cm + 2) : "x9", "memory");
	done(name);
}

void test(void)
{
	enumerate();
	done("enumeration");
	config_lanes();
	device_lanes();
	component_width(component[0], "component registers of a device");
	component_width(HOST_REGS, "component registers of a bridge");
}
