/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second serial port, which a machine has whose -serial is given twice: a PL011 of its own, with SPI 8, that shares nothing with the
 * first. What is written to it ends the machine, by a testdev behind it. [DDI0183]
 * run: topology=serial2 exit=11
 */
#include "bare.h"

#define UART1 0x09040000ul
enum { DR = 0x00, FR = 0x18, LCR_H = 0x2c, CR = 0x30, IMSC = 0x38, MIS = 0x40, ICR = 0x44, ID = 0xfe0 };
#define CR_LOOP 0x381     /* receiver, transmitter, loopback, UART on */
#define FR_RXFE (1u << 4)
#define RECEIVED (1u << 4)
#define INTID 40

static bool is_pending(u64 intid)
{
	return read32(GICD + 0x200 + intid / 32 * 4) >> intid % 32 & 1;
}

void test(void)
{
	check("a PL011", read32(UART1 + ID) & 0xff, 0x11);
	check("the same part", read32(UART1 + ID + 4), read32(UART + ID + 4));
	u64 first = read32(UART + CR);

	write32(UART1 + LCR_H, 0x60); /* no FIFOs: each byte interrupts */
	write32(UART1 + CR, CR_LOOP);
	write32(UART1 + IMSC, RECEIVED);
	check("the first stays as it was", read32(UART + CR), first);
	check_true("no interrupt", !is_pending(INTID));
	write32(UART1 + DR, 'x');
	check("received", read32(UART1 + MIS), RECEIVED);
	check_true("SPI 8", is_pending(INTID));
	check_true("not the first one's", !is_pending(33));
	check("comes back", read32(UART1 + DR) & 0xff, 'x');
	check_true("taken", read32(UART1 + FR) & FR_RXFE);
	write32(UART1 + ICR, 0x7ff);
	check_true("gone", !is_pending(INTID));
	write32(UART1 + CR, 0x301);
	done("a second PL011");
	put("END\n");
	write32(UART1 + DR, '5');
	write32(UART1 + DR, 'q');
	for (;;)
		asm volatile("wfi");
}
