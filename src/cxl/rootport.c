/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cxl-rp: a CXL root port; what it shares with downstream ports is in port.c. [CXL3.1 8.1.5-8.1.9; PCIe5 7.5.1.3]
 *
 *   SSVID 0x40, power management 0x48, MSI 0x60 (2 vectors), PCI Express 0x78, AER 0x100, ACS 0x148, DVSECs 3, 4, 7, 8
 * from 0x150, DPC if asked for; what is to be reserved, if that was said, where there is room BAR 0: component
 * registers, 64 KiB
 */
#include "cxl/host.h"
#include "cxl/type3.h"

#define SSVID_AT 0x40
#define MSI_AT 0x60
#define PCIE_AT 0x78
#define AER_AT 0x100
#define ACS_AT 0x148
#define CAP_SSVID 0x0d

static const struct reg ssvid_rows[] = {R32(4, SUBSYSTEM_ID, 0x00008086, 0)};

static bool rp_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x8086, .device = 0x7075, .class_code = 0x060400};
	struct cxl_port *rp = (struct cxl_port *)dev;
	struct pcie_link link;

	rp->host = machine_cxl_host(env->machine);
	if (!rp->host)
		return fail(err, "%s: the machine has no CXL; write -M virt,cxl=on", dev_name(dev));
	rp->above = cxl_fork_of(env);
	if (!rp->above || env->bus->parent->cls != &pxb_cxl_class)
		return fail(err, "%s: bus=%s is no CXL host bridge; plug it with bus=ID of a pxb-cxl", dev_name(dev),
			    env->bus ? env->bus->name : "");
	if (!cxl_port_begin(rp, &ids, COMPONENT_ROOT_PORT, env, err))
		return false;
	link = cxl_port_link(rp);
	pci_cap_add(&rp->pci, CAP_SSVID, SSVID_AT, 8, ssvid_rows, ARRAY_SIZE(ssvid_rows));
	pci_msi_add(&rp->pci, MSI_AT, 2);
	pci_express_add(&rp->pci, PCIE_AT, PCIE_ROOT_PORT, &link);
	pci_pm_add(&rp->pci, 0);
	pci_aer_add(&rp->pci, AER_AT, true);
	pci_acs_add(&rp->pci, ACS_AT);
	rp->dvsec = dvsec_add_root_port(&rp->pci);
	if (rp->dpc)
		pci_dpc_add(&rp->pci, 0);
	if (!pci_reserve_add(&rp->pci, err))
		return false;
	cxl_port_list(rp);
	return true;
}

#define RP struct cxl_port

static const struct prop rp_props[] = {
	{.name = "port",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(RP, port),
	 .initial = CXL_AUTO,
	 .doc = "port number (default: the next free one below the bridge)"},
	PROP_U8("chassis", RP, chassis, 0, "chassis number"),
	{.name = "slot",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(RP, slot),
	 .initial = PCI_SLOT_AUTO,
	 .doc = "slot number (default: the next free one of the chassis)"},
	PROP_BOOL("hotplug", RP, hotplug, true, "the slot can be hot-plugged"),
	PROP_BOOL("power_controller_present", RP, power_controller, true, "the slot has a power controller"),
	PROP_BOOL("dpc", RP, dpc, false, "Downstream Port Containment"),
	PROP_U32("aer_log_max", RP, aer_log_max, 8, "accepted without effect"),
	PCI_RESERVE_PROPS(RP, bridge.reserve),
	PROP_CHOICE("x-speed", RP, speed, pcie_speed_names, 5, "link speed, GT/s"),
	PROP_CHOICE("x-width", RP, width, pcie_width_names, PCIE_WIDTH_32, "link width, lanes"),
	PROP_BOOL("x-256b-flit", RP, flit_256b, true, "256-byte flits, if what is below has them too"),
	PROP_BOOL("x-do-not-expose-native-hotplug-cap", RP, hide_native_hotplug, false,
		  "the slot cannot be hot-plugged"),
	PROP_BOOL("x-pci-express-writeable-slt-bug", RP, writeable_slot_bug, false, "accepted without effect"),
	{0},
};

const struct dev_class cxl_rp_class = {
	.name = "cxl-rp",
	.doc = "CXL root port",
	.size = sizeof(struct cxl_port),
	.plugs = BUS_CXL,
	.props = rp_props,
	.common = pci_dev_props,
	.create = rp_create,
	.reset = cxl_port_reset,
	.destroy = cxl_port_destroy,
	.bus = cxl_port_bus,
};
