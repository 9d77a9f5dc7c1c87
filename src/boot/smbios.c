/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS 3: firmware, system, chassis, one processor per socket, the memory array with one device per range of RAM,
 * boot status. A 64-bit entry point, then structures, each followed by its strings. [DSP0134 3.3]
 */
#include "boot/boot_private.h"

#include <string.h>

#include "base/bits.h"

enum { ENTRY_BYTES = 24, STRUCTURE_BYTES_MAX = 0x60 };
enum { HANDLE_ARRAY = 0x1000, HANDLE_DEVICE = 0x1100, HANDLE_MAPPED = 0x1300, HANDLE_PROCESSOR = 0x400 };

struct writer {
	u8 *data;
	size_t size, room;
	bool full;
};

/* One structure: `body` starts at its type byte; strings end with an empty one (NULL here). */
static void put_structure(struct writer *w, u8 *body, u8 type, u8 length, u16 handle, const char *const *strings)
{
	size_t need = length + 2;
	unsigned i;

	for (i = 0; strings && strings[i]; i++)
		need += strlen(strings[i]) + 1;
	if (w->full || need > w->room - w->size) {
		w->full = true;
		return;
	}
	body[0] = type;
	body[1] = length;
	store_le(body + 2, 2, handle);
	memcpy(w->data + w->size, body, length);
	w->size += length;
	for (i = 0; strings && strings[i]; i++) {
		memcpy(w->data + w->size, strings[i], strlen(strings[i]) + 1);
		w->size += strlen(strings[i]) + 1;
	}
	if (!strings || !strings[0])
		w->data[w->size++] = 0;
	w->data[w->size++] = 0;
}

static const char *word(const char *given, const char *ours)
{
	return given && *given ? given : ours;
}

