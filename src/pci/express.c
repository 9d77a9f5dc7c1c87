/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI Express capability: device, link, slot and root registers. [PCIe5 7.5.3]
 *
 * One template holds the rows of all port types; which of them a function has follows from its type [PCIe5 7.5.3,
 * figure 7-23]. A link is a fact of the topology: it is up when a device is below the port and software has neither
 * disabled it, nor holds it in reset, nor switched the slot off, and the port does not contain an error. Width comes
 * out as the smaller of the two sides', speed as the least of theirs and of the port's Target Link Speed, which counts
 * whenever the link trains: when it comes up, and with Retrain Link, whose end is seen in Link Bandwidth Management
 * Status and interrupts if asked to. In flits it is if both ends have them and Flit Mode Disable was 0 when it came up.
 * There is no training time, no ASPM, no equalisation to watch, no compliance mode; the 16, 32 and 64
 * GT/s lane capabilities (7.7.5, 7.7.6, [PCIe6 7.7.7]) are left out.
 */
#include "pci/parts.h"

const char *const pcie_speed_names[] = {"2_5", "5", "8", "16", "32", "64", NULL};
const char *const pcie_width_names[] = {"1", "2", "4", "8", "12", "16", "32", NULL};

u8 pcie_speed_of(u32 choice)
{
	return MIN(choice, 5u) + 1;
}

u8 pcie_width_of(u32 choice)
{
	static const u8 lanes[] = {1, 2, 4, 8, 12, 16, 32};

	return lanes[MIN(choice, ARRAY_SIZE(lanes) - 1)];
}

static u64 exp_get(const struct pci_dev *dev, u32 offset, unsigned size)
{
	return regs_get(&dev->config, dev->cap_pcie + offset, size);
}

int pci_express_type(const struct pci_dev *dev)
{
	return dev->cap_pcie ? (int)bits(exp_get(dev, EXP_FLAGS, 2), 7, 4) : -1;
}

static bool is_port(const struct pci_dev *dev)
{
	int type = pci_express_type(dev);

	return type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM;
}

