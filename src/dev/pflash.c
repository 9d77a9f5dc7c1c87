/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bank of NOR flash with the Intel command set, as stock ArmVirtQemu firmware drives it: two 16-bit chips side by
 * side make a 32-bit bus, so that a 32-bit store gives each chip a command. Chip `n` is bits 16n+15:16n of every word.
 * [JESD68.01 CFI] [JEP137 command set 0001h] [Intel StrataFlash P30 datasheet: command bus cycles, status register]
 *
 *     chip   32 MiB, erase blocks of 128 KiB, write buffer of 32 words
 *     bank   64 MiB, erase blocks of 256 KiB, write buffer of 128 bytes
 *
 * While both chips are in read array mode the bank is ROM: guests read and run it directly. As soon as a store is
 * anything but that, an I/O region of higher priority covers the bank until both are back.
 *
 * Operations end at once, so Ready is always set. Blocks come up unlocked; lock and lock-down last until reset. A bank
 * is writable if it has an image and that is not read-only, or no image at all (then it is forgotten at exit). What is
 * programmed or erased is in the image's file, of whatever format, before the guest can see it done; a file that cannot
 * be written makes the operation fail in the status register and leaves the array as it was, and the user is told once.
 * An image may be shorter than the bank: the rest reads as erased, and blocks that are not wholly in a writable image's
 * file are as if locked.
 *
 * The array is read from the image 2 MiB at a time, at the first access (any thread, own lock). The rest: machine lock.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/error.h"
#include "base/trace.h"
#include "dev/platform.h"
#include "host/host.h"
#include "mem/backend.h"

#define CHIPS 2
#define BUS_BYTES 4u
#define BLOCK_BYTES PFLASH_BLOCK_BYTES
#define BLOCKS (PFLASH_BANK_BYTES / BLOCK_BYTES)
#define BUFFER_MAX 32 /* words of a chip */
#define CHUNK_BYTES (2 * MiB)
#define CHUNKS (PFLASH_BANK_BYTES / CHUNK_BYTES)
#define COVER_PRIORITY 1

/* What a chip's reads give. */
enum { READ_ARRAY, READ_STATUS, READ_ID, READ_CFI };
/* What a chip takes the next store for. */
enum {
	STEP_COMMAND,
	STEP_PROGRAM,
	STEP_ERASE,
	STEP_LOCK,
	STEP_BUFFER_COUNT,
	STEP_BUFFER_DATA,
	STEP_BUFFER_CONFIRM,
	STEP_PROTECTION
};

#define STATUS_READY 0x80
#define STATUS_ERASE 0x20
#define STATUS_PROGRAM 0x10
#define STATUS_SEQUENCE (STATUS_ERASE | STATUS_PROGRAM)
#define STATUS_LOCKED 0x02

#define LOCKED 1
#define LOCKED_DOWN 2

enum {
	CMD_PROGRAM_OLD = 0x10,
	CMD_ERASE = 0x20,
	CMD_PROGRAM = 0x40,
	CMD_CLEAR_STATUS = 0x50,
	CMD_LOCK = 0x60,
	CMD_READ_STATUS = 0x70,
	CMD_READ_ID = 0x90,
	CMD_READ_CFI = 0x98,
	CMD_SUSPEND = 0xb0,
	CMD_PROTECTION = 0xc0,
	CMD_CONFIRM = 0xd0,
	CMD_BUFFER = 0xe8,
	CMD_READ_ARRAY = 0xff,
	LOCK_SET = 0x01,
	LOCK_CONFIGURATION = 0x03,
	LOCK_DOWN = 0x2f,
};

struct chip {
	u8 mode, step, status;
	u8 wanted, got; /* words of the write buffer */
	u32 block;      /* where the sequence under way began */
	struct {
		u32 at; /* word of the chip */
		u16 data, old;
	} buffer[BUFFER_MAX];
};

