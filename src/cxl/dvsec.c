/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CXL's Designated Vendor-Specific Extended Capabilities. [CXL3.1 8.1, 8.2.1.3] Rows leave out the three headers (10
 * bytes), which pci/ writes. A Type 3 device's stand in the order 0, 8, 5, 7 from 0x100 on, so that its DOE lies at
 * 0x190.
 *
 * The CXL Device DVSEC's RWL fields take writes until Config Lock is set; Config Lock falls with a conventional reset,
 * and until then CXL Reset leaves alone what it locks. A function-level reset leaves all of it alone: it touches CXL.io
 * only. CXL Reset is the whole device's, at once: its completion can be read back by the next access.
 *
 * Viral [CXL3.1 12.4]: with Viral Enable set, an unmasked fatal error makes the device isolate itself: writes to
 * persistent memory are dropped, everything else completes, so that the host goes on; and it sends viral up through the
 * ports of switches, which note it where it is enabled. Viral Status is a record that software clears; isolation ends
 * with a conventional reset.
 */
#include "base/trace.h"
#include "cxl/decode.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define SURVIVES_FLR .sticky = RESET_FUNCTION

static struct cxl_type3 *type3_of(struct regs *b)
{
	return container_of((struct pci_dev *)b->owner, struct cxl_type3, pci);
}

static bool device_is_locked(struct regs *b, unsigned i)
{
	return regs_get(b, type3_of(b)->dvsec_device + DVSEC_DEVICE_LOCK, 2) & 1;
}

static void device_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_type3 *dev = type3_of(b);

	if ((old ^ now) & DVSEC_DEVICE_CTRL_MEM_ENABLE) {
		trace(CXL, "%s: CXL.mem %s", dev->name, now & DVSEC_DEVICE_CTRL_MEM_ENABLE ? "enabled" : "disabled");
		cxl_map_changed(dev->host);
	}
}

/* Config space is reset behind the registers of the device: what is mapped goes by Mem_Enable, and falls with it. */
void dvsec_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct regs *b = &dev->pci.config;
	u32 at = dev->dvsec_device + DVSEC_DEVICE_CTRL;

	if (!type3_is_mem_enabled(dev) || reset_kind == RESET_FUNCTION ||
	    (reset_kind == RESET_CXL && device_is_locked(b, 0)))
		return;
	regs_set(b, at, 2, regs_get(b, at, 2) & ~(u64)DVSEC_DEVICE_CTRL_MEM_ENABLE);
	cxl_map_changed(dev->host);
}

static void device_ctrl2_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_type3 *dev = type3_of(b);
	u32 at = dev->dvsec_device;

	if (!(now & DVSEC_DEVICE_CTRL2_RESET))
		return;
	regs_set(b, at + DVSEC_DEVICE_CTRL2, 2, now & ~DVSEC_DEVICE_CTRL2_RESET);
	type3_cxl_reset(dev, now & DVSEC_DEVICE_CTRL2_RESET_CLEARS);
	regs_set(b, at + DVSEC_DEVICE_STATUS2, 2, DVSEC_DEVICE_STATUS2_RESET_COMPLETE | DVSEC_DEVICE_STATUS2_PM_INIT);
}

/* A switch always forwards it. [CXL3.1 8.1.5.2] */
static void viral_passes(struct pci_dev *pci, u16 dvsec)
{
	trace(CXL, "%s: viral from below", dev_name(&pci->dev));
	if (regs_get(&pci->config, dvsec + DVSEC_PORT_CTRL, 2) & DVSEC_PORT_VIRAL)
		regs_set(&pci->config, dvsec + DVSEC_PORT_STATUS, 2,
			 regs_get(&pci->config, dvsec + DVSEC_PORT_STATUS, 2) | DVSEC_PORT_VIRAL);
}

