/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nvme: registers, doorbells and queues. [NVME1.4 3, 4] Everything in guest memory is copied once and checked; what a
 * driver does against the rules costs it a status or is ignored, never more.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "nvme/nvme_private.h"

#define REGISTER_BYTES 0x1000
#define MSIX_BAR 4

/* --- Requests --- */

void nvme_request_free(struct nvme_request *r)
{
	r->next = r->nvme->spare;
	r->nvme->spare = r;
	r->nvme->live--;
}

static struct nvme_request *request_new(struct nvme *nvme)
{
	struct nvme_request *r = nvme->spare;

	if (r) {
		nvme->spare = r->next;
	} else {
		r = malloc(sizeof(*r));
		assert(r);
		r->nvme = nvme;
	}
	nvme->live++;
	r->next = NULL;
	r->status = NVME_OK;
	r->result = 0;
	r->failed = false;
	r->segment_count = 0;
	r->bytes = 0;
	r->generation = nvme->generation;
	return r;
}

/* --- Completion queues --- */

static bool has_room(const struct nvme_cq *cq)
{
	return (cq->tail + 1u) % cq->size != cq->head;
}

/* INTx is a level: an enabled queue with entries that were not taken. */
static void pin_update(struct nvme *nvme)
{
	bool level = false;

	if (pci_msix_is_enabled(&nvme->pci))
		return;
	for (unsigned n = 0; n < NVME_QUEUES_MAX; n++) {
		const struct nvme_cq *cq = &nvme->cqs[n];

		level |= cq->used && cq->interrupts && cq->head != cq->tail &&
			 !(cq->vector < 32 && bit(nvme->masked, cq->vector));
	}
	pci_intx_set(&nvme->pci, level);
}

static void post(struct nvme *nvme, struct nvme_cq *cq, struct nvme_request *r)
{
	const struct nvme_sq *sq = &nvme->sqs[r->sq];
	u8 entry[NVME_CQE_BYTES] = {0};

	store_le(entry, 4, r->result);
	/* The head as it is now: an older command that ends later does not take entries back. [NVME1.4 4.6] */
	store_le(entry + 8, 2, sq->used ? sq->head : r->sq_head);
	store_le(entry + 10, 2, r->sq);
	store_le(entry + 12, 2, r->cid);
	store_le(entry + 14, 2, (u64)(r->status ? r->status | NVME_DNR : 0) << 1 | cq->phase);
	/* The phase bit is in the last DWORD: it is written after the rest. */
	if (!pci_dma_write(&nvme->pci, cq->pa + NVME_CQE_BYTES * (u64)cq->tail, entry, 12) ||
	    !pci_dma_write(&nvme->pci, cq->pa + NVME_CQE_BYTES * (u64)cq->tail + 12, entry + 12, 4))
		regs_set(&nvme->regs, NVME_CSTS, 4, regs_get(&nvme->regs, NVME_CSTS, 4) | NVME_CSTS_CFS);
	cq->tail = (u16)((cq->tail + 1u) % cq->size);
	if (!cq->tail)
		cq->phase = !cq->phase;
	nvme_request_free(r);
}

static void cq_signal(struct nvme *nvme, struct nvme_cq *cq)
{
	if (!cq->interrupts)
		return;
	if (pci_msix_is_enabled(&nvme->pci))
		pci_msix_notify(&nvme->pci, cq->vector);
	else
		pin_update(nvme);
}

void nvme_complete(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	struct nvme_cq *cq;

	trace(PCI, "%s: queue %u command %02xh: status %03xh", dev_name(&nvme->pci.dev), r->sq, r->command[0],
	      r->status);
	if (r->generation != nvme->generation || !nvme->sqs[r->sq].used) {
		nvme_request_free(r);
		return;
	}
	cq = &nvme->cqs[nvme->sqs[r->sq].cq];
	if (cq->first || !has_room(cq)) {
		r->next = NULL;
		*cq->last = r;
		cq->last = &r->next;
		return;
	}
	post(nvme, cq, r);
	cq_signal(nvme, cq);
}

/* Every entry that it would tell of has been taken. */
static bool vector_is_idle(const struct nvme *nvme, u16 vector)
{
	for (unsigned n = 0; n < NVME_QUEUES_MAX; n++)
		if (nvme->cqs[n].used && nvme->cqs[n].vector == vector && nvme->cqs[n].head != nvme->cqs[n].tail)
			return false;
	return true;
}

