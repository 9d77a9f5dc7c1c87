/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NUMA as the user describes it: which node each vCPU is in (by number or by its place), that whatever speaks of a node
 * speaks of one that there is, and the objects that put a bridge or a function into a node: acpi-generic-port and
 * acpi-generic-initiator, from which SRAT's rows come (facts.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/facts.h"
#include "machine/firmware.h"
#include "machine/numa.h"

static const struct machine_node *find_node(const struct machine_config *c, u32 id)
{
	for (unsigned i = 0; i < c->node_count; i++)
		if (c->nodes[i].id == id)
			return &c->nodes[i];
	return NULL;
}

u32 machine_node_of_cpu(const struct machine_config *c, unsigned index)
{
	for (unsigned i = 0; i < c->node_count; i++)
		if (c->nodes[i].cpus >> index & 1)
			return c->nodes[i].id;
	return c->node_count ? c->nodes[0].id : 0;
}

/* -numa cpu: the vCPUs of a place join the node. */
static bool place_cpus(struct machine_config *c, struct error *err)
{
	for (unsigned i = 0; i < c->numa_cpu_count; i++) {
		const struct machine_numa_cpu *row = &c->numa_cpus[i];
		struct machine_node *node = (struct machine_node *)find_node(c, row->node);
		u32 found = 0;

		if (!node)
			return fail(err, "-numa cpu,node-id=%u: there is no such node; add -numa node,nodeid=%u",
				    row->node, row->node);
		for (unsigned cpu = 0; cpu < c->cpu_count; cpu++) {
			struct acpi_cpu place = {0};

			machine_place_cpu(c, cpu, &place);
			if ((row->socket < 0 || row->socket == (s32)place.socket) &&
			    (row->core < 0 || row->core == (s32)place.core) &&
			    (row->thread < 0 || row->thread == (s32)place.thread))
				found |= 1u << cpu;
		}
		if (!found)
			return fail(
				err,
				"-numa cpu,node-id=%u: no vCPU has socket-id=%d, core-id=%d, thread-id=%d (-1: not said); see -smp",
				row->node, row->socket, row->core, row->thread);
		node->cpus |= found;
	}
	return true;
}

static bool check_cpus(const struct machine_config *c, struct error *err)
{
	u32 taken = 0;

	for (unsigned i = 0; i < c->node_count; i++) {
		const struct machine_node *n = &c->nodes[i];

		if (n->cpus >> c->cpu_count)
			return fail(
				err,
				"-numa node,nodeid=%u: cpus= names vCPU %d, and the vCPUs are 0 to %u; write -smp %d or other cpus=",
				n->id, 31 - __builtin_clz(n->cpus), c->cpu_count - 1, 32 - __builtin_clz(n->cpus));
		if (n->cpus & taken)
			return fail(err, "-numa node,nodeid=%u: vCPU %d is in two nodes; each vCPU is in one", n->id,
				    __builtin_ctz(n->cpus & taken));
		taken |= n->cpus;
	}
	return true;
}

static bool check_node(const struct machine_config *c, u32 id, const char *what, struct error *err)
{
	return find_node(c, id) || fail(err, "%s: there is no node %u; add -numa node,nodeid=%u", what, id, id);
}

static bool check_hmat(const struct machine_config *c, struct error *err)
{
	for (unsigned i = 0; i < c->hmat_value_count; i++)
		if (!check_node(c, c->hmat_values[i].initiator, "-numa hmat-lb,initiator=", err) ||
		    !check_node(c, c->hmat_values[i].target, "-numa hmat-lb,target=", err))
			return false;
	for (unsigned i = 0; i < c->hmat_cache_count; i++)
		if (!check_node(c, c->hmat_caches[i].node, "-numa hmat-cache,node-id=", err))
			return false;
	for (unsigned i = 0; i < c->node_count; i++)
		if (c->nodes[i].initiator && !check_node(c, c->nodes[i].initiator - 1, "-numa node,initiator=", err))
			return false;
	return true;
}

/* --- acpi-generic-port, acpi-generic-initiator --- */

struct generic {
	struct dev dev;
	/* properties */
	char *what; /* a bus, or a function's id */
	u32 node;
};

static bool generic_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct generic *g = container_of(dev, struct generic, dev);
	const char *key = dev->cls == &acpi_generic_port_class ? "pci-bus" : "pci-dev";

	if (!g->what || !*g->what)
		return fail(err, "%s: it needs %s=", dev_name(dev), key);
	if (g->node == MACHINE_NO_NODE)
		return fail(err, "%s: it needs node=N, of a -numa node", dev_name(dev));
	return true;
}

const struct dev_class acpi_generic_port_class = {
	.name = "acpi-generic-port",
	.doc = "the NUMA node of a CXL host bridge",
	.size = sizeof(struct generic),
	.plugs = BUS_OBJECT,
	.at_start = true,
	.props = (const struct prop[]){PROP_STRING("pci-bus", struct generic, what, NULL, "id of the pxb-cxl"),
				       PROP_U32("node", struct generic, node, MACHINE_NO_NODE,
						"a -numa node, without memory and vCPUs"),
				       {}},
	.create = generic_create,
};