/* Up through downstream and upstream ports to a root port, which is the host's and has no register for it. */
bool dvsec_send_viral(struct cxl_port *port)
{
	if (!port)
		return false;
	while (port->above && port->above->above) {
		struct cxl_switch *sw = container_of(port->above, struct cxl_switch, fork);

		viral_passes(&port->pci, port->dvsec);
		viral_passes(&sw->pci, sw->dvsec);
		port = port->above->above;
	}
	return true;
}

void dvsec_viral(struct cxl_type3 *dev)
{
	u32 at = dev->dvsec_device;

	if (!(regs_get(&dev->pci.config, at + DVSEC_DEVICE_CTRL, 2) & DVSEC_DEVICE_VIRAL))
		return;
	regs_set(&dev->pci.config, at + DVSEC_DEVICE_STATUS, 2,
		 regs_get(&dev->pci.config, at + DVSEC_DEVICE_STATUS, 2) | DVSEC_DEVICE_VIRAL);
	trace(CXL, "%s: viral: persistent memory takes no writes until a reset", dev->name);
	dev->viral = true;
	cxl_map_changed(dev->host);
	dvsec_send_viral(dev->above);
}

static u16 device_cap(const struct cxl_type3 *dev)
{
	u16 count = dev->volatile_bytes && dev->persistent_bytes ? DVSEC_DEVICE_CAP_HDM_COUNT_2 :
								   DVSEC_DEVICE_CAP_HDM_COUNT_1;

	return DVSEC_DEVICE_CAP_IO | DVSEC_DEVICE_CAP_MEM | DVSEC_DEVICE_CAP_MEM_HW_INIT | count |
	       DVSEC_DEVICE_CAP_RESET | DVSEC_DEVICE_CAP_RESET_100_MS | DVSEC_DEVICE_VIRAL | DVSEC_DEVICE_CAP_PM_INIT |
	       (dev->volatile_bytes || dev->dynamic_bytes ? DVSEC_DEVICE_CAP_RESET_CLEARS : 0);
}

static u64 device_cap_read(struct regs *b, unsigned i, u64 stored)
{
	return device_cap(type3_of(b));
}

/* Range 1 is the first partition that exists, range 2 the second; dynamic capacity only where there is nothing else.
 * Their DPAs follow each other from 0. While HDM Decoder Enable is 0 the device decodes by their bases.
 * [CXL3.1 8.1.3.8] */
static u64 range_size(const struct cxl_type3 *dev, unsigned range)
{
	u64 first = dev->volatile_bytes   ? dev->volatile_bytes :
		    dev->persistent_bytes ? dev->persistent_bytes :
					    dev->dynamic_bytes;

	return range == 0 ? first : dev->volatile_bytes ? dev->persistent_bytes : 0;
}

struct decode_decoder dvsec_range(const struct cxl_type3 *dev, unsigned range)
{
	u32 at = dev->dvsec_device + range * DVSEC_DEVICE_RANGE_BYTES;

	return (struct decode_decoder){
		.base = regs_get(&dev->pci.config, at + DVSEC_DEVICE_RANGE1_BASE_HI, 4) << 32 |
			regs_get(&dev->pci.config, at + DVSEC_DEVICE_RANGE1_BASE_LO, 4),
		.size = range_size(dev, range),
		.dpa = range ? range_size(dev, 0) : 0,
	};
}

static void range_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_type3 *dev = type3_of(b);

	if (old != now && type3_is_mem_enabled(dev) && !dev->comp.hdm_enabled)
		cxl_map_changed(dev->host);
}

static u64 size_hi_read(struct regs *b, unsigned i, u64 stored)
{
	return range_size(type3_of(b), i) >> 32;
}

static u64 size_lo_read(struct regs *b, unsigned i, u64 stored)
{
	u64 size = range_size(type3_of(b), i);

	return size ? (size & HDM_ADDRESS_LO) | DVSEC_RANGE_INFO_VALID | DVSEC_RANGE_ACTIVE | DVSEC_RANGE_BY_CDAT : 0;
}

