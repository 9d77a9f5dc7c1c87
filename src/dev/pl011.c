/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PL011 UART, revision r1p5: 32-byte FIFOs. [DDI0183]
 *
 * The far end is a chardev. What the guest transmits goes out at once, so the transmit FIFO only fills while the UART
 * or its transmitter is disabled. Received bytes are taken from the chardev as the receive FIFO has room: nothing is
 * lost by overrun, except in loopback, where the guest feeds itself. Baud rate and word format are stored; the rate
 * only sets the length of the receive timeout (32 bit times, at most 10 ms). Left out: SIR, DMA requests.
 *
 * Reset leaves it as firmware hands it over, enabled with 8N1 and FIFOs: CR is 0x301 and LCR_H 0x70 where the manual
 * has 0x300 and 0. Linux drives the UART of an ACPI machine as an SBSA generic UART, whose driver enables nothing.
 *
 * The transmit interrupt follows transitions, as the manual says: it comes when data leaves, not when the FIFO is
 * empty. Machine lock held in all hooks, timers and chardev calls.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "dev/platform.h"
#include "dev/primecell.h"
#include "host/host.h"

#define UARTDR 0x000
#define UARTRSR 0x004
#define UARTFR 0x018
#define UARTILPR 0x020
#define UARTIBRD 0x024
#define UARTFBRD 0x028
#define UARTLCR_H 0x02c
#define UARTCR 0x030
#define UARTIFLS 0x034
#define UARTIMSC 0x038
#define UARTRIS 0x03c
#define UARTMIS 0x040
#define UARTICR 0x044
#define UARTDMACR 0x048

/* Received data carries its errors in bits 11:8; UARTRSR has them in 3:0. */
#define DR_FRAMING BIT(8)
#define DR_BREAK BIT(10)
#define DR_OVERRUN BIT(11)

#define FR_CTS BIT(0)
#define FR_DSR BIT(1)
#define FR_DCD BIT(2)
#define FR_BUSY BIT(3)
#define FR_RXFE BIT(4)
#define FR_TXFF BIT(5)
#define FR_RXFF BIT(6)
#define FR_TXFE BIT(7)
#define FR_RI BIT(8)

#define LCR_BRK BIT(0)
#define LCR_FEN BIT(4)

#define CR_UARTEN BIT(0)
#define CR_LBE BIT(7)
#define CR_TXE BIT(8)
#define CR_RXE BIT(9)
#define CR_DTR BIT(10)
#define CR_RTS BIT(11)
#define CR_OUT1 BIT(12)
#define CR_OUT2 BIT(13)

/* Interrupts, in IMSC, RIS, MIS and ICR. */
#define INT_RI BIT(0)
#define INT_CTS BIT(1)
#define INT_DCD BIT(2)
#define INT_DSR BIT(3)
#define INT_RX BIT(4)
#define INT_TX BIT(5)
#define INT_RT BIT(6)
#define INT_FE BIT(7)
#define INT_BE BIT(9)
#define INT_OE BIT(10)
#define INT_ALL 0x7ffu

#define FIFO_BYTES 32
#define UART_CLOCK_HZ 24000000ull
#define TIMEOUT_NS_MAX 10000000ull

struct pl011 {
	/* parts */
	struct space *space;
	struct chardev *chardev; /* may be NULL */
	struct line line;
	struct regs regs;
	struct region region;
	struct timer timeout;
	/* state */
	u16 rx[FIFO_BYTES]; /* data and errors */
	u8 tx[FIFO_BYTES];  /* while the transmitter is off */
	u32 rx_head, rx_count, tx_count;
	u32 ris, rsr;
	u32 modem;    /* FR bits of the modem lines */
	bool overrun; /* the next character received tells of it */
	/* cache */
	bool starved; /* the chardev was told that there is no room */
};

static u32 get(const struct pl011 *uart, u32 offset)
{
	return (u32)regs_get(&uart->regs, offset, 4);
}

static void update_line(struct pl011 *uart)
{
	line_set(&uart->line, uart->ris & get(uart, UARTIMSC));
}

static u32 fifo_depth(const struct pl011 *uart)
{
	return get(uart, UARTLCR_H) & LCR_FEN ? FIFO_BYTES : 1;
}

/* Characters that raise the receive interrupt. IFLS values above 7/8 are reserved and taken as 7/8. */
static u32 rx_trigger(const struct pl011 *uart)
{
	static const u8 level[8] = {4, 8, 16, 24, 28, 28, 28, 28};

	return get(uart, UARTLCR_H) & LCR_FEN ? level[bits(get(uart, UARTIFLS), 5, 3)] : 1;
}

/* 32 bit times from now. Divisors in 1/64: baud = clock * 64 / (16 * divisor). */
static void timeout_start(struct pl011 *uart)
{
	u64 divisor = (u64)get(uart, UARTIBRD) << 6 | get(uart, UARTFBRD);
	u64 ns = 32 * 1000000000ull / 115200;

	if (divisor >= 64)
		ns = MIN(32 * 1000000000ull / 4 * divisor / (UART_CLOCK_HZ), TIMEOUT_NS_MAX);
	timer_set(&uart->timeout, loop_now(uart->timeout.loop) + ns);
}

