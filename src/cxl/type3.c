/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cxl-type3: a memory expander. [CXL3.1 2.4, 8.1.12.2] Capacity is the volatile backend followed by the persistent one
 * and the regions of dynamic capacity, in DPA order; the label storage area is a backend of its own.
 *
 *   BAR 0  component registers   64 KiB      MSI-X at 0x40 (8 vectors, BAR 4), PCI Express at 0x80
 *   BAR 2  device registers       4 KiB      DVSECs 0, 8, 5, 7 from 0x100; DOE 0x190; serial number; AER 0x200
 *
 * A device without `sn=` gets a serial number made from its id: the kernel wants persistent memory to have one that
 * stays and that no other device has. It stands behind the DOE capability, so that this keeps its place.
 */
#include "cxl/type3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/trace.h"
#include "cxl/host.h"

#define MSIX_AT 0x40
#define PCIE_AT 0x80
#define DOE_AT 0x190
#define AER_AT 0x200
#define FUNCTION_MAP_AT 0x248 /* behind AER, so that the rest keeps its place */
#define MSIX_PBA 0x800
#define LSA_2021_SIZE "128K"

bool type3_is_mem_enabled(const struct cxl_type3 *dev)
{
	return dev->dvsec_device &&
	       (regs_get(&dev->pci.config, dev->dvsec_device + DVSEC_DEVICE_CTRL, 2) & DVSEC_DEVICE_CTRL_MEM_ENABLE);
}

struct backend *type3_backend(const struct cxl_type3 *dev, u64 dpa, u64 *offset, u64 *left)
{
	/* Partitions are names: they move over bytes that stay where they are. */
	u64 first = dev->vmem ? dev->vmem->size : 0, second = dev->pmem ? dev->pmem->size : 0;

	if (dpa < first) {
		*offset = dpa;
		*left = first - dpa;
		return dev->vmem;
	}
	dpa -= first;
	if (dpa < second) {
		*offset = dpa;
		*left = second - dpa;
		return dev->pmem;
	}
	dpa -= second;
	if (dpa < dev->dynamic_bytes) {
		*offset = dpa;
		*left = dev->dynamic_bytes - dpa;
		return dev->dcmem;
	}
	return NULL;
}

/* Takes a backend for this device alone, or with `bytes` a slice of it. */
static bool claim(struct cxl_type3 *dev, const char *key, struct dev *object, u64 bytes, struct backend **backend,
		  struct error *err)
{
	if (!object)
		return true;
	*backend = backend_of(object);
	if (!*backend)
		return fail(err, "%s: %s=%s is no memory backend", dev->name, key, dev_name(object));
	if (bytes && !(*backend)->dev_owner && !(*backend)->ram_owner) {
		if (!backend_slice(&dev->slice, *backend, bytes, err))
			return fail_context(err, "%s: %s=%s", dev->name, key, dev_name(object));
		*backend = &dev->slice;
		(*backend)->dev_owner = &dev->pci.dev;
		return true;
	}
	if ((*backend)->sliced) {
		fail(err,
		     "%s: %s=%s: other devices have slices of it; add size= here too, or give each device its own backend",
		     dev->name, key, dev_name(object));
		*backend = NULL;
		return false;
	}
	if ((*backend)->dev_owner || (*backend)->ram_owner) {
		fail(err,
		     "%s: %s=%s: the backend is already used by %s; give each device its own -object memory-backend-*",
		     dev->name, key, dev_name(object),
		     (*backend)->dev_owner ? dev_name((*backend)->dev_owner) : "the machine as RAM");
		*backend = NULL;
		return false;
	}
	(*backend)->dev_owner = &dev->pci.dev;
	return true;
}

static bool check_capacity(struct cxl_type3 *dev, const char *key, const struct backend *backend, struct error *err)
{
	if (backend && (!backend->size || backend->size % CXL_CAPACITY_UNIT))
		return fail(
			err,
			"%s: %s=%s has %llu bytes: CXL counts capacity in multiples of 256 MiB [CXL3.1 8.2.9.9.1.1]; use "
			"size=%lluM",
			dev->name, key, backend->id, (unsigned long long)backend->size,
			(unsigned long long)(align_up(backend->size + !backend->size, CXL_CAPACITY_UNIT) / MiB));
	return true;
}

