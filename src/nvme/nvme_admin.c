/* SPDX-License-Identifier: BSD-2-Clause */
/* nvme: admin commands. [NVME1.4 5] */
#include <stdio.h>
#include <string.h>

#include "base/trace.h"
#include "nvme/nvme_private.h"

u64 nvme_blocks(const struct nvme *nvme)
{
	return block_size(nvme->drive->block) / nvme->logical_block_size;
}

/* Characters padded with spaces, as the specification's strings are. */
static void put_text(u8 *to, unsigned size, const char *text)
{
	memset(to, ' ', size);
	memcpy(to, text, strnlen(text, size));
}

static void identify_controller(const struct nvme *nvme, u8 *id)
{
	store_le(id, 2, 0x1b36);
	store_le(id + 2, 2, 0x1af4);
	put_text(id + 4, 20, nvme->serial);
	put_text(id + 24, 40, "cxlvm NVMe disk");
	put_text(id + 64, 8, "1.0");
	id[72] = 6; /* RAB */
	id[77] = NVME_MDTS;
	store_le(id + 80, 4, 0x00010400); /* VER */
	id[111] = 1;                      /* CNTRLTYPE: I/O */
	id[258] = 3;                      /* ACL: aborts at a time, 0's based */
	id[259] = NVME_AERS_MAX - 1;
	id[260] = 3;                            /* FRMW: one slot, read only */
	id[261] = 0;                            /* LPA */
	store_le(id + 266, 2, 343);             /* WCTEMP */
	store_le(id + 268, 2, 373);             /* CCTEMP */
	id[512] = 0x66;                         /* SQES */
	id[513] = 0x44;                         /* CQES */
	store_le(id + 516, 4, 1);               /* NN */
	store_le(id + 520, 2, 1 << 2 | 1 << 3); /* ONCS: DSM, Write Zeroes */
	id[525] = 7;                            /* VWC: there is one; Flush of all namespaces */
	snprintf((char *)id + 768, 256, "nqn.2014.08.org.nvmexpress:1b361af4%-20.20s%-40.40s", nvme->serial,
		 "cxlvm NVMe disk");
	store_le(id + 2048, 2, 2500); /* power state 0: 25 W */
}

/* The same for the same serial number. */
static u64 eui64(const struct nvme *nvme)
{
	u64 hash = 0xcbf29ce484222325ull;

	for (const char *p = nvme->serial; *p; p++)
		hash = (hash ^ (u8)*p) * 0x100000001b3ull;
	return (hash | 0x02) & ~1ull; /* in the first byte: local, not a group */
}

static void identify_namespace(const struct nvme *nvme, u8 *id)
{
	store_le(id, 8, nvme_blocks(nvme));
	store_le(id + 8, 8, nvme_blocks(nvme));
	store_le(id + 16, 8, nvme_blocks(nvme));
	id[33] = 1 | 1 << 3; /* DLFEAT: deallocated reads as zeroes; Deallocate of Write Zeroes */
	id[99] = block_is_readonly(nvme->drive->block); /* NSATTR: write protected */
	store_le(id + 120, 8, eui64(nvme));
	id[128 + 2] = (u8)__builtin_ctz(nvme->logical_block_size);
}

static void identify(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u32 nsid = nvme_dword(r, NVME_C_NSID), cns = nvme_dword(r, NVME_C_CDW10) & 0xff;
	u8 id[NVME_ID_BYTES] = {0};

	switch (cns) {
	case NVME_CNS_NS:
		if (nsid != 1 && nsid != 0xffffffff) {
			r->status = NVME_INVALID_NS;
			return;
		}
		identify_namespace(nvme, id);
		break;
	case NVME_CNS_CTRL: identify_controller(nvme, id); break;
	case NVME_CNS_LIST:
		if (nsid >= 0xfffffffe) {
			r->status = NVME_INVALID_NS;
			return;
		}
		store_le(id, 4, nsid < 1);
		break;
	case NVME_CNS_DESCRIPTORS:
		if (nsid != 1) {
			r->status = NVME_INVALID_NS;
			return;
		}
		id[0] = 1; /* EUI64 */
		id[1] = 8;
		store_le(id + 4, 8, eui64(nvme));
		break;
	default: r->status = NVME_INVALID_FIELD; return;
	}
	r->status = nvme_prp(r, sizeof(id));
	if (!r->status && !nvme_data_out(r, id, sizeof(id)))
		r->status = NVME_TRANSFER_ERROR;
}

