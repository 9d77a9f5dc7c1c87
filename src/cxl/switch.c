/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches: one cxl-upstream with cxl-downstream ports on its inner bus, below a root port or another switch's
 * downstream port, at most three levels. [CXL3.1 7, 8.1.5-8.1.9, 8.2.4.20; PCIe5 1.3.3]
 *
 *   upstream     MSI 0x70 (2 vectors, 1 for DOE), PCI Express 0x90, AER 0x100, serial number 0x148, DVSECs 3, 7, 8
 *                from 0x154,
 *                DOE 0x1c0 (discovery, CDAT)
 *   downstream   MSI 0x70 (1 vector), PCI Express 0x90, AER 0x100, DVSECs 3, 7, 4, 8 from 0x148, ACS, DPC if asked for
 *   both         power management 0x40; BAR 0: component registers, 64 KiB; the upstream port's decoders choose the
 *                downstream port
 */
#include "cxl/host.h"
#include "cxl/type3.h"

#define MSI_AT 0x70
#define PCIE_AT 0x90
#define AER_AT 0x100
#define DSN_AT 0x148
#define DOE_AT 0x1c0
#define UPSTREAM_VECTORS 2
#define VECTOR_UPSTREAM_DOE 1

static u32 switch_cdat_answer(void *opaque, const u32 *request, u32 request_dwords, u32 *response,
			      u32 response_dwords_max)
{
	struct cxl_switch *sw = opaque;

	return cdat_serve(&sw->cdat, request, request_dwords, response, response_dwords_max);
}

static const struct doe_protocol upstream_doe[] = {
	{CXL_VENDOR_ID, DOE_TYPE_CDAT, "CXL table access", 3, switch_cdat_answer},
};

static void upstream_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	component_reset(&container_of(pci, struct cxl_switch, pci)->fork.comp, reset_kind);
}

/* Switches from the host bridge down to this port. */
static unsigned levels_above(const struct cxl_port *port)
{
	unsigned levels = 0;

	while (port && port->above && port->above->above) {
		port = port->above->above;
		levels++;
	}
	return levels;
}

static bool upstream_alternate(const struct pci_dev *pci, struct pci_alternate *ranges)
{
	return dvsec_alternate(pci, container_of(pci, const struct cxl_switch, pci)->dvsec, ranges);
}

static bool upstream_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x19e5, .device = 0xa128, .class_code = 0x060400};
	struct cxl_switch *sw = (struct cxl_switch *)dev, **last;
	struct pcie_link link = {.speed = pcie_speed_of(sw->speed),
				 .width = pcie_width_of(sw->width),
				 .port = sw->port == CXL_AUTO ? 0 : sw->port,
				 .flit = sw->flit_256b};
	struct cxl_port *above = cxl_port_of(env);

	sw->host = machine_cxl_host(env->machine);
	if (!sw->host)
		return fail(err, "%s: the machine has no CXL; write -M virt,cxl=on", dev_name(dev));
	if (!above)
		return fail(err, "%s: bus=%s is no CXL port; plug it with bus=ID of a cxl-rp or cxl-downstream",
			    dev_name(dev), env->bus ? env->bus->name : "");
	if (levels_above(above) == CXL_SWITCH_LEVELS_MAX)
		return fail(err,
			    "%s: bus=%s already lies below %u switches, the most there may be; use a port higher up",
			    dev_name(dev), env->bus->name, CXL_SWITCH_LEVELS_MAX);
	if (sw->port != CXL_AUTO && sw->port > 255)
		return fail(err, "%s: port=%u is more than 255", dev_name(dev), sw->port);
	if (!hdm_check_count(dev_name(dev), sw->hdm_decoders, false, err))
		return false;
	if (sw->cdat_file && !cdat_load(&sw->cdat, dev_name(dev), sw->cdat_file, true, err))
		return false;
	if (!pci_dev_init(&sw->pci, &ids, env, err))
		return false;
	pci_bridge_init(&sw->pci, &sw->bridge, BUS_CXL);
	sw->bridge.alternate = upstream_alternate;
	sw->fork.pci = &sw->pci;
	sw->fork.above = above;
	sw->fork.comp.wanted_decoders = sw->hdm_decoders;
	component_init(&sw->fork.comp, COMPONENT_UPSTREAM, dev_name(dev), sw->host, 0);
	pci_bar_add(&sw->pci, 0, COMPONENT_BYTES, true, false, &component_io, &sw->fork.comp);
	pci_msi_add(&sw->pci, MSI_AT, UPSTREAM_VECTORS);
	pci_express_add(&sw->pci, PCIE_AT, PCIE_UPSTREAM, &link);
	pci_pm_add(&sw->pci, 0);
	pci_aer_add(&sw->pci, AER_AT, false);
	if (sw->serial != SERIAL_NONE)
		pci_dsn_add(&sw->pci, DSN_AT, sw->serial);
	sw->dvsec = dvsec_add_upstream(&sw->pci);
	sw->doe = pci_doe_add(&sw->pci, DOE_AT, true, VECTOR_UPSTREAM_DOE, upstream_doe, ARRAY_SIZE(upstream_doe), sw);
	if (sw->pci.multifunction) /* with a mailbox beside it [CXL3.1 table 8-2] */
		dvsec_add_function_map(&sw->pci, 0);
	sw->pci.function_reset = upstream_function_reset;
	for (last = &sw->host->switches; *last; last = &(*last)->next)
		;
	*last = sw;
	sw->is_listed = true;
	return true;
}

