/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of pci/: PCI Express functions, buses, bridges and ports, the ECAM. [PCIe5 7]
 *
 * A function embeds `struct pci_dev` first. Its config space is a byte-enabled register block (mem/reg.h); a capability
 * is appended with its table and given its offset. BARs are regions that move when software programs them.
 * Everything here runs under the machine lock.
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include "base/line.h"
#include "mem/mem.h"
#include "mem/reg.h"
#include "obj/dev.h"

#define PCI_BARS 6
#define PCI_CONFIG_BYTES 4096

struct pci_bus;
struct pci_dev;

struct pci_bar {
	u64 size; /* bytes, a power of two; 0: no BAR */
	bool is_64, prefetch, io;
	struct region region; /* its base follows the BAR and Memory Space Enable */
	/* of the device; the region's own ops divert the MSI-X structures first */
	const struct io_ops *ops;
	void *opaque;
	struct pci_dev *dev;
};

/* One 16-byte MSI-X table entry lives in the BAR's memory; see msix.c. */
struct pci_msix {
	u16 count; /* vectors, 0: none */
	u8 bar;
	u32 table_offset, pba_offset;
	u16 cap; /* config offset of the capability */
	u8 *table, *pba;
};

struct pci_dev {
	struct dev dev;
	/* properties common to all functions */
	char *addr_text; /* "addr=1.0", "addr=01", "addr=0x1.0": slot and function in hex; NULL: next free slot */
	bool multifunction;
	char *romfile;  /* accepted and must be empty: refused otherwise */
	u32 rombar;     /* accepted: there is no ROM to show */
	u32 acpi_index; /* must be 0 */
	/* place */
	struct pci_bus *bus;
	u8 devfn;
	/* guest-visible state */
	struct regs config;
	struct pci_bar bars[PCI_BARS];
	struct pci_msix msix;
	u16 cap_pcie, cap_aer, cap_acs, cap_pm, cap_msi, cap_dpc; /* offsets, 0: none */
	u32 intx_level;
	/* hooks of the device, may be NULL */
	void (*config_written)(struct pci_dev *dev, u32 offset, unsigned size); /* after any config write */
	void (*function_reset)(struct pci_dev *dev,
			       unsigned reset_kind); /* FLR, hot reset, before the config's reset */
	/* rebuilt */
	u16 next_cap, last_cap, next_ext_cap, last_ext_cap; /* while capabilities are being appended */
	struct reg *last_cap_row, *last_ext_cap_row;        /* their header rows */
	u32 config_used[PCI_CONFIG_BYTES / 128];            /* bit per DWORD that a capability or the header has */
	struct space *space;
	struct loop *loop;
	struct pci_bridge *bridge;         /* set if the function is a bridge or port */
	struct reg *rows[REGS_TABLES_MAX]; /* tables built at create (header, BARs, capabilities), freed at destroy */
	u32 row_tables;
	struct doe *does; /* list of its DOE mailboxes */
	bool intx_raised; /* counted in the host's line */
	u8 port_events;   /* of a port: what it has to say, see slot.c */
	bool pme_is_told; /* of a port: its root port has, or had, the message of its PME_Status */
};

struct pci_ids {
	u16 vendor, device, subsystem_vendor, subsystem;
	u8 revision;
	u32 class_code; /* base << 16 | sub << 8 | prog-if */
};

/* A bus: devfn -> function. The root bus and each pxb's bus are roots of a hierarchy with a `_BBN`. */
struct pci_bus {
	struct bus bus; /* obj: name, kind */
	struct pci_dev *slots[256];
	unsigned end;              /* no slot from here on was ever taken */
	struct pci_bridge *bridge; /* above this bus; NULL: a root */
	struct pci_root *root;
	bool single_slot; /* below a port: only device 0 */
};