/* Error, health and firmware slot: nothing ever happens to this disk. [NVME1.4 5.14] */
static void get_log(struct nvme_request *r)
{
	u32 dw10 = nvme_dword(r, NVME_C_CDW10), page = dw10 & 0xff;
	u64 bytes = 4 * ((u64)(dw10 >> 16) + ((u64)(nvme_dword(r, NVME_C_CDW11) & 0xffff) << 16) + 1),
	    offset = load_le(r->command + NVME_C_CDW12, 8);
	static const u16 sizes[] = {[1] = 64, [2] = 512, [3] = 512};
	u8 log[4096] = {0};

	if (page == 2) {
		store_le(log + 1, 2, 310); /* kelvins */
		log[3] = log[4] = 100;     /* spare, and its threshold */
		log[4] = 10;
	} else if (page == 3) {
		log[0] = 1;
		put_text(log + 8, 8, "1.0");
	} else if (page != 1) {
		r->status = NVME_LOG_INVALID;
		return;
	}
	if (offset & 3 || offset > sizes[page]) {
		r->status = NVME_INVALID_FIELD;
		return;
	}
	bytes = MIN(bytes, sizeof(log) - offset);
	r->status = nvme_prp(r, bytes);
	if (!r->status && !nvme_data_out(r, log + offset, bytes))
		r->status = NVME_TRANSFER_ERROR;
}

/* A threshold of the one sensor there is, in kelvins. Those of other sensors read 0. [NVME1.4 5.21.1.4] */
static void temperature(struct nvme_request *r, u32 value, bool set)
{
	struct nvme *nvme = r->nvme;
	u64 sensor = bits(value, 19, 16), type = bits(value, 21, 20);
	bool ours = !sensor || (set && sensor == NVME_ALL_SENSORS);

	if (type > NVME_TOO_COLD)
		r->status = NVME_INVALID_FIELD;
	else if (ours && set && type == NVME_TOO_COLD)
		nvme->too_cold = (u16)value;
	else if (ours && set)
		nvme->features[NVME_F_TEMPERATURE] = value & 0xffff;
	else if (ours)
		r->result = type == NVME_TOO_COLD ? nvme->too_cold : nvme->features[NVME_F_TEMPERATURE];
}

static void features(struct nvme_request *r, bool set)
{
	struct nvme *nvme = r->nvme;
	u32 dw10 = nvme_dword(r, NVME_C_CDW10), id = dw10 & 0xff, value = nvme_dword(r, NVME_C_CDW11);

	if (set && (dw10 & NVME_SAVE)) {
		r->status = NVME_NOT_SAVEABLE; /* nothing is kept over a power cycle */
		return;
	}
	switch (id) {
	case NVME_F_QUEUES:
		if (set && nvme->queues_made)
			r->status = NVME_SEQUENCE_ERROR;
		else if (set && ((value & 0xffff) == 0xffff || value >> 16 == 0xffff))
			r->status = NVME_INVALID_FIELD;
		else
			r->result = (nvme->queue_pairs - 1) << 16 | (nvme->queue_pairs - 1);
		break;
	case NVME_F_WRITE_CACHE:
		if (set)
			__atomic_store_n(&nvme->write_cache, value & 1, __ATOMIC_RELAXED);
		else
			r->result = nvme->write_cache;
		break;
	case NVME_F_TEMPERATURE: temperature(r, value, set); break;
	case NVME_F_VECTOR:
		if ((value & 0xffff) >= nvme->vectors)
			r->status = NVME_INVALID_FIELD;
		else if (set)
			nvme->alone[value & 0xffff] = bit(value, 16);
		else
			r->result = (value & 0xffff) | nvme->alone[value & 0xffff] << 16;
		break;
	case NVME_F_ARBITRATION:
	case NVME_F_POWER:
	case NVME_F_ERROR:
	case NVME_F_COALESCING:
	case NVME_F_ATOMICITY:
	case NVME_F_EVENTS:
		if (set && id == NVME_F_POWER && bits(value, 4, 0))
			r->status = NVME_INVALID_FIELD; /* there is state 0 alone */
		else if (set)
			nvme->features[id] = value;
		else
			r->result = nvme->features[id];
		break;
	default: r->status = NVME_INVALID_FIELD;
	}
}

static void create_cq(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u32 dw10 = nvme_dword(r, NVME_C_CDW10), dw11 = nvme_dword(r, NVME_C_CDW11), id = dw10 & 0xffff,
	    size = (dw10 >> 16) + 1;
	u64 pa = load_le(r->command + NVME_C_PRP1, 8);

	if (!id || id > nvme->queue_pairs || nvme->cqs[id].used)
		r->status = NVME_QID_INVALID;
	else if (size < 2 || size > NVME_ENTRIES_MAX)
		r->status = NVME_QSIZE_INVALID;
	else if (!(dw11 & 1))
		r->status = NVME_INVALID_FIELD; /* queues are contiguous */
	else if (pa & (nvme_page(nvme) - 1))
		r->status = NVME_PRP_OFFSET;
	else if (dw11 >> 16 >= nvme->vectors || (!pci_msix_is_enabled(&nvme->pci) && dw11 >> 16))
		r->status = NVME_VECTOR_INVALID;
	if (r->status)
		return;
	nvme->cqs[id] = (struct nvme_cq){.used = true,
					 .interrupts = dw11 & 2,
					 .phase = true,
					 .size = size,
					 .pa = pa,
					 .vector = (u16)(dw11 >> 16)};
	nvme->cqs[id].last = &nvme->cqs[id].first;
	nvme->queues_made = true;
}

