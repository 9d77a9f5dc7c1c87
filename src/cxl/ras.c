/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The RAS capability: protocol errors of CXL.cachemem. [CXL3.1 8.2.4.17, 12.2] What happens on the link of a device or
 * port sets a status bit here, and the function reports an internal error through AER, as which the root port and the
 * kernel hear of it. An error that is masked here is not even recorded, other than in AER.
 *
 * Multiple header recording: uncorrectable errors queue with their headers, RAS_HEADERS_MAX of them. The header log and
 * the First Error Pointer show the oldest. Clearing a status bit takes the oldest header of that error out; while
 * another one is queued the bit reads 1 again. Status, masks, headers survive all but a cold reset.
 *
 * Where firmware comes first, it opens the masks before the OS starts; errors go to it instead of AER, and it clears
 * them. Machine lock.
 */
#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

static const struct error_word {
	const char *name;
	u8 bit;
} uncorrectable[] =
	{
		{"cache-data-parity", 0}, {"cache-address-parity", 1}, {"cache-be-parity", 2},
		{"cache-data-ecc", 3},    {"mem-data-parity", 4},      {"mem-address-parity", 5},
		{"mem-be-parity", 6},     {"mem-data-ecc", 7},         {"reinit-threshold", 8},
		{"rsvd-encoding", 9},     {"poison-received", 10},     {"receiver-overflow", 11},
		{"internal", 14},         {"cxl-ide-tx", 15},          {"cxl-ide-rx", 16},
},
  correctable[] = {
	  {"cache-data-ecc", 0},        {"mem-data-ecc", 1},        {"crc-threshold", 2}, {"retry-threshold", 3},
	  {"cache-poison-received", 4}, {"mem-poison-received", 5}, {"physical", 6},
};

static u64 ras_get(const struct cxl_component *comp, u32 offset)
{
	return regs_get(&comp->regs, AT_RAS + offset, 4);
}

static void ras_set(struct cxl_component *comp, u32 offset, u64 value)
{
	regs_set(&comp->regs, AT_RAS + offset, 4, value);
}

/* The oldest header of this bit, or the number of headers. */
static unsigned find_header(const struct cxl_component *comp, unsigned bit)
{
	unsigned n = 0;

	while (n < comp->ras_headers && comp->ras[n].bit != bit)
		n++;
	return n;
}

/* Without a header the log keeps what it showed last: no status bit points at it. */
static void show_oldest(struct cxl_component *comp)
{
	const struct ras_header *oldest = comp->ras_headers ? &comp->ras[0] : NULL;

	ras_set(comp, RAS_CAP_CTRL, deposit(ras_get(comp, RAS_CAP_CTRL), 5, 0, oldest ? oldest->bit : 0));
	for (unsigned n = 0; oldest && n < RAS_HEADER_DWORDS; n++)
		ras_set(comp, RAS_HEADER_LOG + 4 * n, oldest->header[n]);
}

static void uncorrectable_status_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct cxl_component *comp = b->owner;
	u64 cleared = old & ~now;

	for (unsigned which = 0; which < 32; which++) {
		unsigned n = bit(cleared, which) ? find_header(comp, which) : comp->ras_headers;

		if (n == comp->ras_headers)
			continue;
		memmove(&comp->ras[n], &comp->ras[n + 1], (--comp->ras_headers - n) * sizeof(comp->ras[0]));
		if (find_header(comp, which) < comp->ras_headers)
			ras_set(comp, RAS_UNCORRECTABLE_STATUS, ras_get(comp, RAS_UNCORRECTABLE_STATUS) | BIT(which));
	}
	show_oldest(comp);
}