/* A root of a hierarchy: pcie.0 or an expander. Bus numbers are base..last. */
struct pci_root {
	struct pci_bus bus;
	u8 base, last; /* bus numbers; last is up to the next root */
	u8 uid;        /* ACPI _UID: 0 for pcie.0, bus_nr for a pxb */
	bool is_cxl;
	bool bypass_iommu; /* DMA and messages from below go past the IOMMU */
	u32 numa_node;     /* PCI_NO_NODE: none */
	struct dev *pxb;   /* the pxb-cxl device, or NULL */
	struct pci_root *next;
	struct pci_host *host; /* set by pci_host_add_root */
};
#define PCI_NO_NODE 128

/* What a port keeps for devices to come, beside what is there. All ones: nothing said. */
struct pci_reserve {
	u32 bus;
	u64 io, mem, pref32, pref64;
};
/* clang-format off */
#define PCI_RESERVE_PROPS(type, field)                                                                                                     \
	PROP_U32("bus-reserve", type, field.bus, UINT32_MAX, "bus numbers kept for what is plugged below"),                                \
	PROP_SIZE("io-reserve", type, field.io, UINT64_MAX, "I/O space that firmware is to keep for it"),                                  \
	PROP_SIZE("mem-reserve", type, field.mem, UINT64_MAX, "32-bit memory space kept for it"),                                          \
	PROP_SIZE("pref32-reserve", type, field.pref32, UINT64_MAX, "32-bit prefetchable memory space kept for it"),                       \
	PROP_SIZE("pref64-reserve", type, field.pref64, UINT64_MAX, "64-bit prefetchable memory space kept for it")
/* clang-format on */

/* Type 1 header's state: bus numbers and windows are read from config space when needed. */
/* What a bridge decodes beside the ranges of its header. */
struct pci_alternate {
	u64 first, last, prefetch_first,
		prefetch_last;  /* memory, whatever Memory Space Enable says; first > last: none */
	u8 bus_first, bus_last; /* configuration requests that go on below as they are */
	bool master;            /* in place of Bus Master Enable, for requesters on these buses */
};

struct pci_bridge {
	struct pci_dev *dev;
	struct pci_bus secondary;
	struct pci_reserve reserve;
	u8 chassis;
	u16 slot_number;
	enum { SLOT_WITHOUT_NUMBER, SLOT_WANTS_NUMBER, SLOT_HAS_NUMBER } slot_numbering;
	bool link_up;       /* as last told in Slot Status */
	u8 speed_limit;     /* Target Link Speed when the link was trained last */
	bool without_flits; /* Flit Mode Disable when the link came up last */
	bool held;          /* what is below is held in reset from outside (PERST#) */
	bool down;          /* Secondary Bus Reset or Link Disable keeps it so */
	/* Of what software asks for in Bridge Control and Link Control, what has no effect now (CXL); NULL: all has. */
	unsigned (*masked)(const struct pci_dev *port);
	bool (*alternate)(const struct pci_dev *port,
			  struct pci_alternate *ranges); /* false: none are enabled. NULL: there are none */
	bool commanded;                                  /* Slot Control is being written, and was control_before */
	u16 control_before;
	bool removal_asked; /* the button was pressed to get the device out, at guest time asked_ns */
	u64 asked_ns;
	bool unbound; /* what is at the link is a fabric manager's: software sees an empty slot */
	void (*waiting)(
		struct pci_dev *port); /* Slot Control was written or the link has changed; NULL: nobody waits for it */
};

/* The host: ECAM region, 32-bit and 64-bit windows, INTx lines. One per machine. */
struct pci_host;
struct pci_host_config {
	struct loop *loop;
	struct space *space;
	u64 ecam_base, ecam_size;
	u64 pio_base, mmio32_base, mmio32_size, mmio64_base, mmio64_size;
	struct line intx[4];
	bool bypass_iommu; /* of pcie.0 */
};
struct pci_host *pci_host_create(const struct pci_host_config *config, struct error *err);
void pci_host_destroy(struct pci_host *host);
struct pci_root *pci_host_root(struct pci_host *host); /* pcie.0; the list goes on by ->next, sorted by base */
/* Adds an expander's root; fails if the bus number is taken. Ranges of `last` are settled by pci_host_settle. */
bool pci_host_add_root(struct pci_host *host, struct pci_root *root, struct error *err);
/* After all devices exist: settles bus ranges. */
bool pci_host_settle(struct pci_host *host, struct error *err);
/* Function at bus:devfn as config space routing finds it now, or NULL. */
struct pci_dev *pci_host_find(struct pci_host *host, u8 bus, u8 devfn);
struct pci_host *pci_dev_host(struct pci_dev *dev);
struct pci_host *machine_pci_host(struct machine *machine); /* provided by machine/ */
/* Calls `each` for every function of the host, parents before children, until it returns false. */
void pci_host_each(struct pci_host *host, bool (*each)(struct pci_dev *dev, void *arg), void *arg);

