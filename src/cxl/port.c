/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What root ports (cxl-rp) and the downstream ports of switches (cxl-downstream) have in common: a slot, a link below
 * it, component registers, and a port number, which is what target lists name. Unset, the number is the lowest that no
 * other port of the bridge or switch has; two with the same explicit number are refused, since the kernel could not
 * tell them apart.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"
#include "pci/pci_spec.h"

/* GT/s in tenths by index of pcie_speed_names. */
u64 cxl_link_mbps(u32 speed, u32 width)
{
	static const u16 rate[] = {25, 50, 80, 160, 320, 640};

	return (u64)rate[MIN(speed, ARRAY_SIZE(rate) - 1)] * pcie_width_of(width) * 100 / 8;
}

struct pci_dev *cxl_port_below(const struct cxl_port *port)
{
	return port->bridge.secondary.slots[0];
}

/* What is not whole yet, or is being taken apart, is not there. */
struct cxl_type3 *cxl_port_physical_device(const struct cxl_port *port)
{
	struct pci_dev *dev = cxl_port_below(port);

	return dev && dev->dev.cls == &cxl_type3_class && ((struct cxl_type3 *)dev)->is_listed ?
		       (struct cxl_type3 *)dev :
		       NULL;
}

struct cxl_type3 *cxl_port_device(const struct cxl_port *port)
{
	return port->bridge.unbound ? NULL : cxl_port_physical_device(port);
}

struct cxl_switch *cxl_port_switch(const struct cxl_port *port)
{
	struct pci_dev *dev = port->bridge.unbound ? NULL : cxl_port_below(port);

	return dev && dev->dev.cls == &cxl_upstream_class && ((struct cxl_switch *)dev)->is_listed ?
		       (struct cxl_switch *)dev :
		       NULL;
}

struct cxl_port *cxl_port_of(const struct dev_env *env)
{
	struct dev *above = env->bus ? env->bus->parent : NULL;

	return above && (above->cls == &cxl_rp_class || above->cls == &cxl_downstream_class) ?
		       (struct cxl_port *)above :
		       NULL;
}

struct cxl_fork *cxl_fork_of(const struct dev_env *env)
{
	struct dev *above = env->bus ? env->bus->parent : NULL;

	if (above && above->cls == &pxb_cxl_class)
		return &((struct cxl_bridge *)above)->fork;
	return above && above->cls == &cxl_upstream_class ? &((struct cxl_switch *)above)->fork : NULL;
}

static const char *fork_name(const struct cxl_fork *fork)
{
	return dev_name(&fork->pci->dev);
}

static void port_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	component_reset(&container_of(pci, struct cxl_port, pci)->comp, reset_kind);
}

/* While CXL is spoken, Secondary Bus Reset and Link Disable have effect only where the Port Extensions unmask them.
 * [CXL3.1 8.1.5.2] */
static unsigned masked(const struct pci_dev *pci)
{
	const struct cxl_port *port = container_of(pci, const struct cxl_port, pci);
	u64 control;

	if (!port->dvsec || (!cxl_port_device(port) && !cxl_port_switch(port)))
		return 0;
	control = regs_get(&pci->config, port->dvsec + DVSEC_PORT_CTRL, 2);
	return (control & DVSEC_PORT_UNMASK_RESET ? 0 : PCI_MASKS_BUS_RESET) |
	       (control & DVSEC_PORT_UNMASK_DISABLE ? 0 : PCI_MASKS_LINK_DISABLE);
}

static bool port_alternate(const struct pci_dev *pci, struct pci_alternate *ranges)
{
	return dvsec_alternate(pci, container_of(pci, const struct cxl_port, pci)->dvsec, ranges);
}

/* No slot of CXL may be emptied without asking: Hot-Plug Surprise is 0. [CXL3.1 9.9] */
struct pcie_link cxl_port_link(const struct cxl_port *port)
{
	return (struct pcie_link){.speed = pcie_speed_of(port->speed),
				  .width = pcie_width_of(port->width),
				  .port = port->port == CXL_AUTO ? 0 : port->port,
				  .slot = true,
				  .hotplug = port->hotplug && !port->hide_native_hotplug,
				  .power_controller = port->power_controller,
				  .flit = port->flit_256b};
}

bool cxl_port_begin(struct cxl_port *port, const struct pci_ids *ids, enum component_kind kind,
		    const struct dev_env *env, struct error *err)
{
	const char *name = dev_name(&port->pci.dev);

	if (port->port != CXL_AUTO && port->port > 255)
		return fail(err, "%s: port=%u is more than 255", name, port->port);
	if (!pci_dev_init(&port->pci, ids, env, err))
		return false;
	pci_bridge_init(&port->pci, &port->bridge, BUS_CXL);
	if (!pci_slot_claim(&port->pci, port->chassis, port->slot, err))
		return false;
	port->bridge.masked = masked;
	port->bridge.alternate = port_alternate;
	component_init(&port->comp, kind, name, port->host, 0);
	pci_bar_add(&port->pci, 0, COMPONENT_BYTES, true, false, &component_io, &port->comp);
	port->pci.function_reset = port_function_reset;
	return true;
}

