/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced Error Reporting. [PCIe5 6.2, 7.8.4]
 *
 * The registers hold what was reported and are sticky. pci_aer_report is the way of an error: status, header log and
 * First Error Pointer of the function; if not masked and enabled, a message up through the ports (each must have
 * SERR# Enable set in Bridge Control, and errors enabled like a sender) to the root port, which logs the source and
 * interrupts. A port with containment (dpc.c) may stop an uncorrectable one, and its own. Errors come from monitors and
 * fabric managers, from devices, and from requests that nobody claims (bus.c): these are Unsupported Requests of whom
 * they have come to.
 */
#include "pci/parts.h"

enum error_kind { ERROR_CORRECTABLE, ERROR_NONFATAL, ERROR_FATAL };

static void root_written(struct regs *b, unsigned i, u64 old, u64 now)
{
	pci_port_update(config_dev(b));
}

/* The pointer leaves what was cleared, as it would be taken for valid when the same error comes again and is masked
 * then. [PCIe6 6.2.4.2] */
static void uncorrectable_status_written(struct regs *b, unsigned i, u64 old, u64 now)
{
	u32 at = config_dev(b)->cap_aer + AER_CONTROL;
	u64 control = regs_get(b, at, 4);

	if (bit(old & ~now, bits(control, 4, 0)))
		regs_set(b, at, 4, deposit(control, 4, 0, AER_NO_ERROR));
}

u16 pci_aer_add(struct pci_dev *dev, u16 at, bool root_port)
{
	const struct reg rows[] = {
		R32(AER_UNCOR_STATUS, UNCOR_STATUS, 0, 0, .w1c = AER_UNCOR_BITS, .sticky = STICKY,
		    .write = uncorrectable_status_written),
		R32(AER_UNCOR_MASK, UNCOR_MASK, PCI_AER_UNCORRECTABLE_INTERNAL, AER_UNCOR_BITS, .sticky = STICKY),
		R32(AER_UNCOR_SEVERITY, UNCOR_SEVERITY, 0x00462030, AER_UNCOR_BITS, .sticky = STICKY),
		R32(AER_COR_STATUS, COR_STATUS, 0, 0, .w1c = AER_COR_BITS, .sticky = STICKY),
		R32(AER_COR_MASK, COR_MASK, 0x0000e000, AER_COR_BITS, .sticky = STICKY),
		R32(AER_CONTROL, AER_CONTROL, 0, 0, .sticky = STICKY),
		R32(AER_HEADER_LOG, HEADER_LOG, 0, 0, .count = 4, .stride = 4, .sticky = STICKY),
		R32(AER_ROOT_COMMAND, ROOT_COMMAND, 0, root_port ? 0x7 : 0, .write = root_written),
		R32(AER_ROOT_STATUS, ROOT_STATUS, 0, 0, .w1c = root_port ? 0x7f : 0, .sticky = STICKY,
		    .write = root_written),
		R32(AER_ROOT_SOURCE, ROOT_SOURCE, 0, 0, .sticky = STICKY),
	};

	dev->cap_aer = pci_ext_cap_add(dev, PCI_EXT_CAP_AER, 2, at, AER_BYTES, rows, ARRAY_SIZE(rows));
	return dev->cap_aer;
}

static u64 aer_get(const struct pci_dev *dev, u32 offset)
{
	return regs_get(&dev->config, dev->cap_aer + offset, 4);
}

static void aer_set(struct pci_dev *dev, u32 offset, u64 value)
{
	regs_set(&dev->config, dev->cap_aer + offset, 4, value);
}

bool pci_aer_wants_interrupt(const struct pci_dev *port)
{
	u64 command, status;

	if (!port->cap_aer || pci_express_type(port) != PCIE_ROOT_PORT)
		return false;
	command = aer_get(port, AER_ROOT_COMMAND);
	status = aer_get(port, AER_ROOT_STATUS);
	return (bit(command, 0) && (status & AER_ROOT_COR)) || (bit(command, 1) && (status & AER_ROOT_NONFATAL)) ||
	       (bit(command, 2) && (status & AER_ROOT_FATAL));
}

static void root_receive(struct pci_dev *port, u16 source, enum error_kind kind)
{
	u64 status = aer_get(port, AER_ROOT_STATUS), sources = aer_get(port, AER_ROOT_SOURCE);

	if (kind == ERROR_CORRECTABLE) {
		if (status & AER_ROOT_COR)
			status |= AER_ROOT_COR_MULTI;
		else
			sources = deposit(sources, 15, 0, source);
		status |= AER_ROOT_COR;
	} else {
		if (status & AER_ROOT_UNCOR)
			status |= AER_ROOT_UNCOR_MULTI;
		else
			sources = deposit(sources, 31, 16, source);
		if (!(status & AER_ROOT_UNCOR) && kind == ERROR_FATAL)
			status |= AER_ROOT_FIRST_FATAL;
		status |= AER_ROOT_UNCOR | (kind == ERROR_FATAL ? AER_ROOT_FATAL : AER_ROOT_NONFATAL);
	}
	aer_set(port, AER_ROOT_STATUS, status);
	aer_set(port, AER_ROOT_SOURCE, sources);
	pci_port_update(port);
}

/* An ERR_NONFATAL or ERR_FATAL has come to a port from below. [PCIe5 7.5.1.3.7] */
static void message_received(struct pci_dev *port)
{
	u64 status = regs_get(&port->config, PCI_SECONDARY_STATUS, 2);

	regs_set(&port->config, PCI_SECONDARY_STATUS, 2, status | PCI_STATUS_SERR);
}

/* Whether the function sends a message of this kind: one about an Unsupported Request has an enable more. */
static bool is_reporting(const struct pci_dev *dev, enum error_kind kind, u32 which)
{
	u64 control = dev->cap_pcie ? regs_get(&dev->config, dev->cap_pcie + EXP_DEVCTL, 2) : 0;
	bool serr = kind != ERROR_CORRECTABLE && (regs_get(&dev->config, PCI_COMMAND, 2) & PCI_COMMAND_SERR);

	return serr || (bit(control, kind) && (which != AER_UNCOR_UNSUPPORTED || (control & EXP_DEVCTL_UNSUPPORTED)));
}

/* Signaled System Error of who sends a message, or sends one on. */
static void signal_error(struct pci_dev *dev, enum error_kind kind)
{
	if (kind != ERROR_CORRECTABLE && (regs_get(&dev->config, PCI_COMMAND, 2) & PCI_COMMAND_SERR))
		regs_set(&dev->config, PCI_STATUS, 2, regs_get(&dev->config, PCI_STATUS, 2) | PCI_STATUS_SERR);
}

/* The error message goes up. Each port must let it in, by Bridge Control, and out on its other side as if it were its
 * own; a root port's other side is the root complex. [PCIe6 6.2.6, 6.2.8.1] */
static void error_message(struct pci_dev *dev, enum error_kind kind)
{
	u16 source = pci_requester_id(dev);

	signal_error(dev, kind);
	while (pci_express_type(dev) != PCIE_ROOT_PORT) {
		if (!dev->bus->bridge)
			return; /* part of the root complex: no event collector, the status registers only */
		dev = dev->bus->bridge->dev;
		if (kind != ERROR_CORRECTABLE)
			message_received(dev);
		if (kind != ERROR_CORRECTABLE && pci_dpc_receives(dev, kind == ERROR_FATAL, source))
			return;
		if (!(regs_get(&dev->config, PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_SERR) || !is_reporting(dev, kind, 0))
			return;
		signal_error(dev, kind);
	}
	if (dev->cap_aer)
		root_receive(dev, source, kind);
}

void pci_aer_correctable_message(struct pci_dev *port)
{
	if (is_reporting(port, ERROR_CORRECTABLE, 0))
		error_message(port, ERROR_CORRECTABLE);
}

bool pci_aer_has(const struct pci_dev *dev, bool correctable, u32 which)
{
	return dev->cap_aer && (which & (correctable ? AER_COR_BITS : AER_UNCOR_BITS));
}

/* Device Status: whatever is masked. */
static void note(struct pci_dev *dev, u64 bits)
{
	if (dev->cap_pcie)
		regs_set(&dev->config, dev->cap_pcie + EXP_DEVSTA, 2,
			 regs_get(&dev->config, dev->cap_pcie + EXP_DEVSTA, 2) | bits);
}

/* An unmasked error takes the header log and the pointer, unless the error that the pointer is at has not been cleared
 * yet. [PCIe5 6.2.4.2] */
static void log_uncorrectable(struct pci_dev *dev, u32 which, const u32 *header)
{
	u64 status = aer_get(dev, AER_UNCOR_STATUS), mask = aer_get(dev, AER_UNCOR_MASK);

	if ((which & ~mask & AER_UNCOR_BITS) && !bit(status, bits(aer_get(dev, AER_CONTROL), 4, 0))) {
		aer_set(dev, AER_CONTROL, deposit(aer_get(dev, AER_CONTROL), 4, 0, __builtin_ctz(which & ~mask)));
		for (unsigned n = 0; n < 4; n++)
			aer_set(dev, AER_HEADER_LOG + 4 * n, header ? header[n] : ~0u); /* [PCIe6 6.2.10] */
	}
	aer_set(dev, AER_UNCOR_STATUS, status | (which & AER_UNCOR_BITS));
}

/* True: a message is due. */
static bool record(struct pci_dev *dev, enum error_kind kind, u32 which, const u32 *header)
{
	/* Correctable, non-fatal, fatal in bits 0..2. */
	note(dev,
	     BIT(kind) | (kind != ERROR_CORRECTABLE && (which & AER_UNCOR_UNSUPPORTED) ? EXP_DEVSTA_UNSUPPORTED : 0));
	trace(PCI, "%s: %s error, status bits 0x%x", dev_name(&dev->dev),
	      kind == ERROR_CORRECTABLE ? "correctable" :
	      kind == ERROR_FATAL       ? "fatal" :
					  "non-fatal",
	      which);
	if (!dev->cap_aer)
		return true;
	if (kind == ERROR_CORRECTABLE) {
		aer_set(dev, AER_COR_STATUS, aer_get(dev, AER_COR_STATUS) | (which & AER_COR_BITS));
		return which & ~aer_get(dev, AER_COR_MASK);
	}
	log_uncorrectable(dev, which, header);
	return (which & ~aer_get(dev, AER_UNCOR_MASK)) && !pci_dpc_detects(dev);
}

static enum error_kind kind_of(const struct pci_dev *dev, u32 which)
{
	return dev->cap_aer && (aer_get(dev, AER_UNCOR_SEVERITY) & which) ? ERROR_FATAL : ERROR_NONFATAL;
}

static void tell(struct pci_dev *dev, enum error_kind kind, u32 which, unsigned *told)
{
	if (!is_reporting(dev, kind, which) || (told && (*told & BIT(kind))))
		return;
	if (told)
		*told |= BIT(kind);
	error_message(dev, kind);
}

/* An error that is another's to deal with: a correctable one of who finds it, which tells of it only with AER.
 * [PCIe6 6.2.3.2.4, 6.2.4.3, figure 6-2] */
static void advise(struct pci_dev *dev, u32 which, const u32 *header, unsigned *told)
{
	note(dev, EXP_DEVSTA_CORRECTABLE | (which & AER_UNCOR_UNSUPPORTED ? EXP_DEVSTA_UNSUPPORTED : 0));
	if (!dev->cap_aer || !record(dev, ERROR_CORRECTABLE, AER_COR_ADVISORY, NULL))
		return;
	log_uncorrectable(dev, which, header);
	tell(dev, ERROR_CORRECTABLE, which, told);
}

void pci_aer_report(struct pci_dev *dev, bool correctable, u32 which, const u32 *header)
{
	enum error_kind kind;

	if (!dev->bus)
		return;
	kind = correctable ? ERROR_CORRECTABLE : kind_of(dev, which);
	if (kind == ERROR_NONFATAL && which == PCI_AER_UNEXPECTED_COMPLETION)
		advise(dev, which, header, NULL);
	else if (record(dev, kind, which, header))
		tell(dev, kind, correctable ? 0 : which, NULL);
}

/* Who waits for a completion hears of the error by it. */
void pci_aer_unsupported(struct pci_dev *dev, bool posted, const u32 header[4], unsigned *told)
{
	enum error_kind kind;

	if (!dev->bus || !dev->cap_pcie)
		return;
	kind = kind_of(dev, AER_UNCOR_UNSUPPORTED);
	if (!posted && kind == ERROR_NONFATAL)
		advise(dev, AER_UNCOR_UNSUPPORTED, header, told);
	else if (record(dev, kind, AER_UNCOR_UNSUPPORTED, header))
		tell(dev, kind, AER_UNCOR_UNSUPPORTED, told);
}