/* --- for devices --- */

/* First in a device's create: places it on the bus of env (checks bus kind, free slot), builds the header (type 1 if
 * the class code is a PCI-to-PCI bridge's, 0604xx, else type 0), zeroes the rest. */
bool pci_dev_init(struct pci_dev *dev, const struct pci_ids *ids, const struct dev_env *env, struct error *err);
void pci_dev_fini(struct pci_dev *dev);
void pci_dev_reset(struct pci_dev *dev, unsigned reset_kind); /* config registers, BARs unmapped, MSI-X masked */
/* Software's view of config space, with everything that a write sets off: what the ECAM does. size 1, 2, 4. */
u64 pci_config_read(struct pci_dev *dev, u32 offset, unsigned size);
void pci_config_write(struct pci_dev *dev, u32 offset, unsigned size, u64 value);
/* function_reset hook, then pci_dev_reset: FLR, hot reset. */
void pci_function_reset(struct pci_dev *dev, unsigned reset_kind);
extern const struct prop pci_dev_props[]; /* addr, multifunction, romfile, rombar ... for dev_class.common */

/* A BAR of `size` bytes served by ops. Before the first reset. */
void pci_bar_add(struct pci_dev *dev, unsigned n, u64 size, bool is_64, bool prefetch, const struct io_ops *ops,
		 void *opaque);
void pci_bar_add_io(struct pci_dev *dev, unsigned n, u64 size, const struct io_ops *ops, void *opaque);
/* Current address of a BAR, or UINT64_MAX when unmapped. */
u64 pci_bar_address(const struct pci_dev *dev, unsigned n);

/* Capabilities: a table appended at the next free (4-byte aligned) offset, or at `at` if not 0; `length` bytes. Rows'
 * offsets count from the capability's start and leave out the 2- or 4-byte header, which these write.
 * Return the offset. */
u16 pci_cap_add(struct pci_dev *dev, u8 id, u16 at, u16 length, const struct reg *rows, u32 count);
u16 pci_ext_cap_add(struct pci_dev *dev, u16 id, u8 version, u16 at, u16 length, const struct reg *rows, u32 count);
/* Designated Vendor-Specific capability: also writes DVSEC headers 1 and 2. */
u16 pci_dvsec_add(struct pci_dev *dev, u16 vendor, u8 revision, u16 id, u16 at, u16 length, const struct reg *rows,
		  u32 count);