#define RWL .locked = device_is_locked, SURVIVES_FLR
#define RANGE .count = DVSEC_DEVICE_RANGES, .stride = DVSEC_DEVICE_RANGE_BYTES

static const struct reg device_rows[] = {
	R16(DVSEC_DEVICE_CAP, DVSEC_CXL_CAP, 0, 0, .read = device_cap_read),
	R16(DVSEC_DEVICE_CTRL, DVSEC_CXL_CTRL, DVSEC_DEVICE_CTRL_IO_ENABLE,
	    DVSEC_DEVICE_CTRL_MEM_ENABLE | DVSEC_DEVICE_VIRAL, RWL, .write = device_ctrl_write),
	R16(DVSEC_DEVICE_STATUS, DVSEC_CXL_STATUS, 0, 0, .w1c = DVSEC_DEVICE_VIRAL, .sticky = STICKY),
	R16(DVSEC_DEVICE_CTRL2, DVSEC_CXL_CTRL2, 0, DVSEC_DEVICE_CTRL2_RESET | DVSEC_DEVICE_CTRL2_RESET_CLEARS,
	    .unimp = DVSEC_DEVICE_CTRL2_CACHE, .write = device_ctrl2_write, SURVIVES_FLR),
	R16(DVSEC_DEVICE_STATUS2, DVSEC_CXL_STATUS2, DVSEC_DEVICE_STATUS2_PM_INIT, 0, SURVIVES_FLR),
	R16(DVSEC_DEVICE_LOCK, DVSEC_CXL_LOCK, 0, 0, .rwo = 1, .sticky = RESET_FUNCTION | RESET_CXL),
	R16(DVSEC_DEVICE_CAP2, DVSEC_CXL_CAP2, DVSEC_DEVICE_CAP2_NO_CLEAN_WRITEBACK, 0),
	R32(DVSEC_DEVICE_RANGE1_SIZE_HI, DVSEC_CXL_RANGE_SIZE_HI, 0, 0, RANGE, .read = size_hi_read),
	R32(DVSEC_DEVICE_RANGE1_SIZE_LO, DVSEC_CXL_RANGE_SIZE_LO, 0, 0, RANGE, .read = size_lo_read),
	R32(DVSEC_DEVICE_RANGE1_BASE_HI, DVSEC_CXL_RANGE_BASE_HI, 0, 0xffffffff, RANGE, RWL, .write = range_write),
	R32(DVSEC_DEVICE_RANGE1_BASE_LO, DVSEC_CXL_RANGE_BASE_LO, 0, HDM_ADDRESS_LO, RANGE, RWL, .write = range_write),
	R16(DVSEC_DEVICE_CAP3, DVSEC_CXL_CAP3, 0, 0),
};

static const struct reg device_locator_rows[] = {
	R32(0x0c, LOCATOR_1_LO, LOCATOR(LOCATOR_COMPONENT, 0), 0),
	R32(0x10, LOCATOR_1_HI, 0, 0),
	R32(0x14, LOCATOR_2_LO, LOCATOR(LOCATOR_DEVICE, 2), 0),
	R32(0x18, LOCATOR_2_HI, 0, 0),
	R32(0x1c, LOCATOR_3_LO, 0, 0),
	R32(0x20, LOCATOR_3_HI, 0, 0),
};

static const struct reg device_gpf_rows[] = {
	R16(0x0a, GPF_PHASE2_DURATION, 0x0603, 0), /* 3 s */
	R32(0x0c, GPF_PHASE2_POWER, 0x33, 0),      /* mW */
};

/* The mode that was negotiated: 68-byte flits, unless both ends have the longer ones. */
static u64 flex_bus_status_read(struct regs *b, unsigned i, u64 stored)
{
	return pci_link_has_flits(b->owner) ? stored & ~FLEX_BUS_68B : stored;
}

