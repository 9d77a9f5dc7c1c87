/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache maintenance by physical address, with the registers of HiSilicon's Hydra Home Agent (ACPI: HISI0511). No public
 * specification exists: the registers are those that mainline's driver uses (Linux 6.19, hisi_soc_hha).
 *
 * Software writes the first address and the length less one, then the control register: enable, range, type. Enable
 * reads 1 until the operation is over, which here it is at once. Lines are of 128 bytes; those that nobody is
 * responsible for are a success too.
 *
 * There are no caches, so an operation means what DC does by address: cleaned lines of persistent memory are in their
 * file, like after DC CVAP and DSB. Translations, TLBs and decoded code are not touched. Machine lock held.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "dev/platform.h"
#include "mem/reg.h"

#define HHA_CTRL 0x5004
#define HHA_CTRL_EN BIT(0)
#define HHA_CTRL_RANGE BIT(1) /* without it: everything */
#define HHA_START 0x5008      /* low word, high word */
#define HHA_LENGTH 0x5010     /* less one; likewise */
#define HHA_LINE_BYTES 128u

enum hha_type { HHA_CLEAN_SHARED, HHA_CLEAN_INVALID, HHA_MAKE_INVALID, HHA_RESERVED };

struct hha {
	struct space *space;
	struct regs regs;
	struct region region;
};

static u64 word_pair(const struct regs *b, u32 offset)
{
	return regs_get(b, offset, 4) | regs_get(b, offset + 4, 4) << 32;
}

static void ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct hha *hha = b->owner;
	enum hha_type type = (enum hha_type)bits(now, 3, 2);
	u64 first = 0, last = UINT64_MAX;

	if (!(now & HHA_CTRL_EN))
		return;
	regs_set(b, HHA_CTRL, 4, now & ~HHA_CTRL_EN);
	if (type == HHA_RESERVED) {
		guest_error(HHA_TYPE, "hha: reserved type of maintenance");
		return;
	}
	if (now & HHA_CTRL_RANGE) {
		u64 length = word_pair(b, HHA_LENGTH);

		first = word_pair(b, HHA_START);
		last = length > UINT64_MAX - first ? UINT64_MAX : first + length;
		first = align_down(first, HHA_LINE_BYTES);
		last |= HHA_LINE_BYTES - 1;
	}
	/* Invalidation alone may drop what was written or not. */
	if (type != HHA_MAKE_INVALID)
		space_persist(hha->space, first, last);
}

static const struct reg hha_rows[] = {
	/*  offset     name        reset software writes */
	R32(HHA_CTRL, HHA_CTRL, 0, 0xf, .write = ctrl_write),
	R32(HHA_START, HHA_START, 0, 0xffffffff, .count = 2, .stride = 4),
	R32(HHA_LENGTH, HHA_LENGTH, 0, 0xffffffff, .count = 2, .stride = 4),
};

struct hha *hha_create(struct space *space, u64 base)
{
	struct hha *hha = calloc(1, sizeof(*hha));

	assert(hha);
	hha->space = space;
	regs_init(&hha->regs, "hha", hha, REGS_BYTES, HHA_BYTES);
	REGS_ADD(&hha->regs, 0, hha_rows);
	hha->region =
		(struct region){.name = "hha", .base = base, .size = HHA_BYTES, .ops = &regs_io, .opaque = &hha->regs};
	space_add(space, &hha->region);
	return hha;
}

void hha_reset(struct hha *hha)
{
	regs_reset(&hha->regs, RESET_COLD);
}

void hha_destroy(struct hha *hha)
{
	if (!hha)
		return;
	space_remove(hha->space, &hha->region);
	regs_free(&hha->regs);
	free(hha);
}
