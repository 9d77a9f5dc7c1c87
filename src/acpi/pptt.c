/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PPTT: sockets, cores, threads and their caches. CPUs of one socket and core stand together in the list, so a node is
 * opened whenever the socket or core changes. Every core has its own L1 and L2, all alike.
 * [ACPI6.5 5.2.30]
 */
#include "acpi/tables.h"

#include "base/bits.h"

enum {
	PPTT_PACKAGE = BIT(0),
	PPTT_ID_VALID = BIT(1),
	PPTT_THREAD = BIT(2),
	PPTT_LEAF = BIT(3),
	PPTT_IDENTICAL = BIT(4)
};
enum { CACHE_ALL_VALID = 0xff };
enum {
	CACHE_DATA = 0,
	CACHE_INSTRUCTION = 1 << 2,
	CACHE_UNIFIED = 3 << 2,
	CACHE_WRITE_ALLOCATE = 2,
	CACHE_READ_ALLOCATE = 0
};

static u32 put_cache(struct out *out, size_t table, u32 *id, u32 next, u32 size, u8 ways, u8 attributes)
{
	u32 offset = (u32)(out->size - table);

	put8(out, 1);
	put8(out, 28);
	put16(out, 0);
	put32(out, CACHE_ALL_VALID);
	put32(out, next);
	put32(out, size);
	put32(out, size / ways / 64); /* sets */
	put8(out, ways);
	put8(out, attributes);
	put16(out, 64);
	put32(out, ++*id); /* no two caches have the same, none has 0 */
	return offset;
}

static u32 put_node(struct out *out, size_t table, u32 flags, u32 parent, u32 id, const u32 *resources, u32 count)
{
	u32 offset = (u32)(out->size - table);
	u32 i;

	put8(out, 0);
	put8(out, (u8)(20 + 4 * count));
	put16(out, 0);
	put32(out, flags);
	put32(out, parent);
	put32(out, id);
	put32(out, count);
	for (i = 0; i < count; i++)
		put32(out, resources[i]);
	return offset;
}

void pptt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "PPTT", 3);
	u32 package = 0, core = 0, packages = 0, cores = 0, cache_id = 0;
	u32 caches[2];
	unsigned i;

	for (i = 0; i < config->cpu_count; i++) {
		const struct acpi_cpu *cpu = &config->cpus[i];
		const struct acpi_cpu *before = i ? cpu - 1 : NULL;
		const struct acpi_cpu *after = i + 1 < config->cpu_count ? cpu + 1 : NULL;
		bool new_package = !before || before->socket != cpu->socket;
		bool new_core = new_package || before->core != cpu->core;
		bool alone = new_core && (!after || after->socket != cpu->socket || after->core != cpu->core);

		if (new_package)
			package = put_node(out, start, PPTT_PACKAGE | PPTT_IDENTICAL, 0, packages++, NULL, 0);
		if (new_core) {
			u32 l2 = put_cache(out, start, &cache_id, 0, 1 * MiB, 8, CACHE_UNIFIED | CACHE_WRITE_ALLOCATE);

			caches[0] =
				put_cache(out, start, &cache_id, l2, 32 * KiB, 4, CACHE_DATA | CACHE_WRITE_ALLOCATE);
			caches[1] = put_cache(out, start, &cache_id, l2, 32 * KiB, 4,
					      CACHE_INSTRUCTION | CACHE_READ_ALLOCATE);
		}
		if (alone) {
			put_node(out, start, PPTT_ID_VALID | PPTT_LEAF, package, i, caches, 2);
			continue;
		}
		if (new_core)
			core = put_node(out, start, PPTT_IDENTICAL, package, cores++, caches, 2);
		put_node(out, start, PPTT_ID_VALID | PPTT_LEAF | PPTT_THREAD, core, i, NULL, 0);
	}
	table_end(out, start);
}
