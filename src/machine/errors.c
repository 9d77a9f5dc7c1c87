/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware that tells the OS of hardware errors (-M ras=on): what happens becomes a CPER section and goes out by one of the two sources
 * of the HEST. [ACPI6.5 18.3.2] [UEFI2.10 N.2]
 *
 *   poison that a vCPU consumes     memory error, recoverable     told by the abort itself (SEA)
 *   with cxl-firmware-first=on:
 *   a record of a device's logs     CXL component event           told by the Generic Event Device
 *   a protocol error                CXL protocol error            the same
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
		.type = is_device ? CPER_AGENT_DEVICE : dev->cls == &cxl_rp_class ? CPER_AGENT_ROOT_PORT :
			dev->cls == &cxl_upstream_class ? CPER_AGENT_UPSTREAM : CPER_AGENT_DOWNSTREAM,
		.bus = (u8)(pci_requester_id(pci) >> 8), .device = pci->devfn >> 3, .function = pci->devfn & 7,
		.vendor_id = (u16)regs_get(&pci->config, PCI_VENDOR_ID, 2), .device_id = (u16)regs_get(&pci->config, PCI_DEVICE_ID, 2),
		.subsystem_vendor_id = is_device ? (u16)regs_get(&pci->config, PCI_SUBSYSTEM_VENDOR, 2) : 0,
		.subsystem_id = is_device ? (u16)regs_get(&pci->config, PCI_SUBSYSTEM, 2) : 0,
		.class_code = (u16)regs_get(&pci->config, PCI_CLASS + 1, 2),
		.serial = is_device ? facts.serial : 0,
	};
}

static bool take_event(void *opaque, struct dev *dev, unsigned log, const u8 *record)
{
	static const enum ghes_severity severities[] = {GHES_INFORMATIONAL, GHES_CORRECTED, GHES_RECOVERABLE, GHES_RECOVERABLE};
	struct machine *m = opaque;
	struct cper_cxl_agent agent = agent_of(dev);
	u8 section[CPER_SECTION_MAX], type[16], told[CXL_RECORD_BYTES];

	memcpy(told, record, sizeof(told));
	told[RECORD_FLAGS] = (u8)deposit(told[RECORD_FLAGS], 1, 0, log); /* a section has no other place for the log */
	cper_cxl_event_type(type, record);
	return ghes_report(m->ghes, GHES_EVENT, severities[log], type, section, cper_cxl_event_section(section, &agent, told, sizeof(told)));
}

static void take_protocol_error(void *opaque, struct dev *dev, bool correctable, const u8 *ras)
{
	struct machine *m = opaque;
	struct cper_cxl_agent agent = agent_of(dev);
	u8 section[CPER_SECTION_MAX];

	ghes_report(m->ghes, GHES_EVENT, correctable ? GHES_CORRECTED : GHES_RECOVERABLE, cper_cxl_protocol_type, section,
		    cper_cxl_protocol_section(section, &agent, ras, CXL_RAS_BYTES));
}

bool machine_errors_check(const struct machine_config *config, struct error *err)
{
	if (config->cxl_firmware_first && !config->ras)
		return fail(err, "-M cxl-firmware-first=on: firmware has no way to tell of errors; add ras=on");
	if (config->ras && !config->acpi)
		return fail(err, "-M ras=on: errors are told by ACPI, which acpi=off leaves out; leave one of the two out");
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