bool pci_link_is_kept_down(const struct pci_dev *port)
{
	unsigned masked = port->bridge->masked ? port->bridge->masked(port) : 0;

	return (!(masked & PCI_MASKS_BUS_RESET) &&
		(regs_get(&port->config, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_RESET)) ||
	       (!(masked & PCI_MASKS_LINK_DISABLE) && is_port(port) &&
		(exp_get(port, EXP_LNKCTL, 2) & EXP_LNKCTL_DISABLE));
}

/* What goes down is reset. [PCIe5 6.6.1] */
void pci_link_controls_changed(struct pci_dev *port)
{
	bool was = port->bridge && port->bridge->down;

	if (!port->bridge)
		return;
	port->bridge->down = pci_link_is_kept_down(port);
	if (port->bridge->down && !was)
		pci_below_reset(port, RESET_HOT);
	pci_link_changed(port);
}

bool pci_link_is_up(struct pci_dev *port)
{
	if (!port->bridge || port->bridge->held || pci_link_is_kept_down(port))
		return false;
	if (!is_port(port))
		return true; /* the inside of a switch */
	return pci_port_partner(port) && !pci_dpc_contains(port) && pci_slot_is_powered(port);
}

/* The function at the other end, or NULL. */
static struct pci_dev *link_partner(struct pci_dev *dev)
{
	if (is_port(dev))
		return pci_port_partner(dev);
	return dev->bus && dev->bus->bridge ? dev->bus->bridge->dev : NULL;
}

bool pci_link_has_flits(struct pci_dev *dev)
{
	struct pci_dev *other = link_partner(dev);

	if (!other || !other->cap_pcie || (is_port(dev) && !pci_link_is_up(dev)))
		return false;
	return !(is_port(dev) ? dev : other)->bridge->without_flits &&
	       (exp_get(dev, EXP_FLAGS, 2) & exp_get(other, EXP_FLAGS, 2) & EXP_FLAGS_FLIT);
}

/* [PCIe6 7.5.3.20] A port with Flit Mode tells what it knows of the other end. */
enum { PRESENCE_NONE = 1, PRESENCE_LINK_DOWN = 2, PRESENCE_LINK_UP = 4 };

static u64 lnksta2_read(struct regs *b, unsigned i, u64 stored)
{
	struct pci_dev *dev = config_dev(b);

	if (is_port(dev) && (exp_get(dev, EXP_FLAGS, 2) & EXP_FLAGS_FLIT))
		stored |= (pci_link_is_up(dev)   ? PRESENCE_LINK_UP :
			   pci_port_partner(dev) ? PRESENCE_LINK_DOWN :
						   PRESENCE_NONE)
			  << EXP_LNKSTA2_PRESENCE;
	return stored | (pci_link_has_flits(dev) ? EXP_LNKSTA2_FLIT : 0);
}

/* At what speed the link may train. [PCIe5 7.5.3.19] */
void pci_link_train(struct pci_dev *port)
{
	if (is_port(port))
		port->bridge->speed_limit = exp_get(port, EXP_LNKCTL2, 2) & EXP_LNKCTL2_SPEED;
}

/* Whether in flits is settled when a link comes up, and not when it is trained anew. [PCIe6 7.5.3.7] */
void pci_link_begin(struct pci_dev *port)
{
	if (is_port(port))
		port->bridge->without_flits = exp_get(port, EXP_LNKCTL, 2) & EXP_LNKCTL_NO_FLITS;
	pci_link_train(port);
}

/* 0, which means no speed, limits nothing; 64 GT/s need flits. */
static u64 speed_limit(const struct pci_dev *port)
{
	u64 limit = port && port->bridge && port->bridge->speed_limit ? port->bridge->speed_limit : EXP_LNKCTL2_SPEED;

	return port && port->bridge && port->bridge->without_flits ? MIN(limit, 5u) : limit;
}

bool pci_link_wants_interrupt(const struct pci_dev *port)
{
	return is_port(port) && (exp_get(port, EXP_LNKCTL, 2) << EXP_LNKCTL_TO_STATUS & exp_get(port, EXP_LNKSTA, 2) &
				 EXP_LNKSTA_BANDWIDTH);
}

static u64 lnksta_read(struct regs *b, unsigned i, u64 stored)
{
	struct pci_dev *dev = config_dev(b), *other;
	u64 cap = exp_get(dev, EXP_LNKCAP, 4), speed = bits(cap, 3, 0), width = bits(cap, 9, 4);
	bool port = is_port(dev);

	other = link_partner(dev);
	if (port && !pci_link_is_up(dev))
		return (stored & ~MASK(9, 0)) | 1; /* down: no width; speed is undefined and shown as the lowest */
	speed = MIN(speed, speed_limit(port ? dev : other));
	if (other && other->cap_pcie && exp_get(other, EXP_LNKCAP, 4)) {
		u64 theirs = exp_get(other, EXP_LNKCAP, 4);

		speed = MIN(speed, bits(theirs, 3, 0));
		width = MIN(width, bits(theirs, 9, 4));
	}
	return (stored & ~MASK(9, 0)) | speed | width << 4 | (port ? EXP_LNKSTA_DLLLA : 0);
}

static void devctl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *dev = config_dev(b);

	if (!(now & EXP_DEVCTL_FLR))
		return;
	regs_set(b, dev->cap_pcie + EXP_DEVCTL, 2, now & ~EXP_DEVCTL_FLR);
	pci_function_reset(dev, RESET_FUNCTION);
}

