/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration space of a function: headers, capability chains, life. [PCIe5 7.5.1, 7.6, 7.7]
 *
 * The 4096 bytes are one byte-enabled register block. The header's table is a copy of a template with the IDs filled
 * in; each BAR and each capability appends a table of its own, whose first row is the capability's header, so that a
 * reset cannot break the chain. Capabilities lie where the caller says or at the next free place; a doubly used byte is
 * our mistake. Writes come through pci_config_write (the ECAM, or a device's own code), under the machine lock.
 */
#include <stdlib.h>
#include <string.h>

#include "pci/parts.h"
#include "base/conformance.h"

/* INTA# asserted shows in Status whether or not Command lets it out. [PCIe5 7.5.1.1.4] */
static u64 status_read(struct regs *b, unsigned i, u64 stored)
{
	return stored | (config_dev(b)->intx_level ? PCI_STATUS_INTX : 0);
}

static void command_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct pci_dev *dev = config_dev(b);

	if ((old ^ now) & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
		pci_bars_update(dev);
	if ((old ^ now) & PCI_COMMAND_INTX_OFF)
		pci_intx_set(dev, dev->intx_level);
}

#define COMMAND_RW                                                                                                     \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |            \
	 PCI_COMMAND_INTX_OFF)

/* Filled in by pci_dev_init: the reset values of IDs, class, header type. */
static const struct reg type0_rows[] = {
	R16(PCI_VENDOR_ID, VENDOR_ID, 0, 0),
	R16(PCI_DEVICE_ID, DEVICE_ID, 0, 0),
	R16(PCI_COMMAND, COMMAND, 0, COMMAND_RW, .write = command_write),
	R16(PCI_STATUS, STATUS, PCI_STATUS_CAP_LIST, 0, .w1c = PCI_STATUS_W1C, .read = status_read),
	R32(PCI_REVISION, CLASS_REVISION, 0, 0),
	R8(PCI_CACHE_LINE, CACHE_LINE_SIZE, 0, 0xff),
	R8(PCI_HEADER_TYPE, HEADER_TYPE, 0, 0),
	R16(PCI_SUBSYSTEM_VENDOR, SUBSYSTEM_VENDOR_ID, 0, 0),
	R16(PCI_SUBSYSTEM, SUBSYSTEM_ID, 0, 0),
	R8(PCI_CAP_POINTER, CAPABILITIES_POINTER, 0, 0),
	R8(PCI_INTERRUPT_LINE, INTERRUPT_LINE, 0, 0xff),
	R8(PCI_INTERRUPT_PIN, INTERRUPT_PIN, 0, 0),
};

static const struct reg type1_rows[] = {
	R16(PCI_VENDOR_ID, VENDOR_ID, 0, 0),
	R16(PCI_DEVICE_ID, DEVICE_ID, 0, 0),
	R16(PCI_COMMAND, COMMAND, 0, COMMAND_RW, .write = command_write),
	R16(PCI_STATUS, STATUS, PCI_STATUS_CAP_LIST, 0, .w1c = PCI_STATUS_W1C, .read = status_read),
	R32(PCI_REVISION, CLASS_REVISION, 0, 0),
	R8(PCI_CACHE_LINE, CACHE_LINE_SIZE, 0, 0xff),
	R8(PCI_HEADER_TYPE, HEADER_TYPE, 1, 0),
	R8(PCI_CAP_POINTER, CAPABILITIES_POINTER, 0, 0),
	R8(PCI_INTERRUPT_LINE, INTERRUPT_LINE, 0, 0xff),
	R8(PCI_INTERRUPT_PIN, INTERRUPT_PIN, 0, 0),
};

static struct reg *row_at(struct reg *rows, u32 count, u32 offset)
{
	for (u32 i = 0; i < count; i++)
		if (rows[i].offset == offset)
			return &rows[i];
	return NULL;
}

