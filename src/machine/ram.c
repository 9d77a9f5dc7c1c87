/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: one region per NUMA node with memory, packed from the RAM base in node order. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "machine/numa.h"
#include "machine/private.h"

static void ram_ready(struct region *region, u64 offset)
{
	struct ram_part *part = container_of(region, struct ram_part, region);

	backend_ready(part->backend, offset);
}

static bool add_part(struct machine *m, u32 node, struct backend *backend, u64 size, u64 base, struct error *err)
{
	struct ram_part *part = &m->ram[m->ram_count];

	part->node = node;
	part->region = (struct region){.name = "RAM", .base = base, .size = size};
	if (backend) {
		part->backend = backend;
		part->region.host = backend->host;
		if (backend->chunk_ready)
			part->region.ready = ram_ready;
	} else {
		part->region.host = ram_alloc(size, err);
		if (!part->region.host)
			return fail_context(err, "-m");
		part->owned_bytes = size;
	}
	m->ram_count++;
	loop_lock(m->loop);
	space_add(m->space, &part->region);
	loop_unlock(m->loop);
	return true;
}

/* `key`: where the user names it. */
static struct backend *take_backend(struct machine *m, const char *key, const char *id, struct error *err)
{
	struct dev *dev = machine_find(m, id);
	struct backend *backend = dev ? backend_of(dev) : NULL;

	if (!backend) {
		fail(err, "%s=%s: no such memory backend; describe it with -object memory-backend-ram,id=%s,size=...",
		     key, id, id);
		return NULL;
	}
	if (backend->dev_owner || backend->ram_owner) {
		fail(err, "%s=%s: this memory backend serves something else already; use one backend for each", key,
		     id);
		return NULL;
	}
	if (!is_aligned(backend->size, 2 * MiB)) {
		fail(err, "%s=%s: the size of RAM must be a multiple of 2M", key, id);
		return NULL;
	}
	backend->ram_owner = true;
	return backend;
}

/* Backends are taken, sizes known and made equal to -m before any memory is placed. */
static bool settle_sizes(struct machine *m, struct backend *backends[MACHINE_NODES_MAX], bool *any, struct error *err)
{
	struct machine_config *c = &m->config;
	u64 sum = 0;

	for (unsigned i = 0; i < c->node_count; i++) {
		struct machine_node *node = &c->nodes[i];

		if (node->memdev) {
			backends[i] = take_backend(m, "-numa memdev", node->memdev, err);
			if (!backends[i])
				return false;
			node->size = backends[i]->size;
		}
		if (!is_aligned(node->size, 2 * MiB))
			return fail(err, "-numa mem=%llu: must be a multiple of 2M; write mem=%lluM",
				    (unsigned long long)node->size,
				    (unsigned long long)(align_down(node->size, 2 * MiB) / MiB + 2));
		*any |= node->size != 0;
		if (!add_ok(sum, node->size, &sum))
			return fail(err, "-numa mem=%llu: too large", (unsigned long long)node->size);
	}
	if (*any && sum != c->ram_size)
		return fail(err, "-numa: the nodes' memory is %llu MiB in all, -m says %llu MiB; make them equal",
			    (unsigned long long)(sum / MiB), (unsigned long long)(c->ram_size / MiB));
	return true;
}

bool machine_ram_settle(struct machine *m, struct error *err)
{
	static const char key[] = "-M memory-backend";
	struct machine_config *c = &m->config;
	const char *id = c->memory_backend;

	if (!id)
		return true;
	if (c->node_count > 1 || (c->node_count && (c->nodes[0].size || c->nodes[0].memdev)))
		return fail(
			err,
			"%s=%s: with -numa, each node says what its memory is; leave this out and write -numa node,memdev=%s",
			key, id, id);
	m->ram_backend = take_backend(m, key, id, err);
	if (!m->ram_backend)
		return false;
	if (c->ram_given && c->ram_size != m->ram_backend->size)
		return fail(err, "%s=%s: the backend has %llu MiB, -m says %llu MiB; make them equal, or leave -m out",
			    key, id, (unsigned long long)(m->ram_backend->size / MiB),
			    (unsigned long long)(c->ram_size / MiB));
	if (m->ram_backend->size < 64 * MiB)
		return fail(err, "%s=%s: the machine needs at least 64M of memory", key, id);
	c->ram_size = m->ram_backend->size;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct machine_node *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

bool machine_ram_create(struct machine *m, struct error *err)
{
	struct backend *backends[MACHINE_NODES_MAX] = {NULL};
	struct machine_config *c = &m->config;
	u64 base = memory_map[MAP_RAM].base;
	bool any = false;

	qsort(c->nodes, c->node_count, sizeof(c->nodes[0]), by_id);
	if (!machine_numa_settle(m, err) || !settle_sizes(m, backends, &any, err))
		return false;
	if (!any) {
		if (c->node_count)
			c->nodes[0].size = c->ram_size;
		return add_part(m, c->node_count ? c->nodes[0].id : 0, m->ram_backend, c->ram_size, base, err);
	}
	for (unsigned i = 0; i < c->node_count; i++) {
		if (c->nodes[i].size && !add_part(m, c->nodes[i].id, backends[i], c->nodes[i].size, base, err))
			return false;
		base += c->nodes[i].size;
	}
	return true;
}

void machine_ram_destroy(struct machine *m)
{
	for (unsigned i = 0; i < m->ram_count; i++)
		if (m->ram[i].owned_bytes)
			ram_free(m->ram[i].region.host, m->ram[i].owned_bytes);
}
