/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slot of a root port or downstream port: what is in it, power, native hot-plug. [PCIe5 6.7, 7.5.3.9-7.5.3.11]
 *
 * Every slot notes what becomes of its link and of what is in it; only one that is hot-plug capable tells of it.
 *
 * A hot-plug slot has an attention button, both indicators, perhaps a power controller, and no latch. Who plugs a
 * device (machine/hotplug.c) puts it on the port's bus and calls pci_slot_plugged: presence changes and the button is
 * pressed, since software that sees a button waits for it. Taking one out: the button again; software lets go of the
 * device, switches the slot off and the power indicator with it, and that is told to whoever asked
 * (pci_host_on_removal). A surprise removal asks nobody. A device shows with function 0, and all functions go together.
 *
 * A fabric manager takes the device at a port away from software and gives it back (pci_slot_unbind, pci_slot_bind):
 * the device stays where it is, and the slot looks empty meanwhile.
 *
 * Every write of Slot Control is a command, completed with the access. The port's one interrupt serves slot events,
 * AER, DPC, PME and bandwidth notification alike: a message goes out when one of the five begins to have something to
 * say [PCIe5 6.7.3.4, 6.2.4.1.2, 6.2.10.1, 7.5.3.14, 7.5.3.8]; without messages INTA# follows.
 */
#include "pci/parts.h"

#define ASK_AGAIN_NS 3000000000ull /* a guest that has not taken notice by then may be asked once more */

static u64 slot_get(const struct pci_dev *port, u32 offset, unsigned size)
{
	return regs_get(&port->config, port->cap_pcie + offset, size);
}

static void slot_set(struct pci_dev *port, u32 offset, u64 value)
{
	regs_set(&port->config, port->cap_pcie + offset, 2, value);
}

static bool has_slot(const struct pci_dev *port)
{
	return port->cap_pcie && port->bridge && (slot_get(port, EXP_FLAGS, 2) & EXP_FLAGS_SLOT);
}

static bool has_hotplug(const struct pci_dev *port)
{
	return has_slot(port) && (slot_get(port, EXP_SLTCAP, 4) & EXP_SLTCAP_HOTPLUG);
}

bool pci_slot_is_powered(const struct pci_dev *port)
{
	return !(slot_get(port, EXP_SLTCAP, 4) & EXP_SLTCAP_POWER) ||
	       !(slot_get(port, EXP_SLTCTL, 2) & EXP_SLTCTL_POWER_OFF);
}

struct pci_dev *pci_port_partner(const struct pci_dev *port)
{
	return port->bridge && !port->bridge->unbound ? port->bridge->secondary.slots[0] : NULL;
}

/* --- events --- */

/* Whether there is an event that software asked for. */
bool pci_slot_has_event(const struct pci_dev *port)
{
	u64 control, status;

	if (!has_hotplug(port))
		return false;
	control = slot_get(port, EXP_SLTCTL, 2);
	status = slot_get(port, EXP_SLTSTA, 2);
	return (control & status & EXP_SLT_EVENTS) || ((control & EXP_SLTCTL_DLLSCE) && (status & EXP_SLTSTA_DLLSC));
}

static bool slot_wants_interrupt(const struct pci_dev *port)
{
	return pci_slot_has_event(port) && (slot_get(port, EXP_SLTCTL, 2) & EXP_SLTCTL_HPIE);
}

void pci_port_update(struct pci_dev *port)
{
	bool messages = pci_msix_is_enabled(port) || pci_msi_is_enabled(port);
	u8 before = port->port_events;

	port->port_events = (slot_wants_interrupt(port) ? PORT_EVENT_SLOT : 0) |
			    (pci_aer_wants_interrupt(port) ? PORT_EVENT_AER : 0) |
			    (pci_dpc_wants_interrupt(port) ? PORT_EVENT_DPC : 0) |
			    (pci_pme_wants_interrupt(port) ? PORT_EVENT_PME : 0) |
			    (pci_link_wants_interrupt(port) ? PORT_EVENT_LINK : 0);
	if (regs_get(&port->config, PCI_INTERRUPT_PIN, 1))
		pci_intx_set(port, port->port_events && !messages);
	if (before && !port->port_events) {
		pci_msix_withdraw(port, 0);
		pci_msi_withdraw(port, 0);
	}
	if (!(port->port_events & ~before))
		return;
	if (pci_msix_is_enabled(port))
		pci_msix_notify(port, 0);
	else
		pci_msi_notify(port, 0);
}

