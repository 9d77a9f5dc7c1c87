/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SRAT and SLIT: which proximity domain each CPU, each range of memory and each CXL host bridge belongs to, and how far
 * apart they are. SRAT is always there: without one Linux puts CXL memory into node 0. A CXL bridge's generic port is
 * named by its ACPI handle, "ACPI0016" and _UID. [ACPI6.5 5.2.16, 5.2.17]
 */
#include "acpi/tables.h"

#include "base/bits.h"

enum { SRAT_MEMORY = 1, SRAT_GICC = 3, SRAT_GENERIC_INITIATOR = 5, SRAT_GENERIC_PORT = 6 };
enum { SRAT_ENABLED = 1, SRAT_HOT_PLUGGABLE = 2, SRAT_NON_VOLATILE = 4 };
enum { DISTANCE_LOCAL = 10, DISTANCE_REMOTE = 20 };

u8 acpi_distance(const struct acpi_config *config, u32 from, u32 to)
{
	u8 d = from < ACPI_NODES_MAX && to < ACPI_NODES_MAX ? config->distance[from][to] : 0;

	if (from == to)
		return DISTANCE_LOCAL;
	return d > DISTANCE_LOCAL ? d : DISTANCE_REMOTE;
}

u32 acpi_domain_count(const struct acpi_config *config)
{
	u32 count = 1;
	unsigned i;

	for (i = 0; i < config->cpu_count; i++)
		count = MAX(count, config->cpus[i].node + 1);
	for (i = 0; i < config->memory_count; i++)
		count = MAX(count, config->memories[i].node + 1);
	for (i = 0; i < config->region_count; i++)
		count = MAX(count, config->regions[i].node + 1);
	for (i = 0; i < config->root_count; i++)
		if (config->roots[i].is_cxl && config->roots[i].port_node != ACPI_NO_NODE)
			count = MAX(count, config->roots[i].port_node + 1);
	for (i = 0; i < config->generic_initiator_count; i++)
		count = MAX(count, config->generic_initiators[i].node + 1);
	return count;
}

static void put_memory(struct out *out, u64 base, u64 size, u32 node, u32 flags)
{
	put8(out, SRAT_MEMORY);
	put8(out, 40);
	put32(out, node);
	put16(out, 0);
	put64(out, base);
	put64(out, size);
	put32(out, 0);
	put32(out, flags);
	put64(out, 0);
}

static void put_port(struct out *out, const struct acpi_root *root)
{
	put8(out, SRAT_GENERIC_PORT);
	put8(out, 32);
	put8(out, 0);
	put8(out, 0); /* handle: ACPI */
	put32(out, root->port_node);
	put(out, "ACPI0016", 8);
	put32(out, root->uid);
	put32(out, 0);
	put32(out, SRAT_ENABLED);
	put32(out, 0);
}

static void put_initiator(struct out *out, const struct acpi_generic_initiator *initiator)
{
	put8(out, SRAT_GENERIC_INITIATOR);
	put8(out, 32);
	put8(out, 0);
	put8(out, 1); /* handle: PCI */
	put32(out, initiator->node);
	put16(out, 0); /* segment */
	/* Bus in the first byte, device and function in the second. [ACPI6.5 table 5.66] */
	put8(out, initiator->bdf >> 8);
	put8(out, initiator->bdf & 0xff);
	put_zeros(out, 12);
	put32(out, SRAT_ENABLED);
	put32(out, 0);
}

void srat_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "SRAT", 3);
	unsigned i;

	put32(out, 1); /* reserved, must be 1 */
	put64(out, 0);
	for (i = 0; i < config->cpu_count; i++) {
		put8(out, SRAT_GICC);
		put8(out, 18);
		put32(out, config->cpus[i].node);
		put32(out, i);
		put32(out, SRAT_ENABLED);
		put32(out, 0);
	}
	for (i = 0; i < config->memory_count; i++) {
		const struct acpi_memory *m = &config->memories[i];

		put_memory(out, m->base, m->size, m->node,
			   SRAT_ENABLED | (m->hotplug ? SRAT_HOT_PLUGGABLE : 0) |
				   (m->nonvolatile ? SRAT_NON_VOLATILE : 0));
	}
	for (i = 0; i < config->region_count; i++) {
		const struct acpi_cxl_region *r = &config->regions[i];

		put_memory(out, r->base, r->size, r->node,
			   SRAT_ENABLED | SRAT_HOT_PLUGGABLE | (r->pmem ? SRAT_NON_VOLATILE : 0));
	}
	for (i = 0; i < config->root_count; i++)
		if (config->roots[i].is_cxl && config->roots[i].port_node != ACPI_NO_NODE)
			put_port(out, &config->roots[i]);
	for (i = 0; i < config->generic_initiator_count; i++)
		put_initiator(out, &config->generic_initiators[i]);
	table_end(out, start);
}

void slit_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "SLIT", 1);
	u32 count = acpi_domain_count(config);
	u32 from, to;

	put64(out, count);
	for (from = 0; from < count; from++)
		for (to = 0; to < count; to++)
			put8(out, acpi_distance(config, from, to));
	table_end(out, start);
}
