/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HMAT: latency and bandwidth from every initiator (CPU domains, generic ports) to every target (memory domains, boot
 * regions, generic ports). Linux adds the CPU-to-port row to what CDAT says below the port; the rows of boot regions
 * are end to end. What the user states goes before all that. Values are stated once per direction, in the finest unit
 * in which the largest still fits 16 bits. [ACPI6.5 5.2.28]
 */
#include "acpi/tables.h"

#include "base/bits.h"

enum { HMAT_ENTRY_MAX = 0xfffe, HMAT_UNREACHABLE = 0xffff };
enum { INITIATOR_VALID = 1 };

/* Domains in use; `root` or `region` says what else than RAM or CPUs it is. */
struct party {
	u32 node;
	const struct acpi_root *root;
	const struct acpi_cxl_region *region;
	bool stated; /* nothing is known of it but what the user said */
};

struct matrix {
	const struct acpi_config *config;
	struct acpi_performance ram;
	struct party initiators[ACPI_NODES_MAX], targets[ACPI_NODES_MAX];
	u32 initiator_count, target_count;
};

static void add_party(struct party *list, u32 *count, struct party party)
{
	u32 i;

	for (i = 0; i < *count; i++)
		if (list[i].node == party.node)
			return;
	if (*count < ACPI_NODES_MAX)
		list[(*count)++] = party;
}

static void find_parties(struct matrix *m)
{
	const struct acpi_config *config = m->config;
	unsigned i;

	for (i = 0; i < config->cpu_count; i++)
		add_party(m->initiators, &m->initiator_count, (struct party){.node = config->cpus[i].node});
	for (i = 0; i < config->memory_count; i++)
		add_party(m->targets, &m->target_count, (struct party){.node = config->memories[i].node});
	for (i = 0; i < config->region_count; i++)
		add_party(m->targets, &m->target_count,
			  (struct party){.node = config->regions[i].node, .region = &config->regions[i]});
	for (i = 0; i < config->root_count; i++) {
		struct party port = {.node = config->roots[i].port_node, .root = &config->roots[i]};

		if (!port.root->is_cxl || port.node == ACPI_NO_NODE)
			continue;
		add_party(m->initiators, &m->initiator_count, port);
		add_party(m->targets, &m->target_count, port);
	}
	for (i = 0; i < config->generic_initiator_count; i++)
		add_party(m->initiators, &m->initiator_count,
			  (struct party){.node = config->generic_initiators[i].node, .stated = true});
	for (i = 0; i < config->hmat_value_count; i++) {
		add_party(m->initiators, &m->initiator_count,
			  (struct party){.node = config->hmat_values[i].initiator, .stated = true});
		add_party(m->targets, &m->target_count,
			  (struct party){.node = config->hmat_values[i].target, .stated = true});
	}
}

/* One after the other: latencies add up, the narrower bandwidth rules. Not known stays not known. */
static struct acpi_performance chain(struct acpi_performance a, struct acpi_performance b)
{
	struct acpi_performance p = {0};

	if (a.read_latency_ps && b.read_latency_ps)
		p.read_latency_ps = a.read_latency_ps + b.read_latency_ps;
	if (a.write_latency_ps && b.write_latency_ps)
		p.write_latency_ps = a.write_latency_ps + b.write_latency_ps;
	p.read_mbps = MIN(a.read_mbps, b.read_mbps);
	p.write_mbps = MIN(a.write_mbps, b.write_mbps);
	return p;
}

/* From a CPU domain to the domain of RAM, scaled as SLIT says. */
static struct acpi_performance to_ram(const struct matrix *m, u32 from, u32 to)
{
	u64 distance = acpi_distance(m->config, from, to);
	struct acpi_performance p = {
		m->ram.read_latency_ps * distance / 10,
		m->ram.write_latency_ps * distance / 10,
		m->ram.read_mbps * 10 / distance,
		m->ram.write_mbps * 10 / distance,
	};

	return p;
}

/* What it costs more when the bridge hangs on another CPU domain. */
static struct acpi_performance from_afar(const struct matrix *m, u32 cpu, u32 bridge_node, struct acpi_performance p)
{
	struct acpi_performance far;

