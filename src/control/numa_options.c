/* SPDX-License-Identifier: BSD-2-Clause */
/* -numa: nodes, their distances, which vCPUs are in them, and what HMAT is to say of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/settings.h"
#include "cpu/cpu.h"

/* Decimal digits below CPUS_MAX; *text moves behind them. */
static bool cpu_number(const char **text, unsigned *number)
{
	const char *from = *text;

	for (*number = 0; **text >= '0' && **text <= '9' && *number < CPUS_MAX; (*text)++)
		*number = *number * 10 + (unsigned)(**text - '0');
	return *text > from && *number < CPUS_MAX;
}

static bool cpu_range(const char *text, u32 *cpus, struct error *err)
{
	const char *end = text;
	unsigned first, last;
	bool ok = cpu_number(&end, &first);

	last = first;
	if (ok && *end == '-') {
		end++;
		ok = cpu_number(&end, &last);
	}
	if (!ok || *end || last < first)
		return fail(err, "-numa cpus=%s: write one number or FIRST-LAST, from 0 to %d", text, CPUS_MAX - 1);
	*cpus |= (u32)MASK(last, first);
	return true;
}

static bool numa_node(struct settings *s, struct opts *opts, const char *argument, struct error *err)
{
	const char *id = opts_get(opts, "nodeid"), *memdev = opts_get(opts, "memdev");
	const char *mem = opts_get(opts, "mem"), *initiator = opts_get(opts, "initiator");
	u64 n = s->config.node_count, by = 0;
	struct machine_node *node;

	if ((id && !parse_u64("-numa nodeid", id, 0, MACHINE_NODES_MAX - 1, &n, err)) ||
	    (initiator && !parse_u64("-numa initiator", initiator, 0, MACHINE_NODES_MAX - 1, &by, err)))
		return false;
	for (unsigned i = 0; i < s->config.node_count; i++)
		if (s->config.nodes[i].id == n)
			return fail(err, "-numa nodeid=%llu: there is a node of this number already",
				    (unsigned long long)n);
	if (s->config.node_count == MACHINE_NODES_MAX)
		return fail(err, "-numa %s: at most %d nodes", argument, MACHINE_NODES_MAX);
	if (mem && memdev)
		return fail(err, "-numa %s: mem= and memdev= exclude each other", argument);
	node = &s->config.nodes[s->config.node_count++];
	*node = (struct machine_node){
		.id = (u32)n, .memdev = memdev ? strdup(memdev) : NULL, .initiator = initiator ? (u32)by + 1 : 0};
	if (mem && !memory_size("-numa mem", mem, &node->size, err))
		return false;
	opts_get(opts, "cpus"); /* may stand several times */
	for (unsigned i = 0; i < opts->count; i++)
		if (!strcmp(opts->list[i].key, "cpus") && !cpu_range(opts->list[i].value, &node->cpus, err))
			return false;
	return true;
}

static bool numa_distance(struct settings *s, struct opts *opts, const char *argument, struct error *err)
{
	const char *from = opts_get(opts, "src"), *to = opts_get(opts, "dst"), *value = opts_get(opts, "val");
	u64 a, b, v;

	if (!from || !to || !value)
		return fail(err, "-numa %s: dist takes src=, dst= and val=", argument);
	if (!parse_u64("-numa src", from, 0, MACHINE_NODES_MAX - 1, &a, err) ||
	    !parse_u64("-numa dst", to, 0, MACHINE_NODES_MAX - 1, &b, err) ||
	    !parse_u64("-numa val", value, 10, 254, &v, err))
		return false;
	if (a == b && v != 10)
		return fail(err, "-numa val=%s: the distance of a node to itself is 10", value);
	s->config.distance[a][b] = (u8)v;
	if (!s->config.distance[b][a])
		s->config.distance[b][a] = (u8)v;
	return true;
}

