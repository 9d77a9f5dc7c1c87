/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this room share with each other. */
#ifndef PCI_PARTS_H
#define PCI_PARTS_H

#include "base/bits.h"
#include "base/trace.h"
#include "pci/pci.h"
#include "pci/pci_spec.h"

/* --- config.c --- */
/* Copies the rows, so that they may be built on the stack, and adds them; freed by pci_dev_fini. */
struct reg *pci_rows_add(struct pci_dev *dev, u32 base, const struct reg *rows, u32 count);
static inline struct pci_dev *config_dev(struct regs *b)
{
	return b->owner;
}

/* A request of the CPU. */
struct pci_bytes {
	u64 address;
	unsigned size;
	bool io;
};

/* --- bar.c --- */
void pci_bars_remove(struct pci_dev *dev);
/* Whether a BAR, as it was programmed, has the first of the bytes, enabled or not. */
bool pci_bars_hold(const struct pci_dev *dev, const struct pci_bytes *bytes);

/* --- host.c --- */
struct pci_windows {
	u64 pio_base, pio_size, mmio32_base, mmio32_size, mmio64_base, mmio64_size;
};
const struct pci_windows *pci_host_windows(struct pci_host *host);
/* Line 0..3 goes up (true) or down once: levels are counted. */
void pci_host_line(struct pci_host *host, unsigned line, bool raised);
/* The root port whose bus numbers, as programmed now, hold this one, or NULL. */
struct pci_dev *pci_host_port_of_bus(struct pci_host *host, u8 bus);
void pci_host_remove_root(struct pci_root *root);
/* A guest has let go of what it was asked for. */
void pci_host_removal(struct pci_host *host);

/* --- bus.c --- */
extern const struct io_ops pci_ecam_io; /* opaque: the host */
struct pci_dev *pci_root_find(struct pci_root *root, u8 bus, u8 devfn);
/* Free place on the bus for the device as addr= says; false: refused. */
bool pci_bus_place(struct pci_bus *bus, struct pci_dev *dev, struct error *err);
/* Resets every function on the bus and below. */
void pci_bus_reset(struct pci_bus *bus, unsigned reset_kind);
/* The same, as software can: what is at an unbound port is out of its reach. [CXL3.1 7.2.3.1] */
void pci_below_reset(struct pci_dev *port, unsigned reset_kind);
bool pci_bus_each(struct pci_bus *bus, bool (*each)(struct pci_dev *dev, void *arg), void *arg);
/* A request has gone down a root port's link, which is up, and nobody claims it: whom it has come to answers. */
void pci_unclaimed_config(struct pci_dev *root_port, u8 number, u8 devfn, const u32 header[4]);
/* A function on the bus whose they are, but that is disabled, answers. [PCIe5 7.5.1.1.3] False: there is none. */
bool pci_disabled_answers(struct pci_bus *bus, const struct pci_bytes *bytes, bool posted, const u32 header[4]);
void pci_unclaimed_bytes(struct pci_dev *root_port, const struct pci_bytes *bytes, bool posted, const u32 header[4]);

/* --- bridge.c --- */
extern const struct reg pci_bridge_rows[];
extern const u32 pci_bridge_row_count;
/* False: the bridge decodes what its header says and nothing else. */
static inline bool pci_bridge_alternate(const struct pci_dev *dev, struct pci_alternate *ranges)
{
	return dev->bridge->alternate && dev->bridge->alternate(dev, ranges);
}
/* Whether [base, base + size) is inside the windows that the bridge has open. */
bool pci_bridge_passes(const struct pci_dev *dev, u64 base, u64 size, bool io);
/* Whether the bytes are a function's by its BARs or windows, but its Space Enable is off, or its power. */
bool pci_is_disabled(const struct pci_dev *dev, const struct pci_bytes *bytes);

