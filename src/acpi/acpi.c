/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The set of tables: checks the facts, builds table after table, places them.
 *
 * Layout: RSDP at 0, then the tables, each on 64 bytes, the XSDT last because it lists the others. Until acpi_place
 * every pointer is zero; it writes all of them and all checksums, so it can be called again for another address.
 */
#include "acpi/tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

struct builder {
	const char *signature;
	void (*build)(const struct acpi_config *config, struct out *out);
	bool (*wanted)(const struct acpi_config *config);
};

static bool has_iort(const struct acpi_config *config)
{
	return config->has_its || config->smmu_base;
}

static bool has_cxl(const struct acpi_config *config)
{
	unsigned i;

	for (i = 0; i < config->root_count; i++)
		if (config->roots[i].is_cxl)
			return true;
	return false;
}

static bool has_error_sources(const struct acpi_config *config)
{
	return config->error_source_count > 0;
}

static bool has_domains(const struct acpi_config *config)
{
	return config->has_numa || acpi_domain_count(config) > 1;
}

static const struct builder builders[] = {
	{"FACP", fadt_build, NULL},        {"DSDT", dsdt_build, NULL},
	{"APIC", madt_build, NULL},        {"GTDT", gtdt_build, NULL},
	{"MCFG", mcfg_build, NULL},        {"SPCR", spcr_build, NULL},
	{"DBG2", dbg2_build, NULL},        {"PPTT", pptt_build, NULL},
	{"IORT", iort_build, has_iort},    {"SRAT", srat_build, NULL},
	{"SLIT", slit_build, has_domains}, {"HMAT", hmat_build, has_domains},
	{"CEDT", cedt_build, has_cxl},     {"HEST", hest_build, has_error_sources},
};

static bool node_ok(const char *what, u64 which, u32 node, struct error *err)
{
	if (node < ACPI_NODES_MAX)
		return true;
	return fail(err, "%s %#llx: NUMA node %u does not fit: nodes are 0 to %u", what, (unsigned long long)which,
		    node, ACPI_NODES_MAX - 1);
}

static bool window_ok(const char *what, u64 which, u64 base, u64 size, struct error *err)
{
	u64 end;

	if (size && add_ok(base, size - 1, &end))
		return true;
	return fail(err, "%s %#llx: range %#llx, size %#llx is empty or wraps", what, (unsigned long long)which,
		    (unsigned long long)base, (unsigned long long)size);
}

static bool check_root(const struct acpi_config *config, unsigned n, struct error *err)
{
	const struct acpi_root *root = &config->roots[n];
	unsigned i, k, j;

	if (root->bus_first > root->bus_last || root->memory_count > ACPI_ROOT_WINDOWS_MAX || root->uid > 0xff)
		return fail(err, "PCI root %u: bus range %u-%u or its windows cannot be told in ACPI", root->uid,
			    root->bus_first, root->bus_last);
	if (root->node != ACPI_NO_NODE && !node_ok("PCI root", root->uid, root->node, err))
		return false;
	if (root->is_cxl && !window_ok("CXL bridge", root->uid, root->regs_base, root->regs_size, err))
		return false;
	if (root->is_cxl && root->port_node != ACPI_NO_NODE && !node_ok("CXL bridge", root->uid, root->port_node, err))
		return false;
	for (i = 0; i < root->memory_count; i++)
		if (!window_ok("PCI root", root->uid, root->memory[i].base, root->memory[i].size, err))
			return false;
	for (i = 0; i < n; i++) {
		const struct acpi_root *other = &config->roots[i];

		if (other->uid == root->uid)
			return fail(err, "two PCI roots have the number %u", root->uid);
		if (other->bus_first <= root->bus_last && root->bus_first <= other->bus_last)
			return fail(err, "PCI roots %u and %u: bus ranges overlap", other->uid, root->uid);
		for (k = 0; k < other->memory_count; k++)
			for (j = 0; j < root->memory_count; j++)
				if (other->memory[k].base <= root->memory[j].base + root->memory[j].size - 1 &&
				    root->memory[j].base <= other->memory[k].base + other->memory[k].size - 1)
					return fail(
						err, "PCI roots %u and %u: memory windows overlap at %#llx", other->uid,
						root->uid,
						(unsigned long long)MAX(other->memory[k].base, root->memory[j].base));
	}
	return true;
}

