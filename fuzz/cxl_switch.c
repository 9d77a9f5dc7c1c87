/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the mailbox of a switch and, through its tunnel, the fabric manager's commands to memory devices below;
 * with good and bad lengths at every level, hot ports, and the guest's answers to dynamic capacity. */
#define main cci_test_main
#include "../tests/unit/cxl/cci_test.c"
#undef main
#include "cxl.h"

static bool was_reset; /* in this run */
static u8 message[MAILBOX_PAYLOAD_BYTES];

static void tunnelled(struct input *input)
{
	static const u16 opcodes[] = {0x0001, 0x0003, 0x0004, 0x0300, 0x0400, 0x0401, 0x5600,
				      0x5601, 0x5602, 0x5603, 0x5604, 0x5605, 0x5300, 0xffff};
	u8 what = (u8)draw(input, 1), length = (u8)draw(input, 1);
	u16 opcode = opcodes[draw(input, 1) % ARRAY_SIZE(opcodes)];

	memset(message, 0, 16);
	message[0] = what & 1 ? 4 + (what >> 1 & 3) : (u8)draw(input, 1);
	store_le(message + 2, 2, what & 32 ? draw(input, 2) : 12u + length);
	store_le(message + 7, 2, opcode);
	store_le(message + 9, 3, what & 64 ? draw(input, 3) : length);
	draw_bytes(input, message + 16, length);
	for (unsigned n = 0; n < 16u + length; n += 8)
		devregs_io.write(&cci->mbox, DEVREGS_PAYLOAD + n, 8, load_le(message + n, 8));
	devregs_io.write(&cci->mbox, MAILBOX_COMMAND, 8,
			 0x5300 | (u64)(what & 128 ? draw(input, 2) : 16u + length) << 16);
	devregs_io.write(&cci->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input input = {data, size};

	if (!m.loop)
		open_switch(NULL);
	for (struct cxl_port *port = m.cxl->ports; port; port = port->next) {
		pci_port_let_go(&port->pci);
		port->bridge.unbound = false;
	}
	background_reset(&cci->background, RESET_COLD);
	cci->response_limit = __builtin_ctz(MAILBOX_PAYLOAD_BYTES);
	cci->timestamp = 0;
	devregs_reset(&cci->mbox, RESET_COLD);
	light_reset(&m);
	was_reset = false;
	for (unsigned n = 0; n < OPERATIONS_MAX && input.left; n++) {
		u8 what = (u8)draw(&input, 1);

		switch (what & 7) {
		case 0 ... 3: tunnelled(&input); break;
		case 4:
			mailbox_command(&cci->mbox, &switch_commands[draw(&input, 1) % switch_command_count], &input);
			break;
		case 5:
			mailbox_command(&dev->mbox, &mbox_commands[draw(&input, 1) % mbox_command_count], &input);
			break;
		case 6: devregs_io.write(&cci->mbox, draw(&input, 2) & 0xff8, 8, draw(&input, 8)); break;
		default:
			if ((what & 0xf8) == 0x88 && !was_reset &&
			    draw(&input, 1) == 1) { /* as long as hundreds of the others */
				was_reset = true;
				quick_reset(&m, RESET_WARM);
			} else {
				loop_time_advance(m.loop, draw(&input, 1) * (SECOND / 10));
			}
		}
	}
	return 0;
}