static void create_sq(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u32 dw10 = nvme_dword(r, NVME_C_CDW10), dw11 = nvme_dword(r, NVME_C_CDW11), id = dw10 & 0xffff,
	    size = (dw10 >> 16) + 1, cq = dw11 >> 16;
	u64 pa = load_le(r->command + NVME_C_PRP1, 8);

	if (!id || id > nvme->queue_pairs || nvme->sqs[id].used)
		r->status = NVME_QID_INVALID;
	else if (!cq || cq > nvme->queue_pairs || !nvme->cqs[cq].used)
		r->status = NVME_CQ_INVALID;
	else if (size < 2 || size > NVME_ENTRIES_MAX)
		r->status = NVME_QSIZE_INVALID;
	else if (!(dw11 & 1))
		r->status = NVME_INVALID_FIELD;
	else if (pa & (nvme_page(nvme) - 1))
		r->status = NVME_PRP_OFFSET;
	if (r->status)
		return;
	nvme->sqs[id] = (struct nvme_sq){.used = true, .cq = (u16)cq, .size = size, .pa = pa};
	nvme->cqs[cq].users++;
}

void nvme_sq_end(struct nvme *nvme, struct nvme_sq *sq)
{
	struct nvme_request *deletion = sq->deletion;

	if (sq->busy)
		return;
	nvme->cqs[sq->cq].users--;
	*sq = (struct nvme_sq){.used = false};
	nvme_complete(deletion);
}

/* What waits for room on the disk. */
static void forget_stopped(struct nvme *nvme, u32 id)
{
	struct nvme_request **link = &nvme->stopped, *r;

	while ((r = *link)) {
		if (r->sq != id) {
			link = &r->next;
			continue;
		}
		*link = r->next;
		nvme->sqs[id].busy--;
		nvme_request_free(r);
	}
}

/* Commands of the queue that are still under way end without a completion, and the deletion after them: nobody waits
 * for the disk with the machine lock. */
static void delete_sq(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u32 id = nvme_dword(r, NVME_C_CDW10) & 0xffff;

	if (!id || id > nvme->queue_pairs || !nvme->sqs[id].used || nvme->sqs[id].ending) {
		r->status = NVME_QID_INVALID;
		nvme_complete(r);
		return;
	}
	__atomic_store_n(&nvme->sqs[id].ending, true, __ATOMIC_RELAXED);
	nvme->sqs[id].deletion = r;
	forget_stopped(nvme, id);
	nvme_sq_end(nvme, &nvme->sqs[id]);
}

static void delete_cq(struct nvme_request *r)
{
	struct nvme *nvme = r->nvme;
	u32 id = nvme_dword(r, NVME_C_CDW10) & 0xffff;

	if (!id || id > nvme->queue_pairs || !nvme->cqs[id].used) {
		r->status = NVME_QID_INVALID;
		return;
	}
	if (nvme->cqs[id].users) {
		r->status = NVME_Q_DELETION;
		return;
	}
	while (nvme->cqs[id].first) {
		struct nvme_request *waiting = nvme->cqs[id].first;

		nvme->cqs[id].first = waiting->next;
		nvme_request_free(waiting);
	}
	nvme->cqs[id].used = false;
}

void nvme_admin(struct nvme_request *r)
{
	switch (r->command[NVME_C_OPCODE]) {
	case NVME_DELETE_SQ: delete_sq(r); return;
	case NVME_CREATE_SQ: create_sq(r); break;
	case NVME_GET_LOG: get_log(r); break;
	case NVME_DELETE_CQ: delete_cq(r); break;
	case NVME_CREATE_CQ: create_cq(r); break;
	case NVME_IDENTIFY: identify(r); break;
	case NVME_ABORT: r->result = 1; break; /* not aborted: it ends by itself */
	case NVME_SET_FEATURES: features(r, true); break;
	case NVME_GET_FEATURES: features(r, false); break;
	case NVME_AER:
		/* Kept, for events that never come; a reset forgets it. */
		if (r->nvme->aers < NVME_AERS_MAX) {
			r->nvme->aers++;
			nvme_request_free(r);
			return;
		}
		r->status = NVME_AER_LIMIT;
		break;
	default:
		trace(UNIMP, "%s: admin command %02xh", dev_name(&r->nvme->pci.dev), r->command[NVME_C_OPCODE]);
		r->status = NVME_INVALID_OPCODE;
	}
	nvme_complete(r);
}