void cxl_port_list(struct cxl_port *port)
{
	struct cxl_port **last = &port->host->ports;

	while (*last)
		last = &(*last)->next;
	*last = port;
	port->is_listed = true;
}

void cxl_port_reset(struct dev *dev, unsigned reset_kind)
{
	struct cxl_port *port = (struct cxl_port *)dev;

	pci_dev_reset(&port->pci, reset_kind);
	component_reset(&port->comp, reset_kind);
}

void cxl_port_destroy(struct dev *dev)
{
	struct cxl_port *port = (struct cxl_port *)dev, **at;

	if (port->is_listed) {
		switch_job_forget(port->host, port);
		for (at = &port->host->ports; *at && *at != port; at = &(*at)->next)
			;
		if (*at)
			*at = port->next;
		for (struct cxl_switch *sw = port->host->switches; sw; sw = sw->next)
			if (sw->fork.above == port)
				sw->fork.above = NULL;
		for (struct cxl_type3 *below = port->host->devices; below; below = below->next)
			if (below->above == port)
				below->above = NULL;
		cxl_map_changed(port->host);
	}
	component_fini(&port->comp);
	pci_dev_fini(&port->pci);
}

struct bus *cxl_port_bus(struct dev *dev)
{
	return &((struct cxl_port *)dev)->bridge.secondary.bus;
}

/* The port number in Link Capabilities is known only when all ports are: it becomes the row's reset value. */
static void show_number(struct cxl_port *port)
{
	struct pci_dev *pci = &port->pci;

	for (u32 t = 0; t < pci->config.table_count; t++) {
		if (pci->config.tables[t].base != pci->cap_pcie)
			continue;
		for (u32 own = 0; own < pci->row_tables; own++)
			for (u32 r = 0; pci->rows[own] == pci->config.tables[t].rows && r < pci->config.tables[t].count;
			     r++)
				if (pci->rows[own][r].offset == EXP_LNKCAP && pci->rows[own][r].size == 4)
					pci->rows[own][r].reset =
						deposit(pci->rows[own][r].reset, 31, 24, port->number);
	}
	regs_set(&pci->config, pci->cap_pcie + EXP_LNKCAP + 3, 1, port->number);
}

/* Another port of the same bridge or switch that has this number, by the user's word or (settled) by ours. */
static struct cxl_port *port_numbered(struct cxl_host *host, const struct cxl_port *port, u32 number)
{
	for (struct cxl_port *other = host->ports; other; other = other->next)
		if (other != port && other->above == port->above &&
		    (other->port == number || (other->is_numbered && other->number == number)))
			return other;
	return NULL;
}

bool cxl_ports_settle(struct cxl_host *host, struct error *err)
{
	for (struct cxl_port *port = host->ports; port; port = port->next) {
		struct cxl_port *same = port->port == CXL_AUTO ? NULL : port_numbered(host, port, port->port);

		if (same)
			return fail(
				err,
				"%s: port=%u is also the port number of %s below %s; give each port its own, or leave "
				"port= out",
				dev_name(&port->pci.dev), port->port, dev_name(&same->pci.dev), fork_name(port->above));
	}
	for (struct cxl_port *port = host->ports; port; port = port->next) {
		u32 number = 0;

		while (port->port == CXL_AUTO && port_numbered(host, port, number))
			number++;
		if (number > 255)
			return fail(err, "%s: more than 256 ports below %s", dev_name(&port->pci.dev),
				    fork_name(port->above));
		port->number = port->port == CXL_AUTO ? number : port->port;
		port->is_numbered = true;
		show_number(port);
	}
	for (struct cxl_port *port = host->ports; port; port = port->next) {
		struct cxl_component *comp = &port->above->comp;

		if (comp->port_count < ARRAY_SIZE(comp->ports))
			comp->ports[comp->port_count++] = port->number;
	}
	return true;
}

void cxl_each_link(struct cxl_host *host, void (*each)(void *arg, const struct cxl_link_facts *facts), void *arg)
{
	for (struct cxl_port *port = host->ports; port; port = port->next) {
		u64 status = pci_config_read(&port->pci, port->pci.cap_pcie + EXP_LNKSTA, 2);
		struct pci_dev *dev = cxl_port_below(port);
		struct cxl_link_facts facts = {.port = dev_name(&port->pci.dev),
					       .below = dev ? dev_name(&dev->dev) : NULL,
					       .up = pci_link_is_up(&port->pci),
					       .speed = bits(status, 3, 0),
					       .width = bits(status, 9, 4)};

		each(arg, &facts);
	}
}
