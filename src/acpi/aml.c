/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AML encoder: names, objects, packages, methods, PkgLength. [ACPI6.5 20.2]
 *
 * A PkgLength counts itself, so it is inserted when its block is closed: the body moves up by one to four bytes. Bodies
 * are short; the whole DSDT of a machine with 16 expanders is about 60 KiB.
 */
#include "acpi/aml.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

static bool room(struct out *out, size_t size)
{
	size_t capacity = out->capacity ? out->capacity : 4096;
	u8 *data;

	if (out->overflow)
		return false;
	if (out->size + size > ACPI_BYTES_MAX) {
		out->overflow = true;
		return false;
	}
	while (capacity < out->size + size)
		capacity *= 2;
	if (capacity != out->capacity) {
		data = realloc(out->data, capacity);
		if (!data) {
			out->overflow = true;
			return false;
		}
		out->data = data;
		out->capacity = capacity;
	}
	return true;
}

void put(struct out *out, const void *bytes, size_t size)
{
	if (!room(out, size))
		return;
	memcpy(out->data + out->size, bytes, size);
	out->size += size;
}

void put8(struct out *out, u8 v)
{
	put(out, &v, 1);
}

void put16(struct out *out, u16 v)
{
	put(out, &v, 2);
}

void put32(struct out *out, u32 v)
{
	put(out, &v, 4);
}

void put64(struct out *out, u64 v)
{
	put(out, &v, 8);
}

void put_zeros(struct out *out, size_t count)
{
	if (!room(out, count))
		return;
	memset(out->data + out->size, 0, count);
	out->size += count;
}

void put_align(struct out *out, size_t alignment)
{
	put_zeros(out, align_up(out->size, alignment) - out->size);
}

void put_gas(struct out *out, u64 pa, u8 bits_wide, u8 access)
{
	if (!pa) {
		put_zeros(out, 12);
		return;
	}
	put8(out, 0); /* SystemMemory */
	put8(out, bits_wide);
	put8(out, 0);
	put8(out, access);
	put64(out, pa);
}

size_t table_begin(struct out *out, const char *signature, u8 revision)
{
	size_t start;

	put_align(out, 64);
	start = out->size;
	put(out, signature, 4);
	put32(out, 0);
	put8(out, revision);
	put8(out, 0);
	put(out, "CXLVM ", 6);
	put(out, "CXLVMVRT", 8);
	put32(out, 1);
	put(out, "CXLV", 4);
	put32(out, 1);
	return start;
}

void table_end(struct out *out, size_t start)
{
	if (range_ok(start + 4, 4, out->size))
		store_le(out->data + start + 4, 4, out->size - start);
}

/* Makes a gap of `size` bytes at `at`. */
static void insert(struct out *out, size_t at, const u8 *bytes, size_t size)
{
	if (at > out->size || !room(out, size))
		return;
	memmove(out->data + at + size, out->data + at, out->size - at);
	memcpy(out->data + at, bytes, size);
	out->size += size;
}

static void insert_pkg_length(struct out *out, size_t at)
{
	size_t body, length;
	unsigned extra;
	u8 bytes[4];
	unsigned i;

	if (out->overflow || at > out->size)
		return;
	body = out->size - at;
	if (body + 1 < 64) {
		bytes[0] = (u8)(body + 1);
		insert(out, at, bytes, 1);
		return;
	}
	for (extra = 1; extra < 3 && body + 1 + extra >= 1ull << (4 + 8 * extra); extra++)
		;
	length = body + 1 + extra;
	bytes[0] = (u8)(extra << 6 | (length & 15));
	for (i = 0; i < extra; i++)
		bytes[1 + i] = (u8)(length >> (4 + 8 * i));
	insert(out, at, bytes, 1 + extra);
}

void aml_op(struct out *out, enum aml_op op)
{
	put8(out, (u8)op);
}

void aml_path(struct out *out, const char *path)
{
	unsigned segments = 1;
	const char *p;

	while (*path == '\\' || *path == '^')
		put8(out, (u8)*path++);
	if (!*path) {
		put8(out, 0);
		return;
	}
	for (p = path; *p; p++)
		segments += *p == '.';
	if (segments == 2)
		put8(out, 0x2e);
	if (segments > 2) {
		put8(out, 0x2f);
		put8(out, (u8)segments);
	}
	while (*path) {
		char segment[4] = {'_', '_', '_', '_'};
		unsigned n = 0;

		while (*path && *path != '.') {
			assert(n < 4);
			segment[n++] = *path++;
		}
		put(out, segment, 4);
		if (*path)
			path++;
	}
}