/* PCI Express capability: port type as in the Flags register [PCIe5 7.5.3.2]. */
enum pcie_type { PCIE_ENDPOINT = 0, PCIE_ROOT_PORT = 4, PCIE_UPSTREAM = 5, PCIE_DOWNSTREAM = 6, PCIE_RC_ENDPOINT = 9 };
struct pcie_link {
	u8 speed, width;
	u8 port;
	bool slot;
	bool flr;
	bool hotplug;
	bool surprise; /* a slot whose device may go without asking */
	bool power_controller;
	bool flit; /* Flit Mode Supported */
};
u16 pci_express_add(struct pci_dev *dev, u16 at, enum pcie_type type, const struct pcie_link *link);
/* Names of the link speeds ("2_5" .. "64") and widths ("1" .. "32") for PROP_CHOICE; what a choice's index means. */
extern const char *const pcie_speed_names[], *const pcie_width_names[];
#define PCIE_SPEED_16 3 /* indices */
#define PCIE_WIDTH_16 5
#define PCIE_WIDTH_32 6
u8 pcie_speed_of(u32 choice); /* as in Link Status: 1 = 2.5 GT/s .. 6 = 64 GT/s */
u8 pcie_width_of(u32 choice); /* lanes */
/* Whether both ends of the function's link have Flit Mode. [PCIe6 4.2.3] */
bool pci_link_has_flits(struct pci_dev *dev);
/* Whether the link below a port is up: something is there, not disabled, in reset or without power. */
bool pci_link_is_up(struct pci_dev *port);
/* Secondary Bus Reset, Link Disable or what masks them may have changed. */
enum { PCI_MASKS_BUS_RESET = 1, PCI_MASKS_LINK_DISABLE = 2 };
void pci_link_controls_changed(struct pci_dev *port);
/* Addresses of the function's BARs, and of everything below it if it is a bridge, follow the registers. */
void pci_bars_update(struct pci_dev *dev);
/* Resets what is below a port, and holds it in reset; lets go of it again. */
void pci_port_hold(struct pci_dev *port);
void pci_port_let_go(struct pci_dev *port);
u16 pci_pm_add(struct pci_dev *dev, u16 at); /* D0 and D3hot, no soft reset; of a bridge, PME: after pci_bridge_init */
u16 pci_aer_add(struct pci_dev *dev, u16 at, bool root_port);
/* Reports an error of the function: `bit` of the (un)correctable status, header log or NULL. Sends the error message to
 * the root port, which interrupts, as masks and enables allow. */
#define PCI_AER_UNCORRECTABLE_INTERNAL 0x00400000
#define PCI_AER_UNEXPECTED_COMPLETION 0x00010000 /* advisory, unless it is fatal */
#define PCI_AER_CORRECTABLE_INTERNAL 0x00004000
void pci_aer_report(struct pci_dev *dev, bool correctable, u32 which, const u32 *header);
/* Whether the function's AER has this error. */
bool pci_aer_has(const struct pci_dev *dev, bool correctable, u32 bit);
/* QEMU's vendor-specific capability, by which firmware learns what to reserve; none if nothing is said. Checks the
 * amounts. */
bool pci_reserve_add(struct pci_dev *dev, struct error *err);
u16 pci_acs_add(struct pci_dev *dev, u16 at);
/* Containment of a root port or downstream port; after the PCI Express capability, AER and the bridge. */
u16 pci_dpc_add(struct pci_dev *port, u16 at);
u16 pci_dsn_add(struct pci_dev *dev, u16 at, u64 serial);

/* MSI-X: `count` vectors in BAR `bar` at the given offsets (the BAR is added by this call when it has none). */
void pci_msix_add(struct pci_dev *dev, u16 at, u16 count, unsigned bar, u32 bar_size, u32 table_offset, u32 pba_offset);
void pci_msix_notify(struct pci_dev *dev, u16 vector); /* pends it when masked */
bool pci_msix_is_enabled(const struct pci_dev *dev);
void pci_msi_add(struct pci_dev *dev, u16 at, unsigned vectors);
void pci_msi_notify(struct pci_dev *dev, unsigned vector);
/* What the vector is for has been seen to, perhaps by software that polls: it does not wait for its mask any more.
 * [PCIe5 6.1.4.5] */
bool pci_msix_is_pending(const struct pci_dev *dev, u16 vector);
void pci_msix_withdraw(struct pci_dev *dev, u16 vector);
void pci_msi_withdraw(struct pci_dev *dev, unsigned vector);
/* Interrupt Pin shows INTA#. Before the first reset. */
void pci_intx_add(struct pci_dev *dev);
/* Level of INTA#, routed by slot to the host's four lines. */
void pci_intx_set(struct pci_dev *dev, bool level);

/* Requester ID bus:devfn as the hierarchy is numbered now. */
u16 pci_requester_id(struct pci_dev *dev);
/* Whether the function may send requests now: Bus Master Enable here and in all bridges above. */
bool pci_is_bus_master(struct pci_dev *dev);
/* DMA as this function: needs Bus Master Enable; false and nothing done without it. */
bool pci_dma_read(struct pci_dev *dev, u64 pa, void *to, u64 size);
bool pci_dma_write(struct pci_dev *dev, u64 pa, const void *from, u64 size);

