/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The register-block engine: what reg.h promises. Used by config space, CXL component and device registers, the GIC and
 * the platform devices; under the machine lock, as every register hook is.
 *
 * regs_add turns the rows into elements - one per element of an array row - sorted by offset, so that interleaved
 * arrays (HDM decoders: several rows of the same count and stride) need no special case. `find` gives, for each 4-byte
 * cell, the first element that touches it; from there an access walks forward until it is past its last byte.
 */
#include "mem/reg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"

struct reg_element {
	u32 offset; /* in the block */
	u16 i;      /* in its row's array */
	u8 size;
	const struct reg *row;
	u32 base; /* of the row's table */
};

static void *must_alloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	assert(p && "out of host memory for a register block");
	return p;
}

static u32 cell_count(const struct regs *b)
{
	return (b->size + 3) / 4;
}

void regs_init(struct regs *b, const char *name, void *owner, enum regs_access access, u32 size)
{
	memset(b, 0, sizeof(*b));
	b->name = name;
	b->owner = owner;
	b->access = access;
	b->size = size;
	b->store = must_alloc(size, 1);
	b->once = must_alloc(size, 1);
	b->find = must_alloc(cell_count(b), sizeof(*b->find));
}

void regs_free(struct regs *b)
{
	free(b->store);
	free(b->once);
	free(b->find);
	free(b->elements);
	memset(b, 0, sizeof(*b));
}

static u32 row_count(const struct reg *row)
{
	return row->count ? row->count : 1;
}

/* A bad row is our mistake: one line that names it, then the assertion. */
static void row_check(const struct regs *b, u32 base, const struct reg *row, const struct reg *before)
{
	const char *wrong = NULL;
	u64 last = (u64)base + row->offset + (u64)(row_count(row) - 1) * row->stride + row->size;

	if (row->size != 1 && row->size != 2 && row->size != 4 && row->size != 8)
		wrong = "its size is not 1, 2, 4 or 8";
	else if (before && before->offset > row->offset)
		wrong = "it is not in order of offset";
	else if (last > b->size)
		wrong = "it lies outside the block";
	else if (row_count(row) > 1 && row->stride < row->size)
		wrong = "its stride is less than its size";
	else if ((row->rw & row->w1c) || (row->rw & row->rwo) || (row->w1c & row->rwo))
		wrong = "a bit is in two of rw, w1c, rwo";
	else if ((row->reset | row->rw | row->w1c | row->rwo | row->unimp) & ~ones(row->size * 8u))
		wrong = "reset or a mask is wider than the register";
	if (wrong) {
		fprintf(stderr, "%s: register %s at 0x%x+0x%x: %s\n", b->name, row->name, base, row->offset, wrong);
		assert(!"bad register row");
	}
}

