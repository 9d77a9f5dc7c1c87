/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fw_cfg, memory-mapped: how firmware gets tables and settings from the machine. Stock ArmVirtQemu firmware looks for
 * it by its signature. The interface is QEMU's, as its published description has it.
 *
 *     0x00  data      8 bytes: an access of n bytes gives the next n of the item, the first one lowest in memory
 *     0x08  selector  16 bits, big-endian
 *     0x10  DMA       64 bits, big-endian: address of a request; storing the low half starts it. Reads "QEMU CFG".
 *
 * A DMA request is three big-endian fields: control (32 bits: 0 error, 1 read, 2 skip, 3 select, 4 write, key in
 * 31:16), length (32), address (64). Control is written back: 0, or the error bit.
 *
 * These are byte streams with big-endian windows whose effect depends on the access's width, not registers: so no
 * register table. Nothing is writable: writes by data register or DMA are refused. Reads past an item's end give
 * zeroes; by DMA at most 1 MiB of them, a longer request is an error, so that a guest cannot keep the machine lock.
 * Machine lock held.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "dev/platform.h"

#define FW_CFG_BYTES 24
#define FW_CFG_DATA 0
#define FW_CFG_SELECTOR 8
#define FW_CFG_DMA 16

enum {
	KEY_SIGNATURE = 0x00,
	KEY_ID = 0x01,
	KEY_CPUS = 0x05,
	KEY_CPUS_MAX = 0x0f,
	KEY_FILE_DIR = 0x19,
	KEY_FILES = 0x20,
};

#define DMA_ERROR BIT(0)
#define DMA_READ BIT(1)
#define DMA_SKIP BIT(2)
#define DMA_SELECT BIT(3)
#define DMA_WRITE BIT(4)

#define ID_TRADITIONAL BIT(0)
#define ID_DMA BIT(1)

#define ITEMS_MAX 512
#define FILE_NAME_MAX 56 /* with its final NUL */
#define ZEROES_MAX (1 * MiB)

struct fw_item {
	u16 key;
	u8 *data;
	u32 size;
	char name[FILE_NAME_MAX]; /* empty: no file */
	void (*select)(void *opaque);
	void *opaque;
};

/* As the guest sees an entry of the file directory. */
struct fw_file {
	u32 size;
	u16 select, reserved;
	char name[FILE_NAME_MAX];
};

struct fw_cfg {
	/* parts */
	struct space *space;
	struct region region;
	struct fw_item items[ITEMS_MAX];
	u32 item_count;
	/* state */
	u16 key;
	u32 offset; /* in the item */
	u64 dma;    /* address under construction */
};

static struct fw_item *item_of_key(struct fw_cfg *fw, u16 key)
{
	for (u32 n = 0; n < fw->item_count; n++)
		if (fw->items[n].key == key)
			return &fw->items[n];
	return NULL;
}

static struct fw_item *item_of_name(struct fw_cfg *fw, const char *name)
{
	for (u32 n = 0; n < fw->item_count; n++)
		if (*name && !strcmp(fw->items[n].name, name))
			return &fw->items[n];
	return NULL;
}

static bool item_fill(struct fw_item *item, const void *data, size_t size)
{
	u8 *copy = size <= UINT32_MAX ? malloc(size ? size : 1) : NULL;

	if (!copy)
		return false;
	if (size)
		memcpy(copy, data, size);
	free(item->data);
	item->data = copy;
	item->size = (u32)size;
	return true;
}

/* Makes the directory item anew: a count, then the files in key order. */
static void directory_build(struct fw_cfg *fw)
{
	struct fw_item *directory = item_of_key(fw, KEY_FILE_DIR);
	size_t size = 4 + ITEMS_MAX * sizeof(struct fw_file);
	u8 *bytes = calloc(1, size);
	u32 count = 0, big;

	assert(bytes);
	for (u32 n = 0; n < fw->item_count; n++) {
		const struct fw_item *item = &fw->items[n];
		struct fw_file file = {.size = htobe32(item->size), .select = htobe16(item->key)};

		if (!item->name[0])
			continue;
		memcpy(file.name, item->name, sizeof(file.name));
		memcpy(bytes + 4 + count++ * sizeof(file), &file, sizeof(file));
	}
	big = htobe32(count);
	memcpy(bytes, &big, 4);
	if (directory)
		assert(item_fill(directory, bytes, 4 + count * sizeof(struct fw_file)));
	free(bytes);
}