/* The first three fields of a UUID are little-endian numbers here. [DSP0134 7.2.1] */
static void put_uuid(u8 *to, const u8 *uuid)
{
	static const u8 place[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

	for (unsigned i = 0; i < 16; i++)
		to[i] = uuid[place[i]];
}

/* Adds a string that may be missing; its number, 0 for none. */
static u8 add_string(const char **strings, const char *text)
{
	u8 n = 0;

	while (strings[n])
		n++;
	if (!text || !*text)
		return 0;
	strings[n] = text;
	return n + 1;
}

static void put_machine(struct writer *w, const struct boot_plan_config *config)
{
	const struct smbios_words *words = &config->words;
	const char *system[8] = {NULL};
	u8 body[STRUCTURE_BYTES_MAX];

	memset(body, 0, sizeof(body));
	body[4] = 1;                    /* vendor */
	body[5] = 2;                    /* version */
	body[8] = 3;                    /* release date */
	store_le(body + 10, 8, 1 << 3); /* characteristics: not said */
	body[18] = 0;
	body[19] = 1 << 3 | 1 << 4; /* UEFI; virtual machine [DSP0134 7.1.2.2] */
	body[20] = 0;
	body[21] = 1; /* release 0.1 */
	body[22] = body[23] = 0xff;
	put_structure(w, body, 0, 26, 0x0000,
		      (const char *const[]){word(words->vendor, "cxlvm"), word(words->version, "0.1"),
					    word(words->date, "01/01/2026"), NULL});

	memset(body, 0, sizeof(body));
	body[4] = add_string(system, word(words->manufacturer, "cxlvm"));
	body[5] = add_string(system, word(words->product, "cxlvm virt"));
	body[6] = add_string(system, word(words->product_version, "1.0"));
	body[7] = add_string(system, words->serial);
	put_uuid(body + 8, config->uuid);
	body[24] = 6; /* woken by the power switch */
	body[25] = add_string(system, words->sku);
	body[26] = add_string(system, words->family);
	put_structure(w, body, 1, 27, 0x0100, system);

	memset(body, 0, sizeof(body));
	body[4] = 1;
	body[5] = 1;                       /* chassis: other */
	body[9] = body[10] = body[11] = 3; /* states: safe */
	body[12] = 2;                      /* security: unknown */
	put_structure(w, body, 3, 22, 0x0300, (const char *const[]){"cxlvm", NULL});

	if (words->oem_count) {
		const char *oem[SMBIOS_OEM_MAX + 1] = {NULL};

		memset(body, 0, sizeof(body));
		memcpy(oem, words->oem, words->oem_count * sizeof(oem[0]));
		body[4] = (u8)words->oem_count;
		put_structure(w, body, 11, 5, 0x0e00, oem);
	}
}

/* A socket is filled before the next one is. */
static void put_processors(struct writer *w, const struct boot_plan_config *config)
{
	unsigned in_socket = MAX(config->cores * config->threads, 1u), i;

	for (i = 0; i * in_socket < config->cpu_count; i++) {
		unsigned threads = MIN(in_socket, config->cpu_count - i * in_socket);
		unsigned cores = config->threads ? (threads + config->threads - 1) / config->threads : threads;
		u8 body[STRUCTURE_BYTES_MAX];

		memset(body, 0, sizeof(body));
		body[4] = 1;    /* socket */
		body[5] = 3;    /* central processor */
		body[6] = 0xfe; /* family: see family 2 */
		body[7] = 2;
		store_le(body + 8, 4, config->midr); /* [DSP0134 7.5.3.3] */
		body[16] = 3;
		body[24] = 0x41; /* populated, enabled */
		body[25] = 1;    /* upgrade: other */
		store_le(body + 26, 2, 0xffff);
		store_le(body + 28, 2, 0xffff);
		store_le(body + 30, 2, 0xffff); /* caches: see PPTT */
		body[35] = body[36] = (u8)MIN(cores, 255);
		body[37] = (u8)MIN(threads, 255);
		/* 64-bit, multi-core, hardware threads [DSP0134 7.5.9] */
		store_le(body + 38, 2, 1 << 2 | (cores > 1) << 3 | (threads > cores) << 4);
		store_le(body + 40, 2, 0x101); /* Armv8 */
		store_le(body + 42, 2, cores);
		store_le(body + 44, 2, cores);
		store_le(body + 46, 2, threads);
		put_structure(w, body, 4, 48, (u16)(HANDLE_PROCESSOR + i),
			      (const char *const[]){"CPU", "cxlvm", "virtual", NULL});
	}
}

static void put_memory(struct writer *w, const struct boot_plan_config *config)
{
	u8 body[STRUCTURE_BYTES_MAX];
	unsigned i;

	memset(body, 0, sizeof(body));
	body[4] = 1; /* location: other */
	body[5] = 3; /* system memory */
	body[6] = 6; /* multi-bit ECC */
	store_le(body + 7, 4, 0x80000000);
	store_le(body + 11, 2, 0xfffe); /* no error information */
	store_le(body + 13, 2, config->ram_count);
	store_le(body + 15, 8, config->ram_size);
	put_structure(w, body, 16, 23, HANDLE_ARRAY, NULL);

	for (i = 0; i < config->ram_count; i++) {
		u64 mib = config->ram[i].size / MiB;

		memset(body, 0, sizeof(body));
		store_le(body + 4, 2, HANDLE_ARRAY);
		store_le(body + 6, 2, 0xfffe);
		store_le(body + 8, 2, 0xffff);
		store_le(body + 10, 2, 0xffff); /* widths: unknown */
		store_le(body + 12, 2, mib >= 0x7fff ? 0x7fff : mib);
		body[14] = 9; /* DIMM */
		body[16] = 1;
		body[18] = 7;                   /* RAM */
		store_le(body + 19, 2, 1 << 1); /* other */
		body[23] = 2;
		store_le(body + 28, 4, mib >= 0x7fff ? mib : 0);
		put_structure(w, body, 17, 40, (u16)(HANDLE_DEVICE + i), (const char *const[]){"RAM", "cxlvm", NULL});

		memset(body, 0, sizeof(body));
		store_le(body + 4, 4, 0xffffffff);
		store_le(body + 8, 4, 0xffffffff);
		store_le(body + 12, 2, HANDLE_ARRAY);
		body[14] = 1; /* partition width */
		store_le(body + 15, 8, config->ram[i].base);
		store_le(body + 23, 8, config->ram[i].base + config->ram[i].size - 1);
		put_structure(w, body, 19, 31, (u16)(HANDLE_MAPPED + i), NULL);
	}
}

size_t smbios_build(const struct boot_plan_config *config, u64 pa, u8 *to, size_t room)
{
	struct writer w = {.data = to, .size = ENTRY_BYTES, .room = room};
	u8 body[STRUCTURE_BYTES_MAX] = {0}, sum = 0;
	unsigned i;

	if (room < ENTRY_BYTES)
		return 0;
	put_machine(&w, config);
	put_processors(&w, config);
	put_memory(&w, config);
	put_structure(&w, body, 32, 11, 0x2000, NULL); /* boot status: no errors */
	memset(body, 0, sizeof(body));
	put_structure(&w, body, 127, 4, 0x7f00, NULL);
	if (w.full)
		return 0;

	memset(to, 0, ENTRY_BYTES);
	memcpy(to, "_SM3_", 5);
	to[6] = ENTRY_BYTES;
	to[7] = 3;
	to[8] = 3;
	to[10] = 1;
	store_le(to + 12, 4, w.size - ENTRY_BYTES);
	store_le(to + 16, 8, pa + ENTRY_BYTES);
	for (i = 0; i < ENTRY_BYTES; i++)
		sum += to[i];
	to[5] = (u8)-sum;
	return w.size;
}