static void cq_head_set(struct nvme *nvme, struct nvme_cq *cq, u32 head)
{
	bool posted = false;

	if (!cq->used || head >= cq->size) {
		guest_error(NVME_DOORBELL, "%s: a completion doorbell of %u, the queue has %u entries",
			    dev_name(&nvme->pci.dev), head, cq->used ? cq->size : 0);
		return;
	}
	cq->head = (u16)head;
	while (cq->first && has_room(cq)) {
		struct nvme_request *r = cq->first;

		cq->first = r->next;
		if (!cq->first)
			cq->last = &cq->first;
		post(nvme, cq, r);
		posted = true;
	}
	if (posted)
		cq_signal(nvme, cq);
	if (pci_msix_is_pending(&nvme->pci, cq->vector) && vector_is_idle(nvme, cq->vector))
		pci_msix_withdraw(&nvme->pci, cq->vector);
	pin_update(nvme);
	nvme_go_on(nvme);
}

/* --- Data: PRP entries [NVME1.4 4.3] --- */

static bool segment_add(struct nvme_request *r, u64 pa, u64 *left, u64 size)
{
	u64 part = MIN(*left, size), end;

	if (r->segment_count == NVME_SEGMENTS_MAX || !add_ok(pa, part, &end))
		return false;
	r->segments[r->segment_count].pa = pa;
	r->segments[r->segment_count++].size = part;
	*left -= part;
	return true;
}

u16 nvme_prp(struct nvme_request *r, u64 bytes)
{
	struct nvme *nvme = r->nvme;
	u64 page = nvme_page(nvme), first = load_le(r->command + NVME_C_PRP1, 8),
	    second = load_le(r->command + NVME_C_PRP2, 8), left = bytes;
	u8 entry[8];

	r->segment_count = 0;
	if (!bytes)
		return NVME_OK;
	if (r->command[NVME_C_FLAGS] & 0xc0)
		return NVME_INVALID_FIELD;
	if (first & 3)
		return NVME_PRP_OFFSET;
	if (bytes > NVME_DATA_MAX || !segment_add(r, first, &left, page - (first & (page - 1))))
		return NVME_INVALID_FIELD;
	if (!left)
		return NVME_OK;
	if (left <= page) {
		if (second & (page - 1))
			return NVME_PRP_OFFSET;
		return segment_add(r, second, &left, page) ? NVME_OK : NVME_INVALID_FIELD;
	}
	if (second & 7)
		return NVME_PRP_OFFSET;
	/* A list, and at the end of its page the next one. The bound: each entry is a page of data, or follows a page
	 * full of them. */
	for (unsigned links = 0; left; second += 8) {
		u64 pa;

		if (!pci_dma_read(&nvme->pci, second, entry, sizeof(entry)))
			return NVME_TRANSFER_ERROR;
		pa = load_le(entry, 8);
		if (pa & (page - 1))
			return NVME_PRP_OFFSET;
		if ((second & (page - 1)) == page - 8 && left > page) {
			if (++links > NVME_SEGMENTS_MAX)
				return NVME_INVALID_FIELD;
			second = pa - 8;
			continue;
		}
		if (!segment_add(r, pa, &left, page))
			return NVME_INVALID_FIELD;
	}
	return NVME_OK;
}

static bool data_copy(struct nvme_request *r, u8 *to, const u8 *from, u64 size)
{
	for (unsigned n = 0; n < r->segment_count && size; n++) {
		u64 part = MIN(size, r->segments[n].size);

		if (to ? !pci_dma_read(&r->nvme->pci, r->segments[n].pa, to, part) :
			 !pci_dma_write(&r->nvme->pci, r->segments[n].pa, from, part))
			return false;
		to += to ? part : 0;
		from += to ? 0 : part;
		size -= part;
	}
	return !size;
}

bool nvme_data_out(struct nvme_request *r, const void *from, u64 size)
{
	return data_copy(r, NULL, from, size);
}

bool nvme_data_in(struct nvme_request *r, void *to, u64 size)
{
	return data_copy(r, to, NULL, size);
}

/* --- Submission queues --- */