static void row_reset_to(struct pci_dev *dev, u32 offset, u64 value)
{
	bool is_bridge = regs_get(&dev->config, PCI_HEADER_TYPE, 1) & 1;
	struct reg *row = row_at(dev->rows[0], is_bridge ? ARRAY_SIZE(type1_rows) : ARRAY_SIZE(type0_rows), offset);

	assert(row);
	row->reset = value;
	regs_set(&dev->config, offset, row->size, value);
}

struct reg *pci_rows_add(struct pci_dev *dev, u32 base, const struct reg *rows, u32 count)
{
	struct reg *copy = calloc(count, sizeof(*copy));

	assert(copy && dev->row_tables < ARRAY_SIZE(dev->rows));
	memcpy(copy, rows, count * sizeof(*copy));
	dev->rows[dev->row_tables++] = copy;
	regs_add(&dev->config, base, copy, count);
	for (u32 r = 0; r < count; r++) /* so that the device's code can read constants before the first reset */
		for (u32 i = 0; i < MAX(copy[r].count, 1u); i++)
			regs_set(&dev->config, base + copy[r].offset + i * copy[r].stride, copy[r].size, copy[r].reset);
	return copy;
}

/* Marks [offset, offset + length) as used; a second use is our mistake. */
static void config_claim(struct pci_dev *dev, u32 offset, u32 length)
{
	assert(is_aligned(offset, 4) && range_ok(offset, length, PCI_CONFIG_BYTES));
	for (u32 n = offset / 4; n < (offset + length + 3) / 4; n++) {
		assert(!(dev->config_used[n / 32] & (1u << (n % 32))));
		dev->config_used[n / 32] |= 1u << (n % 32);
	}
}

static bool config_is_free(const struct pci_dev *dev, u32 offset, u32 length, u32 end)
{
	if (offset + length > end)
		return false;
	for (u32 n = offset / 4; n < (offset + length + 3) / 4; n++)
		if (dev->config_used[n / 32] & (1u << (n % 32)))
			return false;
	return true;
}

/* --- Life --- */

bool pci_dev_init(struct pci_dev *dev, const struct pci_ids *ids, const struct dev_env *env, struct error *err)
{
	bool is_bridge = ids->class_code >> 8 == PCI_CLASS_BRIDGE >> 8;
	u32 count = is_bridge ? ARRAY_SIZE(type1_rows) : ARRAY_SIZE(type0_rows);
	const char *name = dev_name(&dev->dev);
	struct bus *bus = env->bus;
	struct reg rows[ARRAY_SIZE(type0_rows) + ARRAY_SIZE(type1_rows)];

	if (dev->romfile && dev->romfile[0])
		return fail(err, "%s: romfile=%s: option ROMs are not supported; write romfile= (empty)", name,
			    dev->romfile);
	if (dev->acpi_index)
		return fail(err, "%s: acpi-index=%u: not supported; leave it out", name, dev->acpi_index);
	if (!bus)
		return fail(err, "%s: no PCI Express bus to plug into", name);
	if (bus->kind != BUS_PCI && bus->kind != BUS_PCIE && bus->kind != BUS_CXL)
		return fail(err, "%s: bus=%s is not a PCI Express bus", name, bus->name);
	if (!is_bridge && container_of(bus, struct pci_bus, bus)->bridge &&
	    pci_express_type(container_of(bus, struct pci_bus, bus)->bridge->dev) == PCIE_UPSTREAM)
		return fail(
			err,
			"%s: bus=%s is the inside of a switch, where only downstream ports are; plug it with bus=ID of one of them",
			name, bus->name);
	dev->space = env->space;
	dev->loop = env->loop;
	if (!pci_bus_place(container_of(bus, struct pci_bus, bus), dev, err))
		return false;

	memcpy(rows, is_bridge ? type1_rows : type0_rows, count * sizeof(rows[0]));
	row_at(rows, count, PCI_VENDOR_ID)->reset = ids->vendor;
	row_at(rows, count, PCI_DEVICE_ID)->reset = ids->device;
	row_at(rows, count, PCI_REVISION)->reset = (u32)ids->class_code << 8 | ids->revision;
	row_at(rows, count, PCI_HEADER_TYPE)->reset |= dev->multifunction ? PCI_HEADER_MULTI : 0;
	if (!is_bridge) {
		row_at(rows, count, PCI_SUBSYSTEM_VENDOR)->reset = ids->subsystem_vendor;
		row_at(rows, count, PCI_SUBSYSTEM)->reset = ids->subsystem;
	}
	regs_init(&dev->config, name, dev, REGS_BYTES, PCI_CONFIG_BYTES);
	config_claim(dev, 0, 0x40);
	pci_rows_add(dev, 0, rows, count);
	dev->next_cap = 0x40;
	dev->next_ext_cap = PCI_EXT_CAPS;
	if (is_bridge)
		pci_rows_add(dev, 0, pci_bridge_rows, pci_bridge_row_count);
	return true;
}

