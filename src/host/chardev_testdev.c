/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -chardev testdev: the far end of a port on which a test program says how it ended. Its language is QEMU's: decimal
 * digits, then a letter; "CODEq" ends the machine with exit status CODE << 1 | 1, so that no code means 0. Other
 * letters do nothing. A command may come in pieces.
 */
#include "host/chardev_private.h"

void chardev_test_write(struct chardev *c, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] >= '0' && bytes[i] <= '9') {
			c->test_number = c->test_number * 10 + (bytes[i] - '0');
			continue;
		}
		if (bytes[i] == 'q')
			c->exit_with(c->quit_opaque, (int)((c->test_number << 1 | 1) & 0xff));
		c->test_number = 0;
	}
}

struct chardev *chardev_open_testdev(struct loop *loop, void (*exit_with)(void *opaque, int code), void *opaque)
{
	struct chardev *c = chardev_new(loop);

	c->exit_with = exit_with;
	c->quit_opaque = opaque;
	return c;
}
