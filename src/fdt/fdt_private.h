/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to fdt/: a tree being written in order; the first libfdt error sticks. */
#ifndef FDT_FDT_PRIVATE_H
#define FDT_FDT_PRIVATE_H

#include <stdlib.h>

#include "fdt/fdt.h"

struct tree {
	void *blob;
	size_t size;
	int error; /* libfdt's, 0: none */
};

bool tree_begin(struct tree *tree, size_t size);
/* Closes the tree; the blob becomes the caller's, or an error line. */
bool tree_end(struct tree *tree, u8 **dtb, size_t *size, struct error *err);
void node_begin(struct tree *tree, const char *name);
void node_begin_at(struct tree *tree, const char *name, u64 address); /* name@address */
void node_end(struct tree *tree);
void prop_empty(struct tree *tree, const char *name);
void prop_u32(struct tree *tree, const char *name, u32 v);
void prop_u64(struct tree *tree, const char *name, u64 v);
void prop_string(struct tree *tree, const char *name, const char *text);
void prop_bytes(struct tree *tree, const char *name, const void *bytes, size_t size);
/* NUL-separated strings in a literal: prop_strings(tree, "compatible", "arm,pl011\0arm,primecell"). */
#define prop_strings(tree, name, literal) prop_bytes(tree, name, literal, sizeof(literal))
/* Host-order cells, stored big-endian. */
void prop_cells(struct tree *tree, const char *name, const u32 *cells, size_t count);
#define prop_list(tree, name, ...)                                                                                     \
	prop_cells(tree, name, (const u32[]){__VA_ARGS__}, sizeof((const u32[]){__VA_ARGS__}) / sizeof(u32))
#define CELLS64(v) (u32)((u64)(v) >> 32), (u32)(v)

/* chosen.c */
void chosen_put(struct tree *tree, const struct fdt_chosen *chosen, u64 stdout_uart);

#endif