static bool check_link(const struct cxl_type3 *dev, struct error *err)
{
	if (dev->hdm_db && !dev->flit_256b)
		return fail(
			err,
			"%s: hdm-db=on: back-invalidate travels in 256-byte flits only [CXL3.1 3.3.2]; add x-256b-flit=on",
			dev->name);
	if (dev->hdm_db && !dev->above->flit_256b)
		return fail(err, "%s: hdm-db=on: '%s' above it has x-256b-flit=off; leave that out", dev->name,
			    dev_name(&dev->above->pci.dev));
	return hdm_check_count(dev->name, dev->hdm_decoders, true, err);
}

static bool check_dynamic(struct cxl_type3 *dev, struct error *err)
{
	u64 unit = dev->dc_regions * CXL_CAPACITY_UNIT;

	if (dev->dc_regions > DC_REGIONS_MAX)
		return fail(err,
			    "%s: num-dc-regions=%u: a device has 1 to %u regions of dynamic capacity [CXL3.1 9.13.3]",
			    dev->name, dev->dc_regions, DC_REGIONS_MAX);
	if (!dev->dynamic_memdev && dev->dc_regions)
		return fail(
			err,
			"%s: num-dc-regions=%u needs memory; add volatile-dc-memdev=ID of a -object memory-backend-*",
			dev->name, dev->dc_regions);
	if (!dev->dynamic_memdev && dev->dc_shareable)
		return fail(
			err,
			"%s: dc-shareable=on is about dynamic capacity; add volatile-dc-memdev=ID and num-dc-regions=N",
			dev->name);
	if (!dev->dynamic_memdev)
		return true;
	if (!dev->dc_regions)
		return fail(err, "%s: volatile-dc-memdev=%s needs a number of regions; add num-dc-regions=1 to %u",
			    dev->name, dev_name(dev->dynamic_memdev), DC_REGIONS_MAX);
	if (!claim(dev, "volatile-dc-memdev", dev->dynamic_memdev, 0, &dev->dcmem, err))
		return false;
	if (!dev->dcmem->size || dev->dcmem->size % unit)
		return fail(
			err,
			"%s: volatile-dc-memdev=%s has %llu bytes: each of %u regions is a multiple of 256 MiB [CXL3.1 8.2.9.9.9.1]; "
			"use size=%lluM",
			dev->name, dev->dcmem->id, (unsigned long long)dev->dcmem->size, dev->dc_regions,
			(unsigned long long)((dev->dcmem->size / unit + 1) * unit / MiB));
	dev->dynamic_bytes = dev->dcmem->size;
	return true;
}

/*
 * lsa= names the memory itself, as in 2021, when labels were kept nowhere: they get a file of their own beside the
 * memory's, or memory where there is no such file or nothing is written to it.
 */
static bool make_lsa(struct cxl_type3 *dev, const struct backend *memory, struct error *err)
{
	struct stat st;
	bool beside =
		memory->path && memory->share && !memory->readonly && !stat(memory->path, &st) && S_ISREG(st.st_mode);
	struct dev_env env = {.loop = NULL};
	char path[4096];
	bool ok;

	if (beside && snprintf(path, sizeof(path), "%s.%s.lsa", memory->path, dev->name) >= (int)sizeof(path))
		return fail(
			err,
			"%s: lsa=%s: the name of a file beside the memory's is too long; describe another backend for it",
			dev->name, memory->id);
	dev->own_lsa = dev_new(beside ? &memory_backend_file_class : &memory_backend_ram_class);
	dev->own_lsa->id = strdup(memory->id);
	ok = dev_set(dev->own_lsa, "size", LSA_2021_SIZE, &env, err) &&
	     dev_set(dev->own_lsa, "share", memory->share ? "on" : "off", &env, err) &&
	     (!beside || dev_set(dev->own_lsa, "mem-path", path, &env, err)) && dev_create(dev->own_lsa, &env, err);
	if (!ok)
		return fail_context(err, "%s: lsa=%s", dev->name, memory->id);
	dev->lsa = backend_of(dev->own_lsa);
	dev->lsa->dev_owner = &dev->pci.dev;
	notice("%s: lsa=%s is the memory itself; the labels are kept in %s", dev->name, memory->id,
	       beside ? path : "memory of their own and are gone at the end");
	return true;
}