static void sq_run(struct nvme *nvme, u16 id)
{
	struct nvme_sq *sq = &nvme->sqs[id];

	/* The bound: head follows tail, which stands still meanwhile. A command may delete the queue. */
	while (sq->used && !sq->ending && sq->head != sq->tail) {
		struct nvme_request *r;

		if (nvme->live >= NVME_REQUESTS_MAX + (id ? 0 : NVME_REQUESTS_ADMIN)) {
			nvme->waiting = true;
			return;
		}
		r = request_new(nvme);
		if (!pci_dma_read(&nvme->pci, sq->pa + NVME_SQE_BYTES * (u64)sq->head, r->command, NVME_SQE_BYTES)) {
			nvme_request_free(r);
			regs_set(&nvme->regs, NVME_CSTS, 4, regs_get(&nvme->regs, NVME_CSTS, 4) | NVME_CSTS_CFS);
			return;
		}
		sq->head = (u16)((sq->head + 1u) % sq->size);
		r->sq = id;
		r->sq_head = sq->head;
		r->cid = (u16)load_le(r->command + NVME_C_CID, 2);
		if (r->command[NVME_C_FLAGS] & 3) { /* fused */
			r->status = NVME_INVALID_FIELD;
			nvme_complete(r);
		} else if (id) {
			nvme_io(r);
		} else {
			nvme_admin(r);
		}
	}
}

void nvme_go_on(struct nvme *nvme)
{
	if (!nvme->waiting || nvme->live > NVME_REQUESTS_MAX / 2)
		return;
	nvme->waiting = false;
	for (u16 id = 0; id < NVME_QUEUES_MAX; id++)
		sq_run(nvme, id);
}

static void doorbell(struct nvme *nvme, u32 offset, u32 value)
{
	u32 n = offset / 4, id = n / 2;

	if (!(regs_get(&nvme->regs, NVME_CSTS, 4) & NVME_CSTS_RDY) || (offset & 3) || id >= NVME_QUEUES_MAX)
		return;
	if (n & 1) {
		cq_head_set(nvme, &nvme->cqs[id], value);
	} else if (!nvme->sqs[id].used || value >= nvme->sqs[id].size) {
		guest_error(NVME_DOORBELL, "%s: a submission doorbell of %u, queue %u has %u entries",
			    dev_name(&nvme->pci.dev), value, id, nvme->sqs[id].used ? nvme->sqs[id].size : 0);
	} else {
		nvme->sqs[id].tail = (u16)value;
		sq_run(nvme, (u16)id);
	}
}

/* --- Registers --- */

static void request_drop(void *opaque)
{
	nvme_request_free(opaque);
}

/* As after power-on: no queue, nothing under way. */
static void controller_clear(struct nvme *nvme)
{
	if (!nvme->work.made)
		return;
	work_group_cancel(&nvme->work);
	nvme_io_forget(nvme);
	nvme->waiting = false;
	nvme->generation++;
	for (unsigned n = 0; n < NVME_QUEUES_MAX; n++) {
		while (nvme->cqs[n].used && nvme->cqs[n].first) {
			struct nvme_request *r = nvme->cqs[n].first;

			nvme->cqs[n].first = r->next;
			nvme_request_free(r);
		}
		if (nvme->sqs[n].deletion)
			nvme_request_free(nvme->sqs[n].deletion);
	}
	while (nvme->stopped) {
		struct nvme_request *r = nvme->stopped;

		nvme->stopped = r->next;
		nvme_request_free(r);
	}
	memset(nvme->sqs, 0, sizeof(nvme->sqs));
	memset(nvme->cqs, 0, sizeof(nvme->cqs));
	memset(nvme->features, 0, sizeof(nvme->features));
	memset(nvme->alone, 0, sizeof(nvme->alone));
	nvme->features[NVME_F_TEMPERATURE] = 343; /* kelvins */
	nvme->too_cold = 0;
	nvme->queues_made = false;
	nvme->aers = 0;
	nvme->masked = 0;
	nvme->write_cache = !nvme->drive->write_through;
	pci_intx_set(&nvme->pci, false);
}

static bool controller_enable(struct nvme *nvme, u32 cc)
{
	u32 aqa = (u32)regs_get(&nvme->regs, NVME_AQA, 4);
	u64 asq = regs_get(&nvme->regs, NVME_ASQ_LO, 8), acq = regs_get(&nvme->regs, NVME_ACQ_LO, 8);

	if (bits(cc, 6, 4) || bits(cc, 10, 7) > 4 || bits(cc, 13, 11) || !bits(aqa, 11, 0) || !bits(aqa, 27, 16) ||
	    (asq & 0xfff) || (acq & 0xfff))
		return false;
	nvme->sqs[0] = (struct nvme_sq){.used = true, .size = (u32)bits(aqa, 11, 0) + 1, .pa = asq};
	nvme->cqs[0] = (struct nvme_cq){.used = true,
					.interrupts = true,
					.phase = true,
					.size = (u32)bits(aqa, 27, 16) + 1,
					.pa = acq,
					.users = 1};
	nvme->cqs[0].last = &nvme->cqs[0].first;
	return true;
}

