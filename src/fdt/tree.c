/* SPDX-License-Identifier: BSD-2-Clause */
/* A thin face on libfdt's sequential writer. */
#include "fdt/fdt_private.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define NODE_NAME_MAX 64
#define CELLS_MAX 16384

static void keep(struct tree *tree, int result)
{
	if (result && !tree->error)
		tree->error = result;
}

bool tree_begin(struct tree *tree, size_t size)
{
	tree->size = size;
	tree->error = 0;
	tree->blob = calloc(1, size);
	if (!tree->blob)
		return false;
	keep(tree, fdt_create(tree->blob, (int)size));
	keep(tree, fdt_finish_reservemap(tree->blob));
	return true;
}

bool tree_end(struct tree *tree, u8 **dtb, size_t *size, struct error *err)
{
	keep(tree, fdt_finish(tree->blob));
	if (tree->error) {
		free(tree->blob);
		return fail(err, "device tree: %s", fdt_strerror(tree->error));
	}
	*dtb = tree->blob;
	*size = fdt_totalsize(tree->blob);
	return true;
}

void node_begin(struct tree *tree, const char *name)
{
	keep(tree, fdt_begin_node(tree->blob, name));
}

void node_begin_at(struct tree *tree, const char *name, u64 address)
{
	char full[NODE_NAME_MAX];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	node_begin(tree, full);
}

void node_end(struct tree *tree)
{
	keep(tree, fdt_end_node(tree->blob));
}

void prop_bytes(struct tree *tree, const char *name, const void *bytes, size_t size)
{
	keep(tree, fdt_property(tree->blob, name, bytes, (int)size));
}

void prop_empty(struct tree *tree, const char *name)
{
	prop_bytes(tree, name, NULL, 0);
}

void prop_u32(struct tree *tree, const char *name, u32 v)
{
	keep(tree, fdt_property_u32(tree->blob, name, v));
}

void prop_u64(struct tree *tree, const char *name, u64 v)
{
	keep(tree, fdt_property_u64(tree->blob, name, v));
}

void prop_string(struct tree *tree, const char *name, const char *text)
{
	prop_bytes(tree, name, text, strlen(text) + 1);
}

void prop_cells(struct tree *tree, const char *name, const u32 *cells, size_t count)
{
	fdt32_t *out = NULL;
	size_t i;

	assert(count <= CELLS_MAX);
	keep(tree, fdt_property_placeholder(tree->blob, name, (int)(4 * count), (void **)&out));
	if (tree->error)
		return;
	for (i = 0; i < count; i++)
		fdt32_st(&out[i], cells[i]);
}