static bool check_partitions(struct cxl_type3 *dev, struct error *err)
{
	u64 align = dev->partition_align;

	if (!align)
		return true;
	if (align % CXL_CAPACITY_UNIT)
		return fail(
			err,
			"%s: partition-align=%llu: capacity is partitioned in multiples of 256 MiB [CXL3.1 8.2.9.9.1.1]; use "
			"partition-align=%lluM",
			dev->name, (unsigned long long)align,
			(unsigned long long)(align_up(align, CXL_CAPACITY_UNIT) / MiB));
	if (!dev->pmem)
		return fail(
			err,
			"%s: partition-align=%lluM: partitionable capacity may become persistent; give persistent-memdev=ID and lsa=ID",
			dev->name, (unsigned long long)(align / MiB));
	if (dev->volatile_bytes % align || dev->persistent_bytes % align)
		return fail(
			err,
			"%s: partition-align=%lluM: the sizes of volatile-memdev and persistent-memdev must be multiples of it",
			dev->name, (unsigned long long)(align / MiB));
	return true;
}

static bool take_memory(struct cxl_type3 *dev, struct error *err)
{
	struct dev *persistent = dev->persistent_memdev ? dev->persistent_memdev : dev->memdev;

	if (dev->persistent_memdev && dev->memdev)
		return fail(err, "%s: memdev=%s is the old name of persistent-memdev=%s; give one of them", dev->name,
			    dev_name(dev->memdev), dev_name(dev->persistent_memdev));
	if (!persistent && !dev->volatile_memdev && !dev->dynamic_memdev && !dev->dc_regions)
		return fail(
			err,
			"%s: no memory; give volatile-memdev=ID, persistent-memdev=ID or volatile-dc-memdev=ID of a "
			"-object memory-backend-*",
			dev->name);
	if (persistent && !dev->lsa_dev)
		return fail(err,
			    "%s: persistent memory %s needs a label storage area; add lsa=ID of a second "
			    "-object memory-backend-*",
			    dev->name, dev_name(persistent));
	if (dev->slice_bytes && (dev->volatile_memdev != NULL) + (persistent != NULL) != 1)
		return fail(
			err,
			"%s: size=%llu takes a slice of the device's one backend; describe the parts with -object memory-backend-* "
			"of their own and leave size= out",
			dev->name, (unsigned long long)dev->slice_bytes);
	if (!claim(dev, "volatile-memdev", dev->volatile_memdev, dev->slice_bytes, &dev->vmem, err) ||
	    !claim(dev, dev->memdev ? "memdev" : "persistent-memdev", persistent, dev->slice_bytes, &dev->pmem, err))
		return false;
	if (dev->lsa_dev && dev->lsa_dev == persistent ? !make_lsa(dev, backend_of(persistent), err) :
							 !claim(dev, "lsa", dev->lsa_dev, 0, &dev->lsa, err))
		return false;
	if (!check_capacity(dev, "volatile-memdev", dev->vmem, err) ||
	    !check_capacity(dev, "persistent-memdev", dev->pmem, err))
		return false;
	if (dev->lsa && dev->lsa->size > UINT32_MAX)
		return fail(err, "%s: lsa=%s has %llu bytes: a label storage area is smaller than 4 GiB", dev->name,
			    dev->lsa->id, (unsigned long long)dev->lsa->size);
	dev->volatile_bytes = dev->vmem ? dev->vmem->size : 0;
	dev->persistent_bytes = dev->pmem ? dev->pmem->size : 0;
	return check_partitions(dev, err) && check_dynamic(dev, err) && keep_load(dev, err);
}

/* A number from the name: FNV-1a. */
static u64 default_serial(const char *name)
{
	u64 hash = 0xcbf29ce484222325;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (u8)*c) * 0x100000001b3;
	return hash ? hash : 1;
}