static void slot_event(struct pci_dev *port, u64 events)
{
	slot_set(port, EXP_SLTSTA, slot_get(port, EXP_SLTSTA, 2) | events);
	pci_port_update(port);
	if (pci_is_asleep(port) && pci_slot_has_event(port))
		pci_pme_send(port); /* with or without Hot-Plug Interrupt Enable [PCIe5 6.7.3.4] */
}

/* Data Link Layer State Changed, if it has. */
void pci_link_changed(struct pci_dev *port)
{
	bool up = pci_link_is_up(port);

	if (!port->bridge)
		return;
	port->bridge->down = pci_link_is_kept_down(port); /* CXL that comes and goes below masks what was asked for */
	if (port->bridge->link_up == up)
		return;
	port->bridge->link_up = up;
	if (up)
		pci_link_begin(port);
	trace(PCI, "%s: link %s", dev_name(&port->dev), up ? "up" : "down");
	if (up) /* ERR_COR goes before the slot's message [PCIe6 6.2.11.5] */
		pci_dpc_link_is_up(port);
	if (has_slot(port))
		slot_event(port, EXP_SLTSTA_DLLSC);
	if (port->bridge->waiting)
		port->bridge->waiting(port);
}

/* --- registers --- */

/* Physical Slot Number is known when all ports are. */
static u64 cap_read(struct regs *b, unsigned i, u64 stored)
{
	const struct pci_dev *port = config_dev(b);

	return stored | (u64)(port->bridge ? port->bridge->slot_number : 0) << 19;
}

static u64 status_read(struct regs *b, unsigned i, u64 stored)
{
	return stored | (pci_port_partner(config_dev(b)) ? EXP_SLTSTA_PDS : 0);
}

static void status_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	pci_port_update(config_dev(b));
}

static u64 power_indicator(const struct pci_dev *port)
{
	return slot_get(port, EXP_SLTCTL, 2) & EXP_SLTCTL_PIC;
}

static bool removal_is_allowed(const struct pci_dev *port)
{
	return power_indicator(port) == EXP_SLTCTL_PIC_OFF &&
	       (!(slot_get(port, EXP_SLTCAP, 4) & EXP_SLTCAP_POWER) || !pci_slot_is_powered(port));
}

/* Acted on when the whole access is over: one of a DWORD clears events of Slot Status behind this, and those of the
 * command are later ones. */
static void control_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_bridge *bridge = config_dev(b)->bridge;

	if (!bridge)
		return;
	bridge->commanded = true;
	bridge->control_before = (u16)old;
}

void pci_slot_command(struct pci_dev *port)
{
	struct pci_bridge *bridge = port->bridge;
	u64 now;

	if (!bridge->commanded)
		return;
	bridge->commanded = false;
	now = slot_get(port, EXP_SLTCTL, 2);
	if ((bridge->control_before ^ now) & EXP_SLTCTL_POWER_OFF) {
		trace(PCI, "%s: slot power %s", dev_name(&port->dev), now & EXP_SLTCTL_POWER_OFF ? "off" : "on");
		if (now & EXP_SLTCTL_POWER_OFF)
			pci_below_reset(port, RESET_COLD);
		pci_link_changed(port);
	}
	if (has_hotplug(port))
		slot_event(port, EXP_SLTSTA_CC);
	pci_port_update(port);
	if (bridge->removal_asked && removal_is_allowed(port))
		pci_host_removal(pci_dev_host(port));
	if (bridge->waiting)
		bridge->waiting(port);
}