/* A vCPU by its place, for a node. */
static bool numa_cpu(struct settings *s, struct opts *opts, const char *argument, struct error *err)
{
	static const char *const keys[] = {"socket-id", "core-id", "thread-id"};
	const char *node = opts_get(opts, "node-id"), *cluster = opts_get(opts, "cluster-id");
	s32 place[ARRAY_SIZE(keys)] = {-1, -1, -1};
	u64 value;

	if (!node)
		return fail(err, "-numa %s: cpu needs node-id= and one of socket-id=, core-id=, thread-id=", argument);
	if (s->config.numa_cpu_count == MACHINE_NUMA_ROWS_MAX)
		return fail(err, "-numa %s: more than %d of these; leave some out", argument, MACHINE_NUMA_ROWS_MAX);
	if (cluster && !parse_u64("-numa cluster-id", cluster, 0, 0, &value, err))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = opts_get(opts, keys[i]);
		char key[32];

		snprintf(key, sizeof(key), "-numa %s", keys[i]);
		if (text && !parse_u64(key, text, 0, CPUS_MAX - 1, &value, err))
			return false;
		if (text)
			place[i] = (s32)value;
	}
	if (!parse_u64("-numa node-id", node, 0, MACHINE_NODES_MAX - 1, &value, err))
		return false;
	s->config.numa_cpus[s->config.numa_cpu_count++] =
		(struct machine_numa_cpu){(u32)value, place[0], place[1], place[2]};
	return true;
}

/* The index of a word in a list that ends with NULL; fails if it is in none. */
static bool word_of(struct opts *opts, const char *key, const char *const *words, unsigned *n, struct error *err)
{
	const char *value = opts_get(opts, key);
	char list[160];
	size_t used = 0;

	for (*n = 0; value && words[*n]; ++*n)
		if (!strcmp(words[*n], value))
			return true;
	for (*n = 0; words[*n]; ++*n)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", *n ? ", " : "", words[*n]);
	return fail(err, "-numa %s=%s: write one of %s", key, value ? value : "", list);
}

static bool node_of(struct opts *opts, const char *argument, const char *key, u32 *node, struct error *err)
{
	const char *text = opts_get(opts, key);
	char name[32];
	u64 value;

	snprintf(name, sizeof(name), "-numa %s", key);
	if (!text)
		return fail(err, "-numa %s: %s= is missing; write the number of a node", argument, key);
	if (!parse_u64(name, text, 0, MACHINE_NODES_MAX - 1, &value, err))
		return false;
	*node = (u32)value;
	return true;
}

/* What HMAT is to say of a pair of nodes: latency=NANOSECONDS or bandwidth=BYTES per second. */
static bool numa_latency(struct settings *s, struct opts *opts, const char *argument, struct error *err)
{
	static const char *const hierarchies[] = {"memory", "first-level", "second-level", "third-level", NULL};
	static const char *const types[] = {"access-latency",
					    "read-latency",
					    "write-latency",
					    "access-bandwidth",
					    "read-bandwidth",
					    "write-bandwidth",
					    NULL};
	static const u8 what[] = {BIT(ACPI_HMAT_READ_LATENCY) | BIT(ACPI_HMAT_WRITE_LATENCY),
				  BIT(ACPI_HMAT_READ_LATENCY),
				  BIT(ACPI_HMAT_WRITE_LATENCY),
				  BIT(ACPI_HMAT_READ_BANDWIDTH) | BIT(ACPI_HMAT_WRITE_BANDWIDTH),
				  BIT(ACPI_HMAT_READ_BANDWIDTH),
				  BIT(ACPI_HMAT_WRITE_BANDWIDTH)};
	struct acpi_hmat_value v = {0};
	unsigned hierarchy, type;
	const char *text;
	bool latency;
	u64 value;

	if (s->config.hmat_value_count == ACPI_HMAT_VALUES_MAX)
		return fail(err, "-numa %s: more than %d of these; leave some out", argument, ACPI_HMAT_VALUES_MAX);
	if (!node_of(opts, argument, "initiator", &v.initiator, err) ||
	    !node_of(opts, argument, "target", &v.target, err) ||
	    !word_of(opts, "hierarchy", hierarchies, &hierarchy, err) || !word_of(opts, "data-type", types, &type, err))
		return false;
	latency = type < 3;
	text = opts_get(opts, latency ? "latency" : "bandwidth");
	if (!text)
		return fail(err, "-numa %s: data-type=%s needs %s", argument, types[type],
			    latency ? "latency=NANOSECONDS" : "bandwidth=BYTES");
	if (latency ? !parse_u64("-numa latency", text, 1, 0xffffffff, &value, err) :
		      !parse_size("-numa bandwidth", text, &value, err))
		return false;
	if (!latency && (!value || value % MiB))
		return fail(err, "-numa bandwidth=%s: write a multiple of 1M", text);
	v.hierarchy = (u8)hierarchy;
	v.types = what[type];
	v.value = latency ? value * 1000 : value / MiB;
	s->config.hmat_values[s->config.hmat_value_count++] = v;
	return true;
}