	if (bridge_node == ACPI_NO_NODE || bridge_node == cpu)
		return p;
	far = to_ram(m, cpu, bridge_node);
	if (p.read_latency_ps)
		p.read_latency_ps += far.read_latency_ps - m->ram.read_latency_ps;
	if (p.write_latency_ps)
		p.write_latency_ps += far.write_latency_ps - m->ram.write_latency_ps;
	p.read_mbps = MIN(p.read_mbps, far.read_mbps);
	p.write_mbps = MIN(p.write_mbps, far.write_mbps);
	return p;
}

/* Whether the region lies below this bridge. */
static bool region_is_below(const struct acpi_config *config, const struct acpi_cxl_region *region,
			    const struct acpi_root *root)
{
	const struct acpi_cxl_window *window = &config->windows[region->window];
	unsigned i;

	for (i = 0; i < window->target_count; i++)
		if (window->target_uids[i] == root->uid)
			return true;
	return false;
}

/* The domain the region's first bridge hangs on. */
static u32 region_bridge_node(const struct acpi_config *config, const struct acpi_cxl_region *region)
{
	unsigned i;

	for (i = 0; i < config->root_count; i++)
		if (config->roots[i].is_cxl && region_is_below(config, region, &config->roots[i]))
			return config->roots[i].node;
	return ACPI_NO_NODE;
}

static struct acpi_performance measure(const struct matrix *m, const struct party *from, const struct party *to)
{
	static const struct acpi_performance none;
	struct acpi_performance p;

	if (from->stated || to->stated)
		return none;
	if (!from->root) {
		if (to->root)
			return from_afar(m, from->node, to->root->node, to->root->port);
		if (to->region)
			return from_afar(m, from->node, region_bridge_node(m->config, to->region),
					 to->region->performance);
		return to_ram(m, from->node, to->node);
	}
	if (to->root)
		return none; /* port to port: not offered */
	if (!to->region)
		return chain(from->root->port, m->ram);
	if (!region_is_below(m->config, to->region, from->root))
		return chain(from->root->port, to->region->performance);
	p = to->region->performance;
	if (p.read_latency_ps > from->root->port.read_latency_ps)
		p.read_latency_ps -= from->root->port.read_latency_ps;
	if (p.write_latency_ps > from->root->port.write_latency_ps)
		p.write_latency_ps -= from->root->port.write_latency_ps;
	return p;
}

static u64 pick(struct acpi_performance p, unsigned type)
{
	switch (type) {
	case ACPI_HMAT_READ_LATENCY: return p.read_latency_ps;
	case ACPI_HMAT_WRITE_LATENCY: return p.write_latency_ps;
	case ACPI_HMAT_READ_BANDWIDTH: return p.read_mbps;
	default: return p.write_mbps;
	}
}

/* From one to the other, in memory or in the cache of a level; 0: not known. */
static u64 value_of(const struct matrix *m, unsigned hierarchy, unsigned type, const struct party *from,
		    const struct party *to)
{
	for (u32 i = m->config->hmat_value_count; i--;) {
		const struct acpi_hmat_value *v = &m->config->hmat_values[i];

		if (v->hierarchy == hierarchy && (v->types >> type & 1) && v->initiator == from->node &&
		    v->target == to->node)
			return v->value;
	}
	return hierarchy ? 0 : pick(measure(m, from, to), type);
}

static void put_matrix(const struct matrix *m, unsigned hierarchy, unsigned type, struct out *out)
{
	u64 highest = 1, unit = 1, v;
	u32 i, t;

	for (i = 0; i < m->initiator_count; i++)
		for (t = 0; t < m->target_count; t++)
			highest = MAX(highest, value_of(m, hierarchy, type, &m->initiators[i], &m->targets[t]));
	while (highest / unit > HMAT_ENTRY_MAX)
		unit *= 10;

	put16(out, 1);
	put16(out, 0);
	put32(out, 32 + 4 * m->initiator_count + 4 * m->target_count + 2 * m->initiator_count * m->target_count);
	put8(out, hierarchy);
	put8(out, (u8)type);
	put8(out, 0);
	put8(out, 0);
	put32(out, m->initiator_count);
	put32(out, m->target_count);
	put32(out, 0);
	put64(out, unit);
	for (i = 0; i < m->initiator_count; i++)
		put32(out, m->initiators[i].node);
	for (t = 0; t < m->target_count; t++)
		put32(out, m->targets[t].node);
	for (i = 0; i < m->initiator_count; i++)
		for (t = 0; t < m->target_count; t++) {
			v = value_of(m, hierarchy, type, &m->initiators[i], &m->targets[t]);
			put16(out, v ? (u16)MAX(v / unit, 1) : HMAT_UNREACHABLE);
		}
}