static void timeout_fire(void *opaque)
{
	struct pl011 *uart = opaque;

	if (uart->rx_count) {
		uart->ris |= INT_RT;
		update_line(uart);
	}
}

/* --- receive --- */

static void rx_push(struct pl011 *uart, u32 character)
{
	if (uart->rx_count >= fifo_depth(uart)) {
		uart->overrun = true;
		uart->rsr |= DR_OVERRUN >> 8;
		uart->ris |= INT_OE;
		return;
	}
	if (uart->overrun)
		character |= DR_OVERRUN;
	uart->overrun = false;
	uart->rx[(uart->rx_head + uart->rx_count++) % FIFO_BYTES] = (u16)character;
	if (character & DR_FRAMING)
		uart->ris |= INT_FE;
	if (character & DR_BREAK)
		uart->ris |= INT_BE;
	if (uart->rx_count >= rx_trigger(uart))
		uart->ris |= INT_RX;
	timeout_start(uart);
}

static bool rx_is_open(const struct pl011 *uart)
{
	u32 cr = get(uart, UARTCR);

	return (cr & CR_UARTEN) && (cr & CR_RXE) && !(cr & CR_LBE);
}

static size_t uart_can_take(void *opaque)
{
	struct pl011 *uart = opaque;
	u32 depth = fifo_depth(uart);
	size_t room = rx_is_open(uart) && uart->rx_count < depth ? depth - uart->rx_count : 0;

	uart->starved = !room;
	return room;
}

static void uart_take(void *opaque, const u8 *bytes, size_t size)
{
	struct pl011 *uart = opaque;

	for (size_t n = 0; n < size; n++)
		rx_push(uart, bytes[n]);
	update_line(uart);
}

/* Last in a hook: the chardev may give bytes before this returns. */
static void rx_kick(struct pl011 *uart)
{
	if (!uart->starved || !rx_is_open(uart) || uart->rx_count >= fifo_depth(uart))
		return;
	uart->starved = false;
	if (uart->chardev)
		chardev_kick(uart->chardev);
}

static u64 uartdr_read(struct regs *b, unsigned i, u64 stored)
{
	struct pl011 *uart = b->owner;
	u32 character;

	if (!uart->rx_count)
		return 0;
	character = uart->rx[uart->rx_head];
	uart->rx_head = (uart->rx_head + 1) % FIFO_BYTES;
	uart->rx_count--;
	uart->rsr = character >> 8;
	if (uart->rx_count < rx_trigger(uart))
		uart->ris &= ~INT_RX;
	if (!uart->rx_count) {
		uart->ris &= ~INT_RT;
		timer_set(&uart->timeout, TIMER_OFF);
	}
	update_line(uart);
	rx_kick(uart);
	return character;
}

static u64 uartrsr_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct pl011 *)b->owner)->rsr;
}

/* UARTECR: any write clears the errors. */
static void uartecr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	((struct pl011 *)b->owner)->rsr = 0;
}

/* --- transmit --- */

static bool tx_is_open(const struct pl011 *uart)
{
	return (get(uart, UARTCR) & (CR_UARTEN | CR_TXE)) == (CR_UARTEN | CR_TXE);
}

static void transmit(struct pl011 *uart, u8 byte)
{
	if (get(uart, UARTCR) & CR_LBE) {
		if (get(uart, UARTCR) & CR_RXE)
			rx_push(uart, byte);
	} else if (uart->chardev) {
		chardev_write(uart->chardev, &byte, 1);
	}
	uart->ris |= INT_TX;
}

static void uartdr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl011 *uart = b->owner;

	regs_set(b, UARTDR, 4, 0);
	if (tx_is_open(uart))
		transmit(uart, (u8)now);
	else if (uart->tx_count < fifo_depth(uart))
		uart->tx[uart->tx_count++] = (u8)now;
	else
		guest_error(UART_LOST, "pl011: character 0x%02x lost: the transmitter is off and its FIFO full",
			    (u8)now);
	update_line(uart);
}

/* BUSY while there is something to transmit, whether or not the UART is enabled. [DDI0183 3.3.3] */
static u64 uartfr_read(struct regs *b, unsigned i, u64 stored)
{
	struct pl011 *uart = b->owner;
	u32 depth = fifo_depth(uart);

	return uart->modem | (uart->rx_count ? 0 : FR_RXFE) | (uart->rx_count >= depth ? FR_RXFF : 0) |
	       (uart->tx_count ? FR_BUSY : FR_TXFE) | (uart->tx_count >= depth ? FR_TXFF : 0);
}

/* --- control --- */

