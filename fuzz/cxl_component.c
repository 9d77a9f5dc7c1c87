/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: component registers of bridges, ports, a switch and devices, and the decoders in them, against the
 * window: a fabric of two bridges, one with a switch. Every address is also looked up the slow way (query-decoders),
 * which must not disagree with itself.
 */
#include "cxl.h"

static struct machine m;
static struct cxl_component *components[16];
static unsigned count;
static struct {
	u8 store[COMPONENT_CACHE_MEM_BYTES];
	struct hdm_decoder decoders[HDM_DECODERS_MAX];
} kept[ARRAY_SIZE(components)]; /* after power-on */
static u16 kept_ctrl[4];
static bool was_reset; /* in this run, so that all of the machine needs it again */

static void build(void)
{
	static const char *const ports[] = {"rp0", "rp1", "rp2", "ds0", "ds1"};

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &pxb_cxl_class, "id=hb1,bus_nr=40,hdm-decoders=10");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &cxl_rp_class, "id=rp2,bus=hb1");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp2");
	fixture_add(&m, &cxl_downstream_class, "id=ds0,bus=us0");
	fixture_add(&m, &cxl_downstream_class, "id=ds1,bus=us0");
	for (unsigned n = 0; n < 4; n++) {
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &cxl_type3_class, "id=mem%u,bus=%s,volatile-memdev=v%u,hdm-decoders=%u", n,
			    n < 2 ? ports[n] : ports[n + 1], n, 2 + 2 * n);
	}
	assert_true(fixture_option(&m, "targets.0=hb0,size=2G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "targets.0=hb0,targets.1=hb1,size=2G,interleave-granularity=8192",
				   cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "window=1,devices=mem0:mem2,size=512M,granularity=8192", cxl_host_add_region));
	if (!fixture_settle(&m))
		fail_msg("%s", m.err.text);
	for (unsigned n = 0; n < 2; n++)
		components[count++] = &m.cxl->bridges[n]->fork.comp;
	components[count++] = &((struct cxl_switch *)fixture_find(&m, "us0"))->fork.comp;
	for (unsigned n = 0; n < ARRAY_SIZE(ports); n++)
		components[count++] = &((struct cxl_port *)fixture_find(&m, ports[n]))->comp;
	for (struct cxl_type3 *dev = m.cxl->devices; dev; dev = dev->next)
		components[count++] = &dev->comp;
}

static void explained(void *opaque, const struct cxl_hop *hop)
{
	assert_non_null(hop->text);
}

static void operation(struct input *in)
{
	u8 what = (u8)draw(in, 1);
	struct cxl_component *comp = components[draw(in, 1) % count];
	unsigned width = 1u << (what >> 4 & 3);
	u64 value, at, dpa;
	struct cxl_type3 *dev;

	switch (what & 7) {
	case 0 ... 1:
		at = draw(in, 2) & -(u64)width;
		component_io.write(comp, what & 8 ? at : COMPONENT_CACHE_MEM + at % 0x1000, width, draw(in, width));
		break;
	case 2: component_io.read(comp, draw(in, 2) & -(u64)width, width, &value); break;
	case 3 ... 4:
		if (component_has_hdm(comp))
			decoder(comp, in);
		break;
	case 5:
		dev = fixture_type3(&m, (const char *[]){"mem0", "mem1", "mem2", "mem3"}[what >> 4 & 3]);
		enable_mem(dev, what & 8);
		break;
	case 6: access_window(&m, in); break;
	default: /* a reset takes as long as hundreds of the others */
		if ((what & 0xf8) == 0x80 && !was_reset && draw(in, 1) == 1) {
			was_reset = true;
			quick_reset(&m, RESET_WARM);
		} else {
			cxl_explain(m.cxl, WINDOWS_BASE + draw(in, 4), explained, NULL, &dpa);
		}
	}
}

/* What a run has changed, as after power-on. */
static void set_back(void)
{
	unsigned n = 0;
	bool any = false;

	cxl_map_hold(m.cxl);
	for (unsigned c = 0; c < count; c++) {
		struct cxl_component *comp = components[c];

		if (memcmp(comp->regs.store, kept[c].store, COMPONENT_CACHE_MEM_BYTES) ||
		    memcmp(comp->decoders, kept[c].decoders, sizeof(comp->decoders))) {
			component_reset(comp, RESET_COLD);
			any = true;
		}
	}
	for (struct cxl_type3 *dev = m.cxl->devices; dev; dev = dev->next)
		pci_config_write(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_CTRL, 2, kept_ctrl[n++]);
	if (any)
		cxl_host_reset(m.cxl);
	cxl_map_release(m.cxl);
}

static void set_up(void)
{
	unsigned devices = 0;

	build();
	quick_reset(&m, RESET_COLD);
	for (struct cxl_type3 *dev = m.cxl->devices; dev; dev = dev->next)
		kept_ctrl[devices++] = pci_config_read(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_CTRL, 2);
	for (unsigned n = 0; n < count; n++) {
		memcpy(kept[n].store, components[n]->regs.store, COMPONENT_CACHE_MEM_BYTES);
		memcpy(kept[n].decoders, components[n]->decoders, sizeof(kept[n].decoders));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	if (!m.loop)
		set_up();
	if (was_reset)
		quick_reset(&m, RESET_COLD);
	else
		set_back();
	was_reset = false;
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++)
		operation(&in);
	return 0;
}