static void upstream_reset(struct dev *dev, unsigned reset_kind)
{
	struct cxl_switch *sw = (struct cxl_switch *)dev;

	pci_dev_reset(&sw->pci, reset_kind);
	if (sw->doe)
		pci_doe_reset(sw->doe);
	component_reset(&sw->fork.comp, reset_kind);
}

static void upstream_destroy(struct dev *dev)
{
	struct cxl_switch *sw = (struct cxl_switch *)dev, **at;

	if (sw->is_listed) {
		component_reset(&sw->fork.comp, RESET_COLD); /* nothing is mapped through it any more */
		for (at = &sw->host->switches; *at && *at != sw; at = &(*at)->next)
			;
		if (*at)
			*at = sw->next;
		sw->is_listed = false;
		for (struct switch_cci *cci = sw->host->ccis; cci; cci = cci->next)
			if (cci->target == sw)
				cci->target = NULL;
		for (struct cxl_port *port = sw->host->ports; port; port = port->next)
			if (port->above == &sw->fork)
				port->above = NULL;
		cxl_map_changed(sw->host);
	}
	if (sw->doe)
		pci_doe_free(sw->doe);
	component_fini(&sw->fork.comp);
	pci_dev_fini(&sw->pci);
}

static struct bus *upstream_bus(struct dev *dev)
{
	return &((struct cxl_switch *)dev)->bridge.secondary.bus;
}

/* Its CDAT names the downstream ports, so it is written when they are all numbered. */
void cxl_switches_settle(struct cxl_host *host)
{
	for (struct cxl_switch *sw = host->switches; sw; sw = sw->next)
		cdat_build_switch(sw);
}

static bool downstream_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x19e5, .device = 0xa129, .class_code = 0x060400};
	struct cxl_port *port = (struct cxl_port *)dev;
	struct pcie_link link;

	port->host = machine_cxl_host(env->machine);
	if (!port->host)
		return fail(err, "%s: the machine has no CXL; write -M virt,cxl=on", dev_name(dev));
	port->above = cxl_fork_of(env);
	if (!port->above || env->bus->parent->cls != &cxl_upstream_class)
		return fail(err, "%s: bus=%s is no switch; plug it with bus=ID of a cxl-upstream", dev_name(dev),
			    env->bus ? env->bus->name : "");
	if (!cxl_port_begin(port, &ids, COMPONENT_DOWNSTREAM, env, err))
		return false;
	link = cxl_port_link(port);
	pci_msi_add(&port->pci, MSI_AT, 1);
	pci_express_add(&port->pci, PCIE_AT, PCIE_DOWNSTREAM, &link);
	pci_pm_add(&port->pci, 0);
	pci_aer_add(&port->pci, AER_AT, false);
	port->dvsec = dvsec_add_downstream(&port->pci);
	pci_acs_add(&port->pci, 0);
	if (port->dpc)
		pci_dpc_add(&port->pci, 0);
	cxl_port_list(port);
	return true;
}

