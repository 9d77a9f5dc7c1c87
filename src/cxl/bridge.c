/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pxb-cxl: an expander root bus with a CXL host bridge. [CXL3.1 8.2.2, 9.11.8] The expander shows itself on pcie.0 as
 * 1b36:000b; the host bridge has no function of its own: its component registers lie in a 64 KiB slot of the machine's
 * register window, the first bridge in slot 0, and ACPI (CEDT's CHBS) says where.
 *
 * A bridge with a single root port may go without HDM decoders: everything passes through to that port. So it does by
 * default, as QEMU's, unless a boot region leads through it: the kernel never assembles a region below such a bridge.
 *
 * The first patches of 2021 described windows at the bridge: len-window-base= says how many, window-base[n]= where, and
 * memdev[n]= is the backend whose size is the window's. Their one target is the bridge.
 */
#include "base/bits.h"
#include "base/trace.h"
#include "cxl/host.h"
#include "mem/backend.h"

enum { PASSTHROUGH_AUTO }; /* odd indices: off, even: on */
static const char *const passthrough_words[] = {"auto", "off", "on", "no", "yes", "false", "true", NULL};

unsigned cxl_fork_port_count(const struct cxl_host *host, const struct cxl_fork *fork)
{
	unsigned count = 0;

	for (struct cxl_port *port = host->ports; port; port = port->next)
		count += port->above == fork;
	return count;
}

static void bridge_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	component_reset(&container_of(pci, struct cxl_bridge, pci)->fork.comp, reset_kind);
}

static bool window_2021(struct cxl_bridge *bridge, unsigned n, struct error *err)
{
	const char *name = dev_name(&bridge->pci.dev);
	u64 base = bridge->window_base_2021[n];
	struct dev *memdev = bridge->window_memdev_2021[n];
	struct backend *backend = memdev ? backend_of(memdev) : NULL;
	struct cxl_window window = {.base = base, .size = backend ? backend->size : 0, .target_count = 1};

	if (!bridge->pci.dev.id)
		return fail(err, "pxb-cxl: window-base[%u]: a bridge with windows needs an id; add id=NAME", n);
	if (!base || !backend)
		return fail(err,
			    "%s: len-window-base=%u: window-base[%u]= and memdev[%u]= describe a window; give both",
			    name, bridge->window_count_2021, n, n);
	if (!is_aligned(base, CXL_WINDOW_ALIGN) || !is_aligned(window.size, CXL_WINDOW_ALIGN))
		return fail(
			err,
			"%s: window-base[%u]=0x%llx, of %llu bytes as memdev[%u]=%s: base and size of a window are multiples of "
			"256 MiB [CXL3.1 9.17.1.3]; change them to such",
			name, n, (unsigned long long)base, (unsigned long long)window.size, n, backend->id);
	window.target_ids[0] = bridge->pci.dev.id;
	bridge->host->has_windows_2021 = true;
	return cxl_host_add_window(bridge->host, &window, err) || fail_context(err, "%s: window-base[%u]", name, n);
}

static bool windows_2021(struct cxl_bridge *bridge, struct error *err)
{
	const char *name = dev_name(&bridge->pci.dev);

	if (bridge->window_count_2021 > CXL_WINDOWS_2021_MAX)
		return fail(
			err,
			"%s: len-window-base=%u: a bridge has at most %u windows of its own; describe more with -M cxl-fmw.N",
			name, bridge->window_count_2021, CXL_WINDOWS_2021_MAX);
	for (unsigned n = 0; n < CXL_WINDOWS_2021_MAX; n++) {
		if (n < bridge->window_count_2021 && !window_2021(bridge, n, err))
			return false;
		if (n >= bridge->window_count_2021 && (bridge->window_base_2021[n] || bridge->window_memdev_2021[n]))
			return fail(err,
				    "%s: window-base[%u] is not below len-window-base=%u; write len-window-base=%u",
				    name, n, bridge->window_count_2021, n + 1);
	}
	return true;
}

/* It takes the next register slot. */
static void announce(struct cxl_bridge *bridge, struct cxl_host *host)
{
	bridge->host = host;
	bridge->fork.pci = &bridge->pci;
	bridge->slot = host->bridge_count;
	host->bridges[host->bridge_count++] = bridge;
	bridge->fork.comp.wanted_decoders = bridge->hdm_decoders;
	component_init(&bridge->fork.comp, COMPONENT_BRIDGE, dev_name(&bridge->pci.dev), host, 0);
	bridge->region = (struct region){
		.name = "CXL host bridge registers",
		.base = host->config.regs_base + bridge->slot * COMPONENT_BYTES,
		.size = COMPONENT_BYTES,
		.ops = &component_io,
		.opaque = &bridge->fork.comp,
	};
	space_add(host->config.space, &bridge->region);
}

static bool bridge_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x1b36,
					   .device = 0x000b,
					   .subsystem_vendor = 0x1af4,
					   .subsystem = 0x1100,
					   .class_code = 0x060000};
	struct cxl_bridge *bridge = (struct cxl_bridge *)dev;
	struct cxl_host *host = machine_cxl_host(env->machine);

	if (!host)
		return fail(err, "pxb-cxl %s: the machine has no CXL; write -M virt,cxl=on", dev_name(dev));
	if (host->bridge_count == CXL_BRIDGES_MAX)
		return fail(err, "pxb-cxl %s: the machine has room for %u host bridges", dev_name(dev),
			    CXL_BRIDGES_MAX);
	if (!hdm_check_count(dev_name(dev), bridge->hdm_decoders, false, err) ||
	    !pci_dev_init(&bridge->pci, &ids, env, err))
		return false;
	bridge->root.is_cxl = true;
	bridge->root.bypass_iommu = bridge->bypass_iommu;
	if (bridge->uid > 255)
		return fail(err, "%s: uid=%u is not 1..255; leave it out and it is bus_nr", dev_name(dev), bridge->uid);
	bridge->root.uid = (u8)bridge->uid;
	if (!pci_expander_init(&bridge->pci, &bridge->root, bridge->bus_nr, bridge->numa_node, BUS_CXL, err))
		return false;
	bridge->pci.function_reset = bridge_function_reset;
	announce(bridge, host);
	return windows_2021(bridge, err);
}

