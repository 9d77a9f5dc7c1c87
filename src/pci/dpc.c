/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Downstream Port Containment, of root ports and of the downstream ports of switches. [PCIe6 6.2.11, 7.9.14]
 *
 * While it is enabled, three things trigger it: an unmasked uncorrectable error of the port's own, an ERR_FATAL (or
 * ERR_NONFATAL, if that was asked for) from below, which then goes no further up, and software. The link goes down and
 * stays down, whatever is below is reset, and the port interrupts; when software clears Trigger Status the link comes
 * up again. All of that is done at once, so Root Port Busy is never seen.
 *
 * Root ports have the RP Extensions: a request of the CPU that was sent down a link and is answered Unsupported Request
 * is noted in the RP PIO registers. All of these are masked at reset. One that is not masked triggers containment if
 * its severity says so, else an ERR_COR goes out if enabled; with its Exception bit, masked or not, the CPU that asked
 * takes an external abort in place of all ones. Nothing here aborts a request or loses one, so only the three
 * Unsupported Request bits ever become set; a System Error has nobody to hear it. Machine lock.
 */
#include "pci/parts.h"

enum { REASON_UNCORRECTABLE, REASON_NONFATAL, REASON_FATAL, REASON_FURTHER };
enum { FURTHER_RP_PIO, FURTHER_SOFTWARE };

static u64 dpc_get(const struct pci_dev *port, u32 offset, unsigned size)
{
	return regs_get(&port->config, port->cap_dpc + offset, size);
}

static void dpc_set(struct pci_dev *port, u32 offset, unsigned size, u64 value)
{
	regs_set(&port->config, port->cap_dpc + offset, size, value);
}

static bool is_enabled(const struct pci_dev *port)
{
	return port->cap_dpc && (dpc_get(port, DPC_CTRL, 2) & DPC_CTRL_TRIGGER);
}

bool pci_dpc_contains(const struct pci_dev *port)
{
	return port->cap_dpc && (dpc_get(port, DPC_STATUS, 2) & DPC_STATUS_TRIGGERED);
}

bool pci_dpc_wants_interrupt(const struct pci_dev *port)
{
	return port->cap_dpc && (dpc_get(port, DPC_CTRL, 2) & DPC_CTRL_INTERRUPT) &&
	       (dpc_get(port, DPC_STATUS, 2) & DPC_STATUS_INTERRUPT);
}

static void trigger(struct pci_dev *port, unsigned reason, unsigned further, u16 source)
{
	static const char *const reasons[] = {"an uncorrectable error", "ERR_NONFATAL", "ERR_FATAL",
					      "software or RP PIO"};
	u64 control = dpc_get(port, DPC_CTRL, 2), status = dpc_get(port, DPC_STATUS, 2);

	if (status & DPC_STATUS_TRIGGERED)
		return;
	trace(PCI, "%s: containment, for %s, source %04x", dev_name(&port->dev), reasons[reason], source);
	status = deposit(deposit(status, 2, 1, reason), 6, 5, further) | DPC_STATUS_TRIGGERED;
	dpc_set(port, DPC_STATUS, 2, status | (control & DPC_CTRL_INTERRUPT ? DPC_STATUS_INTERRUPT : 0));
	dpc_set(port, DPC_SOURCE, 2, source);
	if (control & DPC_CTRL_ERR_COR) /* before the interrupt [PCIe6 6.2.11.2] */
		pci_aer_correctable_message(port);
	pci_below_reset(port, RESET_HOT);
	pci_link_changed(port);
	pci_port_update(port);
}

bool pci_dpc_detects(struct pci_dev *port)
{
	if (!is_enabled(port))
		return false;
	trigger(port, REASON_UNCORRECTABLE, 0, 0);
	return true;
}

bool pci_dpc_receives(struct pci_dev *port, bool fatal, u16 source)
{
	if (!is_enabled(port) || (!fatal && !(dpc_get(port, DPC_CTRL, 2) & DPC_CTRL_NONFATAL)))
		return false;
	trigger(port, fatal ? REASON_FATAL : REASON_NONFATAL, 0, source);
	return true;
}

void pci_dpc_link_is_up(struct pci_dev *port)
{
	if (port->cap_dpc && (dpc_get(port, DPC_CTRL, 2) & DPC_CTRL_DL_ACTIVE))
		pci_aer_correctable_message(port);
}

/* --- RP PIO --- */

