/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: virtio-9p's queue, with messages of any kind in it: those that cross buffers, are cut, or have no room
 * for an answer. The folder is empty and for reading only; what messages do to folders is ninep.c's. */
#include <stdio.h>
#include <unistd.h>

#include "host/folder.h"
#include "virtio/driver.h"
#include "host_events.h"
#include "virtqueue.h"

struct machine {
	struct folder folder;
};

struct folder *machine_folder(struct machine *machine, const char *id)
{
	return &machine->folder;
}
struct workers *machine_workers(struct machine *machine)
{
	return NULL;
}

static struct driver start(struct machine *m)
{
	static char path[] = "/tmp/cxlvm-fuzz-XXXXXX";
	struct driver d = driver_new();
	struct dev_env env = {
		.loop = d.f->loop, .space = d.f->space, .bus = &pci_host_root(d.f->host)->bus.bus, .machine = m};
	struct opts opts = {0};
	struct error err = {""};

	m->folder = (struct folder){.fd = -1, .readonly = true};
	assert_true(mkdtemp(path) && folder_open(&m->folder, path, &err));
	rmdir(path);
	driver_ram(&d);
	d.dev = dev_new(&virtio_9p_pci_class);
	assert_true(opts_parse(&opts, "addr=1,fsdev=f,mount_tag=t", NULL, &err) &&
		    dev_set_all(d.dev, &opts, &env, &err) && dev_create(d.dev, &env, &err));
	opts_free(&opts);
	d.dev->cls->reset(d.dev, RESET_COLD);
	driver_map(&d);
	return d;
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* Answers come through the loop. */
static void turn(struct driver *d)
{
	loop_defer(d->f->loop, quit, d->f->loop);
	loop_unlock(d->f->loop);
	loop_run(d->f->loop);
	loop_lock(d->f->loop);
}

static void message(struct driver *d, struct input *in)
{
	static const u8 types[] = {100, 104, 110, 12, 24, 40, 116, 120, 30, 54, 8, 22, 108, 72, 118, 255};
	u8 *at = d->ram + (DATA_AT - RAM_BASE), what = (u8)draw(in, 1), size = (u8)draw(in, 1);

	store_le(at, 4, 7u + size);
	at[4] = types[what & 15];
	draw_bytes(in, at + 7, size);
	desc_put(d, DESC_AT, 0, DATA_AT, 5, DESC_NEXT, 1);
	desc_put(d, DESC_AT, 1, DATA_AT + 5, 2u + size, DESC_NEXT, 2);
	desc_put(d, DESC_AT, 2, DATA_AT + 0x1000, what & 16 ? draw(in, 1) : 4096, DESC_WRITE, 0);
	avail_put(d, 0);
	notify(d, 0);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static struct machine m;
	static struct driver d;
	struct input in = {bytes, size};

	if (!d.f)
		d = start(&m);
	begin_run(&d, draw_features(&d, &in), 0);
	for (unsigned n = 0; n < OPERATIONS_MAX / 4 && in.left; n++) {
		u8 what = (u8)draw(&in, 1);

		if (what & 1)
			queue_operation(&d, what >> 2, &in);
		else
			message(&d, &in);
		if (what & 2)
			turn(&d);
	}
	turn(&d);
	return 0;
}