/*
 * Data Object Exchange. [PCIe6 6.30, 7.9.24] A device gives its protocols; the mailbox checks lengths and calls
 * `answer` with the whole object (2 header DWORDs and payload) and room for the response.
 */
struct doe_protocol {
	u16 vendor;
	u8 type;
	const char *name;
	u32 request_dwords_min; /* length that a request must have at least, headers included */
	/* Fills response payload after the header; returns its DWORDs in all (headers included), or 0: no response. */
	u32 (*answer)(void *opaque, const u32 *request, u32 request_dwords, u32 *response, u32 response_dwords_max);
};
struct doe;
#define DOE_OBJECT_DWORDS_MAX 8192
struct doe *pci_doe_add(struct pci_dev *dev, u16 at, bool interrupt, u16 vector, const struct doe_protocol *protocols,
			unsigned count, void *opaque);
/* Each exchange takes `delay_ns` of guest time, with Busy set. Once, before the first. */
void pci_doe_set_delay(struct doe *doe, u64 delay_ns);
void pci_doe_reset(struct doe *doe);
void pci_doe_free(struct doe *doe);

/* --- slot.c: numbers --- */
#define PCI_SLOT_AUTO UINT32_MAX
/* After pci_bridge_init of a port with a slot: no two ports of a machine may have the same chassis and slot, as in
 * QEMU. */
bool pci_slot_claim(struct pci_dev *port, u8 chassis, u32 slot, struct error *err);

/* --- slot.c: hot-plug; the caller makes and destroys the devices --- */
/* Whether something may be put on the bus now; QEMU's words if not. */
bool pci_slot_can_plug(const struct pci_bus *bus, struct error *err);
/* The function is on its bus and reset: software is told, if it is function 0. */
void pci_slot_plugged(struct pci_dev *dev);
/* The port in whose hot-plug slot the function is, or NULL. */
struct pci_dev *pci_slot_of(const struct pci_dev *dev);
enum pci_removal { PCI_REMOVAL_NOW, PCI_REMOVAL_ASKED, PCI_REMOVAL_REPEATED, PCI_REMOVAL_BUSY };
/* Asks software to let go of what is in the slot. NOW: the slot is off. */
enum pci_removal pci_slot_ask(struct pci_dev *port);
/* Whether what was asked for may be taken out; a machine reset lets go of everything. */
bool pci_slot_may_go(const struct pci_dev *port, bool resetting);
/* After the functions are gone. */
void pci_slot_emptied(struct pci_dev *port);
/*
 * What a fabric manager does to a port [CXL3.1 7.2.3.1]: what is there is reset and goes from software's sight; it
 * comes back as if plugged in. A managed removal presses the button first (false: somebody asks already, or software is
 * busy) and waits until the slot is let go of.
 */
void pci_slot_unbind(struct pci_dev *port);
void pci_slot_bind(struct pci_dev *port);
bool pci_slot_press(struct pci_dev *port);
bool pci_slot_is_let_go(const struct pci_dev *port);
/* Whether the port has a hot-plug slot. */
bool pci_slot_has_hotplug(const struct pci_dev *port);
/* Called, inside a register write, when a slot's pci_slot_may_go has become true. */
void pci_host_on_removal(struct pci_host *host, void (*allowed)(void *opaque), void *opaque);

/* Bridges and ports: pci_dev_init, then this. The secondary bus is named after the device's id. */
void pci_bridge_init(struct pci_dev *dev, struct pci_bridge *bridge, enum bus_kind kind);
/* An expander's own root bus, named after the device's id, numbered from bus_nr: after pci_dev_init of the function
 * that stands for it on pcie.0. The caller owns `root`, fills is_cxl before and calls pci_expander_fini in destroy. */
bool pci_expander_init(struct pci_dev *dev, struct pci_root *root, u32 bus_nr, u32 numa_node, enum bus_kind kind,
		       struct error *err);
void pci_expander_fini(struct pci_root *root);

/* Classes. */
extern const struct dev_class pcie_root_port_class, pxb_pcie_class, pci_testdev_class;

#endif
