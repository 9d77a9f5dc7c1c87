/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtio-blk on a file in memory: its requests, and its queues. Under instruction time, so that all is
 * done when the notification is. */
#define main blk_test_main
#include "../tests/unit/virtio/blk_test.c"
#undef main
#include "host_file.h"
#include "virtqueue.h"

static struct machine disk_new(void)
{
	struct block_config config = {.id = "d0", .file = HOST_FILE_NAME, .format = "raw", .discard = true};
	struct machine m = {0};
	struct error err;

	host_file.size = DISK_BYTES;
	host_file.zeroes_itself = true;
	m.block = block_open(&config, &err);
	assert_non_null(m.block);
	m.drive = (struct drive){.id = (char *)"d0", .block = m.block};
	return m;
}

/* A header and a status; data of any length between. */
static void whole_request(struct driver *d, struct input *in)
{
	static const u8 types[] = {BLK_T_IN,      BLK_T_OUT,          BLK_T_FLUSH, BLK_T_GET_ID,
				   BLK_T_DISCARD, BLK_T_WRITE_ZEROES, 7,           255};
	u8 what = (u8)draw(in, 1);
	u32 bytes = (u32)draw(in, what & 8 ? 3 : 1) << (what & 16 ? 9 : 0);

	submit(d, types[what & 7], draw(in, what & 32 ? 8 : 2), bytes, what & 64);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static struct machine m;
	static struct driver d;
	struct input in = {bytes, size};

	if (!d.f) {
		m = disk_new();
		d = start(&m, "addr=1,drive=d0,num-queues=2,serial=abc");
	}
	host_file_reset();
	host_file.size = DISK_BYTES;
	begin_run(&d, draw_features(&d, &in), 0);
	for (unsigned n = 0; n < OPERATIONS_MAX / 4 && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 1)
			queue_operation(&d, what >> 1, &in);
		else if (what & 2)
			whole_request(&d, &in);
		else
			wr(d.f, CONFIG_AT + 0x2000 + (what >> 2), 1, draw(&in, 1));
	}
	return 0;
}
