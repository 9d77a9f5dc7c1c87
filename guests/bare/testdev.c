/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What test programs that were written for other machines rely on: pci-testdev in both of its BARs, with BARs that start at bus address
 * 0, and the exit code that is written to a console in a virtio-mmio slot, by the legacy interface and without any status. [VIRTIO1.2 4.2.4]
 * run: topology=testdev exit=11
 */
#include "bare.h"

#define SLOTS 0x0a000000ul
#define SLOT_BYTES 0x200
#define PIO 0x3eff0000ul
#define BAR_MEM 0x10000000ul
enum { MAGIC = 0x00, VERSION = 0x04, DEVICE = 0x08, PAGE_SIZE = 0x28, SELECT = 0x30, NUM_MAX = 0x34, NUM = 0x38, ALIGN = 0x3c, PFN = 0x40, NOTIFY = 0x50 };
#define ENTRIES 32

static u64 find_function(u32 id)
{
	for (u64 devfn = 0; devfn < 256; devfn++)
		if (read32(ECAM + (devfn << 12)) == id)
			return ECAM + (devfn << 12);
	return 0;
}

static u64 run_bar(u64 bar)
{
	for (u64 n = 0;; n++) {
		u32 width, offset, data;

		write8(bar, (u8)n);
		check("nothing is counted yet", read32(bar + 12), 0);
		width = read8(bar + 1);
		if (width != 1 && width != 2 && width != 4)
			return n;
		offset = read32(bar + 4);
		data = read32(bar + 8);
		for (unsigned i = 0; i < 16; i++) {
			if (width == 1)
				write8(bar + offset, (u8)data);
			else if (width == 2)
				write16(bar + offset, (u16)data);
			else
				write32(bar + offset, data);
		}
		check("sixteen writes", read32(bar + 12), 16);
	}
}

static void pci_tests(void)
{
	u64 function = find_function(0x00051b36);

	check_true("pci-testdev is there", function);
	if (!function)
		return;
	write32(function + 0x10, 0xffffffff);
	check("BAR 0 is memory", read32(function + 0x10), 0xfffff000);
	write32(function + 0x14, 0xffffffff);
	check("BAR 1 is I/O", read32(function + 0x14), 0xffffff01);
	write32(function + 0x10, BAR_MEM);
	write32(function + 0x14, 0);
	write16(function + 4, 3);
	check("tests in memory", run_bar(BAR_MEM), 3);
	check("tests in I/O space", run_bar(PIO), 3);
	done("pci-testdev");
}

static u64 find_console(void)
{
	for (u64 slot = SLOTS; slot < SLOTS + 32 * SLOT_BYTES; slot += SLOT_BYTES)
		if (read32(slot + MAGIC) == 0x74726976 && read32(slot + DEVICE) == 3)
			return slot;
	return 0;
}

void test(void)
{
	static const char code[] = "5q";
	u64 slot = find_console();
	u8 *ring = page_alloc(0x20000), *text = page_alloc(4096);
	volatile u32 *used = (volatile u32 *)(ring + 0x10000);

	pci_tests();
	check_true("a console is in a slot", slot);
	if (!slot)
		return;
	check("legacy", read32(slot + VERSION), 1);
	write32(slot + PAGE_SIZE, 0x10000);
	write32(slot + SELECT, 1); /* transmit */
	check_true("room", read32(slot + NUM_MAX) >= ENTRIES);
	check("not in use", read32(slot + PFN), 0);
	write32(slot + NUM, ENTRIES);
	write32(slot + ALIGN, 0x10000);
	write32(slot + PFN, (u32)((u64)ring >> 16));
	check("in use", read32(slot + PFN), (u64)ring >> 16);
	done("a legacy queue");
	put("END\n");
	memcpy(text, code, sizeof(code) - 1);
	*(volatile u64 *)ring = (u64)text;
	*(volatile u32 *)(ring + 8) = sizeof(code) - 1;
	*(volatile u32 *)(ring + 12) = 0;
	*(volatile u16 *)(ring + 16 * ENTRIES + 4) = 0;
	dmb();
	*(volatile u16 *)(ring + 16 * ENTRIES + 2) = 1;
	dmb();
	write32(slot + NOTIFY, 1);
	while (!(*used >> 16))
		;
	for (;;)
		asm volatile("wfi");
}