static bool check_serial(struct cxl_type3 *dev, struct error *err)
{
	dev->number = dev->serial == SERIAL_NONE ? default_serial(dev->name) : dev->serial;
	for (struct cxl_type3 *other = dev->host->devices; other; other = other->next)
		if (other->number == dev->number && dev->number)
			return fail(err, "%s: serial number sn=0x%llx is also that of %s; give each device its own",
				    dev->name, (unsigned long long)dev->number, other->name);
	return true;
}

static const struct doe_protocol type3_doe[] = {
	{CXL_VENDOR_ID, DOE_TYPE_CDAT, "CXL table access", 3, cdat_answer},
	{CXL_VENDOR_ID, DOE_TYPE_COMPLIANCE, "CXL compliance", 3, compliance_answer},
};

static void type3_lower_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	compliance_reset(dev);
	if (reset_kind == RESET_FUNCTION)
		return; /* CXL.io only, and config space is pci's */
	component_reset(&dev->comp, reset_kind);
	devregs_reset(&dev->mbox, reset_kind);
	if (dev->viral && reset_kind != RESET_CXL) { /* [CXL3.1 9.7] */
		dev->viral = false;
		cxl_map_changed(dev->host);
	}
	if (reset_kind == RESET_COLD)
		poison_power_on(dev);
	security_reset(dev, reset_kind);
	background_reset(&dev->background, reset_kind);
	poison_reset(dev, reset_kind);
	fw_slots_reset(dev, reset_kind);
	features_reset(dev, reset_kind);
	events_reset(dev, reset_kind);
	dynamic_reset(dev, reset_kind);
	partition_reset(dev, reset_kind);
	qos_reset(dev);
	if (reset_kind & RESETS_CONVENTIONAL)
		alerts_reset(dev);
	shutdown_state_reset(dev, reset_kind);
	if (reset_kind == RESET_COLD) {
		dev->timestamp = 0;
		dev->response_limit = CXL_RESPONSE_LIMIT_MAX;
		health_reset(dev);
		keep_power_on(dev);
	} else {
		dev->injects = 0;
	}
}

static void type3_function_reset(struct pci_dev *pci, unsigned reset_kind)
{
	struct cxl_type3 *dev = container_of(pci, struct cxl_type3, pci);

	cxl_map_hold(dev->host); /* so that the map is compiled once */
	dvsec_reset(dev, reset_kind);
	type3_lower_reset(dev, reset_kind);
	cxl_map_release(dev->host);
}

void type3_cxl_reset(struct cxl_type3 *dev, bool clear)
{
	trace(CXL, "%s: CXL reset%s", dev->name, clear ? ", volatile memory cleared" : "");
	cxl_map_hold(dev->host);
	pci_function_reset(&dev->pci, RESET_CXL);
	if (clear) {
		struct media_range all[] = {{0, dev->volatile_bytes},
					    {type3_capacity(dev) - dev->dynamic_bytes, dev->dynamic_bytes}};

		for (unsigned n = 0; n < ARRAY_SIZE(all); n++)
			poison_clear(dev, all[n].dpa, all[n].size);
		cxl_media_zero(dev->host, dev, all, ARRAY_SIZE(all));
	}
	cxl_map_release(dev->host);
}

static void build_config(struct cxl_type3 *dev)
{
	struct pci_dev *pci = &dev->pci;
	struct pcie_link link = {.speed = pcie_speed_of(dev->speed),
				 .width = pcie_width_of(dev->width),
				 .flr = true,
				 .flit = dev->flit_256b};

	pci_bar_add(pci, 0, COMPONENT_BYTES, true, false, &component_io, &dev->comp);
	pci_bar_add(pci, 2, devregs_bytes(&dev->mbox), true, false, &devregs_io, &dev->mbox);
	pci_msix_add(pci, MSIX_AT, TYPE3_VECTORS, 4, 0x1000, 0, MSIX_PBA);
	pci_express_add(pci, PCIE_AT, PCIE_ENDPOINT, &link);
	pci_pm_add(pci, 0);
	dvsec_add_device(dev);
	dev->doe = pci_doe_add(pci, DOE_AT, true, VECTOR_DOE, type3_doe, ARRAY_SIZE(type3_doe), dev);
	pci_doe_set_delay(dev->doe, dev->doe_delay_us * 1000ull);
	pci_dsn_add(pci, 0, dev->number);
	pci_aer_add(pci, AER_AT, false);
	if (pci->multifunction)
		dvsec_add_function_map(pci, FUNCTION_MAP_AT);
}

