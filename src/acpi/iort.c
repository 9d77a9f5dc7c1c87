/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IORT: every requester ID of segment 0 goes, unchanged, to the one ITS as its device ID, with an SMMU by way of that,
 * whose stream IDs they are; those of roots that bypass it go to the ITS at once. All PCI roots, expanders included,
 * share the segment, and a root complex node describes a segment: there is one, and its mappings cover 0..0xffff. With
 * neither ITS nor SMMU there is nothing to say and no table. [DEN0049 D]
 */
#include "acpi/tables.h"

enum { IORT_ITS_GROUP = 0, IORT_ROOT_COMPLEX = 2, IORT_SMMU_V3 = 4 };
enum { IORT_COHERENT = 1, IORT_CPM_DACS = 3, IORT_SMMU_COHERENT = 1 };
enum { SMMU_NODE_BYTES = 68, ROOT_NODE_BYTES = 36, MAPPING_BYTES = 20 };

static void put_node(struct out *out, u8 type, u16 length, u8 revision, u32 mappings, u32 mapping_at)
{
	put8(out, type);
	put16(out, length);
	put8(out, revision);
	put32(out, 0);
	put32(out, mappings);
	put32(out, mappings ? mapping_at : 0);
}

/* Requester IDs of these buses, unchanged, to the node at `to`. */
static void put_mapping(struct out *out, u32 bus_first, u32 bus_last, u32 to)
{
	put32(out, bus_first << 8);
	put32(out, ((bus_last - bus_first + 1) << 8) - 1);
	put32(out, bus_first << 8);
	put32(out, to);
	put32(out, 0);
}

static bool is_bypassed(const struct acpi_config *config, u32 bus)
{
	for (unsigned i = 0; config->smmu_base && i < config->root_count; i++)
		if (bus >= config->roots[i].bus_first && bus <= config->roots[i].bus_last)
			return config->roots[i].bypass_iommu;
	return false;
}

/* The mappings of the root complex to the node at `smmu` or, past it, `its` (0: there is none). Returns how many; `out`
 * may be NULL. */
static u32 put_root_mappings(const struct acpi_config *config, struct out *out, u32 smmu, u32 its)
{
	u32 count = 0;

	for (u32 first = 0, last; first < 256; first = last + 1) {
		bool past = is_bypassed(config, first);
		u32 to = past || !smmu ? its : smmu;

		for (last = first; last < 255 && is_bypassed(config, last + 1) == past;)
			last++;
		if (!to)
			continue;
		if (out)
			put_mapping(out, first, last, to);
		count++;
	}
	return count;
}

static void put_smmu(const struct acpi_config *config, struct out *out, u32 its)
{
	put_node(out, IORT_SMMU_V3, SMMU_NODE_BYTES + (its ? MAPPING_BYTES : 0), 1, its != 0, SMMU_NODE_BYTES);
	put64(out, config->smmu_base);
	put32(out, IORT_SMMU_COHERENT);
	put32(out, 0);
	put64(out, 0);              /* no VATOS */
	put32(out, 0);              /* generic */
	for (u32 n = 0; n < 4; n++) /* events, PRI, global errors, command sync: in this order here */
		put32(out, config->smmu_gsi + (n == 2 ? 3 : n == 3 ? 2 : n));
	put32(out, 0); /* proximity domain: not said */
	put32(out, 0); /* its own MSIs: none, all interrupts are wired */
	if (its)
		put_mapping(out, 0, 255, its);
}

void iort_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "IORT", 0);
	u32 its = 0, smmu = 0, mappings;

	put32(out, (u32)config->has_its + (config->smmu_base != 0) + 1);
	put32(out, 48); /* offset of the first */
	put32(out, 0);

	if (config->has_its) {
		its = (u32)(out->size - start);
		put_node(out, IORT_ITS_GROUP, 24, 0, 0, 0);
		put32(out, 1); /* one ITS, of ID 0 */
		put32(out, 0);
	}
	if (config->smmu_base) {
		smmu = (u32)(out->size - start);
		put_smmu(config, out, its);
	}

	mappings = put_root_mappings(config, NULL, smmu, its);
	put_node(out, IORT_ROOT_COMPLEX, (u16)(ROOT_NODE_BYTES + mappings * MAPPING_BYTES), 1, mappings,
		 ROOT_NODE_BYTES);
	put32(out, IORT_COHERENT);
	put8(out, 0);
	put16(out, 0);
	put8(out, IORT_CPM_DACS); /* coherent path, device attributes are cacheable, shareable */
	put32(out, 0);            /* no ATS */
	put32(out, 0);            /* segment 0 */
	put8(out, 64);            /* address bits that DMA reaches */
	put_zeros(out, 3);
	put_root_mappings(config, out, smmu, its);
	table_end(out, start);
}