static const struct reg ras_regs[] = {
	R32(RAS_UNCORRECTABLE_STATUS, RAS_UNCORRECTABLE_STATUS, 0, 0, .w1c = RAS_UNCORRECTABLE, .sticky = STICKY,
	    .write = uncorrectable_status_write),
	R32(RAS_UNCORRECTABLE_MASK, RAS_UNCORRECTABLE_MASK, RAS_UNCORRECTABLE, RAS_UNCORRECTABLE, .sticky = STICKY),
	R32(RAS_UNCORRECTABLE_SEVERITY, RAS_UNCORRECTABLE_SEVERITY, RAS_UNCORRECTABLE, RAS_UNCORRECTABLE,
	    .sticky = STICKY),
	R32(RAS_CORRECTABLE_STATUS, RAS_CORRECTABLE_STATUS, 0, 0, .w1c = RAS_CORRECTABLE, .sticky = STICKY),
	R32(RAS_CORRECTABLE_MASK, RAS_CORRECTABLE_MASK, RAS_CORRECTABLE, RAS_CORRECTABLE, .sticky = STICKY),
	R32(RAS_HEADER_LOG, RAS_HEADER_LOG, 0, 0, .count = RAS_HEADER_DWORDS, .stride = 4, .sticky = STICKY),
};

/* Poison_Enabled is software's in root ports; switches and devices always have it. [CXL3.1 8.2.4.17.6] */
#define CONTROL(writable)                                                                                              \
	R32(RAS_CAP_CTRL, RAS_CAP_CTRL, RAS_CTRL_MULTI_HEADER | RAS_CTRL_POISON_ENABLED, writable, .sticky = STICKY)
static const struct reg control_regs[] = {CONTROL(0)}, root_control_regs[] = {CONTROL(RAS_CTRL_POISON_ENABLED)};

void ras_add(struct cxl_component *comp)
{
	REGS_ADD(&comp->regs, AT_RAS, ras_regs);
	regs_add(&comp->regs, AT_RAS, comp->kind == COMPONENT_ROOT_PORT ? root_control_regs : control_regs, 1);
	comp->has_ras = true;
}

void ras_reset(struct cxl_component *comp, unsigned reset_kind)
{
	if (reset_kind == RESET_COLD)
		comp->ras_headers = 0;
	if (!comp->has_ras || !comp->host || !comp->host->config.firmware)
		return;
	ras_set(comp, RAS_UNCORRECTABLE_MASK, 0);
	ras_set(comp, RAS_CORRECTABLE_MASK, 0);
}

/* --- errors from outside --- */

/* The registers of a function that has the capability, or NULL. */
static struct cxl_component *component_of(struct dev *dev)
{
	struct cxl_component *comp = dev->cls == &cxl_type3_class    ? &((struct cxl_type3 *)dev)->comp :
				     dev->cls == &cxl_upstream_class ? &((struct cxl_switch *)dev)->fork.comp :
				     dev->cls == &cxl_rp_class || dev->cls == &cxl_downstream_class ?
								       &((struct cxl_port *)dev)->comp :
								       NULL;

	return comp && comp->has_ras ? comp : NULL;
}

static_assert(CXL_RAS_BYTES == RAS_HEADER_LOG + 4 * RAS_HEADER_DWORDS,
	      "what firmware is handed is the whole capability");

struct dev *cxl_component_find(struct cxl_host *host, const char *path)
{
	static const char peripheral[] = "/machine/peripheral/";
	struct dev *found = cxl_device_find(host, path);

	if (!strncmp(path, peripheral, sizeof(peripheral) - 1))
		path += sizeof(peripheral) - 1;
	for (struct cxl_port *port = host ? host->ports : NULL; port && !found; port = port->next)
		if (port->pci.dev.id && !strcmp(port->pci.dev.id, path))
			found = &port->pci.dev;
	for (struct cxl_switch *sw = host ? host->switches : NULL; sw && !found; sw = sw->next)
		if (sw->pci.dev.id && !strcmp(sw->pci.dev.id, path))
			found = &sw->pci.dev;
	return found;
}

static int find_bit(const struct error_word *words, unsigned count, const char *name)
{
	for (unsigned n = 0; n < count; n++)
		if (!strcmp(words[n].name, name))
			return words[n].bit;
	return -1;
}

/* True if the error is to be reported. */
static bool take(struct cxl_component *comp, unsigned which, const u32 *header)
{
	bool masked = bit(ras_get(comp, RAS_UNCORRECTABLE_MASK), which);

	trace(CXL, "%s: uncorrectable protocol error, bit %u%s", comp->name, which, masked ? ", masked" : "");
	if (masked)
		return false;
	ras_set(comp, RAS_UNCORRECTABLE_STATUS, ras_get(comp, RAS_UNCORRECTABLE_STATUS) | BIT(which));
	if (comp->ras_headers < RAS_HEADERS_MAX) {
		comp->ras[comp->ras_headers].bit = which;
		memcpy(comp->ras[comp->ras_headers++].header, header, sizeof(comp->ras[0].header));
	}
	return true;
}

