/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: packets of a gdb client, and bytes that are none, to a machine that stands still; the one thing that
 * does not happen is going on. */
#include "board.h"
#include "machine/machine.h"

#define machine_cont(machine, err) (true)
#define machine_shutdown_request(machine, cause) ((void)0)
#include "../src/control/gdb.c"

/* A packet of its bytes, escaped and with its sum. */
static void packet(struct gdb *g, struct input *in)
{
	static const char *const starts[] = {"g",
					     "G",
					     "p",
					     "P",
					     "m",
					     "M",
					     "X",
					     "c",
					     "s",
					     "vCont",
					     "Z",
					     "z",
					     "qSupported",
					     "qXfer:features:read:target.xml:",
					     "qThreadExtraInfo,",
					     "qRcmd,",
					     "QqemuPhyMemMode:",
					     "H",
					     "T",
					     "D",
					     "?",
					     "qfThreadInfo",
					     "qsThreadInfo",
					     "vCont;",
					     "qemu.PhyMemMode:",
					     "Z0,",
					     "m40",
					     "M40"};
	u8 bytes[512], length = (u8)draw(in, 1), which = (u8)draw(in, 1), sum = 0;
	const char *start = starts[which % ARRAY_SIZE(starts)];
	size_t used = strlen(start);

	memcpy(bytes, start, used);
	draw_bytes(in, bytes + used, length);
	take_byte(g, '$');
	for (size_t i = 0; i < used + length; i++) {
		u8 c = bytes[i];

		if (c == '#' || c == '$' || c == '}') {
			take_byte(g, '}');
			sum += '}';
			c ^= 0x20;
		}
		take_byte(g, c);
		sum += c;
	}
	take_byte(g, '#');
	take_byte(g, (u8) "0123456789abcdef"[sum >> 4]);
	take_byte(g, (u8) "0123456789abcdef"[sum & 15]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct machine *m;
	static struct gdb *g;
	struct input in = {data, size};
	struct error err;
	u8 bytes[256];

	if (!m) {
		m = fuzz_board();
		g = gdb_listen(m, "null", &err);
	}
	connection(g, true);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 length = (u8)draw(&in, 1);

		if (length & 1) {
			packet(g, &in);
		} else {
			draw_bytes(&in, bytes, length);
			take(g, bytes, length);
		}
	}
	g->at = AT_START;
	connection(g, false);
	return 0;
}