static const struct reg device_flex_bus_rows[] = {
	R16(0x0a, FLEX_BUS_CAP, FLEX_BUS_IO_MEM_68B, 0),
	R16(0x0c, FLEX_BUS_CTRL, 0x02, 0),
	R16(0x0e, FLEX_BUS_STATUS, FLEX_BUS_IO_MEM_68B, 0, .read = flex_bus_status_read),
	R32(0x10, FLEX_BUS_RECEIVED, 0xef, 0),
	R32(0x14, FLEX_BUS_CAP2, 0, 0),
	R32(0x18, FLEX_BUS_CTRL2, 0, 0),
	R32(0x1c, FLEX_BUS_STATUS2, 0, 0),
};

#define DVSEC_ADD(pci, revision, id, length, rows)                                                                     \
	pci_dvsec_add(pci, CXL_VENDOR_ID, revision, id, 0, length, rows, ARRAY_SIZE(rows))

void dvsec_add_device(struct cxl_type3 *dev)
{
	dev->dvsec_device =
		DVSEC_ADD(&dev->pci, DVSEC_DEVICE_REVISION, DVSEC_CXL_DEVICE, DVSEC_DEVICE_BYTES, device_rows);
	DVSEC_ADD(&dev->pci, 0, DVSEC_REGISTER_LOCATOR, DVSEC_LOCATOR_BYTES_3, device_locator_rows);
	DVSEC_ADD(&dev->pci, 0, DVSEC_GPF_DEVICE, DVSEC_GPF_BYTES, device_gpf_rows);
	DVSEC_ADD(&dev->pci, DVSEC_FLEX_BUS_REVISION, DVSEC_FLEX_BUS_PORT, DVSEC_FLEX_BUS_BYTES, device_flex_bus_rows);
}

/* Which functions beside this one are no CXL functions, and are left alone by CXL Reset. [CXL3.1 8.1.4] */
static u64 function_map_read(struct regs *b, unsigned function, u64 stored)
{
	const struct pci_dev *pci = b->owner;
	u64 map = 0;

	for (unsigned device = 0; pci->bus && device < 32; device++) {
		const struct pci_dev *other = pci->bus->slots[device * 8 + function];

		if (other && other != pci)
			map |= BIT(device);
	}
	return map;
}

void dvsec_add_function_map(struct pci_dev *pci, u16 at)
{
	static const struct reg rows[] = {
		R32(DVSEC_FUNCTION_MAP, NON_CXL_FUNCTION_MAP, 0, 0, .count = 8, .stride = 4, .read = function_map_read),
	};

	pci_dvsec_add(pci, CXL_VENDOR_ID, 0, DVSEC_NON_CXL_FUNCTION_MAP, at, DVSEC_FUNCTION_MAP_BYTES, rows,
		      ARRAY_SIZE(rows));
}

/*
 * CXL Extensions for ports. [CXL3.1 8.1.5, 9.11.8] The alternate ranges lead to devices in RCD mode below: every port
 * on the way forwards by them, but not the last one, whose registers would lie in an RCRB. There are no such devices,
 * so RCRB Base stays 0; the ranges decode all the same.
 */
static void port_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if ((old ^ now) & (DVSEC_PORT_UNMASK_RESET | DVSEC_PORT_UNMASK_DISABLE))
		pci_link_controls_changed(b->owner);
	if ((old ^ now) & DVSEC_PORT_ALTERNATE)
		pci_bars_update(b->owner);
}

static void port_range_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (old != now)
		pci_bars_update(b->owner);
}

