/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: Data Object Exchange of a memory device (at once, and with Busy) and of a switch: objects, registers at
 * any width, guest time between. */
#include "cxl.h"
#include "pci/pci_spec.h"

static struct machine m;
static struct pci_dev *owners[3];
static u32 places[3];

static u32 find_doe(struct pci_dev *pci)
{
	for (u32 at = 0x100; at; at = pci_config_read(pci, at, 4) >> 20)
		if ((pci_config_read(pci, at, 4) & 0xffff) == PCI_EXT_CAP_DOE)
			return at;
	fail_msg("no DOE");
	return 0;
}

static void build(void)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp0");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(&m, &cxl_downstream_class, "id=ds%u,bus=us0", n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &cxl_type3_class, "id=mem%u,bus=ds%u,volatile-memdev=v%u,doe-delay-us=%u", n, n, n,
			    n * 100);
	}
	if (!fixture_settle(&m))
		fail_msg("%s", m.err.text);
	quick_reset(&m, RESET_COLD);
	owners[0] = &fixture_type3(&m, "mem0")->pci;
	owners[1] = &fixture_type3(&m, "mem1")->pci;
	owners[2] = &((struct cxl_switch *)fixture_find(&m, "us0"))->pci;
	for (unsigned n = 0; n < 3; n++)
		places[n] = find_doe(owners[n]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	if (!m.loop)
		build();
	for (unsigned n = 0; n < 3; n++)
		pci_does_reset(owners[n]);
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		u8 what = (u8)draw(&in, 1);
		struct pci_dev *pci = owners[what % 3];
		unsigned width = 1u << (what >> 6) % 3;
		u32 at = places[what % 3];

		switch (what >> 3 & 7) {
		case 0 ... 2: doe_object(pci, at, &in); break;
		case 3: loop_time_advance(m.loop, draw(&in, 1) * 1000); break;
		case 4: pci_config_read(pci, at + draw(&in, 1) % 24, width); break;
		default: pci_config_write(pci, (at + draw(&in, 1) % 24) & -width, width, draw(&in, width));
		}
	}
	return 0;
}