bool pci_dpc_unsupported(struct pci_dev *port, enum pci_request kind, const u32 header[4])
{
	static const u32 unsupported[] = {RP_PIO_CONFIG_UR, RP_PIO_IO_UR, RP_PIO_MEMORY_UR};
	u32 which = unsupported[kind];
	u64 status, mask;

	if (!port->cap_dpc || pci_express_type(port) != PCIE_ROOT_PORT)
		return false;
	status = dpc_get(port, RP_PIO_STATUS, 4);
	mask = dpc_get(port, RP_PIO_MASK, 4);
	dpc_set(port, RP_PIO_STATUS, 4, status | which);
	/* It takes the pointer and the log, unless the error that they are of has not been cleared yet. */
	if (!(which & mask) && !bit(status, bits(dpc_get(port, DPC_STATUS, 2), 12, 8))) {
		dpc_set(port, DPC_STATUS, 2, deposit(dpc_get(port, DPC_STATUS, 2), 12, 8, __builtin_ctz(which)));
		for (unsigned n = 0; n < 4; n++)
			dpc_set(port, RP_PIO_HEADER_LOG + 4 * n, 4, header[n]);
	}
	if (!(which & mask) && (dpc_get(port, RP_PIO_SEVERITY, 4) & which)) {
		if (is_enabled(port))
			trigger(port, REASON_FURTHER, FURTHER_RP_PIO, 0);
	} else if (!(which & mask) && (dpc_get(port, DPC_CTRL, 2) & DPC_CTRL_ERR_COR)) {
		pci_aer_correctable_message(port);
	}
	return dpc_get(port, RP_PIO_EXCEPTION, 4) & which; /* masked or not [PCIe6 6.2.11.3] */
}

/* --- registers --- */

static void control_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *port = config_dev(b);

	if ((b->written & b->lanes & DPC_CTRL_SOFTWARE) && is_enabled(port))
		trigger(port, REASON_FURTHER, FURTHER_SOFTWARE, 0);
	pci_port_update(port);
}

static void status_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *port = config_dev(b);

	if (old & ~now & DPC_STATUS_TRIGGERED) {
		trace(PCI, "%s: containment ends", dev_name(&port->dev));
		pci_link_changed(port);
	}
	pci_port_update(port);
}

/* A machine's reset finds the link as firmware leaves it, not contained. */
#define STATUS_STICKY (STICKY & ~RESET_WARM)

u16 pci_dpc_add(struct pci_dev *port, u16 at)
{
	bool root = pci_express_type(port) == PCIE_ROOT_PORT;
	const struct reg rows[] = {
		R16(DPC_CAP, DPC_CAP,
		    DPC_CAP_SOFTWARE |
			    (root ? DPC_CAP_RP_EXTENSIONS | DPC_CAP_DL_ACTIVE | 4 << DPC_CAP_LOG_SIZE_SHIFT : 0),
		    0),
		R16(DPC_CTRL, DPC_CTRL, 0, DPC_CTRL_RW | (root ? DPC_CTRL_DL_ACTIVE : 0), .write = control_write),
		R16(DPC_STATUS, DPC_STATUS, root ? RP_PIO_NO_ERROR : 0, 0,
		    .w1c = DPC_STATUS_TRIGGERED | DPC_STATUS_INTERRUPT, .sticky = STATUS_STICKY, .write = status_write),
		R16(DPC_SOURCE, DPC_ERROR_SOURCE, 0, 0, .sticky = STATUS_STICKY),
		R32(RP_PIO_STATUS, RP_PIO_STATUS, 0, 0, .w1c = RP_PIO_BITS, .sticky = STATUS_STICKY),
		R32(RP_PIO_MASK, RP_PIO_MASK, RP_PIO_BITS, RP_PIO_BITS, .sticky = STICKY),
		R32(RP_PIO_SEVERITY, RP_PIO_SEVERITY, 0, RP_PIO_BITS, .sticky = STICKY),
		R32(RP_PIO_SYSERROR, RP_PIO_SYSERROR, 0, RP_PIO_BITS, .sticky = STICKY),
		R32(RP_PIO_EXCEPTION, RP_PIO_EXCEPTION, 0, RP_PIO_BITS, .sticky = STICKY),
		R32(RP_PIO_HEADER_LOG, RP_PIO_HEADER_LOG, 0, 0, .count = 4, .stride = 4, .sticky = STATUS_STICKY),
	};

	port->cap_dpc = pci_ext_cap_add(port, PCI_EXT_CAP_DPC, 1, at, root ? DPC_BYTES_ROOT : DPC_BYTES, rows,
					root ? ARRAY_SIZE(rows) : 4);
	return port->cap_dpc;
}