bool dvsec_alternate(const struct pci_dev *pci, u16 at, struct pci_alternate *ranges)
{
	const struct regs *c = &pci->config;
	u64 control = at ? regs_get(c, at + DVSEC_PORT_CTRL, 2) : 0;

	if (!(control & DVSEC_PORT_ALTERNATE))
		return false;
	*ranges = (struct pci_alternate){
		.bus_first = regs_get(c, at + DVSEC_PORT_BUS_BASE, 1),
		.bus_last = regs_get(c, at + DVSEC_PORT_BUS_LIMIT, 1),
		.first = (regs_get(c, at + DVSEC_PORT_MEM_BASE, 2) & 0xfff0) << 16,
		.last = (regs_get(c, at + DVSEC_PORT_MEM_LIMIT, 2) & 0xfff0) << 16 | 0xfffff,
		.prefetch_first = (regs_get(c, at + DVSEC_PORT_PREFETCH_BASE, 2) & 0xfff0) << 16 |
				  regs_get(c, at + DVSEC_PORT_PREFETCH_BASE_HI, 4) << 32,
		.prefetch_last = (regs_get(c, at + DVSEC_PORT_PREFETCH_LIMIT, 2) & 0xfff0) << 16 |
				 regs_get(c, at + DVSEC_PORT_PREFETCH_LIMIT_HI, 4) << 32 | 0xfffff,
		.master = control & DVSEC_PORT_ALTERNATE_MASTER,
	};
	return true;
}

#define PORT_CTRL_RW                                                                                                   \
	(DVSEC_PORT_UNMASK_RESET | DVSEC_PORT_UNMASK_DISABLE | DVSEC_PORT_ALTERNATE | DVSEC_PORT_ALTERNATE_MASTER |    \
	 DVSEC_PORT_VIRAL)

static const struct reg port_rows[] = {
	R16(DVSEC_PORT_STATUS, PORT_EXT_STATUS, 0x0001, 0, .w1c = DVSEC_PORT_VIRAL,
	    .sticky = STICKY), /* port power management is ready */
	R16(DVSEC_PORT_CTRL, PORT_EXT_CTRL, 0, PORT_CTRL_RW, .write = port_ctrl_write),
	R8(DVSEC_PORT_BUS_BASE, PORT_ALT_BUS_BASE, 0, 0xff),
	R8(DVSEC_PORT_BUS_LIMIT, PORT_ALT_BUS_LIMIT, 0, 0xff),
	R16(DVSEC_PORT_MEM_BASE, PORT_ALT_MEM_BASE, 0, 0xfff0, .write = port_range_write),
	R16(DVSEC_PORT_MEM_LIMIT, PORT_ALT_MEM_LIMIT, 0, 0xfff0, .write = port_range_write),
	R16(DVSEC_PORT_PREFETCH_BASE, PORT_ALT_PREFETCH_BASE, 0, 0xfff0, .write = port_range_write),
	R16(DVSEC_PORT_PREFETCH_LIMIT, PORT_ALT_PREFETCH_LIMIT, 0, 0xfff0, .write = port_range_write),
	R32(DVSEC_PORT_PREFETCH_BASE_HI, PORT_ALT_PREFETCH_BASE_HI, 0, 0xffffffff, .write = port_range_write),
	R32(DVSEC_PORT_PREFETCH_LIMIT_HI, PORT_ALT_PREFETCH_LIMIT_HI, 0, 0xffffffff, .write = port_range_write),
	R32(0x20, PORT_RCRB_BASE, 0, 0),
	R32(0x24, PORT_RCRB_BASE_HI, 0, 0),
};

static const struct reg port_gpf_rows[] = {
	R16(0x0c, GPF_PHASE1_CTRL, 0x060f, 0x0f0f), /* 15 s each */
	R16(0x0e, GPF_PHASE2_CTRL, 0x060f, 0x0f0f),
};

/* The downstream end of a link asks for its mode: cache, memory, 68-byte flits and VH, no RCD, and which retimers there
 * are. [CXL3.1 8.2.1.3.2] */
