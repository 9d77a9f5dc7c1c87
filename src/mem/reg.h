/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register-block engine (docs/tables.md, design D7). A block is bytes (`store`) described by tables of rows.
 * Hooks carry effects; masks carry access rules.
 *
 * A write is always: find the row; check width and `locked`; on the enabled lanes
 *     now = (old & ~rw & ~(w1c & value)) | (value & rw), rwo bits taken until one is set, which stays to the reset;
 * store; call `write`. A read returns `read(...)`'s value, or the stored one.
 *
 * REGS_BYTES blocks have byte enables: narrower accesses touch their lanes only, wider or straddling ones are split
 * by row in ascending order; bytes without a row read 0 and ignore writes. REGS_EXACT blocks answer only accesses of
 * the row's own size; anything else reads all ones - 0 where no row is - writes nothing and is reported (guest_error),
 * but an 8-byte access over two 4-byte rows is split and reported as a quirk.
 */
#ifndef MEM_REG_H
#define MEM_REG_H

#include "base/error.h"
#include "base/types.h"
#include "mem/mem.h"

struct regs;
struct reg_element; /* private to reg.c */

/* Kinds of reset, a mask; a row's `sticky` names the kinds that it survives. */
enum reset_kind {
	RESET_COLD = 1,     /* power on: nothing survives */
	RESET_WARM = 2,     /* machine reset */
	RESET_HOT = 4,      /* secondary bus reset, link down */
	RESET_FUNCTION = 8, /* FLR */
	RESET_CXL = 16,     /* CXL reset */
};
#define STICKY (RESET_WARM | RESET_HOT | RESET_FUNCTION | RESET_CXL)
#define RESETS_CONVENTIONAL (RESET_COLD | RESET_WARM | RESET_HOT) /* [PCIe5 6.6.1] */

struct reg {
	const char *name;
	u32 offset; /* of element 0, from the table's base */
	u8 size;    /* 1, 2, 4, 8 bytes */
	u16 count;  /* elements; 0 means 1 */
	u32 stride; /* bytes between elements */
	u64 reset;
	u64 rw, w1c, rwo; /* bits that software writes, clears by 1, sets for good; disjoint */
	u8 sticky;        /* reset kinds survived, a mask of enum reset_kind */
	u64 unimp;        /* bits that the specification has and we lack: writing 1 is reported */
	bool (*locked)(struct regs *b, unsigned i); /* true: software writes are ignored */
	u64 (*read)(struct regs *b, unsigned i, u64 stored);
	void (*write)(struct regs *b, unsigned i, u64 old, u64 now); /* after the store; may store again by regs_set */
};

/* clang-format off */
#define R8(o, n, r, w, ...) {.offset = (o), .name = #n, .size = 1, .reset = (r), .rw = (w), ##__VA_ARGS__}
#define R16(o, n, r, w, ...) {.offset = (o), .name = #n, .size = 2, .reset = (r), .rw = (w), ##__VA_ARGS__}
#define R32(o, n, r, w, ...) {.offset = (o), .name = #n, .size = 4, .reset = (r), .rw = (w), ##__VA_ARGS__}
#define R64(o, n, r, w, ...) {.offset = (o), .name = #n, .size = 8, .reset = (r), .rw = (w), ##__VA_ARGS__}
/* clang-format on */

enum regs_access { REGS_BYTES, REGS_EXACT };

#define REGS_TABLES_MAX 24

struct regs {
	const char *name; /* of the block, for traces: "cxl-type3 mem0 config" */
	void *owner;      /* the device, for hooks */
	enum regs_access access;
	u32 size;                     /* of the block, bytes */
	u8 *store;                    /* `size` bytes: the registers' values, little-endian */
	u8 *once;                     /* `size` bytes: rwo bits that were set */
	u32 *find;                    /* per 4 bytes: 1 + index of the first element that touches them (engine's) */
	struct reg_element *elements; /* every element of every row, sorted by offset (engine's) */
	u32 element_count;
	/* While a write hook runs: what software wrote, and its enabled lanes as a mask, both at their place in the
	 * register. For write-1-to-set and write-1-to-trigger registers, where `old` and `now` do not say what was
	 * written. */
	u64 written, lanes;
	struct {
		const struct reg *rows;
		u32 count, base;
	} tables[REGS_TABLES_MAX];
	u32 table_count;
};

/* `name` and `owner` must outlive the block. Allocates the store, all zero. */
void regs_init(struct regs *b, const char *name, void *owner, enum regs_access access, u32 size);
void regs_free(struct regs *b);
/* Appends a table whose offsets count from `base`. Checks it (sorted, no overlap, no bit in two masks, reset within
 * size, all inside the block): a bad table is our mistake, so it asserts. Rows must outlive the block. */
void regs_add(struct regs *b, u32 base, const struct reg *rows, u32 count);
#define REGS_ADD(b, base, table) regs_add(b, base, table, ARRAY_SIZE(table))
/* Resets every row that does not survive `kind`, as what is locked survives CXL Reset [CXL3.1 table 8-1]; calls no
 * hooks but `locked`. */
void regs_reset(struct regs *b, enum reset_kind kind);

/* The device's own view of the store: no masks, no hooks. */
u64 regs_get(const struct regs *b, u32 offset, unsigned size);
void regs_set(struct regs *b, u32 offset, unsigned size, u64 value);

/* Software's view. offset + size may run past the end: those bytes read 0. */
u64 regs_read(struct regs *b, u64 offset, unsigned size);
void regs_write(struct regs *b, u64 offset, unsigned size, u64 value);
/* io_ops whose opaque is the struct regs. */
extern const struct io_ops regs_io;

/* For dumps, the walking-ones test and the fuzzer: calls `each` for every element of every row. */
void regs_each(struct regs *b, void (*each)(struct regs *b, const struct reg *row, u32 base, unsigned i, void *arg),
	       void *arg);

#endif