struct pflash {
	/* parts */
	struct space *space;
	struct region array, cover;
	struct block *image;
	u64 image_bytes;
	pthread_mutex_t loading;
	bool has_loading;
	bool readonly;
	u8 *bytes;
	/* state */
	struct chip chip[CHIPS];
	u8 locks[CHIPS][BLOCKS];
	bool loss_told; /* to the user */
	/* rebuilt */
	u8 loaded[CHUNKS]; /* atomic */
};

/* Common flash interface of a chip, from word 10h on. [JESD68.01] */
static const u8 cfi[] = {
	[0x00] = 'Q',
	'R',
	'Y',
	[0x03] = 0x01,
	0x00, /* Intel extended command set */
	[0x05] = 0x31,
	0x00, /* its table */
	[0x07] = 0,
	0,
	0,
	0, /* no other */
	[0x0b] = 0x17,
	0x20,
	0x85,
	0x95, /* 1.7 to 2.0 V; programming 8.5 to 9.5 V */
	[0x0f] = 4,
	8,
	10,
	0, /* typical times: 16 us a word, 256 us a buffer, 1 s a block */
	[0x13] = 4,
	4,
	2,
	0,           /* at most that many times 2^n */
	[0x17] = 25, /* 2^25 bytes */
	[0x18] = 0x01,
	0x00, /* 16 bits */
	[0x1a] = 6,
	0,          /* write buffer of 2^6 bytes */
	[0x1c] = 1, /* one erase region: */
	[0x1d] = 0xff,
	0x00,
	0x00,
	0x02, /* 256 blocks of 512 * 256 bytes */
	[0x21] = 'P',
	'R',
	'I',
	'1',
	'0',
	[0x26] = 0x20,
	0,
	0,
	0,          /* instant individual block locking */
	[0x2a] = 0, /* nothing while suspended */
	[0x2b] = LOCKED | LOCKED_DOWN,
	0,
	[0x2d] = 0x18,
	0x00,
	[0x2f] = 0, /* no protection registers */
};
#define CFI_FIRST 0x10
static_assert(PFLASH_BANK_BYTES == CHIPS * (1ull << 25) && BLOCKS == 256 && BUFFER_MAX * 2 == 1 << 6,
	      "as the CFI says");

/* --- the array --- */