/* The modem's inputs: asserted by the chardev, or our own outputs in loopback. */
static void update_modem(struct pl011 *uart)
{
	u32 cr = get(uart, UARTCR), modem = FR_CTS | FR_DSR | FR_DCD, changed;

	if (cr & CR_LBE)
		modem = (cr & CR_RTS ? FR_CTS : 0) | (cr & CR_DTR ? FR_DSR : 0) | (cr & CR_OUT1 ? FR_DCD : 0) |
			(cr & CR_OUT2 ? FR_RI : 0);
	changed = modem ^ uart->modem;
	uart->modem = modem;
	uart->ris |= (changed & FR_CTS ? INT_CTS : 0) | (changed & FR_DSR ? INT_DSR : 0) |
		     (changed & FR_DCD ? INT_DCD : 0) | (changed & FR_RI ? INT_RI : 0);
}

static void uartcr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl011 *uart = b->owner;

	update_modem(uart);
	if (tx_is_open(uart)) {
		for (u32 n = 0; n < uart->tx_count; n++)
			transmit(uart, uart->tx[n]);
		uart->tx_count = 0;
	}
	update_line(uart);
	rx_kick(uart);
}

/* Changing FEN empties both FIFOs: what was there belonged to the other depth. */
static void uartlcr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl011 *uart = b->owner;

	if ((old ^ now) & LCR_FEN) {
		uart->rx_count = uart->rx_head = uart->tx_count = 0;
		uart->ris &= ~(INT_RX | INT_RT);
		timer_set(&uart->timeout, TIMER_OFF);
	}
	if (~old & now & LCR_BRK && (get(uart, UARTCR) & CR_LBE) && (get(uart, UARTCR) & CR_RXE))
		rx_push(uart, DR_BREAK | DR_FRAMING);
	update_line(uart);
	rx_kick(uart);
}

static void uartimsc_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	update_line(b->owner);
}

static u64 uartris_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct pl011 *)b->owner)->ris;
}

static u64 uartmis_read(struct regs *b, unsigned i, u64 stored)
{
	struct pl011 *uart = b->owner;

	return uart->ris & get(uart, UARTIMSC);
}

static void uarticr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pl011 *uart = b->owner;

	regs_set(b, UARTICR, 4, 0);
	uart->ris &= ~(u32)now;
	if ((now & INT_RT) && uart->rx_count)
		timeout_start(uart); /* there is still data that nobody has read */
	update_line(uart);
}

static const struct reg pl011_rows[] = {
	/*  offset      name       reset  software writes */
	R32(UARTDR, UARTDR, 0, 0x00ff, .read = uartdr_read, .write = uartdr_write),
	R32(UARTRSR, UARTRSR, 0, 0, .read = uartrsr_read, .write = uartecr_write),
	R32(UARTFR, UARTFR, 0, 0, .read = uartfr_read),
	R32(UARTILPR, UARTILPR, 0, 0x00ff),
	R32(UARTIBRD, UARTIBRD, 0, 0xffff),
	R32(UARTFBRD, UARTFBRD, 0, 0x003f),
	R32(UARTLCR_H, UARTLCR_H, 0x70, 0x00ff, .write = uartlcr_write),
	R32(UARTCR, UARTCR, 0x301, 0xff87, .write = uartcr_write),
	R32(UARTIFLS, UARTIFLS, 0x12, 0x003f),
	R32(UARTIMSC, UARTIMSC, 0, INT_ALL, .write = uartimsc_write),
	R32(UARTRIS, UARTRIS, 0, 0, .read = uartris_read),
	R32(UARTMIS, UARTMIS, 0, 0, .read = uartmis_read),
	R32(UARTICR, UARTICR, 0, INT_ALL, .write = uarticr_write),
	R32(UARTDMACR, UARTDMACR, 0, 0x0007),
	PRIMECELL_ID_ROWS(0x011, 3),
};

struct pl011 *pl011_create(struct loop *loop, struct space *space, u64 base, struct line line, struct chardev *chardev)
{
	struct pl011 *uart = calloc(1, sizeof(*uart));

	assert(uart);
	uart->space = space;
	uart->chardev = chardev;
	uart->line = line;
	timer_init(&uart->timeout, loop, timeout_fire, uart);
	regs_init(&uart->regs, "pl011", uart, REGS_BYTES, PRIMECELL_BYTES);
	REGS_ADD(&uart->regs, 0, pl011_rows);
	uart->region = (struct region){
		.name = "pl011", .base = base, .size = PRIMECELL_BYTES, .ops = &regs_io, .opaque = &uart->regs};
	space_add(space, &uart->region);
	pl011_reset(uart);
	if (chardev)
		chardev_connect(chardev, uart_can_take, uart_take, uart);
	return uart;
}

void pl011_reset(struct pl011 *uart)
{
	regs_reset(&uart->regs, RESET_COLD);
	uart->rx_head = uart->rx_count = uart->tx_count = 0;
	uart->rsr = 0;
	uart->overrun = false;
	update_modem(uart);
	uart->ris = 0;
	timer_set(&uart->timeout, TIMER_OFF);
	update_line(uart);
	rx_kick(uart);
}

void pl011_destroy(struct pl011 *uart)
{
	if (!uart)
		return;
	if (uart->chardev)
		chardev_connect(uart->chardev, NULL, NULL, NULL);
	timer_set(&uart->timeout, TIMER_OFF);
	space_remove(uart->space, &uart->region);
	regs_free(&uart->regs);
	free(uart);
}