static char *type3_name(const struct cxl_type3 *dev)
{
	static const char format[] = "cxl-type3@%s.%x";
	char text[128];

	if (dev->pci.dev.id)
		return strdup(dev->pci.dev.id);
	snprintf(text, sizeof(text), format, dev->pci.dev.bus_name ? dev->pci.dev.bus_name : "", dev->pci.devfn);
	return strdup(text);
}

static bool type3_create(struct dev *d, const struct dev_env *env, struct error *err)
{
	static const struct pci_ids ids = {.vendor = 0x8086,
					   .device = 0x0d93,
					   .subsystem_vendor = 0x1af4,
					   .subsystem = 0x1100,
					   .revision = 1,
					   .class_code = 0x050210};
	struct cxl_type3 *dev = (struct cxl_type3 *)d, **last;

	dev->name = type3_name(dev);
	dev->host = machine_cxl_host(env->machine);
	if (!dev->host)
		return fail(err, "%s: the machine has no CXL; write -M virt,cxl=on", dev->name);
	dev->above = cxl_port_of(env);
	if (!dev->above)
		return fail(err, "%s: bus=%s is no CXL port; plug it with bus=ID of a cxl-rp or cxl-downstream",
			    dev->name, env->bus ? env->bus->name : "");
	if (!is_power_of_2(dev->mbox.payload_bytes) || dev->mbox.payload_bytes < MAILBOX_PAYLOAD_BYTES_MIN ||
	    dev->mbox.payload_bytes > MAILBOX_PAYLOAD_BYTES_MAX)
		return fail(
			err,
			"%s: mailbox-payload=%llu: a mailbox holds a power of two from 256 bytes to 1 MiB [CXL3.1 8.2.8.4.3]; leave it out for "
			"2 KiB",
			dev->name, (unsigned long long)dev->mbox.payload_bytes);
	if (!check_link(dev, err) || !take_memory(dev, err) || !check_serial(dev, err))
		return false;
	if (!pci_dev_init(&dev->pci, &ids, env, err))
		return false;
	if (dev->pci.devfn)
		return fail(err,
			    "%s: addr=%s: a memory device is function 0 of device 0 [CXL3.1 8.1.3]; leave addr= out",
			    dev->name, dev->pci.addr_text);
	dev->comp.wanted_decoders = dev->hdm_decoders;
	dev->comp.back_invalidate = dev->hdm_db;
	component_init(&dev->comp, COMPONENT_DEVICE, dev->name, dev->host, type3_capacity(dev));
	dev->mbox.cci =
		(struct cci){mbox_commands, mbox_command_count, dev->name, .dev = dev, .background = &dev->background};
	dev->mbox.pci = &dev->pci;
	dev->mbox.vector = VECTOR_MAILBOX;
	if (!devregs_init(&dev->mbox, err) || !dynamic_create(dev, err) || !media_operations_create(dev, err))
		return false;
	background_init(&dev->background, &dev->mbox, dev);
	if (!cdat_build(dev, err))
		return false;
	alerts_reset(dev);
	health_reset(dev);
	fw_slots_init(dev);
	build_config(dev);
	dev->pci.function_reset = type3_function_reset;
	for (last = &dev->host->devices; *last; last = &(*last)->next)
		;
	*last = dev;
	dev->is_listed = true;
	return true;
}

static void type3_reset(struct dev *d, unsigned reset_kind)
{
	struct cxl_type3 *dev = (struct cxl_type3 *)d;

	cxl_map_hold(dev->host);
	dvsec_reset(dev, reset_kind);
	pci_dev_reset(&dev->pci, reset_kind);
	if (dev->doe)
		pci_doe_reset(dev->doe);
	type3_lower_reset(dev, reset_kind);
	cxl_map_release(dev->host);
}

static void release_backend(struct cxl_type3 *dev, struct backend *backend)
{
	if (backend && backend->dev_owner == &dev->pci.dev)
		backend->dev_owner = NULL;
}

