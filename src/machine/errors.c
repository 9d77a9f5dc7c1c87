/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware that tells the OS of hardware errors (-M ras=on): what happens becomes a CPER section and goes out by one of
 * the two sources of the HEST. [ACPI6.5 18.3.2] [UEFI2.10 N.2]
 *
 *   poison that a vCPU consumes     memory error, recoverable     told by the abort itself (SEA)
 *   with cxl-firmware-first=on:
 *   a record of a device's logs     CXL component event           told by the Generic Event Device
 *   a protocol error                CXL protocol error            the same
 *   what a monitor makes up         any                           the same, with and without cxl-firmware-first
 *
 * No record is ever fatal: that would make the OS panic over what an injection calls so. Machine lock.
 */
#include "acpi/acpi.h"
#include "base/bits.h"
#include "base/trace.h"
#include "machine/private.h"
#include "pci/pci_spec.h"

#define POISON_LINE 64
#define RECORD_FLAGS 17 /* of an event record; bits 1:0 are its severity [CXL3.1 8.2.9.2.1] */

static void notify(void *opaque, enum ghes_source source)
{
	struct machine *m = opaque;

	if (source == GHES_EVENT)
		ged_raise(m->ged, GED_HARDWARE_ERROR);
}

void machine_poison_consumed(void *opaque, u64 pa)
{
	struct machine *m = opaque;
	u8 section[CPER_SECTION_MAX];

	if (!m->ghes)
		return;
	trace(CXL, "poison consumed at 0x%llx", (unsigned long long)pa);
	ghes_report(m->ghes, GHES_SEA, GHES_RECOVERABLE, cper_memory_type, section,
		    cper_memory_section(section, pa, POISON_LINE, CPER_MEMORY_MULTI_BIT));
}

static struct cper_cxl_agent agent_of(struct dev *dev)
{
	struct pci_dev *pci = container_of(dev, struct pci_dev, dev);
	struct cxl_device_facts facts;
	bool is_device = cxl_device_facts(dev, &facts);

	return (struct cper_cxl_agent){
		.type = is_device                       ? CPER_AGENT_DEVICE :
			dev->cls == &cxl_rp_class       ? CPER_AGENT_ROOT_PORT :
			dev->cls == &cxl_upstream_class ? CPER_AGENT_UPSTREAM :
							  CPER_AGENT_DOWNSTREAM,
		.bus = (u8)(pci_requester_id(pci) >> 8),
		.device = pci->devfn >> 3,
		.function = pci->devfn & 7,
		.vendor_id = (u16)regs_get(&pci->config, PCI_VENDOR_ID, 2),
		.device_id = (u16)regs_get(&pci->config, PCI_DEVICE_ID, 2),
		.subsystem_vendor_id = is_device ? (u16)regs_get(&pci->config, PCI_SUBSYSTEM_VENDOR, 2) : 0,
		.subsystem_id = is_device ? (u16)regs_get(&pci->config, PCI_SUBSYSTEM, 2) : 0,
		.class_code = (u16)regs_get(&pci->config, PCI_CLASS + 1, 2),
		.serial = is_device ? facts.serial : 0,
	};
}

static bool take_event(void *opaque, struct dev *dev, unsigned log, const u8 *record)
{
	static const enum ghes_severity severities[] = {GHES_INFORMATIONAL, GHES_CORRECTED, GHES_RECOVERABLE,
							GHES_RECOVERABLE};
	struct machine *m = opaque;
	struct cper_cxl_agent agent = agent_of(dev);
	u8 section[CPER_SECTION_MAX], type[16], told[CXL_RECORD_BYTES];

	memcpy(told, record, sizeof(told));
	told[RECORD_FLAGS] = (u8)deposit(told[RECORD_FLAGS], 1, 0, log); /* a section has no other place for the log */
	cper_cxl_event_type(type, record);
	return ghes_report(m->ghes, GHES_EVENT, severities[log], type, section,
			   cper_cxl_event_section(section, &agent, told, sizeof(told)));
}

static void take_protocol_error(void *opaque, struct dev *dev, bool correctable, const u8 *ras)
{
	struct machine *m = opaque;
	struct cper_cxl_agent agent = agent_of(dev);
	u8 section[CPER_SECTION_MAX];

	ghes_report(m->ghes, GHES_EVENT, correctable ? GHES_CORRECTED : GHES_RECOVERABLE, cper_cxl_protocol_type,
		    section, cper_cxl_protocol_section(section, &agent, ras, CXL_RAS_BYTES));
}

/* Generic error status block: data entries of at least 72 bytes each, their length at 12. [ACPI6.5 18.3.2.7.1] */
enum { BLOCK_HEAD = 20, BLOCK_DATA_LENGTH = 12, BLOCK_ENTRY = 72, BLOCK_ENTRY_LENGTH = 24 };

bool machine_inject_error(struct machine *m, const u8 *block, u32 bytes, struct error *err)
{
	u64 left;

	if (!m->ghes)
		return fail(err, "the machine has no error source; start it with -M ras=on");
	if (bytes < BLOCK_HEAD || bytes > GHES_BLOCK_BYTES)
		return fail(err, "an error status block of %u bytes: it has %u to %u [ACPI6.5 18.3.2.7.1]", bytes,
			    BLOCK_HEAD, GHES_BLOCK_BYTES);
	left = load_le(block + BLOCK_DATA_LENGTH, 4);
	if (left > bytes - BLOCK_HEAD)
		return fail(err, "the block says %llu bytes of data, and %u follow", (unsigned long long)left,
			    bytes - BLOCK_HEAD);
	for (const u8 *entry = block + BLOCK_HEAD; left;) {
		u64 size = left < BLOCK_ENTRY ? left + 1 : BLOCK_ENTRY + load_le(entry + BLOCK_ENTRY_LENGTH, 4);

		if (size > left)
			return fail(err, "a data entry reaches past the %u bytes of the block", bytes);
		entry += size;
		left -= size;
	}
	return ghes_report_block(m->ghes, GHES_EVENT, block, bytes) ||
	       fail(err, "the guest has left too many error records unread");
}

bool machine_errors_check(const struct machine_config *config, struct error *err)
{
	if (config->cxl_firmware_first && !config->ras)
		return fail(err, "-M cxl-firmware-first=on: firmware has no way to tell of errors; add ras=on");
	if (config->ras && !config->acpi)
		return fail(err,
			    "-M ras=on: errors are told by ACPI, which acpi=off leaves out; leave one of the two out");
	return true;
}

void machine_errors_create(struct machine *m)
{
	if (m->config.ras)
		m->ghes = ghes_create(m->space, memory_map[MAP_GHES].base, notify, m);
}

struct cxl_firmware machine_cxl_firmware(struct machine *m)
{
	return (struct cxl_firmware){take_event, take_protocol_error, m};
}