bool fw_cfg_add_item(struct fw_cfg *fw, u16 key, const void *data, size_t size)
{
	struct fw_item *item = &fw->items[fw->item_count];

	if (fw->item_count == ITEMS_MAX || item_of_key(fw, key))
		return false;
	*item = (struct fw_item){.key = key};
	if (!item_fill(item, data, size))
		return false;
	fw->item_count++;
	return true;
}

bool fw_cfg_take_item(struct fw_cfg *fw, u16 key, u8 *data, size_t size)
{
	if (fw->item_count == ITEMS_MAX || item_of_key(fw, key) || size > UINT32_MAX)
		return false;
	fw->items[fw->item_count++] = (struct fw_item){.key = key, .data = data, .size = (u32)size};
	return true;
}

bool fw_cfg_add_file(struct fw_cfg *fw, const char *name, const void *data, size_t size, struct error *err)
{
	u32 key = KEY_FILES;

	if (!*name || strlen(name) >= FILE_NAME_MAX)
		return fail(err, "fw_cfg file '%s': a name has 1 to %d characters", name, FILE_NAME_MAX - 1);
	if (item_of_name(fw, name))
		return fail(err, "fw_cfg file '%s' is there already", name);
	for (u32 n = 0; n < fw->item_count; n++)
		if (fw->items[n].name[0])
			key++;
	if (!fw_cfg_add_item(fw, (u16)key, data, size))
		return fail(err, "fw_cfg file '%s' of %zu bytes: no room, at most %d files below 4 GiB", name, size,
			    ITEMS_MAX - 8);
	strcpy(fw->items[fw->item_count - 1].name, name);
	directory_build(fw);
	return true;
}

bool fw_cfg_on_select(struct fw_cfg *fw, const char *name, void (*select)(void *opaque), void *opaque)
{
	struct fw_item *item = item_of_name(fw, name);

	if (!item)
		return false;
	item->select = select;
	item->opaque = opaque;
	return true;
}

bool fw_cfg_replace_file(struct fw_cfg *fw, const char *name, const void *data, size_t size)
{
	struct fw_item *item = item_of_name(fw, name);

	if (!item || !item_fill(item, data, size))
		return false;
	directory_build(fw);
	return true;
}

/* --- the guest's side --- */

static void select_key(struct fw_cfg *fw, u16 key)
{
	struct fw_item *item = item_of_key(fw, key);

	fw->key = key;
	fw->offset = 0;
	trace(MMIO, "fw_cfg: select 0x%04x %s", key, item ? item->name : "(none)");
	if (item && item->select)
		item->select(item->opaque);
}

/* What is left of the selected item: its bytes, and their number. */
static u32 item_rest(struct fw_cfg *fw, const u8 **bytes)
{
	const struct fw_item *item = item_of_key(fw, fw->key);

	if (!item || fw->offset >= item->size)
		return 0;
	*bytes = item->data + fw->offset;
	return item->size - fw->offset;
}

static void advance(struct fw_cfg *fw, u32 length)
{
	fw->offset = length > UINT32_MAX - fw->offset ? UINT32_MAX : fw->offset + length;
}

static bool dma_zeroes(struct fw_cfg *fw, u64 pa, u32 length)
{
	static const u8 zeroes[4096];

	if (length > ZEROES_MAX) {
		guest_error(FW_CFG, "fw_cfg: DMA reads 0x%x bytes past the end of item 0x%04x: refused", length,
			    fw->key);
		return false;
	}
	while (length) { /* at most ZEROES_MAX / 4096 turns */
		u32 part = MIN(length, (u32)sizeof(zeroes));

		if (!dma_write(fw->space, pa, zeroes, part))
			return false;
		pa += part;
		length -= part;
	}
	return true;
}

static bool dma_item_read(struct fw_cfg *fw, u64 pa, u32 length)
{
	const u8 *bytes = NULL;
	u32 part = MIN(item_rest(fw, &bytes), length);
	u64 end;

	if (!add_ok(pa, length, &end) || (part && !dma_write(fw->space, pa, bytes, part)))
		return false;
	advance(fw, length);
	return part == length || dma_zeroes(fw, pa + part, length - part);
}