static void bridge_reset(struct dev *dev, unsigned reset_kind)
{
	struct cxl_bridge *bridge = (struct cxl_bridge *)dev;

	pci_dev_reset(&bridge->pci, reset_kind);
	component_reset(&bridge->fork.comp, reset_kind);
}

static void bridge_destroy(struct dev *dev)
{
	struct cxl_bridge *bridge = (struct cxl_bridge *)dev;
	struct cxl_host *host = bridge->host;

	if (host) {
		/* Its slot stays empty: slots are numbers that others know. */
		component_reset(&bridge->fork.comp, RESET_COLD);
		for (struct cxl_port *port = host->ports; port; port = port->next)
			if (port->above == &bridge->fork)
				port->above = NULL;
		space_remove(host->config.space, &bridge->region);
		for (unsigned n = 0; n < host->window_count; n++)
			for (unsigned t = 0; t < host->windows[n].target_count; t++)
				if (host->windows[n].targets[t] == bridge)
					host->windows[n].targets[t] = NULL;
		host->bridges[bridge->slot] = NULL;
		cxl_map_changed(host);
	}
	component_fini(&bridge->fork.comp);
	pci_expander_fini(&bridge->root);
	pci_dev_fini(&bridge->pci);
}

static struct bus *bridge_bus(struct dev *dev)
{
	return &((struct cxl_bridge *)dev)->root.bus.bus;
}

/* Whether software sees decoders depends on the ports and boot regions, so it is settled last. */
bool cxl_bridges_settle(struct cxl_host *host, struct error *err)
{
	for (unsigned n = 0; n < host->bridge_count; n++) {
		struct cxl_bridge *bridge = host->bridges[n];
		bool is_single, is_off;

		if (!bridge)
			continue;
		is_single = cxl_fork_port_count(host, &bridge->fork) == 1;
		is_off = bridge->hdm_for_passthrough & 1;
		if (!is_single || (bridge->hdm_for_passthrough != PASSTHROUGH_AUTO && !is_off))
			continue;
		if (bridge->fork.region_count && is_off)
			return fail(
				err,
				"%s: hdm_for_passthrough=off hides the decoders that -cxl-region needs here (Linux assembles no "
				"region below such a bridge); leave it out",
				dev_name(&bridge->pci.dev));
		if (!bridge->fork.region_count) {
			u8 number = bridge->fork.comp.ports[0];

			component_fini(&bridge->fork.comp);
			component_init(&bridge->fork.comp, COMPONENT_BRIDGE_PASSTHROUGH, dev_name(&bridge->pci.dev),
				       host, 0);
			bridge->fork.comp.port_count = 1;
			bridge->fork.comp.ports[0] = number;
		}
	}
	return true;
}

/* clang-format off */
#define WINDOW_2021(n)                                                                                                                     \
	{.name = "window-base[" #n "]", .kind = PROP_KIND_U64, .offset = offsetof(struct cxl_bridge, window_base_2021[n]),                 \
	 .doc = "old: base of a window of this bridge alone", .deprecated = true},                                                        \
	{.name = "memdev[" #n "]", .kind = PROP_KIND_LINK, .offset = offsetof(struct cxl_bridge, window_memdev_2021[n]),                   \
	 .link_class = "memory-backend", .doc = "old: the backend whose size that window has", .deprecated = true}
/* clang-format on */

static const struct prop bridge_props[] = {
	PROP_U32("bus_nr", struct cxl_bridge, bus_nr, 0, "number of its root bus and ACPI _UID, 1..255"),
	PROP_U32("numa_node", struct cxl_bridge, numa_node, PCI_NO_NODE, "NUMA node of what is below"),
	{.name = "busnr",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(struct cxl_bridge, bus_nr),
	 .doc = "old name of bus_nr",
	 .deprecated = true},
	PROP_U32("uid", struct cxl_bridge, uid, 0, "ACPI _UID, 1..255 (0: as bus_nr)"),
	{.name = "len-window-base",
	 .kind = PROP_KIND_U32,
	 .offset = offsetof(struct cxl_bridge, window_count_2021),
	 .doc = "old: number of windows of this bridge alone",
	 .deprecated = true},
	WINDOW_2021(0),
	WINDOW_2021(1),
	WINDOW_2021(2),
	WINDOW_2021(3),
	PROP_U32("hdm-decoders", struct cxl_bridge, hdm_decoders, HDM_DECODERS, "HDM decoders of the bridge, up to 32"),
	PROP_BOOL("bypass_iommu", struct cxl_bridge, bypass_iommu, false, "what is below goes past the SMMU"),
	PROP_CHOICE("hdm_for_passthrough", struct cxl_bridge, hdm_for_passthrough, passthrough_words, PASSTHROUGH_AUTO,
		    "on: show HDM decoders also with a single root port"),
	{0},
};

const struct dev_class pxb_cxl_class = {
	.name = "pxb-cxl",
	.doc = "CXL host bridge: a further root bus",
	.size = sizeof(struct cxl_bridge),
	.plugs = BUS_PCIE,
	.props = bridge_props,
	.common = pci_dev_props,
	.create = bridge_create,
	.reset = bridge_reset,
	.destroy = bridge_destroy,
	.bus = bridge_bus,
};
