/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cxl-rp: a CXL root port. [CXL3.1 8.1.5-8.1.9; PCIe5 7.5.1.3]
 *
 *   SSVID 0x40, MSI 0x60 (2 vectors), PCI Express 0x78, AER 0x100, ACS 0x148, DVSECs 3, 4, 7, 8 from 0x150
 *   BAR 0: component registers, 64 KiB
 *
 * The port number is what target lists name. Unset, it is the lowest that no other port of the bridge has; two ports of
 * one bridge with the same explicit number are refused, since the kernel could not tell them apart.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define SSVID_AT 0x40
#define MSI_AT 0x60
#define PCIE_AT 0x78
#define AER_AT 0x100
#define ACS_AT 0x148
#define CAP_SSVID 0x0d
#define LINK_CAP 0x0c /* in the PCI Express capability */
#define SLOT_MAX 0x1fff

static const struct reg ssvid_rows[] = {R32(4, SUBSYSTEM_ID, 0x00008086, 0)};

/* GT/s in tenths by index of pcie_speed_names. */
u64 cxl_link_mbps(u32 speed, u32 width)
{
	static const u16 rate[] = {25, 50, 80, 160, 320, 640};

	return (u64)rate[MIN(speed, ARRAY_SIZE(rate) - 1)] * pcie_width_of(width) * 100 / 8;
}

struct cxl_type3 *cxl_port_device(const struct cxl_root_port *port)
{
	struct pci_dev *below = port->bridge.secondary.slots[0];

	/* A device that is not whole yet, or is being taken apart, is not there. */
	return below && below->dev.cls == &cxl_type3_class && ((struct cxl_type3 *)below)->is_listed ?
		       (struct cxl_type3 *)below : NULL;
}

static bool pick_slot(struct cxl_root_port *rp, struct error *err)
{
	u32 slot = rp->slot == CXL_AUTO ? 0 : rp->slot;
	struct cxl_root_port *other = rp->host->ports;

	if (slot > SLOT_MAX)
		return fail(err, "%s: slot=%u is more than %u [PCIe5 7.5.3.9]", dev_name(&rp->pci.dev), slot, SLOT_MAX);
	while (other) {
		if (other->chassis != rp->chassis || other->slot_number != slot) {
			other = other->next;
			continue;
		}
		if (rp->slot != CXL_AUTO && other->slot != CXL_AUTO)
			return fail(err, "%s: chassis=%u,slot=%u is also that of %s; give each port its own slot, or none",
				    dev_name(&rp->pci.dev), rp->chassis, slot, dev_name(&other->pci.dev));
		if (rp->slot != CXL_AUTO)
			break; /* what the user says goes; a label only */
		slot++;
		other = rp->host->ports;
	}
	rp->slot_number = slot;
	return true;
}

static void rp_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	component_reset(&container_of(pci, struct cxl_root_port, pci)->comp, reset_kind);
}

static bool rp_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x8086, .device = 0x7075, .class_code = 0x060400};
	struct cxl_root_port *rp = (struct cxl_root_port *)dev, **last;
	struct dev *above = env->bus ? env->bus->parent : NULL;
	struct pcie_link link;

	rp->host = machine_cxl_host(env->machine);
	if (!rp->host)
		return fail(err, "cxl-rp %s: the machine has no CXL; write -M virt,cxl=on", dev_name(dev));
	if (!above || above->cls != &pxb_cxl_class)
		return fail(err, "cxl-rp %s: bus=%s is no CXL host bridge; plug it with bus=ID of a pxb-cxl", dev_name(dev),
			    env->bus ? env->bus->name : "");
	if (rp->port != CXL_AUTO && rp->port > 255)
		return fail(err, "cxl-rp %s: port=%u is more than 255", dev_name(dev), rp->port);
	rp->above = (struct cxl_bridge *)above;
	if (!pick_slot(rp, err) || !pci_dev_init(&rp->pci, &ids, env, err))
		return false;
	link = (struct pcie_link){.speed = pcie_speed_of(rp->speed), .width = pcie_width_of(rp->width),
				  .port = rp->port == CXL_AUTO ? 0 : rp->port, .slot = true,
				  .slot_number = rp->slot_number, .hotplug = rp->hotplug && !rp->hide_native_hotplug,
				  .power_controller = rp->power_controller};
	pci_bridge_init(&rp->pci, &rp->bridge, BUS_CXL);
	component_init(&rp->comp, COMPONENT_ROOT_PORT, dev_name(dev), rp->host, 0);
	pci_bar_add(&rp->pci, 0, COMPONENT_BYTES, true, false, &component_io, &rp->comp);
	pci_cap_add(&rp->pci, CAP_SSVID, SSVID_AT, 8, ssvid_rows, ARRAY_SIZE(ssvid_rows));
	pci_msi_add(&rp->pci, MSI_AT, 2);
	pci_express_add(&rp->pci, PCIE_AT, PCIE_ROOT_PORT, &link);
	pci_aer_add(&rp->pci, AER_AT, true);
	pci_acs_add(&rp->pci, ACS_AT);
	dvsec_add_root_port(&rp->pci);
	rp->pci.function_reset = rp_function_reset;
	for (last = &rp->host->ports; *last; last = &(*last)->next)
		;
	*last = rp;
	rp->is_listed = true;
	return true;
}

static void rp_reset(struct dev *dev, unsigned reset_kind)
{
	struct cxl_root_port *rp = (struct cxl_root_port *)dev;

	pci_dev_reset(&rp->pci, reset_kind);
	component_reset(&rp->comp, reset_kind);
}

