/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power management: D0 and D3hot, and PME, by which a port that sleeps tells of its slot.
 * [PCIe5 5.3, 6.7.3.4, 7.5.2, 7.5.3.12-7.5.3.14]
 *
 * The states have no timing and no loss of context; D3hot closes the BARs. A hot-plug port that is not in D0 and has an
 * event that software asked for (also one from before it went to sleep, which nobody has looked at) sets PME_Status
 * and, with PME_En, sends a PM_PME message to its root port: Root Status takes the sender's ID and the port interrupts.
 * A message that finds another one there waits (PME Pending) until software has cleared it. Machine lock.
 */
#include "pci/parts.h"

static u64 pm_get(const struct pci_dev *dev)
{
	return regs_get(&dev->config, dev->cap_pm + PM_CTRL, 2);
}

bool pci_is_asleep(const struct pci_dev *dev)
{
	return dev->cap_pm && (pm_get(dev) & PM_CTRL_STATE);
}

static void pme_tell(struct pci_dev *port);

static void pm_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *dev = config_dev(b);
	u16 enabled;

	/* D1 and D2 are not there: writing them changes nothing. [PCIe5 7.5.2.2] */
	if ((now & PM_CTRL_STATE) == 1 || (now & PM_CTRL_STATE) == 2)
		regs_set(b, dev->cap_pm + PM_CTRL, 2, (now & ~PM_CTRL_STATE) | (old & PM_CTRL_STATE));
	if (!(now & PM_CTRL_PME_STATUS))
		dev->pme_is_told = false;
	pci_bars_update(dev);
	if (!dev->bridge)
		return;
	enabled = now & ~old & PM_CTRL_PME_ENABLE;
	if (enabled && (pm_get(dev) & PM_CTRL_PME_STATUS))
		pme_tell(dev);
	else if (pci_is_asleep(dev) && (enabled || !(old & PM_CTRL_STATE)) && pci_slot_has_event(dev))
		pci_pme_send(dev);
}

u16 pci_pm_add(struct pci_dev *dev, u16 at)
{
	bool pme = dev->bridge != NULL;
	const struct reg rows[] = {
		R16(PM_CAP, PM_CAP, 3 | (pme ? PM_CAP_PME_D0 | PM_CAP_PME_D3HOT : 0), 0),
		R16(PM_CTRL, PM_CTRL, PM_CTRL_NO_SOFT_RESET, PM_CTRL_STATE | (pme ? PM_CTRL_PME_ENABLE : 0),
		    .w1c = pme ? PM_CTRL_PME_STATUS : 0, .write = pm_ctrl_write),
	};

	dev->cap_pm = pci_cap_add(dev, PCI_CAP_PM, at, PM_BYTES, rows, ARRAY_SIZE(rows));
	return dev->cap_pm;
}

/* --- PME --- */

static u64 root_status(const struct pci_dev *root)
{
	return regs_get(&root->config, root->cap_pcie + EXP_RTSTA, 4);
}

static void root_set_status(struct pci_dev *root, u64 value)
{
	regs_set(&root->config, root->cap_pcie + EXP_RTSTA, 4, value);
}

bool pci_pme_wants_interrupt(const struct pci_dev *port)
{
	return pci_express_type(port) == PCIE_ROOT_PORT && (root_status(port) & EXP_RTSTA_PME) &&
	       (regs_get(&port->config, port->cap_pcie + EXP_RTCTL, 2) & EXP_RTCTL_PME_INTERRUPT);
}

static void deliver(struct pci_dev *root, struct pci_dev *from)
{
	from->pme_is_told = true;
	trace(PCI, "%s: PME of %s", dev_name(&root->dev), dev_name(&from->dev));
	root_set_status(root, pci_requester_id(from) | EXP_RTSTA_PME);
	pci_port_update(root);
}

static void pme_tell(struct pci_dev *port)
{
	struct pci_dev *root = port;

	while (root && pci_express_type(root) != PCIE_ROOT_PORT)
		root = root->bus->bridge ? root->bus->bridge->dev : NULL;
	if (!root)
		return;
	if (root_status(root) & EXP_RTSTA_PME)
		root_set_status(root, root_status(root) | EXP_RTSTA_PENDING);
	else
		deliver(root, port);
}

void pci_pme_send(struct pci_dev *port)
{
	if (!port->cap_pm || (pm_get(port) & PM_CTRL_PME_STATUS))
		return;
	regs_set(&port->config, port->cap_pm + PM_CTRL, 2, pm_get(port) | PM_CTRL_PME_STATUS);
	port->pme_is_told = false;
	if (pm_get(port) & PM_CTRL_PME_ENABLE)
		pme_tell(port);
}

static bool is_waiting(struct pci_dev *dev)
{
	u64 both = PM_CTRL_PME_STATUS | PM_CTRL_PME_ENABLE;

	return dev->cap_pm && dev->bridge && !dev->pme_is_told && (pm_get(dev) & both) == both;
}

struct waiting {
	struct pci_dev *first;
	unsigned count;
};

static bool look(struct pci_dev *dev, void *arg)
{
	struct waiting *waiting = arg;

	if (is_waiting(dev) && !waiting->count++)
		waiting->first = dev;
	return true;
}

void pci_pme_cleared(struct pci_dev *root)
{
	struct waiting waiting = {0};

	root_set_status(root, root_status(root) & ~(u64)EXP_RTSTA_PENDING);
	look(root, &waiting);
	pci_bus_each(&root->bridge->secondary, look, &waiting);
	if (!waiting.count)
		return;
	deliver(root, waiting.first);
	if (waiting.count > 1)
		root_set_status(root, root_status(root) | EXP_RTSTA_PENDING);
}