static void put_attributes(const struct matrix *m, const struct party *target, struct out *out)
{
	u32 stated = target->node < ACPI_NODES_MAX ? m->config->initiator_of[target->node] : 0,
	    initiator = stated ? stated - 1 : target->node;
	bool known = stated;
	u32 i;

	for (i = 0; i < m->initiator_count; i++)
		known |= !m->initiators[i].root && !m->initiators[i].stated && m->initiators[i].node == target->node;
	put16(out, 0);
	put16(out, 0);
	put32(out, 40);
	put16(out, known ? INITIATOR_VALID : 0);
	put16(out, 0);
	put32(out, known ? initiator : 0);
	put32(out, target->node);
	put_zeros(out, 20);
}

/* How many levels of caches a domain's memory has: the highest that is named. */
static u8 cache_levels(const struct acpi_config *config, u32 node)
{
	u8 levels = 0;

	for (u32 i = 0; i < config->hmat_cache_count; i++)
		if (config->hmat_caches[i].node == node)
			levels = MAX(levels, config->hmat_caches[i].level);
	return levels;
}

static void put_cache(const struct acpi_config *config, const struct acpi_hmat_cache *cache, struct out *out)
{
	put16(out, 2);
	put16(out, 0);
	put32(out, 32);
	put32(out, cache->node);
	put32(out, 0);
	put64(out, cache->size);
	put32(out, cache_levels(config, cache->node) | (u32)cache->level << 4 | (u32)cache->associativity << 8 |
			   (u32)cache->policy << 12 | (u32)cache->line << 16);
	put16(out, 0);
	put16(out, 0); /* no SMBIOS handles */
}

/* Matrices of caches: only what was stated. */
static void put_cache_matrices(const struct matrix *m, struct out *out)
{
	u8 types[4] = {0};

	for (u32 i = 0; i < m->config->hmat_value_count; i++)
		types[m->config->hmat_values[i].hierarchy & 3] |= m->config->hmat_values[i].types;
	for (unsigned level = 1; level < ARRAY_SIZE(types); level++)
		for (unsigned type = 0; type < 8; type++)
			if (types[level] >> type & 1)
				put_matrix(m, level, type, out);
}

void hmat_build(const struct acpi_config *config, struct out *out)
{
	/* As wide as 16 interleaved devices: Linux goes by latency and bandwidth, and would make these the faster tier.
	 */
	static const struct acpi_performance dram = {100000, 100000, 256000, 256000};
	struct matrix m = {.config = config, .ram = config->ram};
	size_t start = table_begin(out, "HMAT", 2);
	u32 t;

	if (!m.ram.read_latency_ps || !m.ram.write_latency_ps || !m.ram.read_mbps || !m.ram.write_mbps)
		m.ram = dram;
	find_parties(&m);
	put32(out, 0);
	for (t = 0; t < m.target_count; t++)
		if (!m.targets[t].root && !m.targets[t].stated)
			put_attributes(&m, &m.targets[t], out);
	put_matrix(&m, 0, ACPI_HMAT_READ_LATENCY, out);
	put_matrix(&m, 0, ACPI_HMAT_WRITE_LATENCY, out);
	put_matrix(&m, 0, ACPI_HMAT_READ_BANDWIDTH, out);
	put_matrix(&m, 0, ACPI_HMAT_WRITE_BANDWIDTH, out);
	put_cache_matrices(&m, out);
	for (t = 0; t < config->hmat_cache_count; t++)
		put_cache(config, &config->hmat_caches[t], out);
	table_end(out, start);
}