static void dma_run(struct fw_cfg *fw)
{
	struct {
		u32 control, length;
		u64 address;
	} request;
	u64 pa = fw->dma;
	u32 control, length;
	bool ok = true;

	fw->dma = 0;
	if (!dma_read(fw->space, pa, &request, sizeof(request))) {
		guest_error(FW_CFG, "fw_cfg: DMA request at 0x%llx is not in memory", (unsigned long long)pa);
		control = htobe32((u32)DMA_ERROR);
		dma_write(fw->space, pa, &control, sizeof(control));
		return;
	}
	control = be32toh(request.control);
	length = be32toh(request.length);
	if (control & DMA_SELECT)
		select_key(fw, (u16)(control >> 16));
	if (control & DMA_READ) {
		ok = dma_item_read(fw, be64toh(request.address), length);
	} else if (control & DMA_WRITE) {
		trace(UNIMP, "fw_cfg: DMA write to item 0x%04x: no item is writable", fw->key);
		ok = false;
	} else if (control & DMA_SKIP) {
		advance(fw, length);
	}
	control = htobe32(ok ? 0 : (u32)DMA_ERROR);
	dma_write(fw->space, pa, &control, sizeof(control));
}

static enum mem_result fw_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	static const u8 dma_signature[8] = {'Q', 'E', 'M', 'U', ' ', 'C', 'F', 'G'};
	struct fw_cfg *fw = opaque;
	const u8 *bytes = NULL;
	u32 part;

	*value = 0;
	if (offset < FW_CFG_SELECTOR) {
		part = MIN(item_rest(fw, &bytes), size);
		if (part)
			*value = load_le(bytes, part);
		advance(fw, size);
	} else if (range_ok(offset - FW_CFG_DMA, size, sizeof(dma_signature)) && offset >= FW_CFG_DMA) {
		*value = load_le(dma_signature + (offset - FW_CFG_DMA), size);
	}
	return MEM_OK;
}

static enum mem_result fw_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct fw_cfg *fw = opaque;

	if (offset == FW_CFG_SELECTOR && size == 2) {
		select_key(fw, be16toh((u16)value));
	} else if (offset == FW_CFG_DMA && size == 8) {
		fw->dma = be64toh(value);
		dma_run(fw);
	} else if (offset == FW_CFG_DMA && size == 4) {
		fw->dma = (u64)be32toh((u32)value) << 32;
	} else if (offset == FW_CFG_DMA + 4 && size == 4) {
		fw->dma |= be32toh((u32)value);
		dma_run(fw);
	} else {
		guest_error(FW_CFG, "fw_cfg: %u-byte write at 0x%llx ignored", size, (unsigned long long)offset);
	}
	return MEM_OK;
}

static const struct io_ops fw_io = {.read = fw_read, .write = fw_write};

struct fw_cfg *fw_cfg_create(struct loop *loop, struct space *space, u64 base, unsigned cpu_count)
{
	struct fw_cfg *fw = calloc(1, sizeof(*fw));
	u8 id[4], cpus[2];

	assert(fw);
	fw->space = space;
	store_le(id, 4, ID_TRADITIONAL | ID_DMA);
	store_le(cpus, 2, cpu_count);
	fw_cfg_add_item(fw, KEY_SIGNATURE, "QEMU", 4);
	fw_cfg_add_item(fw, KEY_ID, id, sizeof(id));
	fw_cfg_add_item(fw, KEY_CPUS, cpus, sizeof(cpus));
	fw_cfg_add_item(fw, KEY_CPUS_MAX, cpus, sizeof(cpus));
	fw_cfg_add_item(fw, KEY_FILE_DIR, "", 0);
	directory_build(fw);
	fw->region = (struct region){.name = "fw_cfg", .base = base, .size = FW_CFG_BYTES, .ops = &fw_io, .opaque = fw};
	space_add(space, &fw->region);
	return fw;
}

void fw_cfg_reset(struct fw_cfg *fw)
{
	fw->key = 0;
	fw->offset = 0;
	fw->dma = 0;
}

void fw_cfg_destroy(struct fw_cfg *fw)
{
	if (!fw)
		return;
	space_remove(fw->space, &fw->region);
	for (u32 n = 0; n < fw->item_count; n++)
		free(fw->items[n].data);
	free(fw);
}