static void cc_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct nvme *nvme = b->owner;
	u64 csts = regs_get(b, NVME_CSTS, 4);

	if (!(old & NVME_CC_EN) && (now & NVME_CC_EN)) {
		controller_clear(nvme);
		csts = controller_enable(nvme, (u32)now) ? NVME_CSTS_RDY : NVME_CSTS_CFS;
	} else if ((old & NVME_CC_EN) && !(now & NVME_CC_EN)) {
		controller_clear(nvme);
		csts = 0;
	}
	if (bits(now, 15, 14)) {
		if (!bits(old, 15, 14))
			block_flush(nvme->drive->block);
		csts |= NVME_CSTS_SHST_DONE;
	} else {
		csts &= ~(u64)NVME_CSTS_SHST_DONE;
	}
	regs_set(b, NVME_CSTS, 4, csts);
}

static u64 mask_read(struct regs *b, unsigned i, u64 stored)
{
	return ((struct nvme *)b->owner)->masked;
}

static void mask_set(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct nvme *nvme = b->owner;

	nvme->masked |= (u32)(b->written & b->lanes);
	pin_update(nvme);
}

static void mask_clear(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct nvme *nvme = b->owner;

	nvme->masked &= ~(u32)(b->written & b->lanes);
	pin_update(nvme);
}

static bool is_enabled(struct regs *b, unsigned i)
{
	return regs_get(b, NVME_CC, 4) & NVME_CC_EN;
}

static const struct reg rows[] = {
	/* MQES 1024 entries, CQR, TO 10 s; CSS: NVM, MPSMAX 64 KiB */
	R32(NVME_CAP_LO, CAP_LO, 20u << 24 | 1u << 16 | (NVME_ENTRIES_MAX - 1), 0),
	R32(NVME_CAP_HI, CAP_HI, 4u << 20 | 1u << 5, 0),
	R32(NVME_VS, VS, 0x00010400, 0),
	R32(NVME_INTMS, INTMS, 0, 0, .read = mask_read, .write = mask_set),
	R32(NVME_INTMC, INTMC, 0, 0, .read = mask_read, .write = mask_clear),
	R32(NVME_CC, CC, 0, 0x00fffff1, .write = cc_write),
	R32(NVME_CSTS, CSTS, 0, 0),
	R32(NVME_AQA, AQA, 0, 0x0fff0fff, .locked = is_enabled),
	R32(NVME_ASQ_LO, ASQ_LO, 0, 0xfffff000, .locked = is_enabled),
	R32(NVME_ASQ_HI, ASQ_HI, 0, 0xffffffff, .locked = is_enabled),
	R32(NVME_ACQ_LO, ACQ_LO, 0, 0xfffff000, .locked = is_enabled),
	R32(NVME_ACQ_HI, ACQ_HI, 0, 0xffffffff, .locked = is_enabled),
};

static enum mem_result bar_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct nvme *nvme = opaque;

	*value = offset < REGISTER_BYTES ? regs_read(&nvme->regs, offset, size) : 0;
	return MEM_OK;
}

static enum mem_result bar_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct nvme *nvme = opaque;

	if (offset < REGISTER_BYTES)
		regs_write(&nvme->regs, offset, size, value);
	else if (size == 4)
		doorbell(nvme, (u32)(offset - NVME_DOORBELLS), (u32)value);
	return MEM_OK;
}

static const struct io_ops bar_io = {.read = bar_read, .write = bar_write};

/* --- Life --- */

static void function_reset(struct pci_dev *dev, unsigned reset_kind)
{
	struct nvme *nvme = container_of(dev, struct nvme, pci);

	controller_clear(nvme);
	regs_reset(&nvme->regs, reset_kind);
}

