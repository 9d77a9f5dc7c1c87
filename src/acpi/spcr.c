/* SPDX-License-Identifier: BSD-2-Clause */
/* SPCR and DBG2: the PL011 as console and as debug port. [Microsoft SPCR revision 4, DBG2 revision 0] */
#include "acpi/tables.h"

static const char uart_path[] = "\\_SB.COM0";

enum { SPCR_PL011 = 3, SPCR_GIC = 8, SPCR_115200 = 7 };
enum { DBG2_SERIAL = 0x8000, DBG2_PL011 = 3 };

void spcr_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "SPCR", 4);

	put8(out, SPCR_PL011);
	put_zeros(out, 3);
	put_gas(out, config->uart_base, 32, 3);
	put8(out, SPCR_GIC);
	put8(out, 0);
	put32(out, config->uart_gsi);
	put8(out, SPCR_115200);
	put8(out, 0); /* no parity */
	put8(out, 1); /* one stop bit */
	put8(out, 0); /* no flow control */
	put8(out, 3); /* ANSI terminal */
	put8(out, 0);
	put16(out, 0xffff); /* not a PCI device */
	put16(out, 0xffff);
	put_zeros(out, 3);
	put32(out, 0);
	put8(out, 0);
	put32(out, 0); /* UART clock: indeterminate */
	put32(out, 0); /* baud rate: as coded above */
	put16(out, sizeof(uart_path));
	put16(out, 88);
	put(out, uart_path, sizeof(uart_path));
	table_end(out, start);
}

void dbg2_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "DBG2", 0);
	const u16 head = 22, gas = 12, size = 4;

	put32(out, 44); /* offset of the first device information */
	put32(out, 1);

	put8(out, 0);
	put16(out, (u16)(head + gas + size + sizeof(uart_path)));
	put8(out, 1); /* one address */
	put16(out, sizeof(uart_path));
	put16(out, head + gas + size);
	put16(out, 0);
	put16(out, 0); /* no OEM data */
	put16(out, DBG2_SERIAL);
	put16(out, DBG2_PL011);
	put16(out, 0);
	put16(out, head);
	put16(out, head + gas);
	put_gas(out, config->uart_base, 32, 3);
	put32(out, 0x1000);
	put(out, uart_path, sizeof(uart_path));
	table_end(out, start);
}