static void lnkctl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *dev = config_dev(b);

	regs_set(b, dev->cap_pcie + EXP_LNKCTL, 2, now & ~EXP_LNKCTL_RETRAIN);
	if ((old ^ now) & EXP_LNKCTL_DISABLE)
		pci_link_controls_changed(dev);
	if ((now & EXP_LNKCTL_RETRAIN) && is_port(dev) && pci_link_is_up(dev)) {
		pci_link_train(dev);
		regs_set(b, dev->cap_pcie + EXP_LNKSTA, 2, exp_get(dev, EXP_LNKSTA, 2) | EXP_LNKSTA_MANAGED);
		trace(PCI, "%s: link trained anew, at most at speed %u", dev_name(&dev->dev), dev->bridge->speed_limit);
		pci_port_update(dev);
	}
}

static void root_written(struct regs *b, unsigned i, u64 old, u64 now)
{
	pci_port_update(config_dev(b));
}

static void root_status_written(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *root = config_dev(b);

	if (old & ~now & EXP_RTSTA_PME) {
		pci_port_update(root); /* down, so that the next one is an edge */
		pci_pme_cleared(root);
	}
}

#define DEVCTL_RW 0x79ff    /* all but phantom functions, auxiliary power and bit 15 */
#define DEVCTL_RESET 0x2810 /* relaxed ordering, no snoop, 512-byte read requests */
/* [PCIe5 7.5.3.7] ASPM, common clock, extended synch; of the upper end of a link disable, retrain, bandwidth
 * interrupts. Read Completion Boundary is an endpoint's to have; nobody has clock power management. */
#define LNKCTL_COMMON_RW 0x00c3
#define LNKCTL_PORT_RW 0x0c30
#define LNKCTL_RCB 0x0008
#define LNKCTL_PORT_FLIT_RW (EXP_LNKCTL_SRIS | EXP_LNKCTL_NO_FLITS)
/* [PCIe6 7.5.3.19] All but autonomous speed changes, which there are none of, and the de-emphasis of the form factor.
 */
#define LNKCTL2_RW 0xff9f

