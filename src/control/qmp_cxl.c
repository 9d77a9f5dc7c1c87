/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QMP, our own commands: what stands behind an address. cxl-query-decoders reads back every decoder and walks an
 * address; cxl-query-map is the compiled address map; cxl-query-regs shows a register block by its declaration, without
 * setting anything off (a register that is computed when software reads it shows what is stored); cxl-query-topology
 * draws the fabric.
 */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"
#include "cxl/cxl.h"
#include "mem/mem.h"
#include "pci/pci.h"

#define MAP_RANGES_MAX 65536

static void add_decoder(void *arg, const struct cxl_decoder_facts *f)
{
	struct json_object *d = json_object_new_object(), *targets;

	qmp_put_string(d, "component", f->component);
	qmp_put_string(d, "kind", f->kind);
	qmp_put_u64(d, "index", f->index);
	qmp_put_bool(d, "enabled", f->enabled);
	qmp_put_bool(d, "committed", f->committed);
	qmp_put_bool(d, "locked", f->locked);
	qmp_put_bool(d, "error", f->error);
	qmp_put_u64(d, "base", f->base);
	qmp_put_u64(d, "size", f->size);
	qmp_put_u64(d, "ways", f->ways);
	qmp_put_u64(d, "granularity", f->granularity);
	if (f->target_count) {
		targets = json_object_new_array();
		for (unsigned t = 0; t < f->target_count; t++)
			json_object_array_add(targets, json_object_new_int(f->targets[t]));
		qmp_put(d, "targets", targets);
	} else if (!strcmp(f->kind, "device")) {
		qmp_put_u64(d, "skip", f->skip);
	}
	json_object_array_add(arg, d);
}

static void add_hop(void *arg, const struct cxl_hop *hop)
{
	struct json_object *h = json_object_new_object();

	qmp_put_string(h, "kind", hop->kind);
	qmp_put_string(h, "name", hop->name);
	if (hop->decoder >= 0)
		qmp_put_u64(h, "decoder", (u64)hop->decoder);
	qmp_put_bool(h, "took", hop->took);
	qmp_put_string(h, "text", hop->text);
	json_object_array_add(arg, h);
}

bool qmp_query_decoders(struct qmp_call *call, struct error *err)
{
	struct cxl_host *host = machine_cxl_host(call->machine);
	struct json_object *decoders, *walk, *hops;
	u64 hpa = UINT64_MAX, dpa = 0;
	bool answered;

	if (!host)
		return fail(err, "the machine has no CXL; describe a pxb-cxl");
	if (!qmp_u64(call, "hpa", &hpa, err))
		return false;
	decoders = json_object_new_array();
	cxl_each_decoder(host, add_decoder, decoders);
	call->result = json_object_new_object();
	qmp_put(call->result, "decoders", decoders);
	if (hpa == UINT64_MAX)
		return true;
	hops = json_object_new_array();
	answered = cxl_explain(host, hpa, add_hop, hops, &dpa);
	walk = json_object_new_object();
	qmp_put_u64(walk, "hpa", hpa);
	qmp_put_bool(walk, "answered", answered);
	if (answered)
		qmp_put_u64(walk, "dpa", dpa);
	qmp_put(walk, "hops", hops);
	qmp_put(call->result, "walk", walk);
	return true;
}

bool qmp_query_map(struct qmp_call *call, struct error *err)
{
	const struct range *range;

	call->result = json_object_new_array();
	for (size_t i = 0; i < MAP_RANGES_MAX && (range = space_range(machine_space(call->machine), i)); i++) {
		struct json_object *r = json_object_new_object();
		const struct region *region = range->region;

		qmp_put_u64(r, "base", range->base);
		qmp_put_u64(r, "size", range->last - range->base + 1);
		qmp_put_string(r, "name", region->name ? region->name : "");
		qmp_put_string(r, "kind", region->host ? region->readonly ? "rom" : "ram" : "io");
		qmp_put_u64(r, "offset", range->offset);
		json_object_array_add(call->result, r);
	}
	return true;
}

/* --- register blocks --- */

struct listing {
	const char *wanted; /* NULL: names only */
	struct json_object *list;
};

static void add_register(struct regs *b, const struct reg *row, u32 base, unsigned i, void *arg)
{
	struct json_object *r = json_object_new_object();
	u32 offset = base + row->offset + i * row->stride;
	char name[96];

	snprintf(name, sizeof(name), row->count > 1 ? "%s[%u]" : "%s", row->name, i);
	qmp_put_string(r, "name", name);
	qmp_put_u64(r, "offset", offset);
	qmp_put_u64(r, "size", row->size);
	qmp_put_u64(r, "value", regs_get(b, offset, row->size));
	qmp_put_bool(r, "computed", row->read != NULL);
	json_object_array_add(arg, r);
}

static void add_block(struct listing *l, const char *what, const char *owner, struct regs *b)
{
	struct json_object *block, *registers;
	char name[192];

	if (!b->store)
		return;
	snprintf(name, sizeof(name), what ? "%s:%s" : "%s%s", what ? what : "", owner);
	if (l->wanted && strcmp(l->wanted, name))
		return;
	block = json_object_new_object();
	qmp_put_string(block, "block", name);
	qmp_put_u64(block, "size", b->size);
	if (l->wanted) {
		registers = json_object_new_array();
		regs_each(b, add_register, registers);
		qmp_put(block, "registers", registers);
	}
	json_object_array_add(l->list, block);
}

static void add_cxl_block(void *arg, const char *what, const char *owner, struct regs *b)
{
	add_block(arg, what, owner, b);
}

static bool add_config(struct pci_dev *dev, void *arg)
{
	u16 id = pci_requester_id(dev);
	char name[96];

	snprintf(name, sizeof(name), "%02x:%02x.%x", id >> 8, id >> 3 & 0x1f, id & 7);
	add_block(arg, "config", dev->dev.id ? dev->dev.id : name, &dev->config);
	return true;
}

bool qmp_query_regs(struct qmp_call *call, struct error *err)
{
	struct cxl_host *host = machine_cxl_host(call->machine);
	struct listing l = {.wanted = qmp_string(call, "block"), .list = json_object_new_array()};
	const struct range *range;

	if (host)
		cxl_each_regs(host, add_cxl_block, &l);
	pci_host_each(machine_pci_host(call->machine), add_config, &l);
	for (size_t i = 0; i < MAP_RANGES_MAX && (range = space_range(machine_space(call->machine), i)); i++)
		if (range->region->ops == &regs_io && !range->offset)
			add_block(&l, NULL, ((struct regs *)range->region->opaque)->name, range->region->opaque);
	call->result = l.list;
	return !l.wanted || json_object_array_length(l.list) ||
	       fail(err, "there is no register block '%.100s'; cxl-query-regs without an argument lists them",
		    l.wanted);
}

bool qmp_query_topology(struct qmp_call *call, struct error *err)
{
	const char *format = qmp_string(call, "format");
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return fail(err, "out of memory");
	topology_draw(call->machine,
		      !format || !strcmp(format, "text") ? PICTURE_TEXT :
		      !strcmp(format, "dot")             ? PICTURE_DOT :
							   PICTURE_SVG,
		      to);
	fclose(to);
	call->result = json_object_new_string(text ? text : "");
	free(text);
	return true;
}