#define SW struct cxl_switch

static const struct prop upstream_props[] = {
	{.name = "port",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(SW, port),
	 .initial = CXL_AUTO,
	 .doc = "port number in Link Capabilities (default 0)"},
	PROP_U64("sn", SW, serial, SERIAL_NONE, "serial number (default: none)"),
	PROP_STRING("cdat", SW, cdat_file, NULL, "file with a CDAT, in place of the derived one"),
	PROP_U32("hdm-decoders", SW, hdm_decoders, HDM_DECODERS, "HDM decoders of the switch, up to 32"),
	PROP_U32("aer_log_max", SW, aer_log_max, 8, "accepted without effect"),
	PROP_CHOICE("x-speed", SW, speed, pcie_speed_names, 4, "link speed, GT/s"),
	PROP_CHOICE("x-width", SW, width, pcie_width_names, PCIE_WIDTH_16, "link width, lanes"),
	PROP_BOOL("x-256b-flit", SW, flit_256b, false, "256-byte flits, if the port above has them too"),
	PROP_BOOL("x-pci-express-writeable-slt-bug", SW, writeable_slot_bug, false, "accepted without effect"),
	{0},
};

const struct dev_class cxl_upstream_class = {
	.name = "cxl-upstream",
	.doc = "upstream port of a CXL switch",
	.size = sizeof(struct cxl_switch),
	.plugs = BUS_CXL,
	.props = upstream_props,
	.common = pci_dev_props,
	.create = upstream_create,
	.reset = upstream_reset,
	.destroy = upstream_destroy,
	.bus = upstream_bus,
};

#define PORT struct cxl_port

static const struct prop downstream_props[] = {
	{.name = "port",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(PORT, port),
	 .initial = CXL_AUTO,
	 .doc = "port number (default: the next free one of the switch)"},
	PROP_U8("chassis", PORT, chassis, 0, "chassis number"),
	{.name = "slot",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(PORT, slot),
	 .initial = PCI_SLOT_AUTO,
	 .doc = "slot number (default: the next free one of the chassis)"},
	PROP_BOOL("hotplug", PORT, hotplug, true, "the slot can be hot-plugged"),
	PROP_BOOL("power_controller_present", PORT, power_controller, true, "the slot has a power controller"),
	PROP_BOOL("dpc", PORT, dpc, false, "Downstream Port Containment"),
	PROP_U32("aer_log_max", PORT, aer_log_max, 8, "accepted without effect"),
	PROP_CHOICE("x-speed", PORT, speed, pcie_speed_names, 5, "link speed, GT/s"),
	PROP_CHOICE("x-width", PORT, width, pcie_width_names, PCIE_WIDTH_16, "link width, lanes"),
	PROP_BOOL("x-256b-flit", PORT, flit_256b, true, "256-byte flits, if what is below has them too"),
	PROP_BOOL("x-do-not-expose-native-hotplug-cap", PORT, hide_native_hotplug, false,
		  "the slot cannot be hot-plugged"),
	PROP_BOOL("x-pci-express-writeable-slt-bug", PORT, writeable_slot_bug, false, "accepted without effect"),
	{0},
};

const struct dev_class cxl_downstream_class = {
	.name = "cxl-downstream",
	.doc = "downstream port of a CXL switch",
	.size = sizeof(struct cxl_port),
	.plugs = BUS_CXL,
	.props = downstream_props,
	.common = pci_dev_props,
	.create = downstream_create,
	.reset = cxl_port_reset,
	.destroy = cxl_port_destroy,
	.bus = cxl_port_bus,
};