static const struct reg port_flex_bus_rows[] = {
	R16(0x0a, FLEX_BUS_CAP, FLEX_BUS_IO_MEM_68B, 0),
	R16(0x0c, FLEX_BUS_CTRL, FLEX_BUS_IO_MEM_68B, 0x3a5),
	R16(0x0e, FLEX_BUS_STATUS, FLEX_BUS_IO_MEM_68B, 0, .read = flex_bus_status_read),
	R32(0x10, FLEX_BUS_RECEIVED, 0xef, 0),
	R32(0x14, FLEX_BUS_CAP2, 0, 0),
	R32(0x18, FLEX_BUS_CTRL2, 0, 0),
	R32(0x1c, FLEX_BUS_STATUS2, 0, 0),
};

static const struct reg port_locator_rows[] = {
	R32(0x0c, LOCATOR_1_LO, LOCATOR(LOCATOR_COMPONENT, 0), 0),
	R32(0x10, LOCATOR_1_HI, 0, 0),
};

/* Viral is no concern of a root port's registers. [CXL3.1 8.1.5.1, 8.1.5.2] */
u16 dvsec_add_root_port(struct pci_dev *pci)
{
	struct reg rows[ARRAY_SIZE(port_rows)];
	u16 at;

	memcpy(rows, port_rows, sizeof(rows));
	rows[0].w1c = 0;
	rows[1].rw &= ~(u64)DVSEC_PORT_VIRAL;
	at = DVSEC_ADD(pci, 0, DVSEC_PORT_EXTENSIONS, DVSEC_PORT_BYTES, rows);
	DVSEC_ADD(pci, 0, DVSEC_GPF_PORT, DVSEC_GPF_BYTES, port_gpf_rows);
	DVSEC_ADD(pci, DVSEC_FLEX_BUS_REVISION, DVSEC_FLEX_BUS_PORT, DVSEC_FLEX_BUS_BYTES, port_flex_bus_rows);
	DVSEC_ADD(pci, 0, DVSEC_REGISTER_LOCATOR, DVSEC_LOCATOR_BYTES_1, port_locator_rows);
	return at;
}

/* An upstream port is no GPF port; its locator has room for two more blocks. */
u16 dvsec_add_upstream(struct pci_dev *pci)
{
	static const struct reg locator_rows[] = {
		R32(0x0c, LOCATOR_1_LO, LOCATOR(LOCATOR_COMPONENT, 0), 0),
		R32(0x10, LOCATOR_1_HI, 0, 0),
		R32(0x14, LOCATOR_2_LO, 0, 0),
		R32(0x18, LOCATOR_2_HI, 0, 0),
		R32(0x1c, LOCATOR_3_LO, 0, 0),
		R32(0x20, LOCATOR_3_HI, 0, 0),
	};

	u16 at = pci_dvsec_add(pci, CXL_VENDOR_ID, 0, DVSEC_PORT_EXTENSIONS, 0x154, DVSEC_PORT_BYTES, port_rows,
			       ARRAY_SIZE(port_rows));

	DVSEC_ADD(pci, DVSEC_FLEX_BUS_REVISION, DVSEC_FLEX_BUS_PORT, DVSEC_FLEX_BUS_BYTES, device_flex_bus_rows);
	DVSEC_ADD(pci, 0, DVSEC_REGISTER_LOCATOR, DVSEC_LOCATOR_BYTES_3, locator_rows);
	return at;
}

u16 dvsec_add_downstream(struct pci_dev *pci)
{
	u16 at = DVSEC_ADD(pci, 0, DVSEC_PORT_EXTENSIONS, DVSEC_PORT_BYTES, port_rows);

	DVSEC_ADD(pci, DVSEC_FLEX_BUS_REVISION, DVSEC_FLEX_BUS_PORT, DVSEC_FLEX_BUS_BYTES, port_flex_bus_rows);
	DVSEC_ADD(pci, 0, DVSEC_GPF_PORT, DVSEC_GPF_BYTES, port_gpf_rows);
	DVSEC_ADD(pci, 0, DVSEC_REGISTER_LOCATOR, DVSEC_LOCATOR_BYTES_1, port_locator_rows);
	return at;
}
