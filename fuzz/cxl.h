/* SPDX-License-Identifier: BSD-2-Clause */
/* What the targets of CXL share: a reset that compiles the address map once, a libcrypt that costs nothing, mailboxes,
 * DOE objects. */
#ifndef FUZZ_CXL_H
#define FUZZ_CXL_H

#include <crypt.h>

#include "../tests/unit/cxl/fixture.h"
#include "fuzz.h"

#define SECOND 1000000000ull

/* libcrypt takes milliseconds for a passphrase, on purpose. */
char *crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	snprintf(data->output, sizeof(data->output), "%.20s$%.64s", setting, phrase);
	return data->output;
}

static inline void quick_reset(struct machine *m, unsigned kind)
{
	cxl_map_hold(m->cxl);
	fixture_reset(m, kind);
	cxl_map_release(m->cxl);
}

/*
 * A memory device as after power-on, but for its configuration space and its component registers, which cost the most:
 * for runs that have not touched those. Passphrases would outlast it.
 */
static inline void light_reset(struct machine *m)
{
	cxl_map_hold(m->cxl);
	space_begin(m->space);
	for (struct cxl_type3 *dev = m->cxl->devices; dev; dev = dev->next) {
		u8 *store = dev->comp.regs.store;

		dev->comp.regs.store = NULL; /* nothing to reset there */
		dev->security = (struct security){0};
		dev->label_poison_count = 0;
		poison_clear_all(dev);
		dev->pci.function_reset(&dev->pci, RESET_COLD);
		dev->comp.regs.store = store;
	}
	space_end(m->space);
	cxl_map_release(m->cxl);
}

/* One byte of length; the last values stand for lengths that are longer than the input, and for the least that the
 * command takes. */
static inline void mailbox_command(struct mailbox *mbox, const struct mbox_command *c, struct input *in)
{
	u32 length = (u32)draw(in, 1), total = length;

	if (length == 255)
		total = length = (u32)draw(in, 3);
	else if (length > 127)
		total = length = c->in_min;
	for (u32 n = 0, more = MIN(length, mbox->payload_bytes); n < more && in->left; n += 8)
		devregs_io.write(mbox, DEVREGS_PAYLOAD + n, 8, draw(in, MIN(8u, more - n)));
	devregs_io.write(mbox, MAILBOX_COMMAND, 8, c->opcode | (u64)total << 16);
	devregs_io.write(mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
}

/* An object, mostly whole, and its answer read. */
static inline void doe_object(struct pci_dev *pci, u32 at, struct input *in)
{
	u32 dwords = draw(in, 1) % 20, type = draw(in, 1) % 4;

	pci_config_write(pci, at + 0x10, 4, type < 3 ? CXL_VENDOR_ID | type << 16 : 1);
	pci_config_write(pci, at + 0x10, 4, draw(in, 1) & 1 ? dwords + 2 : draw(in, 4));
	for (u32 n = 0; n < dwords; n++)
		pci_config_write(pci, at + 0x10, 4, draw(in, 4));
	pci_config_write(pci, at + 8, 4, BIT(31) | draw(in, 1));
	for (u32 n = draw(in, 1); n; n--)
		pci_config_write(pci, at + 0x14, 4, 0);
}

/* A decoder programmed and committed; windows begin at WINDOWS_BASE. */
static inline void decoder(struct cxl_component *comp, struct input *in)
{
	u64 word = draw(in, 4);

	program(comp, word & 3, WINDOWS_BASE + (word >> 2 & 15) * 256 * MiB, (word >> 6 & 7) * 256 * MiB,
		word >> 9 & 15, word >> 13 & 7, draw(in, 2), word >> 16 & HDM_CTRL_LOCK_ON_COMMIT);
}

static inline void access_window(struct machine *m, struct input *in)
{
	u8 what = (u8)draw(in, 1);
	u64 pa = WINDOWS_BASE + draw(in, 4), value;

	if (what & 4)
		space_write(m->space, pa, 1u << (what & 3), draw(in, 1));
	else
		space_read(m->space, pa, 1u << (what & 3), &value);
}

#endif