void aml_int(struct out *out, u64 v)
{
	if (v <= 1) {
		put8(out, (u8)v);
	} else if (v <= 0xff) {
		put8(out, 0x0a);
		put8(out, (u8)v);
	} else if (v <= 0xffff) {
		put8(out, 0x0b);
		put16(out, (u16)v);
	} else if (v <= 0xffffffff) {
		put8(out, 0x0c);
		put32(out, (u32)v);
	} else {
		put8(out, 0x0e);
		put64(out, v);
	}
}

static void string(struct out *out, const char *text)
{
	put8(out, 0x0d);
	put(out, text, strlen(text) + 1);
}

static unsigned hex_digit(char c)
{
	return c >= 'a' ? (unsigned)(c - 'a') + 10 : c >= 'A' ? (unsigned)(c - 'A') + 10 : (unsigned)(c - '0');
}

/* Three letters of five bits and four hex digits, stored big-endian. [ACPI6.5 19.3.4] */
void aml_eisa_id(struct out *out, const char *id)
{
	u32 v;

	assert(strlen(id) == 7);
	v = (u32)(id[0] - 0x40) << 26 | (u32)(id[1] - 0x40) << 21 | (u32)(id[2] - 0x40) << 16 | hex_digit(id[3]) << 12 |
	    hex_digit(id[4]) << 8 | hex_digit(id[5]) << 4 | hex_digit(id[6]);
	put8(out, 0x0c);
	put32(out, __builtin_bswap32(v));
}

void aml_bytes(struct out *out, const void *bytes, size_t size)
{
	size_t mark;

	put8(out, 0x11);
	mark = out->size;
	aml_int(out, size);
	put(out, bytes, size);
	insert_pkg_length(out, mark);
}

/* aabbccdd-eeff-gghh-iijj-kkllmmnnoopp: the first three groups little-endian. [ACPI6.5 19.6.142] */
void aml_uuid(struct out *out, const char *uuid)
{
	static const u8 place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	u8 bytes[16];
	unsigned i;

	assert(strlen(uuid) == 36);
	for (i = 0; i < 16; i++) {
		if (*uuid == '-')
			uuid++;
		bytes[place[i]] = (u8)(hex_digit(uuid[0]) << 4 | hex_digit(uuid[1]));
		uuid += 2;
	}
	aml_bytes(out, bytes, sizeof(bytes));
}

void aml_unicode(struct out *out, const char *text)
{
	size_t n = strlen(text) + 1, mark;
	size_t i;

	put8(out, 0x11);
	mark = out->size;
	aml_int(out, 2 * n);
	for (i = 0; i < n; i++)
		put16(out, (u8)text[i]);
	insert_pkg_length(out, mark);
}

size_t aml_scope(struct out *out, const char *path)
{
	size_t mark;

	put8(out, 0x10);
	mark = out->size;
	aml_path(out, path);
	return mark;
}

size_t aml_device(struct out *out, const char *name)
{
	size_t mark;

	put8(out, 0x5b);
	put8(out, 0x82);
	mark = out->size;
	aml_path(out, name);
	return mark;
}

size_t aml_method(struct out *out, const char *name, unsigned args, bool serialized)
{
	size_t mark;

	put8(out, 0x14);
	mark = out->size;
	aml_path(out, name);
	put8(out, (u8)(args | (serialized ? 8 : 0)));
	return mark;
}

size_t aml_if(struct out *out)
{
	put8(out, 0xa0);
	return out->size;
}

size_t aml_package(struct out *out, u8 count)
{
	size_t mark;

	put8(out, 0x12);
	mark = out->size;
	put8(out, count);
	return mark;
}

void aml_end(struct out *out, size_t mark)
{
	insert_pkg_length(out, mark);
}

void aml_name(struct out *out, const char *name)
{
	put8(out, 0x08);
	aml_path(out, name);
}

void aml_name_int(struct out *out, const char *name, u64 v)
{
	aml_name(out, name);
	aml_int(out, v);
}

void aml_name_string(struct out *out, const char *name, const char *text)
{
	aml_name(out, name);
	string(out, text);
}

void aml_name_eisa(struct out *out, const char *name, const char *id)
{
	aml_name(out, name);
	aml_eisa_id(out, id);
}

void aml_register(struct out *out, const char *region, const char *field, u64 pa)
{
	size_t mark;

	put8(out, 0x5b);
	put8(out, 0x80);
	aml_path(out, region);
	put8(out, 0); /* SystemMemory */
	aml_int(out, pa);
	aml_int(out, 4);

	put8(out, 0x5b);
	put8(out, 0x81);
	mark = out->size;
	aml_path(out, region);
	put8(out, 0x43); /* DWordAcc, NoLock, WriteAsZeros */
	aml_path(out, field);
	put8(out, 32);
	insert_pkg_length(out, mark);
}