const struct dev_class acpi_generic_initiator_class = {
	.name = "acpi-generic-initiator",
	.doc = "the NUMA node of a PCI function",
	.size = sizeof(struct generic),
	.plugs = BUS_OBJECT,
	.at_start = true,
	.props = (const struct prop[]){PROP_STRING("pci-dev", struct generic, what, NULL, "id of the device"),
				       PROP_U32("node", struct generic, node, MACHINE_NO_NODE, "a -numa node"),
				       {}},
	.create = generic_create,
};

static struct generic *to_generic(struct dev *dev, const struct dev_class *cls)
{
	return dev->cls == cls && dev->created ? container_of(dev, struct generic, dev) : NULL;
}

u32 machine_generic_port_node(struct machine *m, const char *bridge)
{
	for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
		const struct generic *g = to_generic(dev, &acpi_generic_port_class);

		if (g && bridge && !strcmp(g->what, bridge))
			return g->node;
	}
	return MACHINE_NO_NODE;
}

static struct pci_dev *function_of(struct machine *m, const char *id)
{
	struct dev *dev = machine_device(m, id);

	if (!dev || (dev->cls->plugs != BUS_PCI && dev->cls->plugs != BUS_PCIE && dev->cls->plugs != BUS_CXL))
		return NULL;
	return container_of(dev, struct pci_dev, dev);
}

unsigned machine_generic_initiators(struct machine *m, struct acpi_generic_initiator *to)
{
	unsigned count = 0;

	for (struct dev *dev = m->first_dev; dev && count < ACPI_GENERIC_INITIATORS_MAX; dev = dev->next) {
		const struct generic *g = to_generic(dev, &acpi_generic_initiator_class);
		struct pci_dev *function = g ? function_of(m, g->what) : NULL;

		if (function)
			to[count++] =
				(struct acpi_generic_initiator){.node = g->node, .bdf = pci_requester_id(function)};
	}
	return count;
}

static bool is_bridge(struct machine *m, const char *id)
{
	struct dev *dev = machine_device(m, id);

	return dev && !strcmp(dev->cls->name, "pxb-cxl");
}

static bool check_generics(struct machine *m, struct error *err)
{
	unsigned initiators = 0;

	for (struct dev *dev = m->first_dev; dev; dev = dev->next) {
		const struct generic *port = to_generic(dev, &acpi_generic_port_class);
		const struct generic *initiator = to_generic(dev, &acpi_generic_initiator_class),
				     *g = port ? port : initiator;

		if (!g)
			continue;
		if (!find_node(&m->config, g->node))
			return fail(err, "%s: node=%u: there is no such node; add -numa node,nodeid=%u", dev_name(dev),
				    g->node, g->node);
		if (port && !is_bridge(m, port->what))
			return fail(err, "%s: pci-bus=%s: no pxb-cxl has this id", dev_name(dev), port->what);
		if (initiator && !function_of(m, initiator->what))
			return fail(err, "%s: pci-dev=%s: no PCI device has this id", dev_name(dev), initiator->what);
		/* SRAT names a function by its bus, and is written before a kernel numbers those behind ports. */
		if (initiator && m->config.acpi && !firmware_is_wanted(m) &&
		    function_of(m, initiator->what)->bus->bridge)
			return fail(
				err,
				"%s: pci-dev=%s: without firmware the buses behind ports have no numbers yet; plug the device into "
				"pcie.0 or an expander, or give firmware (-bios QEMU_EFI.fd)",
				dev_name(dev), initiator->what);
		if (initiator && ++initiators > ACPI_GENERIC_INITIATORS_MAX)
			return fail(err, "%s: more than %d generic initiators; leave some out", dev_name(dev),
				    ACPI_GENERIC_INITIATORS_MAX);
	}
	return true;
}

bool machine_numa_settle(struct machine *m, struct error *err)
{
	struct machine_config *c = &m->config;

	if (!place_cpus(c, err) || !check_cpus(c, err) || !check_hmat(c, err) || !check_generics(m, err))
		return false;
	for (u32 a = 0; a < MACHINE_NODES_MAX; a++)
		for (u32 b = 0; b < MACHINE_NODES_MAX; b++)
			if (c->distance[a][b] && (!find_node(c, a) || !find_node(c, b)))
				return fail(err,
					    "-numa dist,src=%u,dst=%u: there is no node %u; add -numa node,nodeid=%u",
					    a, b, find_node(c, a) ? b : a, find_node(c, a) ? b : a);
	for (const struct pci_root *root = pci_host_root(m->pci); root; root = root->next)
		if (root->numa_node != PCI_NO_NODE && !find_node(c, root->numa_node))
			return fail(
				err,
				"-device %s: numa_node=%u: there is no such node; add -numa node,nodeid=%u or leave it out",
				root->bus.bus.name, root->numa_node, root->numa_node);
	return true;
}