u16 pci_express_add(struct pci_dev *dev, u16 at, enum pcie_type type, const struct pcie_link *link)
{
	bool port, has_link, root, controls;
	struct reg slot[PCI_SLOT_ROWS];
	u64 lnkcap = 0, speed = link->speed, width = link->width, timeout, payload;
	const struct pci_dev *above = dev->bus->bridge ? dev->bus->bridge->dev : NULL;
	const struct pci_dev *first = dev->bus->slots[dev->devfn & ~7u], *like = above;
	u64 number = link->port;

	/* An endpoint on a root bus is part of the root complex and has no link. [PCIe5 1.3.2.3] */
	if (type == PCIE_ENDPOINT && !above)
		type = PCIE_RC_ENDPOINT;
	port = type == PCIE_ROOT_PORT || type == PCIE_DOWNSTREAM;
	root = type == PCIE_ROOT_PORT;
	has_link = type != PCIE_RC_ENDPOINT;
	/* Of several functions at the lower end of a link, function 0. [PCIe6 7.5.3.19] */
	controls = has_link && (port || !DEVFN_FN(dev->devfn));
	payload = link->flit ? 2 : 1; /* 512 bytes are the least in Flit Mode [PCIe6 7.5.3.3] */
	/* A switch waits for no completions of its own. [PCIe5 7.5.3.15] */
	timeout = type == PCIE_UPSTREAM || type == PCIE_DOWNSTREAM ? 0 : EXP_DEVCAP2_CTO_OFF;
	/* Functions of one device say the same of their link. [PCIe5 7.5.3.6] */
	if (above && !port && first && first != dev && first->cap_pcie) {
		like = first;
		number = bits(exp_get(first, EXP_LNKCAP, 4), 31, 24);
	}
	if (!speed && like && like->cap_pcie)
		speed = bits(exp_get(like, EXP_LNKCAP, 4), 3, 0);
	if (!width && like && like->cap_pcie)
		width = bits(exp_get(like, EXP_LNKCAP, 4), 9, 4);
	speed = speed ? MIN(speed, 6u) : 1;
	width = width ? width : 1;
	if (has_link)
		lnkcap = speed | width << 4 | EXP_LNKCAP_ASPM_OPT | number << 24 |
			 (port ? EXP_LNKCAP_DLLLA | EXP_LNKCAP_BANDWIDTH : 0);
	pci_slot_rows(slot, port ? link : &(struct pcie_link){.slot = false});

	const struct reg rows[] = {
		R16(EXP_FLAGS, EXP_FLAGS,
		    2u | type << 4 | (port && link->slot ? EXP_FLAGS_SLOT : 0) | (link->flit ? EXP_FLAGS_FLIT : 0), 0),
		R32(EXP_DEVCAP, EXP_DEVCAP,
		    payload | EXP_DEVCAP_EXT_TAG | EXP_DEVCAP_ROLE | (link->flr ? EXP_DEVCAP_FLR : 0) |
			    (link->flit ? EXP_DEVCAP_RX_MPS_FIXED : 0),
		    0),
		R16(EXP_DEVCTL, EXP_DEVCTL, DEVCTL_RESET, DEVCTL_RW | (link->flr ? EXP_DEVCTL_FLR : 0),
		    .write = devctl_write),
		R16(EXP_DEVSTA, EXP_DEVSTA, 0, 0, .w1c = 0x000f),
		R32(EXP_LNKCAP, EXP_LNKCAP, lnkcap, 0),
		R16(EXP_LNKCTL, EXP_LNKCTL, 0,
		    !has_link             ? 0 :
		    port                  ? LNKCTL_COMMON_RW | LNKCTL_PORT_RW | (link->flit ? LNKCTL_PORT_FLIT_RW : 0) :
		    type == PCIE_UPSTREAM ? LNKCTL_COMMON_RW :
					    LNKCTL_COMMON_RW | LNKCTL_RCB,
		    .sticky = RESET_FUNCTION | RESET_CXL, .write = lnkctl_write),
		R16(EXP_LNKSTA, EXP_LNKSTA, has_link ? EXP_LNKSTA_SLOT_CLOCK : 0, 0,
		    .w1c = port ? EXP_LNKSTA_BANDWIDTH : 0, .read = has_link ? lnksta_read : NULL),
		slot[0],
		slot[1],
		slot[2],
		R16(EXP_RTCTL, EXP_RTCTL, 0, root ? 0x000f : 0, .write = root ? root_written : NULL),
		R16(EXP_RTCAP, EXP_RTCAP, 0, 0),
		R32(EXP_RTSTA, EXP_RTSTA, 0, 0, .w1c = root ? EXP_RTSTA_PME : 0,
		    .write = root ? root_status_written : NULL),
		/* Whoever has a link of 16 GT/s or more completes requests with tags of 10 bits. [PCIe5 2.2.6.2] */
		R32(EXP_DEVCAP2, EXP_DEVCAP2,
		    timeout | (has_link && speed >= 4 ? EXP_DEVCAP2_TAGS_10_BIT : 0) |
			    (link->flit ? EXP_DEVCAP2_EXT_FMT : 0),
		    0),
		R16(EXP_DEVCTL2, EXP_DEVCTL2, 0, timeout),
		R32(EXP_LNKCAP2, EXP_LNKCAP2,
		    (has_link ? ones(speed) << 1 : 0) |
			    (has_link && (speed >= 4 || link->flit) ? EXP_LNKCAP2_RETIMERS : 0),
		    0),
		R16(EXP_LNKCTL2, EXP_LNKCTL2, controls ? speed : 0, controls ? LNKCTL2_RW : 0, .sticky = STICKY),
		/* Equalisation complete, phases 1 to 3 successful, at 8 GT/s and more. */
		R16(EXP_LNKSTA2, EXP_LNKSTA2, controls && speed >= 3 ? 0x001e : 0, 0,
		    .read = has_link ? lnksta2_read : NULL),
	};
	dev->cap_pcie = pci_cap_add(dev, PCI_CAP_EXPRESS, at, EXP_BYTES, rows, ARRAY_SIZE(rows));
	if (dev->bridge && type == PCIE_UPSTREAM)
		dev->bridge->secondary.single_slot = false;
	return dev->cap_pcie;
}