/* --- msix.c, msi.c --- */
void pci_msix_flush(struct pci_dev *dev); /* sends what is pending and no longer masked */
void pci_msix_reset(struct pci_dev *dev);
bool pci_msix_read(struct pci_dev *dev, unsigned bar, u64 offset, unsigned size, u64 *value);
bool pci_msix_write(struct pci_dev *dev, unsigned bar, u64 offset, unsigned size, u64 value);
void pci_msi_flush(struct pci_dev *dev);
bool pci_msi_is_enabled(const struct pci_dev *dev);
unsigned pci_msi_message(const struct pci_dev *dev,
			 unsigned vector); /* as which a vector comes, of the messages that software gave */

/* --- express.c --- */
/* enum pcie_type, or -1 without the capability. */
int pci_express_type(const struct pci_dev *dev);
/* Whether software keeps what is below a port in reset or its link disabled. */
bool pci_link_is_kept_down(const struct pci_dev *port);
/* The link trains: Target Link Speed counts from now on; comes up: so does Flit Mode Disable. */
void pci_link_train(struct pci_dev *port);
void pci_link_begin(struct pci_dev *port);
bool pci_link_wants_interrupt(const struct pci_dev *port);

/* --- power.c --- */
bool pci_is_asleep(const struct pci_dev *dev);
bool pci_pme_wants_interrupt(const struct pci_dev *port);
/* A port that sleeps has something to say. */
void pci_pme_send(struct pci_dev *port);
/* Software has cleared PME Status of the root port: the next one, if there is one. */
void pci_pme_cleared(struct pci_dev *root);

/* --- slot.c --- */
enum { PORT_EVENT_SLOT = 1, PORT_EVENT_AER = 2, PORT_EVENT_DPC = 4, PORT_EVENT_PME = 8, PORT_EVENT_LINK = 16 };
#define PCI_SLOT_ROWS 3
/* Slot Capabilities, Control and Status; all zero without a slot. */
void pci_slot_rows(struct reg rows[PCI_SLOT_ROWS], const struct pcie_link *link);
/* All ports are there: one without a number takes the lowest that is free in its chassis. For pci_host_each. */
bool pci_slot_settle(struct pci_dev *port, void *unused);
void pci_slot_reset(struct pci_dev *port, unsigned reset_kind);
/* What a write of Slot Control asked for, if that was one. */
void pci_slot_command(struct pci_dev *port);
/* One that software asked to hear of, by interrupt or PME. */
bool pci_slot_has_event(const struct pci_dev *port);
bool pci_slot_is_powered(const struct pci_dev *port);
/* The function that the port's link leads to, or NULL. */
struct pci_dev *pci_port_partner(const struct pci_dev *port);
/* The link below a port may have gone up or down. */
void pci_link_changed(struct pci_dev *port);
/* Whether the port has something to say may have changed: MSI-X vector 0, MSI vector 0 or INTA#. */
void pci_port_update(struct pci_dev *port);

/* --- aer.c --- */
bool pci_aer_wants_interrupt(const struct pci_dev *port);
/* An ERR_COR of a port that no status bit of AER's stands for, if Device Control lets it out. */
void pci_aer_correctable_message(struct pci_dev *port);
/* The function answers a request Unsupported Request, with a message if that is due and its kind is not in `told`
 * (NULL: whatever the kind); then it is. */
void pci_aer_unsupported(struct pci_dev *dev, bool posted, const u32 header[4], unsigned *told);

/* --- dpc.c --- */
/* Whether the port keeps its link down. */
bool pci_dpc_contains(const struct pci_dev *port);
bool pci_dpc_wants_interrupt(const struct pci_dev *port);
/* An unmasked uncorrectable error of the port's own, an error message from below: true if that is contained, and goes
 * no further. */
bool pci_dpc_detects(struct pci_dev *port);
bool pci_dpc_receives(struct pci_dev *port, bool fatal, u16 source);
void pci_dpc_link_is_up(struct pci_dev *port);
/* A request that a root port sent down was answered Unsupported Request. True: who asked is to take an exception. */
enum pci_request { PCI_REQUEST_CONFIG, PCI_REQUEST_IO, PCI_REQUEST_MEMORY };
bool pci_dpc_unsupported(struct pci_dev *port, enum pci_request kind, const u32 header[4]);

/* --- doe.c --- */
void pci_does_written(struct pci_dev *dev, u32 offset, unsigned size);
void pci_does_reset(struct pci_dev *dev);

#endif
