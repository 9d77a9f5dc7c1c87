/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the NVMe controller: registers, doorbells, commands of both kinds, PRP lists. Under instruction time, on
 * a file in memory. */
#define main nvme_test_main
#include "../tests/unit/nvme/nvme_test.c"
#undef main
#include "fuzz.h"

static const struct place places[] = {{BAR_AT, 0x1000},
				      {BAR_AT + NVME_DOORBELLS, 0x30},
				      {BAR_AT, 0x40},
				      {ASQ_AT, ENTRIES *NVME_SQE_BYTES},
				      {SQ_AT, ENTRIES *NVME_SQE_BYTES},
				      {LIST_AT, 0x1000},
				      {MSIX_AT, 0x820}};

static void command(struct test *t, struct input *in)
{
	static const u8 admin_codes[] = {NVME_DELETE_SQ,
					 NVME_CREATE_SQ,
					 NVME_GET_LOG,
					 NVME_DELETE_CQ,
					 NVME_CREATE_CQ,
					 NVME_IDENTIFY,
					 NVME_SET_FEATURES,
					 NVME_GET_FEATURES,
					 NVME_AER,
					 NVME_ABORT,
					 0x80};
	static const u8 io_codes[] = {NVME_FLUSH, NVME_WRITE, NVME_READ, NVME_WRITE_ZEROES, NVME_DSM, 5};
	u8 what = (u8)draw(in, 1), kind = (u8)draw(in, 1);
	unsigned q = what & 1;
	u8 opcode = q ? io_codes[kind % ARRAY_SIZE(io_codes)] : admin_codes[kind % ARRAY_SIZE(admin_codes)];
	u64 prp1 = (what & 2 ? DATA_AT :
		    what & 4 ? CQ_AT :
			       SQ_AT) +
		   draw(in, 2),
	    prp2 = (what & 8 ? LIST_AT : DATA_AT) + draw(in, 2);

	put(t, q, opcode, (u32)draw(in, 1), prp1, prp2, (u32)draw(in, what & 16 ? 4 : 1),
	    (u32)draw(in, what & 32 ? 4 : 1), (u32)draw(in, what & 64 ? 4 : 1));
	if (what & 128)
		wr(t->f, BAR_AT + NVME_DOORBELLS + 8 * q, 4, t->tail[q]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct test *t;
	struct input in = {data, size};
	struct pci_dev *pci;
	u64 space = ecam(0, 1, 0, 0);

	if (!t) {
		t = start(false);
		unlink(t->path);
	}
	pci = container_of(t->dev, struct pci_dev, dev);
	t->dev->cls->reset(t->dev, RESET_COLD);
	wr(t->f, space + 0x10, 8, BAR_AT);
	wr(t->f, space + 0x20, 4, MSIX_AT);
	wr(t->f, space + 4, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	wr(t->f, space + pci->msix.cap + MSIX_CTRL, 2, MSIX_CTRL_ENABLE);
	enable(t);
	memset(at(t, LIST_AT), 0, 0x1000);
	for (unsigned n = 0; n < 512; n++)
		store_le(at(t, LIST_AT + 8 * n), 8, DATA_AT + 4096 * (n % 64));
	if (draw(&in, 1) & 1)
		queues(t);
	for (unsigned n = 0; n < OPERATIONS_MAX / 2 && in.left; n++)
		if (draw(&in, 1) & 3)
			command(t, &in);
		else
			access_place(t->f->space, places, ARRAY_SIZE(places), &in);
	return 0;
}