static void type3_destroy(struct dev *d)
{
	struct cxl_type3 *dev = (struct cxl_type3 *)d, **at;

	if (dev->is_listed) {
		component_reset(&dev->comp, RESET_COLD); /* nothing of it is mapped any more */
		for (at = &dev->host->devices; *at && *at != dev; at = &(*at)->next)
			;
		if (*at)
			*at = dev->next;
		dev->is_listed = false;
		cxl_regions_forget(dev->host, dev);
		cxl_map_changed(dev->host);
		cxl_map_forget(dev->host, dev);
		if (dev->pmem)
			backend_flush(dev->pmem, 0, dev->pmem->size);
		if (dev->lsa)
			backend_flush(dev->lsa, 0, dev->lsa->size);
	}
	background_fini(&dev->background);
	compliance_stop(dev);
	if (dev->doe)
		pci_doe_free(dev->doe);
	devregs_fini(&dev->mbox);
	component_fini(&dev->comp);
	pci_dev_fini(&dev->pci);
	release_backend(dev, dev->vmem);
	release_backend(dev, dev->pmem);
	release_backend(dev, dev->dcmem);
	release_backend(dev, dev->lsa);
	dynamic_destroy(dev);
	media_operations_destroy(dev);
	if (dev->own_lsa)
		dev_destroy(dev->own_lsa);
	free(dev->name);
}

#define T3 struct cxl_type3

static const struct prop type3_props[] = {
	PROP_LINK("volatile-memdev", T3, volatile_memdev, "memory-backend", "backend of the volatile capacity"),
	PROP_LINK("persistent-memdev", T3, persistent_memdev, "memory-backend", "backend of the persistent capacity"),
	{.name = "memdev",
	 .kind = PROP_KIND_LINK,
	 .offset = offsetof(T3, memdev),
	 .link_class = "memory-backend",
	 .doc = "old name of persistent-memdev",
	 .deprecated = true},
	PROP_LINK("lsa", T3, lsa_dev, "memory-backend", "backend of the label storage area"),
	PROP_SIZE("mailbox-payload", T3, mbox.payload_bytes, MAILBOX_PAYLOAD_BYTES,
		  "bytes that the mailbox holds, 256 to 1M"),
	PROP_SIZE("partition-align", T3, partition_align, 0,
		  "capacity can be partitioned in multiples of this (0: it cannot)"),
	PROP_U64("sn", T3, serial, SERIAL_NONE, "serial number (default: made from the id)"),
	PROP_CHOICE("x-speed", T3, speed, pcie_speed_names, 4, "link speed, GT/s"),
	PROP_CHOICE("x-width", T3, width, pcie_width_names, PCIE_WIDTH_16, "link width, lanes"),
	PROP_STRING("cdat", T3, cdat_file, NULL, "file with a CDAT, in place of the derived one"),
	PROP_LINK("volatile-dc-memdev", T3, dynamic_memdev, "memory-backend", "backend of the dynamic capacity"),
	PROP_U8("num-dc-regions", T3, dc_regions, 0, "regions of dynamic capacity, 1 to 8"),
	PROP_BOOL("dc-shareable", T3, dc_shareable, false, "dynamic capacity may be shared: tags and sequence numbers"),
	PROP_U32("hdm-decoders", T3, hdm_decoders, HDM_DECODERS, "HDM decoders, up to 10"),
	PROP_U32("doe-delay-us", T3, doe_delay_us, 0, "time that a DOE exchange takes, with Busy set"),
	PROP_BOOL("hdm-db", T3, hdm_db, false, "memory is device coherent by back-invalidate; needs x-256b-flit=on"),
	PROP_BOOL("x-256b-flit", T3, flit_256b, false, "256-byte flits, if the port has them too"),
	{.name = "size",
	 .kind = PROP_KIND_SIZE,
	 .offset = offsetof(T3, slice_bytes),
	 .doc = "old: the next slice of the backend (0: all of it)",
	 .deprecated = true},
	{0},
};

const struct dev_class cxl_type3_class = {
	.name = "cxl-type3",
	.doc = "CXL Type 3 memory expander",
	.size = sizeof(struct cxl_type3),
	.plugs = BUS_CXL,
	.props = type3_props,
	.common = pci_dev_props,
	.create = type3_create,
	.reset = type3_reset,
	.destroy = type3_destroy,
};