void pci_slot_rows(struct reg rows[PCI_SLOT_ROWS], const struct pcie_link *link)
{
	u64 cap = 0, control = 0, status = 0;

	if (link->slot) {
		cap = (link->power_controller ? EXP_SLTCAP_POWER : 0) | (link->surprise ? EXP_SLTCAP_SURPRISE : 0) |
		      (link->hotplug ? EXP_SLTCAP_HOTPLUG | EXP_SLTCAP_BUTTON | EXP_SLTCAP_INDICATORS :
				       EXP_SLTCAP_NO_COMMAND);
		control = EXP_SLTCTL_DLLSCE | /* as all ports report Data Link Layer Link Active [PCIe5 7.5.3.10] */
			  (link->hotplug ? EXP_SLTCTL_HPIE | EXP_SLTCTL_PIC | EXP_SLTCTL_AIC | EXP_SLT_EVENTS : 0) |
			  (link->power_controller ? EXP_SLTCTL_POWER_OFF : 0);
		status = EXP_SLT_EVENTS | EXP_SLTSTA_DLLSC;
	}
	rows[0] = (struct reg)R32(EXP_SLTCAP, EXP_SLTCAP, cap, 0, .read = link->slot ? cap_read : NULL);
	rows[1] = (struct reg)R16(EXP_SLTCTL, EXP_SLTCTL, 0, control, .write = link->slot ? control_write : NULL);
	rows[2] = (struct reg)R16(EXP_SLTSTA, EXP_SLTSTA, 0, 0, .w1c = status, .read = link->slot ? status_read : NULL,
				  .write = link->slot ? status_write : NULL);
}

/* After a reset a slot is as firmware leaves it: what holds a device is on. Who holds what is below in reset from
 * outside lets go of it with the machine's resets, not with one that comes down the link. */
void pci_slot_reset(struct pci_dev *port, unsigned reset_kind)
{
	bool occupied = pci_port_partner(port) != NULL;

	if (!port->bridge)
		return;
	if (reset_kind & (RESET_COLD | RESET_WARM))
		port->bridge->held = false;
	port->bridge->down = pci_link_is_kept_down(port);
	if (has_hotplug(port))
		slot_set(port, EXP_SLTCTL,
			 EXP_SLTCTL_AIC | (occupied ? EXP_SLTCTL_PIC_ON : EXP_SLTCTL_PIC_OFF) |
				 (!occupied && (slot_get(port, EXP_SLTCAP, 4) & EXP_SLTCAP_POWER) ?
					  EXP_SLTCTL_POWER_OFF :
					  0));
	port->bridge->link_up = pci_link_is_up(port);
	pci_link_begin(port);
}

/* --- numbers --- */

#define SLOT_MAX 0x1fff

struct slot_search {
	const struct pci_dev *port, *other; /* another port that has this one's number */
};

static bool has_other_number(struct pci_dev *dev, void *arg)
{
	struct slot_search *search = arg;
	const struct pci_bridge *own = search->port->bridge, *bridge = dev->bridge;

	if (!bridge || bridge == own || bridge->slot_numbering != SLOT_HAS_NUMBER || bridge->chassis != own->chassis ||
	    bridge->slot_number != own->slot_number)
		return true;
	search->other = dev;
	return false;
}

static const struct pci_dev *port_of_same_number(struct pci_dev *port)
{
	struct slot_search search = {.port = port};

	pci_host_each(pci_dev_host(port), has_other_number, &search);
	return search.other;
}

bool pci_slot_claim(struct pci_dev *port, u8 chassis, u32 slot, struct error *err)
{
	struct pci_bridge *bridge = port->bridge;
	const struct pci_dev *other;

	bridge->chassis = chassis;
	bridge->slot_numbering = SLOT_WANTS_NUMBER;
	if (slot == PCI_SLOT_AUTO)
		return true;
	if (slot > SLOT_MAX)
		return fail(err, "%s: slot=%u is more than %u [PCIe5 7.5.3.9]", dev_name(&port->dev), slot, SLOT_MAX);
	bridge->slot_number = (u16)slot;
	other = port_of_same_number(port);
	if (other)
		return fail(err, "%s: chassis=%u,slot=%u is also that of %s; give each port its own slot, or none",
			    dev_name(&port->dev), chassis, slot, dev_name(&other->dev));
	bridge->slot_numbering = SLOT_HAS_NUMBER;
	return true;
}

/* There are fewer ports than numbers. */
bool pci_slot_settle(struct pci_dev *port, void *unused)
{
	struct pci_bridge *bridge = port->bridge;

	if (!bridge || bridge->slot_numbering != SLOT_WANTS_NUMBER)
		return true;
	for (bridge->slot_number = 0; port_of_same_number(port);)
		bridge->slot_number++;
	bridge->slot_numbering = SLOT_HAS_NUMBER;
	return true;
}