static void rp_destroy(struct dev *dev)
{
	struct cxl_root_port *rp = (struct cxl_root_port *)dev, **at;

	if (rp->is_listed) {
		for (at = &rp->host->ports; *at && *at != rp; at = &(*at)->next)
			;
		if (*at)
			*at = rp->next;
		cxl_map_changed(rp->host);
	}
	component_fini(&rp->comp);
	pci_dev_fini(&rp->pci);
}

static struct bus *rp_bus(struct dev *dev)
{
	return &((struct cxl_root_port *)dev)->bridge.secondary.bus;
}

/* The port number in Link Capabilities is known only when all ports are: it becomes the row's reset value. */
static void show_number(struct cxl_root_port *rp)
{
	struct pci_dev *pci = &rp->pci;

	for (u32 t = 0; t < pci->config.table_count; t++) {
		if (pci->config.tables[t].base != pci->cap_pcie)
			continue;
		for (u32 own = 0; own < pci->row_tables; own++)
			for (u32 r = 0; pci->rows[own] == pci->config.tables[t].rows && r < pci->config.tables[t].count; r++)
				if (pci->rows[own][r].offset == LINK_CAP && pci->rows[own][r].size == 4)
					pci->rows[own][r].reset = deposit(pci->rows[own][r].reset, 31, 24, rp->number);
	}
	regs_set(&pci->config, pci->cap_pcie + LINK_CAP + 3, 1, rp->number);
}

/* Another port of the same bridge that has this number, by the user's word or (settled) by ours. */
static struct cxl_root_port *port_numbered(struct cxl_host *host, const struct cxl_root_port *rp, u32 number)
{
	for (struct cxl_root_port *other = host->ports; other; other = other->next)
		if (other != rp && other->above == rp->above &&
		    (other->port == number || (other->is_numbered && other->number == number)))
			return other;
	return NULL;
}

bool cxl_ports_settle(struct cxl_host *host, struct error *err)
{
	for (struct cxl_root_port *rp = host->ports; rp; rp = rp->next) {
		struct cxl_root_port *same = rp->port == CXL_AUTO ? NULL : port_numbered(host, rp, rp->port);

		if (same)
			return fail(err, "%s: port=%u is also the port number of %s below %s; give each root port its own, or leave "
				    "port= out", dev_name(&rp->pci.dev), rp->port, dev_name(&same->pci.dev),
				    dev_name(&rp->above->pci.dev));
	}
	for (struct cxl_root_port *rp = host->ports; rp; rp = rp->next) {
		u32 number = 0;

		while (rp->port == CXL_AUTO && port_numbered(host, rp, number))
			number++;
		if (number > 255)
			return fail(err, "%s: more than 256 root ports below %s", dev_name(&rp->pci.dev),
				    dev_name(&rp->above->pci.dev));
		rp->number = rp->port == CXL_AUTO ? number : rp->port;
		rp->is_numbered = true;
		show_number(rp);
	}
	for (struct cxl_root_port *rp = host->ports; rp; rp = rp->next) {
		struct cxl_component *comp = &rp->above->comp;

		if (comp->port_count < ARRAY_SIZE(comp->ports))
			comp->ports[comp->port_count++] = rp->number;
	}
	return true;
}

#define RP struct cxl_root_port

static const struct prop rp_props[] = {
	{.name = "port", .kind = PROP_KIND_U32, .offset = offsetof(RP, port), .initial = CXL_AUTO,
	 .doc = "port number (default: the next free one below the bridge)"},
	PROP_U8("chassis", RP, chassis, 0, "chassis number"),
	{.name = "slot", .kind = PROP_KIND_U32, .offset = offsetof(RP, slot), .initial = CXL_AUTO,
	 .doc = "slot number (default: the next free one of the chassis)"},
	PROP_BOOL("hotplug", RP, hotplug, true, "the slot can be hot-plugged"),
	PROP_BOOL("power_controller_present", RP, power_controller, true, "the slot has a power controller"),
	PROP_U32("aer_log_max", RP, aer_log_max, 8, "accepted without effect"),
	PROP_U32("bus-reserve", RP, bus_reserve, 0xffffffff, "accepted without effect"),
	PROP_SIZE("io-reserve", RP, io_reserve, UINT64_MAX, "accepted without effect"),
	PROP_SIZE("mem-reserve", RP, mem_reserve, UINT64_MAX, "accepted without effect"),
	PROP_SIZE("pref32-reserve", RP, pref32_reserve, UINT64_MAX, "accepted without effect"),
	PROP_SIZE("pref64-reserve", RP, pref64_reserve, UINT64_MAX, "accepted without effect"),
	PROP_CHOICE("x-speed", RP, speed, pcie_speed_names, 5, "link speed, GT/s"),
	PROP_CHOICE("x-width", RP, width, pcie_width_names, PCIE_WIDTH_32, "link width, lanes"),
	PROP_BOOL("x-256b-flit", RP, flit_256b, false, "256-byte flits: accepted without effect"),
	PROP_BOOL("x-do-not-expose-native-hotplug-cap", RP, hide_native_hotplug, false, "the slot cannot be hot-plugged"),
	PROP_BOOL("x-pci-express-writeable-slt-bug", RP, writeable_slot_bug, false, "accepted without effect"),
	{0},
};

const struct dev_class cxl_rp_class = {
	.name = "cxl-rp", .doc = "CXL root port", .size = sizeof(struct cxl_root_port), .plugs = BUS_CXL,
	.props = rp_props, .common = pci_dev_props,
	.create = rp_create, .reset = rp_reset, .destroy = rp_destroy, .bus = rp_bus,
};