static bool check_cxl_window(const struct acpi_config *config, unsigned n, struct error *err)
{
	const struct acpi_cxl_window *w = &config->windows[n];
	unsigned i, k;

	if (w->target_count > ACPI_CXL_TARGETS_MAX || cedt_encode_ways(w->target_count) < 0)
		return fail(err, "cxl-fmw.%u: %u targets; a window has 1, 2, 3, 4, 6, 8, 12 or 16", n, w->target_count);
	if (cedt_encode_granularity(w->granularity) < 0)
		return fail(err, "cxl-fmw.%u.interleave-granularity=%u: must be 256, 512, 1k, 2k, 4k, 8k or 16k", n,
			    w->granularity);
	if (!window_ok("cxl-fmw", n, w->base, w->size, err))
		return false;
	for (i = 0; i < w->target_count; i++) {
		for (k = 0; k < config->root_count; k++)
			if (config->roots[k].is_cxl && config->roots[k].uid == w->target_uids[i])
				break;
		if (k == config->root_count)
			return fail(err, "cxl-fmw.%u.targets.%u: no CXL host bridge has the number %u", n, i,
				    w->target_uids[i]);
	}
	return true;
}

static bool check(const struct acpi_config *config, struct error *err)
{
	unsigned i;

	if (!config->cpu_count || config->cpu_count > ACPI_CPUS_MAX)
		return fail(err, "%u CPUs; ACPI tables are for 1 to %u", config->cpu_count, ACPI_CPUS_MAX);
	if (config->memory_count > ACPI_MEMORIES_MAX || config->root_count > ACPI_ROOTS_MAX || !config->root_count ||
	    config->window_count > ACPI_CXL_WINDOWS_MAX || config->region_count > ACPI_CXL_REGIONS_MAX ||
	    config->virtio_count > 256)
		return fail(err,
			    "too many memory ranges (%u), PCI roots (%u), CXL windows (%u) or regions (%u) for ACPI",
			    config->memory_count, config->root_count, config->window_count, config->region_count);
	if (config->error_source_count > ACPI_ERROR_SOURCES_MAX)
		return fail(err, "%u sources of hardware errors; ACPI tables are for %u", config->error_source_count,
			    ACPI_ERROR_SOURCES_MAX);
	if (config->gicr_size > 0xffffffff || config->gicr2_size > 0xffffffff)
		return fail(err, "GIC redistributor range: larger than MADT can say (4 GiB)");
	if (config->ecam_bus_first > config->ecam_bus_last)
		return fail(err, "ECAM: bus range %u-%u is empty", config->ecam_bus_first, config->ecam_bus_last);
	for (i = 0; i < config->cpu_count; i++)
		if (!node_ok("CPU", i, config->cpus[i].node, err))
			return false;
	for (i = 0; i < config->memory_count; i++)
		if (!node_ok("memory at", config->memories[i].base, config->memories[i].node, err) ||
		    !window_ok("memory", i, config->memories[i].base, config->memories[i].size, err))
			return false;
	for (i = 0; i < config->root_count; i++)
		if (!check_root(config, i, err))
			return false;
	for (i = 0; i < config->window_count; i++)
		if (!check_cxl_window(config, i, err))
			return false;
	for (i = 0; i < config->region_count; i++) {
		const struct acpi_cxl_region *r = &config->regions[i];

		if (!node_ok("cxl-region", i, r->node, err) || !window_ok("cxl-region", i, r->base, r->size, err))
			return false;
		if (r->window >= config->window_count)
			return fail(err, "cxl-region %u: window=%u does not exist", i, r->window);
	}
	return true;
}