static void report(struct cxl_component *comp, struct dev *dev, bool minor)
{
	const struct cxl_firmware *firmware = comp->host ? comp->host->config.firmware : NULL;

	if (!firmware) {
		pci_aer_report(container_of(dev, struct pci_dev, dev), minor,
			       minor ? PCI_AER_CORRECTABLE_INTERNAL : PCI_AER_UNCORRECTABLE_INTERNAL, NULL);
		return;
	}
	firmware->protocol(firmware->opaque, dev, minor, comp->regs.store + AT_RAS);
	ras_set(comp, minor ? RAS_CORRECTABLE_STATUS : RAS_UNCORRECTABLE_STATUS, 0);
	if (!minor)
		comp->ras_headers = 0;
}

bool cxl_ras_uncorrectable(struct dev *dev, const struct cxl_ras_error *errors, unsigned count, struct error *err)
{
	struct cxl_component *comp = component_of(dev);
	bool reported = false, is_fatal = false;

	if (!comp)
		return fail(err, "%s has no RAS capability; name a cxl-type3, cxl-rp, cxl-upstream or cxl-downstream",
			    dev_name(dev));
	for (unsigned n = 0; n < count; n++)
		if (find_bit(uncorrectable, ARRAY_SIZE(uncorrectable), errors[n].type) < 0)
			return fail(err, "%s: there is no uncorrectable error '%.100s'", comp->name, errors[n].type);
	for (unsigned n = 0; n < count; n++) {
		unsigned which = (unsigned)find_bit(uncorrectable, ARRAY_SIZE(uncorrectable), errors[n].type);
		bool unmasked = take(comp, which, errors[n].header);

		reported |= unmasked;
		is_fatal |= unmasked && bit(ras_get(comp, RAS_UNCORRECTABLE_SEVERITY), which);
	}
	show_oldest(comp);
	if (is_fatal && dev->cls == &cxl_type3_class)
		dvsec_viral((struct cxl_type3 *)dev);
	if (reported)
		report(comp, dev, false);
	return true;
}

bool cxl_ras_correctable(struct dev *dev, const char *type, struct error *err)
{
	struct cxl_component *comp = component_of(dev);
	int which = find_bit(correctable, ARRAY_SIZE(correctable), type);
	bool masked;

	if (!comp)
		return fail(err, "%s has no RAS capability; name a cxl-type3, cxl-rp, cxl-upstream or cxl-downstream",
			    dev_name(dev));
	if (which < 0)
		return fail(err, "%s: there is no correctable error '%.100s'", comp->name, type);
	masked = bit(ras_get(comp, RAS_CORRECTABLE_MASK), which);
	trace(CXL, "%s: correctable protocol error, bit %d%s", comp->name, which, masked ? ", masked" : "");
	if (masked)
		return true;
	ras_set(comp, RAS_CORRECTABLE_STATUS, ras_get(comp, RAS_CORRECTABLE_STATUS) | BIT(which));
	report(comp, dev, true);
	return true;
}

bool cxl_ras_facts(struct dev *dev, struct cxl_ras_facts *facts)
{
	struct cxl_component *comp = component_of(dev);

	if (!comp)
		return false;
	*facts = (struct cxl_ras_facts){
		.uncorrectable_status = ras_get(comp, RAS_UNCORRECTABLE_STATUS),
		.uncorrectable_mask = ras_get(comp, RAS_UNCORRECTABLE_MASK),
		.uncorrectable_severity = ras_get(comp, RAS_UNCORRECTABLE_SEVERITY),
		.correctable_status = ras_get(comp, RAS_CORRECTABLE_STATUS),
		.correctable_mask = ras_get(comp, RAS_CORRECTABLE_MASK),
		.headers = comp->ras_headers,
	};
	if (comp->ras_headers) {
		facts->first_error = comp->ras[0].bit;
		memcpy(facts->header, comp->ras[0].header, sizeof(facts->header));
	}
	return true;
}
