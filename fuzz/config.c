/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: configuration space of every kind of function through the ECAM, at any bus and width, and loads and
 * stores wherever BARs have gone meanwhile: bus numbers, windows, BARs over each other, resets, slots, power states,
 * messages.
 */
#include "cxl.h"
#include "pci/parts.h"
#include "pci/pci_spec.h"
#include "virtio/virtio.h"

static struct machine m;
static struct region ram = {.name = "ram", .base = 0x40000000, .size = 64 * KiB};

/* What virtio's room asks a machine for: there is nothing. */
struct drive *machine_take_drive(struct machine *machine, const char *id, struct dev *user, struct error *err)
{
	return NULL;
}
enum on_error machine_disk_failed(struct machine *machine, struct drive *drive, bool write, bool no_space)
{
	return ON_ERROR_REPORT;
}
struct chardev *machine_chardev(struct machine *machine, const char *id)
{
	return NULL;
}
struct workers *machine_workers(struct machine *machine)
{
	return NULL;
}

static void message(void *opaque, u32 id, u64 pa, u32 data)
{
}

static void build(void)
{
	static const struct msi_target doorbell = {.send = message, .base = 0x8090040, .size = 4};

	fixture_open(&m);
	space_set_msi_target(m.space, &doorbell);
	ram.host = calloc(1, ram.size);
	space_add(m.space, &ram);
	fixture_add(&m, &virtio_rng_pci_class, "addr=1,id=rng0");
	fixture_add(&m, &pcie_root_port_class, "id=port,addr=2");
	fixture_add(&m, &virtio_rng_pci_class, "bus=port,id=rng1");
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12,addr=3");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &cxl_upstream_class, "id=us0,bus=rp1,multifunction=on,addr=0.0");
	fixture_add(&m, &cxl_switch_cci_class, "id=cci0,bus=rp1,addr=0.1,target=us0");
	for (unsigned n = 0; n < 2; n++) {
		fixture_add(&m, &cxl_downstream_class, "id=ds%u,bus=us0", n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &cxl_type3_class, "id=mem%u,bus=%s,volatile-memdev=v%u", n, n ? "ds0" : "rp0", n);
	}
	if (!fixture_settle(&m))
		fail_msg("%s", m.err.text);
}

static struct pci_dev *functions[16];
static unsigned count;

static bool list(struct pci_dev *dev, void *arg)
{
	functions[count++ % ARRAY_SIZE(functions)] = dev;
	return true;
}

/* Bus numbers and windows as firmware would set them up: all functions are reached, and most of their BARs fit. */
static void number(struct pci_bus *bus, u8 primary, u8 *next)
{
	for (unsigned n = 0; n < 256; n++) {
		struct pci_dev *dev = bus->slots[n];
		u8 secondary;

		if (dev && !dev->bridge)
			pci_config_write(dev, PCI_COMMAND, 2, 7);
		if (!dev || !dev->bridge)
			continue;
		secondary = ++*next;
		pci_config_write(dev, PCI_PRIMARY_BUS, 4, primary | secondary << 8 | 0xff0000);
		pci_config_write(dev, PCI_MEMORY_BASE, 4, 0x1ff01000);
		pci_config_write(dev, PCI_PREFETCH_BASE, 4, 0xfff10001);
		pci_config_write(dev, PCI_PREFETCH_BASE_HI, 4, 0x80);
		pci_config_write(dev, PCI_PREFETCH_LIMIT_HI, 4, 0x81);
		number(&dev->bridge->secondary, secondary, next);
		pci_config_write(dev, PCI_SUBORDINATE_BUS, 1, *next);
		pci_config_write(dev, PCI_COMMAND, 2, 7);
	}
}

static void operation(struct input *in)
{
	static const struct place mmio[] = {
		{0x10000000, 0x400000}, {0x8000000000, 0x400000}, {0x4010000000, 256 * MiB}, {0x40000000, 64 * KiB}};
	static const u16 registers[] = {4,    0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2c, 0x30,
					0x3e, 0x40, 0x44, 0x60, 0x70, 0x80, 0x88, 0x90, 0x98, 0xa0};
	u8 what = (u8)draw(in, 1);
	struct pci_dev *dev = functions[draw(in, 1) % count];
	unsigned width = 1u << (what >> 6) % 3;

	switch (what & 7) {
	case 0: pci_config_read(dev, draw(in, 2) & 0xfff & -width, width); break;
	case 1 ... 2: pci_config_write(dev, draw(in, 2) & 0xfff & -width, width, draw(in, width)); break;
	case 3: pci_config_write(dev, registers[draw(in, 1) % ARRAY_SIZE(registers)], 4, draw(in, 4)); break;
	case 4: /* a BAR, somewhere where others are */
		pci_config_write(dev, PCI_BAR0 + 4 * (what >> 3 & 7) % 24, 4, 0x10000000 + (draw(in, 1) << 14));
		pci_config_write(dev, PCI_COMMAND, 2, 7);
		break;
	case 5: access_place(m.space, &mmio[2], 1, in); break;
	default: access_place(m.space, mmio, ARRAY_SIZE(mmio), in);
	}
}

/* What the registers held when firmware was done: taken back before each run, far quicker than a reset and all of it
 * anew. */
static struct {
	u8 store[PCI_CONFIG_BYTES], once[PCI_CONFIG_BYTES];
} kept[ARRAY_SIZE(functions)];

static void set_up(void)
{
	u8 next = 0;

	build();
	pci_host_each(m.pci, list, NULL);
	quick_reset(&m, RESET_COLD);
	for (struct pci_root *root = pci_host_root(m.pci); root; root = root->next) {
		next = root->base;
		number(&root->bus, root->base, &next);
	}
	for (unsigned n = 0; n < count; n++) {
		memcpy(kept[n].store, functions[n]->config.store, PCI_CONFIG_BYTES);
		memcpy(kept[n].once, functions[n]->config.once, PCI_CONFIG_BYTES);
	}
}

static void set_back(void)
{
	cxl_map_hold(m.cxl);
	space_begin(m.space);
	for (unsigned n = 0; n < count; n++) {
		struct pci_dev *dev = functions[n];

		if (dev->bridge)
			dev->bridge->held = false;
		memcpy(dev->config.store, kept[n].store, PCI_CONFIG_BYTES);
		memcpy(dev->config.once, kept[n].once, PCI_CONFIG_BYTES);
		if (dev->function_reset)
			dev->function_reset(dev, RESET_HOT);
		pci_msix_reset(dev);
		pci_does_reset(dev);
		pci_intx_set(dev, false);
	}
	for (unsigned n = 0; n < count; n++)
		if (!functions[n]->bus->bridge) /* and all that is below */
			pci_bars_update(functions[n]);
	space_end(m.space);
	cxl_map_release(m.cxl);
	memset(ram.host, 0, ram.size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};

	if (!m.loop)
		set_up();
	set_back();
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++)
		operation(&in);
	return 0;
}