void pci_dev_fini(struct pci_dev *dev)
{
	if (!dev->bus)
		return;
	pci_intx_set(dev, false);
	pci_bars_remove(dev);
	if (dev->bus->slots[dev->devfn] == dev)
		dev->bus->slots[dev->devfn] = NULL;
	dev->bus = NULL;
	if (dev->config.store)
		regs_free(&dev->config);
	for (u32 i = 0; i < dev->row_tables; i++)
		free(dev->rows[i]);
	dev->row_tables = 0;
	free(dev->msix.table);
	free(dev->msix.pba);
	dev->msix.table = dev->msix.pba = NULL;
}

/* What both ends of a link have agreed on outlasts the reset of a function: Max_Payload_Size, as Link Control does.
 * [PCIe5 6.6.2] */
static void config_reset(struct pci_dev *dev, unsigned reset_kind)
{
	u32 at = dev->cap_pcie + EXP_DEVCTL;
	u64 agreed = dev->cap_pcie && (reset_kind & (RESET_FUNCTION | RESET_CXL)) ?
			     regs_get(&dev->config, at, 2) & EXP_DEVCTL_PAYLOAD :
			     0;

	regs_reset(&dev->config, reset_kind);
	if (agreed)
		regs_set(&dev->config, at, 2, deposit(regs_get(&dev->config, at, 2), 7, 5, agreed >> 5));
}

void pci_dev_reset(struct pci_dev *dev, unsigned reset_kind)
{
	if (!dev->bus)
		return;
	pci_intx_set(dev, false);
	config_reset(dev, reset_kind);
	pci_msix_reset(dev);
	pci_does_reset(dev);
	dev->port_events = 0;
	dev->pme_is_told = false;
	if (dev->cap_pcie)
		pci_slot_reset(dev, reset_kind);
	pci_bars_update(dev);
}

void pci_function_reset(struct pci_dev *dev, unsigned reset_kind)
{
	trace(PCI, "%s: %s reset", dev_name(&dev->dev),
	      reset_kind == RESET_FUNCTION ? "function" :
	      reset_kind == RESET_HOT      ? "hot" :
	      reset_kind == RESET_CXL      ? "CXL" :
					     "machine");
	if (dev->function_reset)
		dev->function_reset(dev, reset_kind);
	pci_dev_reset(dev, reset_kind);
}

const struct prop pci_dev_props[] = {
	PROP_STRING("addr", struct pci_dev, addr_text, NULL,
		    "slot and function, hexadecimal: 1 or 1.0 (default: next free)"),
	PROP_BOOL("multifunction", struct pci_dev, multifunction, 0, "other functions share the slot"),
	PROP_STRING("romfile", struct pci_dev, romfile, NULL, "option ROM: only empty"),
	PROP_U32("rombar", struct pci_dev, rombar, 1, "accepted: there is no option ROM"),
	PROP_U32("acpi-index", struct pci_dev, acpi_index, 0, "only 0"),
	{},
};

/* --- Software's accesses --- */

u64 pci_config_read(struct pci_dev *dev, u32 offset, unsigned size)
{
	return regs_read(&dev->config, offset, size);
}