static void note(struct acpi_blob *blob, unsigned n, const char *signature, size_t offset, size_t length)
{
	struct acpi_entry *entry = &blob->tables[n];

	memcpy(entry->signature, signature, 5);
	entry->offset = offset;
	entry->length = length;
}

static void build_xsdt(struct acpi_blob *blob, struct out *out)
{
	size_t start = table_begin(out, "XSDT", 1);
	unsigned i;

	for (i = 1; i < blob->table_count; i++)
		if (strcmp(blob->tables[i].signature, "DSDT"))
			put64(out, 0);
	table_end(out, start);
	note(blob, 0, "XSDT", start, out->size - start);
}

bool acpi_build(const struct acpi_config *config, struct acpi_blob *blob, struct error *err)
{
	struct out out = {0};
	unsigned i;

	memset(blob, 0, sizeof(*blob));
	if (!check(config, err))
		return false;

	put(&out, "RSD PTR ", 8);
	put8(&out, 0);
	put(&out, "CXLVM ", 6);
	put8(&out, 2);
	put32(&out, 0);
	put32(&out, ACPI_RSDP_BYTES);
	put_zeros(&out, 12);

	blob->table_count = 1;
	for (i = 0; i < ARRAY_SIZE(builders); i++) {
		size_t start;

		if (builders[i].wanted && !builders[i].wanted(config))
			continue;
		put_align(&out, 64);
		start = out.size;
		builders[i].build(config, &out);
		note(blob, blob->table_count++, builders[i].signature, start, out.size - start);
	}
	build_xsdt(blob, &out);
	if (out.overflow) {
		free(out.data);
		memset(blob, 0, sizeof(*blob));
		return fail(err, "ACPI tables: no memory, or more than %llu bytes", ACPI_BYTES_MAX);
	}
	blob->data = out.data;
	blob->size = out.size;
	acpi_place(blob, 0);
	return true;
}

void acpi_blob_free(struct acpi_blob *blob)
{
	free(blob->data);
	memset(blob, 0, sizeof(*blob));
}

static void checksum(u8 *bytes, size_t length, size_t at)
{
	u8 sum = 0;
	size_t i;

	bytes[at] = 0;
	for (i = 0; i < length; i++)
		sum += bytes[i];
	bytes[at] = (u8)-sum;
}

void acpi_place(struct acpi_blob *blob, u64 pa)
{
	const struct acpi_entry *xsdt = &blob->tables[0];
	size_t entry = xsdt->offset + XSDT_ENTRIES;
	size_t fadt = 0, dsdt = 0;
	unsigned i;

	for (i = 1; i < blob->table_count; i++) {
		const struct acpi_entry *table = &blob->tables[i];

		if (!strcmp(table->signature, "DSDT")) {
			dsdt = table->offset;
			continue;
		}
		if (!strcmp(table->signature, "FACP"))
			fadt = table->offset;
		store_le(blob->data + entry, 8, pa + table->offset);
		entry += 8;
	}
	store_le(blob->data + fadt + FADT_X_DSDT, 8, pa + dsdt);
	store_le(blob->data + RSDP_XSDT, 8, pa + xsdt->offset);
	for (i = 0; i < blob->table_count; i++)
		checksum(blob->data + blob->tables[i].offset, blob->tables[i].length, 9);
	checksum(blob->data, 20, 8);
	checksum(blob->data, ACPI_RSDP_BYTES, 32);
}

const u8 *acpi_find(const struct acpi_blob *blob, const char *signature, size_t *length)
{
	unsigned i;

	for (i = 0; i < blob->table_count; i++)
		if (!strcmp(blob->tables[i].signature, signature)) {
			if (length)
				*length = blob->tables[i].length;
			return blob->data + blob->tables[i].offset;
		}
	return NULL;
}