/* A memory-side cache of a node. */
static bool numa_cache(struct settings *s, struct opts *opts, const char *argument, struct error *err)
{
	static const char *const kinds[] = {"none", "direct", "complex", NULL}, *const policies[] = {
											"none", "write-back",
											"write-through", NULL};
	const char *size = opts_get(opts, "size"), *level = opts_get(opts, "level"), *line = opts_get(opts, "line");
	struct acpi_hmat_cache c = {0};
	unsigned kind, policy;
	u64 level_value, line_value;

	if (s->config.hmat_cache_count == ACPI_HMAT_CACHES_MAX)
		return fail(err, "-numa %s: more than %d of these; leave some out", argument, ACPI_HMAT_CACHES_MAX);
	if (!size || !level || !line)
		return fail(err,
			    "-numa %s: hmat-cache takes node-id=, size=, level=, associativity=, policy= and line=",
			    argument);
	if (!node_of(opts, argument, "node-id", &c.node, err) || !parse_size("-numa size", size, &c.size, err) ||
	    !parse_u64("-numa level", level, 1, 3, &level_value, err) ||
	    !parse_u64("-numa line", line, 0, 0xffff, &line_value, err) ||
	    !word_of(opts, "associativity", kinds, &kind, err) || !word_of(opts, "policy", policies, &policy, err))
		return false;
	c.level = (u8)level_value;
	c.associativity = (u8)kind;
	c.policy = (u8)policy;
	c.line = (u16)line_value;
	for (unsigned i = 0; i < s->config.hmat_cache_count; i++)
		if (s->config.hmat_caches[i].node == c.node && s->config.hmat_caches[i].level == c.level)
			return fail(err, "-numa %s: node %u has a cache of level %u already", argument, c.node,
				    c.level);
	s->config.hmat_caches[s->config.hmat_cache_count++] = c;
	return true;
}

bool option_numa(struct settings *s, const char *argument, struct error *err)
{
	static const struct {
		const char *kind;
		bool (*take)(struct settings *s, struct opts *opts, const char *argument, struct error *err);
	} kinds[] = {
		{"node", numa_node},       {"dist", numa_distance},    {"cpu", numa_cpu},
		{"hmat-lb", numa_latency}, {"hmat-cache", numa_cache},
	};
	struct opts opts;
	const char *kind;
	unsigned n = 0;
	bool ok;

	if (!opts_parse(&opts, argument, "type", err))
		return fail_context(err, "-numa");
	kind = opts_get(&opts, "type");
	while (kind && n < ARRAY_SIZE(kinds) && strcmp(kind, kinds[n].kind))
		n++;
	if (!kind || n == ARRAY_SIZE(kinds))
		ok = fail(err, "-numa %s: write node, dist, cpu, hmat-lb or hmat-cache first", argument);
	else
		ok = kinds[n].take(s, &opts, argument, err);
	ok = ok && opts_all_used(&opts, "-numa", err);
	opts_free(&opts);
	return ok;
}