void pci_config_write(struct pci_dev *dev, u32 offset, unsigned size, u64 value)
{
	regs_write(&dev->config, offset, size, value);
	if (dev->bridge)
		pci_slot_command(dev);
	pci_does_written(dev, offset, size);
	/* Masks, enables and Bus Master Enable let pending messages out. */
	pci_msix_flush(dev);
	pci_msi_flush(dev);
	if (dev->bridge) /* messages on or off: INTA# follows */
		pci_port_update(dev);
	if (dev->config_written)
		dev->config_written(dev, offset, size);
}

/* --- Capabilities --- */

/* The table of a capability: its header row, `extra` more (DVSEC), then the device's. */
static struct reg *cap_rows_add(struct pci_dev *dev, u16 at, const struct reg *head, u32 head_count,
				const struct reg *rows, u32 count)
{
	struct reg *all = calloc(head_count + count, sizeof(*all)), *added;

	assert(all);
	memcpy(all, head, head_count * sizeof(*all));
	if (count)
		memcpy(all + head_count, rows, count * sizeof(*all));
	added = pci_rows_add(dev, at, all, head_count + count);
	free(all);
	return added;
}

u16 pci_cap_add(struct pci_dev *dev, u8 id, u16 at, u16 length, const struct reg *rows, u32 count)
{
	struct reg head = R16(0, CAP_HEADER, id, 0), *added;

	for (u32 place = 0x40; !at && place < 0x100; place += 4)
		if (config_is_free(dev, place, length, 0x100))
			at = place;
	assert(at >= 0x40 && at + length <= 0x100);
	config_claim(dev, at, length);
	added = cap_rows_add(dev, at, &head, 1, rows, count);
	if (dev->last_cap_row) {
		dev->last_cap_row->reset |= (u64)at << 8;
		regs_set(&dev->config, dev->last_cap, 2, dev->last_cap_row->reset);
	} else {
		row_reset_to(dev, PCI_CAP_POINTER, at);
	}
	dev->last_cap = at;
	dev->last_cap_row = added;
	return at;
}

/* The chain of extended capabilities starts at 0x100 [PCIe5 7.6.2] and is kept in the order of appending. */
static u16 ext_cap_link(struct pci_dev *dev, u16 id, u8 version, u16 at, u16 length, struct reg *head, u32 head_count,
			const struct reg *rows, u32 count)
{
	struct reg *added;

	for (u32 place = PCI_EXT_CAPS; !at && place < PCI_CONFIG_BYTES; place += 4)
		if (config_is_free(dev, place, length, PCI_CONFIG_BYTES))
			at = place;
	assert(at >= PCI_EXT_CAPS);
	assert(dev->last_ext_cap_row || at == PCI_EXT_CAPS);
	config_claim(dev, at, length);
	head[0].reset = id | (u64)version << 16;
	added = cap_rows_add(dev, at, head, head_count, rows, count);
	if (dev->last_ext_cap_row) {
		dev->last_ext_cap_row->reset |= (u64)at << 20;
		regs_set(&dev->config, dev->last_ext_cap, 4, dev->last_ext_cap_row->reset);
	}
	dev->last_ext_cap = at;
	dev->last_ext_cap_row = added;
	return at;
}

u16 pci_ext_cap_add(struct pci_dev *dev, u16 id, u8 version, u16 at, u16 length, const struct reg *rows, u32 count)
{
	struct reg head[] = {R32(0, EXT_CAP_HEADER, 0, 0)};

	return ext_cap_link(dev, id, version, at, length, head, ARRAY_SIZE(head), rows, count);
}

u16 pci_dvsec_add(struct pci_dev *dev, u16 vendor, u8 revision, u16 id, u16 at, u16 length, const struct reg *rows,
		  u32 count)
{
	struct reg head[] = {
		R32(0, EXT_CAP_HEADER, 0, 0),
		R32(DVSEC_HEADER1, DVSEC_HEADER1, vendor | (u64)(revision & 0xf) << 16 | (u64)(length & 0xfff) << 20,
		    0),
		R16(DVSEC_HEADER2, DVSEC_HEADER2, id, 0),
	};

	return ext_cap_link(dev, PCI_EXT_CAP_DVSEC, 1, at, length, head, ARRAY_SIZE(head), rows, count);
}