static void array_ready(struct region *region, u64 offset)
{
	struct pflash *flash = container_of(region, struct pflash, array);
	u64 chunk = offset / CHUNK_BYTES, at = chunk * CHUNK_BYTES, part = 0;

	if (__atomic_load_n(&flash->loaded[chunk], __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&flash->loading);
	if (!flash->loaded[chunk]) {
		if (flash->image && at < flash->image_bytes)
			part = MIN(flash->image_bytes - at, CHUNK_BYTES);
		if (part && !block_read(flash->image, at, flash->bytes + at, part))
			part = 0; /* the host said why (trace); the guest finds it erased */
		memset(flash->bytes + at + part, 0xff, CHUNK_BYTES - part);
		__atomic_store_n(&flash->loaded[chunk], 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&flash->loading);
}

static u8 *array_at(struct pflash *flash, u64 offset)
{
	array_ready(&flash->array, offset);
	return flash->bytes + offset;
}

static u64 lane(unsigned chip, u32 word)
{
	return (u64)word * BUS_BYTES + 2 * chip;
}

static u32 block_of(u64 offset)
{
	return (u32)(offset / BLOCK_BYTES);
}

static bool block_is_locked(const struct pflash *flash, unsigned chip, u32 block)
{
	if (flash->readonly || flash->locks[chip][block] & LOCKED)
		return true;
	return flash->image && (block + 1) * BLOCK_BYTES > flash->image_bytes;
}

/* Firmware that cannot store its variables gives up without a word, or with one that does not lead here. */
static bool array_save(struct pflash *flash, u64 offset, u64 size)
{
	if (!flash->image ||
	    (block_write(flash->image, offset, flash->bytes + offset, size) && block_write_back(flash->image)))
		return true;
	if (!flash->loss_told)
		notice("flash image %s: the host takes no more writes%s; what the guest stores there is lost",
		       block_path(flash->image), block_out_of_space() ? ": its disk is full" : "");
	flash->loss_told = true;
	return false;
}

/* --- operations: what a chip does after its last bus cycle --- */

static void refuse(struct chip *chip, u8 bits)
{
	chip->status |= bits;
	guest_error(FLASH_COMMAND, "flash: refused, status 0x%02x", chip->status);
}

/* Programming only clears bits. All words are in one block. */
static void program(struct pflash *flash, unsigned n)
{
	struct chip *chip = &flash->chip[n];
	u64 first = UINT64_MAX, end = 0;

	if (block_is_locked(flash, n, chip->block)) {
		refuse(chip, STATUS_PROGRAM | STATUS_LOCKED);
		return;
	}
	for (unsigned i = 0; i < chip->got; i++) {
		u64 offset = lane(n, chip->buffer[i].at);
		u8 *p = array_at(flash, offset);

		chip->buffer[i].old = (u16)load_le(p, 2);
		store_le(p, 2, chip->buffer[i].old & chip->buffer[i].data);
		first = MIN(first, offset);
		end = MAX(end, offset + 2);
	}
	if (!chip->got || array_save(flash, first, end - first))
		return;
	for (unsigned i = chip->got; i--;)
		store_le(flash->bytes + lane(n, chip->buffer[i].at), 2, chip->buffer[i].old);
	array_save(flash, first, end - first);
	refuse(chip, STATUS_PROGRAM);
}

/* One chip's half of every word of the block. */
static void erase(struct pflash *flash, unsigned n, u32 block)
{
	struct chip *chip = &flash->chip[n];
	u64 start = (u64)block * BLOCK_BYTES;
	u8 *p = array_at(flash, start), *old;

	if (block_is_locked(flash, n, block)) {
		refuse(chip, STATUS_ERASE | STATUS_LOCKED);
		return;
	}
	old = malloc(BLOCK_BYTES);
	if (!old) {
		refuse(chip, STATUS_ERASE);
		return;
	}
	memcpy(old, p, BLOCK_BYTES);
	for (u64 i = 2 * n; i < BLOCK_BYTES; i += BUS_BYTES)
		p[i] = p[i + 1] = 0xff;
	if (!array_save(flash, start, BLOCK_BYTES)) {
		memcpy(p, old, BLOCK_BYTES);
		array_save(flash, start, BLOCK_BYTES); /* what was written before the disk was full */
		refuse(chip, STATUS_ERASE);
	}
	free(old);
}

static void lock_command(struct pflash *flash, unsigned n, u32 block, u8 command)
{
	struct chip *chip = &flash->chip[n];
	u8 *locks = &flash->locks[n][block];

	switch (command) {
	case LOCK_SET: *locks |= LOCKED; break;
	case LOCK_DOWN: *locks |= LOCKED | LOCKED_DOWN; break;
	case CMD_CONFIRM:
		if (*locks & LOCKED_DOWN)
			refuse(chip, STATUS_LOCKED);
		else
			*locks &= (u8)~LOCKED;
		break;
	case LOCK_CONFIGURATION: break; /* burst reads: nothing that shows here */
	default: refuse(chip, STATUS_SEQUENCE); break;
	}
}

/* --- bus cycles --- */

static void command(struct chip *chip, u64 offset, u8 byte)
{
	chip->block = block_of(offset);
	switch (byte) {
	case CMD_READ_ARRAY: chip->mode = READ_ARRAY; return;
	case CMD_READ_STATUS: chip->mode = READ_STATUS; return;
	case CMD_READ_ID: chip->mode = READ_ID; return;
	case CMD_READ_CFI: chip->mode = READ_CFI; return;
	case CMD_CLEAR_STATUS: chip->status = STATUS_READY; return;
	case CMD_SUSPEND: chip->mode = READ_STATUS; return; /* nothing is under way */
	case CMD_CONFIRM: return;                           /* resume: the same */
	case CMD_PROGRAM:
	case CMD_PROGRAM_OLD: chip->step = STEP_PROGRAM; break;
	case CMD_ERASE: chip->step = STEP_ERASE; break;
	case CMD_LOCK: chip->step = STEP_LOCK; break;
	case CMD_BUFFER: chip->step = STEP_BUFFER_COUNT; break;
	case CMD_PROTECTION: chip->step = STEP_PROTECTION; break;
	default: trace(UNIMP, "flash: command 0x%02x ignored", byte); return;
	}
	chip->mode = READ_STATUS;
}

static void buffer_add(struct chip *chip, u64 offset, u16 data)
{
	chip->buffer[chip->got].at = (u32)(offset / BUS_BYTES);
	chip->buffer[chip->got++].data = data;
}

/* One store to one chip. `data` has ones in bytes that the store leaves out. */
static void cycle(struct pflash *flash, unsigned n, u64 offset, u16 data)
{
	struct chip *chip = &flash->chip[n];
	u8 step = chip->step, byte = (u8)data;

	chip->step = STEP_COMMAND;
	switch (step) {
	case STEP_COMMAND: command(chip, offset, byte); break;
	case STEP_PROGRAM:
		chip->block = block_of(offset);
		chip->got = 0;
		buffer_add(chip, offset, data);
		program(flash, n);
		break;
	case STEP_ERASE:
		if (byte == CMD_CONFIRM)
			erase(flash, n, block_of(offset));
		else
			refuse(chip, STATUS_SEQUENCE);
		break;
	case STEP_LOCK: lock_command(flash, n, block_of(offset), byte); break;
	case STEP_BUFFER_COUNT:
		if (data >= BUFFER_MAX) {
			refuse(chip, STATUS_SEQUENCE);
			break;
		}
		chip->wanted = (u8)(data + 1);
		chip->got = 0;
		chip->step = STEP_BUFFER_DATA;
		break;
	case STEP_BUFFER_DATA:
		if (block_of(offset) != chip->block) {
			refuse(chip, STATUS_SEQUENCE);
			break;
		}
		buffer_add(chip, offset, data);
		chip->step = chip->got == chip->wanted ? STEP_BUFFER_CONFIRM : STEP_BUFFER_DATA;
		break;
	case STEP_BUFFER_CONFIRM:
		/* Anywhere in the chip: stock firmware confirms at its first word. */
		if (byte == CMD_CONFIRM)
			program(flash, n);
		else
			refuse(chip, STATUS_SEQUENCE);
		break;
	default: /* there are no protection registers */
		trace(UNIMP, "flash: protection register");
		refuse(chip, STATUS_PROGRAM);
		break;
	}
}

static bool reads_array(const struct pflash *flash)
{
	for (unsigned n = 0; n < CHIPS; n++)
		if (flash->chip[n].mode != READ_ARRAY || flash->chip[n].step != STEP_COMMAND)
			return false;
	return true;
}

static void cover_follow(struct pflash *flash)
{
	if (reads_array(flash))
		space_remove(flash->space, &flash->cover);
	else if (!flash->cover.added)
		space_add(flash->space, &flash->cover);
}

static enum mem_result flash_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct pflash *flash = opaque;

	for (unsigned done = 0; done < size; done += 2, offset += 2, value >>= 16) {
		u64 low = offset & ~1ull;
		u16 data = (u16)value;

		/* A single byte: the chip sees ones in the other one. */
		if (size == 1)
			data = offset & 1 ? (u16)(value << 8 | 0xff) : (u16)(value | 0xff00);
		trace(MMIO, "flash: write 0x%llx 0x%04x", (unsigned long long)low, data);
		cycle(flash, low / 2 % CHIPS, low, data);
	}
	cover_follow(flash);
	return MEM_OK;
}

static u16 chip_read(struct pflash *flash, unsigned n, u64 offset)
{
	const struct chip *chip = &flash->chip[n];
	u64 word = offset / BUS_BYTES;

	switch (chip->mode) {
	case READ_STATUS: return chip->status;
	case READ_CFI:
		word &= 0xff;
		return word >= CFI_FIRST && word - CFI_FIRST < sizeof(cfi) ? cfi[word - CFI_FIRST] : 0;
	case READ_ID:
		switch (word % (BLOCK_BYTES / BUS_BYTES)) {
		case 0: return 0x0089;
		case 1: return 0x0018;
		case 2: return flash->locks[n][block_of(offset)];
		default: return 0;
		}
	default: return (u16)load_le(array_at(flash, offset & ~1ull), 2);
	}
}

static enum mem_result flash_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct pflash *flash = opaque;

	*value = 0;
	if (size == 1) {
		*value = chip_read(flash, offset / 2 % CHIPS, offset) >> (offset & 1 ? 8 : 0);
		return MEM_OK;
	}
	for (unsigned done = 0; done < size; done += 2)
		*value |= (u64)chip_read(flash, (offset + done) / 2 % CHIPS, offset + done) << (8 * done);
	return MEM_OK;
}