static bool nvme_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	const struct pci_ids ids = {.vendor = 0x1b36,
				    .device = 0x0010,
				    .subsystem_vendor = 0x1af4,
				    .subsystem = 0x1100,
				    .revision = 2,
				    .class_code = 0x010802};
	const struct pcie_link link = {.flr = true};
	struct nvme *nvme = container_of(dev, struct nvme, pci.dev);
	const char *name = dev_name(dev);

	if (!nvme->drive_id || !*nvme->drive_id)
		return fail(err, "%s: it needs drive=ID of a -drive", name);
	if (nvme->queue_pairs < 1 || nvme->queue_pairs >= NVME_QUEUES_MAX)
		return fail(err, "%s: max_ioqpairs=%u is not 1..%d", name, nvme->queue_pairs, NVME_QUEUES_MAX - 1);
	if (nvme->logical_block_size != 512 && nvme->logical_block_size != 4096)
		return fail(err, "%s: logical_block_size=%u is not 512 or 4096", name, nvme->logical_block_size);
	if (!nvme->serial || !*nvme->serial || strlen(nvme->serial) > 20)
		return fail(err, "%s: serial= must be given and has at most 20 characters; add serial=NAME", name);
	nvme->drive = machine_take_drive(env->machine, nvme->drive_id, dev, err);
	if (!nvme->drive)
		return false;
	nvme->machine = env->machine;
	work_group_init(&nvme->work, machine_workers(env->machine), request_drop);
	if (!pci_dev_init(&nvme->pci, &ids, env, err))
		return false;
	regs_init(&nvme->regs, name, nvme, REGS_BYTES, REGISTER_BYTES);
	REGS_ADD(&nvme->regs, 0, rows);
	nvme->vectors = nvme->queue_pairs + 1;
	pci_bar_add(&nvme->pci, 0, 0x4000, true, false, &bar_io, nvme);
	pci_msix_add(&nvme->pci, 0, (u16)nvme->vectors, MSIX_BAR, 0x1000, 0, 0x800);
	pci_pm_add(&nvme->pci, 0);
	pci_express_add(&nvme->pci, 0, PCIE_ENDPOINT, &link);
	if (nvme->pci.bus->bridge)
		pci_aer_add(&nvme->pci, 0, false);
	pci_intx_add(&nvme->pci);
	nvme->pci.function_reset = function_reset;
	return true;
}

static void nvme_reset(struct dev *dev, unsigned reset_kind)
{
	struct nvme *nvme = container_of(dev, struct nvme, pci.dev);

	function_reset(&nvme->pci, reset_kind);
	pci_dev_reset(&nvme->pci, reset_kind);
}

/* In the order in which they failed. */
static void nvme_resume(struct dev *dev)
{
	struct nvme *nvme = container_of(dev, struct nvme, pci.dev);
	struct nvme_request *again = NULL, *r;

	while ((r = nvme->stopped)) {
		nvme->stopped = r->next;
		r->next = again;
		again = r;
	}
	while ((r = again)) {
		again = r->next;
		nvme_io_retry(r);
	}
}

static void nvme_destroy(struct dev *dev)
{
	struct nvme *nvme = container_of(dev, struct nvme, pci.dev);

	if (nvme->regs.store) {
		controller_clear(nvme);
		regs_free(&nvme->regs);
	}
	pci_dev_fini(&nvme->pci);
	if (nvme->drive)
		nvme->drive->user = NULL;
	while (nvme->spare) {
		struct nvme_request *r = nvme->spare;

		nvme->spare = r->next;
		free(r);
	}
	work_group_fini(&nvme->work);
}

const struct dev_class nvme_class = {
	.name = "nvme",
	.doc = "NVM Express disk",
	.size = sizeof(struct nvme),
	.plugs = BUS_PCIE,
	.props =
		(const struct prop[]){
			PROP_STRING("drive", struct nvme, drive_id, NULL, "id of the drive"),
			PROP_STRING("serial", struct nvme, serial, NULL, "serial number, 1 to 20 characters"),
			PROP_U32("max_ioqpairs", struct nvme, queue_pairs, 64, "queue pairs besides the admin one"),
			PROP_U32("logical_block_size", struct nvme, logical_block_size, 512, "512 or 4096 bytes"),
			PROP_U32("bootindex", struct nvme, bootindex, 0xffffffff, "place in the firmware's boot order"),
			{}},
	.common = pci_dev_props,
	.create = nvme_create,
	.reset = nvme_reset,
	.resume = nvme_resume,
	.destroy = nvme_destroy,
};