static int element_order(const void *left, const void *right)
{
	const struct reg_element *a = left, *b = right;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void index_elements(struct regs *b)
{
	memset(b->find, 0, cell_count(b) * sizeof(*b->find));
	for (u32 n = b->element_count; n-- > 0;) {
		const struct reg_element *e = &b->elements[n];

		if (n && b->elements[n - 1].offset + b->elements[n - 1].size > e->offset) {
			fprintf(stderr, "%s: registers %s and %s overlap at 0x%x\n", b->name,
				b->elements[n - 1].row->name, e->row->name, e->offset);
			assert(!"overlapping registers");
		}
		for (u32 cell = e->offset / 4; cell <= (e->offset + e->size - 1) / 4; cell++)
			b->find[cell] = n + 1;
	}
}

static void element_store_reset(struct regs *b, const struct reg_element *e)
{
	store_le(b->store + e->offset, e->size, e->row->reset);
	memset(b->once + e->offset, 0, e->size);
}

void regs_add(struct regs *b, u32 base, const struct reg *rows, u32 count)
{
	u32 added = 0;

	assert(b->table_count < REGS_TABLES_MAX);
	for (u32 r = 0; r < count; r++) {
		row_check(b, base, &rows[r], r ? &rows[r - 1] : NULL);
		added += row_count(&rows[r]);
	}
	b->elements = realloc(b->elements, (b->element_count + added + 1) * sizeof(*b->elements));
	assert(b->elements);
	for (u32 r = 0; r < count; r++) {
		for (u32 i = 0; i < row_count(&rows[r]); i++) {
			struct reg_element *e = &b->elements[b->element_count++];

			*e = (struct reg_element){
				.offset = base + rows[r].offset + i * rows[r].stride,
				.i = (u16)i,
				.size = rows[r].size,
				.row = &rows[r],
				.base = base,
			};
			element_store_reset(b, e);
		}
	}
	qsort(b->elements, b->element_count, sizeof(*b->elements), element_order);
	index_elements(b);
	b->tables[b->table_count].rows = rows;
	b->tables[b->table_count].count = count;
	b->tables[b->table_count++].base = base;
}

void regs_reset(struct regs *b, enum reset_kind kind)
{
	for (u32 n = 0; n < b->element_count; n++) {
		const struct reg_element *e = &b->elements[n];

		if (kind != RESET_COLD && (e->row->sticky & kind))
			continue;
		if (kind == RESET_CXL && e->row->locked && e->row->locked(b, e->i))
			continue;
		element_store_reset(b, e);
	}
}

u64 regs_get(const struct regs *b, u32 offset, unsigned size)
{
	assert(size <= 8 && range_ok(offset, size, b->size));
	return load_le(b->store + offset, size);
}

void regs_set(struct regs *b, u32 offset, unsigned size, u64 value)
{
	assert(size <= 8 && range_ok(offset, size, b->size));
	store_le(b->store + offset, size, value);
}

/* First element with a byte at or after `offset` within the cell of `offset` or later, below `end`; NULL: none. */
static const struct reg_element *element_from(const struct regs *b, u64 offset, u64 end)
{
	u64 past = MIN(end, (u64)b->size);

	for (u64 cell = offset / 4; cell * 4 < past; cell++) {
		u32 n = b->find[cell];

		for (; n && n <= b->element_count; n++) {
			const struct reg_element *e = &b->elements[n - 1];

			if (e->offset >= past)
				return NULL;
			if (e->offset + e->size > offset)
				return e;
		}
	}
	return NULL;
}

static const struct reg_element *element_exact(const struct regs *b, u64 offset, unsigned size)
{
	const struct reg_element *e = element_from(b, offset, offset + 1);

	return e && e->offset == offset && e->size == size ? e : NULL;
}

static const struct reg_element *element_next(const struct regs *b, const struct reg_element *e, u64 end)
{
	const struct reg_element *next = e + 1;

	return next < b->elements + b->element_count && next->offset < end ? next : NULL;
}

static void element_trace(const struct regs *b, const struct reg_element *e, const char *verb, u64 value, u64 lanes)
{
	char index[16] = "";

	if (e->row->count > 1)
		snprintf(index, sizeof(index), "[%u]", e->i);
	trace_print(TRACE_MMIO, "%s: %s %s%s (+0x%x, lanes 0x%llx) = 0x%llx", b->name, verb, e->row->name, index,
		    e->offset, (unsigned long long)lanes, (unsigned long long)value);
}

static u64 element_read(struct regs *b, const struct reg_element *e, u64 lanes)
{
	u64 value = load_le(b->store + e->offset, e->size);

	if (e->row->read)
		value = e->row->read(b, e->i, value) & ones(e->size * 8u);
	if (trace_is_on(MMIO))
		element_trace(b, e, "read", value, lanes);
	return value;
}

static void element_write(struct regs *b, const struct reg_element *e, u64 value, u64 lanes)
{
	const struct reg *row = e->row;
	u64 old = load_le(b->store + e->offset, e->size), once, take, now;
	u64 outer_written = b->written, outer_lanes = b->lanes;

	if (trace_is_on(MMIO))
		element_trace(b, e, "write", value, lanes);
	if (row->locked && row->locked(b, e->i)) {
		guest_error(REGISTER_LOCKED, "%s: write of 0x%llx to %s (+0x%x) ignored: it is locked", b->name,
			    (unsigned long long)value, row->name, e->offset);
		return;
	}
	if (value & lanes & row->unimp)
		trace(UNIMP, "%s: %s (+0x%x) bits 0x%llx are not built", b->name, row->name, e->offset,
		      (unsigned long long)(value & lanes & row->unimp));
	once = load_le(b->once + e->offset, e->size);
	take = (row->rw | (row->rwo & ~once)) & lanes;
	now = (old & ~take & ~(row->w1c & value & lanes)) | (value & take);
	store_le(b->once + e->offset, e->size, once | (row->rwo & value & lanes));
	store_le(b->store + e->offset, e->size, now);
	if (!row->write)
		return;
	b->written = value;
	b->lanes = lanes;
	row->write(b, e->i, old, now);
	b->written = outer_written;
	b->lanes = outer_lanes;
}

/* An access [offset, offset + size) against an element: the lanes it enables there. `shift` is the distance in bits
 * from the access's bit 0 to the element's: negative when the element starts later. */
static u64 element_lanes(const struct reg_element *e, u64 offset, unsigned size, int *shift)
{
	u64 from = MAX(offset, (u64)e->offset), end = MIN(offset + size, (u64)e->offset + e->size);

	*shift = (int)((s64)offset - (s64)e->offset) * 8;
	return ones((unsigned)(end - from) * 8) << ((from - e->offset) * 8);
}

static u64 to_element(u64 value, int shift)
{
	return shift >= 0 ? value << shift : value >> -shift;
}

/* An access that a REGS_EXACT block takes as it is, or as two halves; else NULL and a report. */
static const struct reg_element *exact_find(struct regs *b, u64 offset, unsigned size, const char *verb, bool *halves)
{
	const struct reg_element *e = element_exact(b, offset, size);

	*halves = false;
	if (e)
		return e;
	if (size == 8 && (e = element_exact(b, offset, 4)) && element_exact(b, offset + 4, 4)) {
		guest_error(REGISTER_PAIR, "%s: 8-byte %s over two 4-byte registers from %s (+0x%llx): quirk, split",
			    b->name, verb, e->row->name, (unsigned long long)offset);
		*halves = true;
		return e;
	}
	e = element_from(b, offset, offset + size);
	if (e)
		guest_error(REGISTER_WIDTH, "%s: %u-byte %s at +0x%llx: not the width of %s: refused", b->name, size,
			    verb, (unsigned long long)offset, e->row->name);
	else
		guest_error(REGISTER_NONE, "%s: %u-byte %s at +0x%llx: no register there: refused", b->name, size, verb,
			    (unsigned long long)offset);
	return NULL;
}

u64 regs_read(struct regs *b, u64 offset, unsigned size)
{
	const struct reg_element *e;
	u64 value = 0;
	bool halves;

	if (size > 8 || offset > UINT32_MAX)
		return 0;
	if (b->access == REGS_EXACT) {
		e = exact_find(b, offset, size, "read", &halves);
		if (!e) /* what is reserved reads 0 */
			return element_from(b, offset, offset + size) ? ones(size * 8) : 0;
		value = element_read(b, e, ones(e->size * 8u));
		if (halves)
			value |= element_read(b, element_exact(b, offset + 4, 4), ones(32)) << 32;
		return value;
	}
	for (e = element_from(b, offset, offset + size); e; e = element_next(b, e, offset + size)) {
		int shift;
		u64 lanes = element_lanes(e, offset, size, &shift);

		value |= to_element(element_read(b, e, lanes) & lanes, -shift);
	}
	return value;
}

void regs_write(struct regs *b, u64 offset, unsigned size, u64 value)
{
	const struct reg_element *e;
	bool halves;

	if (size > 8 || offset > UINT32_MAX)
		return;
	if (b->access == REGS_EXACT) {
		e = exact_find(b, offset, size, "write", &halves);
		if (!e)
			return;
		element_write(b, e, value & ones(e->size * 8u), ones(e->size * 8u));
		if (halves)
			element_write(b, element_exact(b, offset + 4, 4), value >> 32, ones(32));
		return;
	}
	for (e = element_from(b, offset, offset + size); e; e = element_next(b, e, offset + size)) {
		int shift;
		u64 lanes = element_lanes(e, offset, size, &shift);

		element_write(b, e, to_element(value, shift) & lanes, lanes);
	}
}

static enum mem_result regs_io_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	*value = regs_read(opaque, offset, size);
	return MEM_OK;
}

static enum mem_result regs_io_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	regs_write(opaque, offset, size, value);
	return MEM_OK;
}

const struct io_ops regs_io = {.read = regs_io_read, .write = regs_io_write};

void regs_each(struct regs *b, void (*each)(struct regs *b, const struct reg *row, u32 base, unsigned i, void *arg),
	       void *arg)
{
	for (u32 n = 0; n < b->element_count; n++)
		each(b, b->elements[n].row, b->elements[n].base, b->elements[n].i, arg);
}