u16 pci_dsn_add(struct pci_dev *dev, u16 at, u64 serial)
{
	const struct reg rows[] = {
		R32(4, SERIAL_LO, (u32)serial, 0),
		R32(8, SERIAL_HI, serial >> 32, 0),
	};

	return pci_ext_cap_add(dev, PCI_EXT_CAP_DSN, 1, at, DSN_BYTES, rows, ARRAY_SIZE(rows));
}

/* [PCIe5 7.7.8] Nothing of ours sends peer to peer, so the controls can be set and are always kept. */
u16 pci_acs_add(struct pci_dev *dev, u16 at)
{
	static const struct reg rows[] = {
		R16(ACS_CAP, ACS_CAP, ACS_BITS, 0),
		R16(ACS_CTRL, ACS_CTRL, 0, ACS_BITS),
	};

	dev->cap_acs = pci_ext_cap_add(dev, PCI_EXT_CAP_ACS, 1, at, ACS_BYTES, rows, ARRAY_SIZE(rows));
	return dev->cap_acs;
}

/* --- Sending --- */

bool pci_is_bus_master(struct pci_dev *dev)
{
	u8 number = dev && dev->bus ? pci_requester_id(dev) >> 8 : 0;

	if (dev && !dev->bridge && pci_is_asleep(dev)) /* D3hot: nothing but PME [PCIe5 5.3.1.4.1] */
		return false;
	while (dev) {
		struct pci_alternate other;
		bool is_on = dev->bus && (regs_get(&dev->config, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);

		if (dev->bus && dev->bridge && pci_bridge_alternate(dev, &other) && number >= other.bus_first &&
		    number <= other.bus_last)
			is_on = other.master;
		if (!is_on)
			return false;
		dev = dev->bus->bridge ? dev->bus->bridge->dev : NULL;
	}
	return true;
}

u16 pci_requester_id(struct pci_dev *dev)
{
	const struct pci_bus *bus = dev->bus;
	u8 number = bus->bridge ? regs_get(&bus->bridge->dev->config, PCI_SECONDARY_BUS, 1) : bus->root->base;

	return number << 8 | dev->devfn;
}

bool pci_dma_read(struct pci_dev *dev, u64 pa, void *to, u64 size)
{
	if (pci_is_bus_master(dev))
		return dma_read_for(dev->space, pci_requester_id(dev), pa, to, size);
	guest_error(DMA_NO_MASTER, "%s: DMA without Bus Master Enable", dev_name(&dev->dev));
	return false;
}

bool pci_dma_write(struct pci_dev *dev, u64 pa, const void *from, u64 size)
{
	if (pci_is_bus_master(dev))
		return dma_write_for(dev->space, pci_requester_id(dev), pa, from, size);
	guest_error(DMA_NO_MASTER, "%s: DMA without Bus Master Enable", dev_name(&dev->dev));
	return false;
}

struct pci_host *pci_dev_host(struct pci_dev *dev)
{
	return dev->bus ? dev->bus->root->host : NULL;
}

/* --- INTx [PCIe5 2.2.8.1]: each bridge turns the pin by the slot; the root's wiring does so too. --- */

void pci_intx_add(struct pci_dev *dev)
{
	row_reset_to(dev, PCI_INTERRUPT_PIN, 1);
}

void pci_intx_set(struct pci_dev *dev, bool level)
{
	const struct pci_dev *d = dev;
	unsigned pin = 0;
	bool raise;

	dev->intx_level = level;
	if (!dev->bus || !dev->config.store)
		return;
	raise = level && !(regs_get(&dev->config, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
	if (raise == dev->intx_raised || !dev->bus->root->host)
		return;
	dev->intx_raised = raise;
	for (; d; d = d->bus->bridge ? d->bus->bridge->dev : NULL)
		pin = (pin + DEVFN_SLOT(d->devfn)) % 4;
	pci_host_line(dev->bus->root->host, pin, raise);
}