/* --- putting in and taking out --- */

bool pci_slot_can_plug(const struct pci_bus *bus, struct error *err)
{
	const struct pci_dev *port = bus->bridge ? bus->bridge->dev : NULL;

	if (!port || !has_hotplug(port))
		return fail(err, "Bus '%s' does not support hotplugging", bus->bus.name);
	if (bus->slots[0])
		return fail(err, "bus '%s': '%s' is in the slot already; take it out first, or name another port",
			    bus->bus.name, dev_name(&bus->slots[0]->dev));
	return true;
}

void pci_slot_plugged(struct pci_dev *dev)
{
	struct pci_dev *port = dev->bus->bridge->dev;

	if (DEVFN_FN(dev->devfn))
		return; /* shows together with function 0 */
	trace(PCI, "%s: '%s' is plugged in", dev_name(&port->dev), dev_name(&dev->dev));
	if (port->bridge->unbound)
		return;
	slot_event(port, EXP_SLTSTA_PDC | EXP_SLTSTA_ABP);
	pci_link_changed(port);
}

struct pci_dev *pci_slot_of(const struct pci_dev *dev)
{
	struct pci_dev *port = dev->bus && dev->bus->bridge ? dev->bus->bridge->dev : NULL;

	return port && has_hotplug(port) ? port : NULL;
}

enum pci_removal pci_slot_ask(struct pci_dev *port)
{
	struct pci_bridge *bridge = port->bridge;
	u64 indicator = power_indicator(port);

	if (!pci_port_partner(port) || removal_is_allowed(port))
		return PCI_REMOVAL_NOW;
	if (bridge->waiting)
		return PCI_REMOVAL_BUSY;
	if (bridge->removal_asked &&
	    (indicator == EXP_SLTCTL_PIC_BLINK || loop_now(port->loop) - bridge->asked_ns < ASK_AGAIN_NS))
		return PCI_REMOVAL_REPEATED;
	if (indicator == EXP_SLTCTL_PIC_BLINK)
		return PCI_REMOVAL_BUSY;
	bridge->removal_asked = true;
	bridge->asked_ns = loop_now(port->loop);
	slot_event(port, EXP_SLTSTA_ABP);
	return PCI_REMOVAL_ASKED;
}

bool pci_slot_may_go(const struct pci_dev *port, bool resetting)
{
	return port->bridge && port->bridge->removal_asked && (resetting || removal_is_allowed(port));
}

void pci_slot_emptied(struct pci_dev *port)
{
	port->bridge->removal_asked = false;
	if (port->bridge->unbound)
		return;
	slot_event(port, EXP_SLTSTA_PDC);
	pci_link_changed(port);
}

/* --- a fabric manager --- */

bool pci_slot_has_hotplug(const struct pci_dev *port)
{
	return has_hotplug(port);
}

bool pci_slot_press(struct pci_dev *port)
{
	struct pci_bridge *bridge = port->bridge;

	if (bridge->removal_asked || power_indicator(port) == EXP_SLTCTL_PIC_BLINK)
		return false;
	slot_event(port, EXP_SLTSTA_ABP);
	return true;
}

bool pci_slot_is_let_go(const struct pci_dev *port)
{
	return !pci_port_partner(port) || removal_is_allowed(port);
}

void pci_slot_unbind(struct pci_dev *port)
{
	bool occupied = pci_port_partner(port) != NULL;

	trace(PCI, "%s: unbound", dev_name(&port->dev));
	pci_below_reset(port, RESET_HOT);
	port->bridge->unbound = true;
	port->bridge->removal_asked = false;
	if (occupied && has_slot(port))
		slot_event(port, EXP_SLTSTA_PDC);
	pci_link_changed(port);
}

void pci_slot_bind(struct pci_dev *port)
{
	port->bridge->unbound = false;
	trace(PCI, "%s: bound", dev_name(&port->dev));
	if (pci_port_partner(port) && has_slot(port))
		slot_event(port, EXP_SLTSTA_PDC | (has_hotplug(port) ? EXP_SLTSTA_ABP : 0));
	pci_link_changed(port);
}