static const struct io_ops flash_io = {.read = flash_read, .write = flash_write};

struct pflash *pflash_create(struct space *space, const char *name, u64 base, struct block *image, struct error *err)
{
	struct pflash *flash = calloc(1, sizeof(*flash));

	assert(flash);
	flash->space = space;
	flash->image = image;
	flash->image_bytes = image ? block_size(image) : 0;
	flash->readonly = image && block_is_readonly(image);
	flash->has_loading = !pthread_mutex_init(&flash->loading, NULL);
	if (image && !flash->image_bytes) {
		fail(err, "the image is empty; name a firmware image");
	} else if (flash->image_bytes > PFLASH_BANK_BYTES) {
		fail(err, "the image has %llu bytes; a bank of flash holds %llu",
		     (unsigned long long)flash->image_bytes, (unsigned long long)PFLASH_BANK_BYTES);
	} else if (image && !flash->readonly && !is_aligned(flash->image_bytes, BLOCK_BYTES)) {
		fail(err,
		     "the image has %llu bytes, no multiple of the 256 KiB that are erased together: it is cut short, or "
		     "needs readonly=on",
		     (unsigned long long)flash->image_bytes);
	} else if ((flash->bytes = ram_alloc(PFLASH_BANK_BYTES, err))) {
		flash->array = (struct region){.name = name,
					       .base = base,
					       .size = PFLASH_BANK_BYTES,
					       .host = flash->bytes,
					       .readonly = true,
					       .ops = &flash_io,
					       .opaque = flash,
					       .ready = array_ready};
		flash->cover = (struct region){.name = name,
					       .base = base,
					       .size = PFLASH_BANK_BYTES,
					       .priority = COVER_PRIORITY,
					       .ops = &flash_io,
					       .opaque = flash};
		space_add(space, &flash->array);
		pflash_reset(flash);
		return flash;
	}
	pflash_destroy(flash);
	return NULL;
}

void pflash_reset(struct pflash *flash)
{
	memset(flash->chip, 0, sizeof(flash->chip));
	memset(flash->locks, 0, sizeof(flash->locks));
	for (unsigned n = 0; n < CHIPS; n++)
		flash->chip[n].status = STATUS_READY;
	cover_follow(flash);
}

void pflash_destroy(struct pflash *flash)
{
	if (!flash)
		return;
	space_remove(flash->space, &flash->cover);
	space_remove(flash->space, &flash->array);
	if (flash->bytes)
		ram_free(flash->bytes, PFLASH_BANK_BYTES);
	if (flash->has_loading)
		pthread_mutex_destroy(&flash->loading);
	free(flash);
}
