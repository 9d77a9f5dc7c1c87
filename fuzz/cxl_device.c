/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: memory devices with all kinds of capacity behind a bridge, as a hostile guest and a hostile manager
 * reach them: mailbox commands with their payload, DOE objects, configuration space, component and device registers,
 * loads and stores in the window, offers and releases of dynamic capacity, poison, guest time, resets.
 */
#include "cxl.h"

static void dynamic(struct machine *m, struct cxl_type3 *dev, struct input *in)
{
	struct cxl_dc_span spans[4];
	u8 flags = draw(in, 1);
	struct cxl_dc_request request = {.region = draw(in, 1) % 5,
					 .spans = spans,
					 .count = flags >> 6,
					 .forced = flags & 1,
					 .sanitize = flags & 2,
					 .by_tag = flags & 4,
					 .selection = (flags >> 3 & 3) % 3};

	request.tag[0] = draw(in, 1) % 3;
	for (unsigned n = 0; n < 4; n++) {
		u64 word = draw(in, 2);

		spans[n] = (struct cxl_dc_span){(word & 0xff) * 2 * MiB, (word >> 8) * 2 * MiB};
	}
	if (flags & 32)
		cxl_dc_add(&dev->pci.dev, &request, &m->err);
	else
		cxl_dc_release(&dev->pci.dev, &request, &m->err);
}

static void build(struct machine *m)
{
	fixture_open(m);
	fixture_add(m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(m, &cxl_rp_class, "id=rp1,bus=hb0");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(m, &memory_backend_ram_class, "id=p%u,size=256M", n);
		fixture_add(m, &memory_backend_ram_class, "id=d%u,size=512M", n);
		fixture_add(m, &memory_backend_ram_class, "id=l%u,size=4K", n);
		fixture_add(
			m, &cxl_type3_class,
			"id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u,volatile-dc-memdev=d%u,"
			"num-dc-regions=2,dc-shareable=%s,partition-align=%s",
			n, n, n, n, n, n, n ? "on" : "off", n ? "0" : "256M");
	}
	assert_true(fixture_option(m, "targets.0=hb0,size=4G,interleave-granularity=16384", cxl_host_add_window_opts));
	assert_true(fixture_option(m, "devices=mem0:mem1,size=512M,granularity=16384", cxl_host_add_region));
	if (!fixture_settle(m))
		fail_msg("%s", m->err.text);
}

static struct cxl_type3 *devices[2];
static bool deep;        /* this run needs a whole reset after it */
static bool may_be_deep; /* one run of eight: that reset costs most of the time */
static bool was_reset;

static void operation(struct machine *m, struct input *in)
{
	u8 what = (u8)draw(in, 1);
	struct cxl_type3 *dev = devices[what >> 7];
	unsigned width = 1u << (what >> 5 & 3);
	u64 value, at;

	if (BIT(what & 15) & (BIT(7) | BIT(8) | BIT(9))) {
		deep |= may_be_deep;
		what &= may_be_deep ? 255 : 0xf3;
	}
	switch (what & 15) {
	case 0 ... 5: mailbox_command(&dev->mbox, &mbox_commands[draw(in, 1) % mbox_command_count], in); break;
	case 6: doe_object(&dev->pci, 0x190, in); break;
	case 7:
		at = draw(in, 2) & 0xfff & -MIN(width, 4u);
		pci_config_write(&dev->pci, at, MIN(width, 4u), draw(in, 4));
		break;
	case 8:
		at = draw(in, 2) & -(u64)width;
		if (what & 16)
			component_io.write(&dev->comp, at, width, draw(in, width));
		else
			component_io.read(&dev->comp, at, width, &value);
		break;
	case 9:
		decoder(what & 16 ? &dev->comp : &m->cxl->bridges[0]->fork.comp, in);
		enable_mem(dev, !(what & 32));
		break;
	case 10:
		at = draw(in, 2);
		devregs_io.write(&dev->mbox, at & 0xfff & -(u64)width, width, draw(in, width));
		devregs_io.read(&dev->mbox, at & 0xfff & -(u64)width, width, &value);
		break;
	case 11: access_window(m, in); break;
	case 12: dynamic(m, dev, in); break;
	case 13: loop_time_advance(m->loop, draw(in, 1) * (SECOND / 10)); break;
	case 14: cxl_poison_add(&dev->pci.dev, draw(in, 3) * 64, (draw(in, 1) + 1) * 64, &m->err); break;
	default: /* as long as hundreds of the others */
		if (was_reset || draw(in, 1) != 1)
			break;
		was_reset = true;
		quick_reset(m, what & 16 ? RESET_WARM : RESET_FUNCTION);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct machine m; /* one for all runs: making it costs more than a run */
	struct input in = {data, size};

	if (!m.loop) {
		build(&m);
		for (unsigned n = 0; n < 2; n++)
			devices[n] = fixture_type3(&m, n ? "mem1" : "mem0");
		deep = true;
	}
	light_reset(&m);
	if (deep)
		quick_reset(&m, RESET_COLD);
	deep = was_reset = false;
	may_be_deep = !(draw(&in, 1) & 7);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++)
		operation(&m, &in);
	return 0;
}
