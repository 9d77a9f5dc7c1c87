/* SPDX-License-Identifier: BSD-2-Clause */
/* The nvme controller driven as a driver would: enable, identify, queues, data by PRPs, and what breaks the rules.
 * [NVME1.4] */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/loop_private.h"
#include "nvme/nvme_private.h"
#include "pci/fixture.h"

#define RAM_BASE 0x40000000ull
#define RAM_BYTES (8 * MiB)
#define BAR_AT 0x8000000000ull
#define MSIX_AT 0x10400000ull
#define ASQ_AT (RAM_BASE + 0x1000)
#define ACQ_AT (RAM_BASE + 0x2000)
#define SQ_AT (RAM_BASE + 0x3000)
#define CQ_AT (RAM_BASE + 0x4000)
#define LIST_AT (RAM_BASE + 0x10000)
#define DATA_AT (RAM_BASE + 0x100000)
#define ENTRIES 8
#define DISK_BYTES (2 * MiB)

struct machine {
	struct drive drive;
	struct workers *workers;
	unsigned failures;
	enum on_error action;
};
struct drive *machine_take_drive(struct machine *machine, const char *id, struct dev *user, struct error *err)
{
	if (strcmp(id, "d0")) {
		snprintf(err->text, sizeof(err->text), "drive=%s: no drive of this id", id);
		return NULL;
	}
	machine->drive.user = user;
	return &machine->drive;
}
enum on_error machine_disk_failed(struct machine *machine, struct drive *drive, bool write, bool no_space)
{
	machine->failures++;
	return machine->action;
}
struct workers *machine_workers(struct machine *machine)
{
	return machine->workers;
}
struct pci_host *machine_pci_host(struct machine *machine)
{
	return NULL;
}

struct test {
	struct machine machine;
	struct fixture *f;
	u8 *ram;
	struct region region;
	struct dev *dev;
	char path[32];
	u16 tail[2], head[2], cid; /* 0: admin, 1: I/O */
	bool phase[2];
};

static u8 *at(struct test *t, u64 pa)
{
	return t->ram + (pa - RAM_BASE);
}

static struct dev *add(struct test *t, const char *text, struct error *err)
{
	struct dev_env env = {.loop = t->f->loop,
			      .space = t->f->space,
			      .bus = &pci_host_root(t->f->host)->bus.bus,
			      .machine = &t->machine};
	struct dev *dev = dev_new(&nvme_class);
	struct opts opts = {0};
	bool ok =
		opts_parse(&opts, text, NULL, err) && dev_set_all(dev, &opts, &env, err) && dev_create(dev, &env, err);

	opts_free(&opts);
	if (!ok) {
		dev_destroy(dev);
		return NULL;
	}
	dev->cls->reset(dev, RESET_COLD);
	return dev;
}

static void enable(struct test *t)
{
	t->tail[0] = t->tail[1] = t->head[0] = t->head[1] = 0;
	t->phase[0] = t->phase[1] = true;
	memset(t->ram, 0, 0x10000);
	wr(t->f, BAR_AT + NVME_AQA, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	wr(t->f, BAR_AT + NVME_ASQ_LO, 8, ASQ_AT);
	wr(t->f, BAR_AT + NVME_ACQ_LO, 8, ACQ_AT);
	wr(t->f, BAR_AT + NVME_CC, 4, 6 << 16 | 4 << 20 | NVME_CC_EN);
	assert_int_equal(rd(t->f, BAR_AT + NVME_CSTS, 4), NVME_CSTS_RDY);
}

static struct test *start(bool readonly)
{
	struct test *t = calloc(1, sizeof(*t));
	struct block_config config = {.format = "raw", .discard = true};
	u64 space = ecam(0, 1, 0, 0);
	struct error err = {""};
	struct pci_dev *pci;
	int fd;

	strcpy(t->path, "/tmp/cxlvm-nvme-XXXXXX");
	fd = mkstemp(t->path);
	assert_int_equal(ftruncate(fd, DISK_BYTES), 0);
	close(fd);
	config.file = t->path;
	config.readonly = readonly;
	t->machine.drive = (struct drive){.id = (char *)"d0", .block = block_open(&config, &err)};
	t->f = fixture_new();
	t->ram = calloc(1, RAM_BYTES);
	t->region = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_BYTES, .host = t->ram};
	space_add(t->f->space, &t->region);
	t->dev = add(t, "addr=1,drive=d0,serial=abc", &err);
	assert_string_equal(err.text, "");
	pci = container_of(t->dev, struct pci_dev, dev);
	wr(t->f, space + 0x10, 8, BAR_AT);
	wr(t->f, space + 0x20, 4, MSIX_AT);
	wr(t->f, space + 4, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (u64 n = 0; n < 2; n++) {
		wr(t->f, MSIX_AT + 16 * n, 8, DOORBELL);
		wr(t->f, MSIX_AT + 16 * n + 8, 8, n);
	}
	wr(t->f, space + pci->msix.cap + MSIX_CTRL, 2, MSIX_CTRL_ENABLE);
	enable(t);
	return t;
}

static void finish(struct test *t)
{
	dev_destroy(t->dev);
	space_remove(t->f->space, &t->region);
	fixture_free(t->f);
	block_close(t->machine.drive.block);
	unlink(t->path);
	free(t->ram);
	free(t);
}

/* Puts a command without ringing. */
static u8 *put(struct test *t, unsigned q, u8 opcode, u32 nsid, u64 prp1, u64 prp2, u32 dw10, u32 dw11, u32 dw12)
{
	u8 *c = at(t, q ? SQ_AT : ASQ_AT) + NVME_SQE_BYTES * t->tail[q];

	memset(c, 0, NVME_SQE_BYTES);
	c[0] = opcode;
	store_le(c + NVME_C_CID, 2, ++t->cid);
	store_le(c + NVME_C_NSID, 4, nsid);
	store_le(c + NVME_C_PRP1, 8, prp1);
	store_le(c + NVME_C_PRP2, 8, prp2);
	store_le(c + NVME_C_CDW10, 4, dw10);
	store_le(c + NVME_C_CDW11, 4, dw11);
	store_le(c + NVME_C_CDW12, 4, dw12);
	t->tail[q] = (t->tail[q] + 1) % ENTRIES;
	return c;
}

static bool completed(struct test *t, unsigned q)
{
	return (load_le(at(t, q ? CQ_AT : ACQ_AT) + NVME_CQE_BYTES * t->head[q] + 14, 2) & 1) == t->phase[q];
}

static u16 take(struct test *t, unsigned q, u32 *result)
{
	const u8 *e = at(t, q ? CQ_AT : ACQ_AT) + NVME_CQE_BYTES * t->head[q];

	assert_true(completed(t, q));
	if (result)
		*result = (u32)load_le(e, 4);
	assert_int_equal(load_le(e + 10, 2), q);
	t->head[q] = (t->head[q] + 1) % ENTRIES;
	t->phase[q] ^= !t->head[q];
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8 * q + 4, 4, t->head[q]);
	return load_le(e + 14, 2) >> 1 & 0x7ff;
}

static u16 run(struct test *t, unsigned q, u8 opcode, u32 nsid, u64 prp1, u64 prp2, u32 dw10, u32 dw11, u32 dw12)
{
	put(t, q, opcode, nsid, prp1, prp2, dw10, dw11, dw12);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8 * q, 4, t->tail[q]);
	return take(t, q, NULL);
}

static u16 admin(struct test *t, u8 opcode, u64 prp1, u32 dw10, u32 dw11)
{
	return run(t, 0, opcode, 0, prp1, 0, dw10, dw11, 0);
}

static void queues(struct test *t)
{
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, (ENTRIES - 1) << 16 | 1, 1 << 16 | 3), NVME_OK);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1), NVME_OK);
}

static void it_says_what_it_is(void **state)
{
	struct test *t = start(false);
	u8 *id = at(t, DATA_AT);

	assert_int_equal(rd(t->f, BAR_AT + NVME_VS, 4), 0x10400);
	assert_int_equal(admin(t, NVME_IDENTIFY, DATA_AT, NVME_CNS_CTRL, 0), NVME_OK);
	assert_memory_equal(id + 4, "abc                 ", 20);
	assert_int_equal(load_le(id + 516, 4), 1);
	assert_int_equal(run(t, 0, NVME_IDENTIFY, 1, DATA_AT, 0, NVME_CNS_NS, 0, 0), NVME_OK);
	assert_int_equal(load_le(id, 8), DISK_BYTES / 512);
	assert_int_equal(id[130], 9);
	assert_int_equal(run(t, 0, NVME_IDENTIFY, 2, DATA_AT, 0, NVME_CNS_NS, 0, 0), NVME_INVALID_NS);
	assert_int_equal(admin(t, NVME_IDENTIFY, DATA_AT, NVME_CNS_LIST, 0), NVME_OK);
	assert_int_equal(load_le(id, 4), 1);
	assert_int_equal(load_le(id + 4, 4), 0);
	assert_int_equal(run(t, 0, NVME_IDENTIFY, 1, DATA_AT, 0, NVME_CNS_DESCRIPTORS, 0, 0), NVME_OK);
	assert_int_equal(id[1], 8);
	assert_int_equal(admin(t, NVME_IDENTIFY, DATA_AT, 0x77, 0), NVME_INVALID_FIELD);
	assert_int_equal(admin(t, 0x80, 0, 0, 0), NVME_INVALID_OPCODE);
	put(t, 0, NVME_GET_FEATURES, 0, 0, 0, NVME_F_QUEUES, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, t->tail[0]);
	{
		u32 result;

		assert_int_equal(take(t, 0, &result), NVME_OK);
		assert_int_equal(result, 63 << 16 | 63);
	}
	finish(t);
}

static void data_go_both_ways_by_every_form_of_prp(void **state)
{
	struct test *t = start(false);
	u64 seed = 1;

	queues(t);
	for (u64 bytes = 512; bytes <= 512 * KiB; bytes *= 2) {
		u64 pages = (bytes + 4095) / 4096, first = DATA_AT + 3 * 4096;
		u64 second = pages == 2 ? first + 4096 : LIST_AT + 8;

		if (pages > 2) /* a list that begins behind its page's beginning */
			for (u64 n = 1; n < pages; n++)
				store_le(at(t, LIST_AT + 8 * n), 8, first + 4096 * n);
		for (u64 n = 0; n < bytes; n++)
			at(t, first)[n] = (u8)((seed = seed * 6364136223846793005ull + 1) >> 56);
		assert_int_equal(run(t, 1, NVME_WRITE, 1, first, second, 7, 0, bytes / 512 - 1), NVME_OK);
		memcpy(at(t, DATA_AT + 4 * MiB), at(t, first), bytes);
		memset(at(t, first), 0, bytes);
		assert_int_equal(run(t, 1, NVME_READ, 1, first, second, 7, 0, bytes / 512 - 1), NVME_OK);
		assert_memory_equal(at(t, first), at(t, DATA_AT + 4 * MiB), bytes);
	}
	/* A list of two pages: the last entry of the first leads to the second. */
	store_le(at(t, LIST_AT + 4088), 8, LIST_AT + 8192);
	store_le(at(t, LIST_AT + 8192), 8, DATA_AT + 4096);
	store_le(at(t, LIST_AT + 8200), 8, DATA_AT + 8192);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, LIST_AT + 4088, 7, 0, 23), NVME_OK);
	assert_memory_equal(at(t, DATA_AT), at(t, DATA_AT + 4 * MiB), 3 * 4096);
	/* Each completion of the queue with vector 1 sent its message. */
	assert_int_equal(t->f->messages[(t->f->message_count - 1) % MESSAGES].data, 1);
	/* One that was taken while the vector was masked sends none later. [PCIe5 6.1.4.5] */
	t->f->message_count = 0;
	wr(t->f, MSIX_AT + 16 + 12, 4, 1);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 7, 0, 0), NVME_OK);
	wr(t->f, MSIX_AT + 16 + 12, 4, 0);
	assert_int_equal(t->f->message_count, 0);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 7, 0, 0), NVME_OK);
	assert_int_equal(t->f->message_count, 1);
	finish(t);
}

static void zeroes_discards_and_flushes(void **state)
{
	struct test *t = start(false);

	queues(t);
	memset(at(t, DATA_AT), 0x77, 4096);
	assert_int_equal(run(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, 7), NVME_OK);
	assert_int_equal(run(t, 1, NVME_WRITE_ZEROES, 1, 0, 0, 2, 0, 0), NVME_OK);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0, 0, 7), NVME_OK);
	assert_int_equal(at(t, DATA_AT)[1023], 0x77);
	assert_int_equal(at(t, DATA_AT)[1024], 0);
	assert_int_equal(at(t, DATA_AT)[1536], 0x77);
	store_le(at(t, DATA_AT + 4), 4, 4);
	store_le(at(t, DATA_AT + 8), 8, 0);
	assert_int_equal(run(t, 1, NVME_DSM, 1, DATA_AT, 0, 0, NVME_DSM_DEALLOCATE, 0), NVME_OK);
	store_le(at(t, DATA_AT + 8), 8, ~0ull);
	assert_int_equal(run(t, 1, NVME_DSM, 1, DATA_AT, 0, 0, NVME_DSM_DEALLOCATE, 0), NVME_LBA_RANGE);
	assert_int_equal(run(t, 1, NVME_FLUSH, 0xffffffff, 0, 0, 0, 0, 0), NVME_OK);
	assert_int_equal(run(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, NVME_FUA), NVME_OK);
	assert_int_equal(run(t, 1, NVME_FLUSH, 3, 0, 0, 0, 0, 0), NVME_INVALID_NS);
	finish(t);
}

static void wrong_commands_get_their_status(void **state)
{
	struct test *t = start(false);

	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 7 << 16, 3), NVME_QID_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 7 << 16 | 65, 3), NVME_QID_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 1, 3), NVME_QSIZE_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 1024u << 16 | 1, 3), NVME_QSIZE_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT + 8, 7 << 16 | 1, 3), NVME_PRP_OFFSET);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 7 << 16 | 1, 2), NVME_INVALID_FIELD);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 7 << 16 | 1, 99u << 16 | 3), NVME_VECTOR_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, 7 << 16 | 1, 1 << 16 | 1), NVME_CQ_INVALID);
	queues(t);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT + 64, 7 << 16 | 2, 1 << 16 | 1), NVME_PRP_OFFSET);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, 7 << 16 | 2, 1 << 16), NVME_INVALID_FIELD);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, 7 << 16 | 1, 3), NVME_QID_INVALID);
	assert_int_equal(admin(t, NVME_DELETE_CQ, 0, 1, 0), NVME_Q_DELETION);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, DISK_BYTES / 512, 0, 0), NVME_LBA_RANGE);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, DISK_BYTES / 512 - 1, 0, 1), NVME_LBA_RANGE);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0xffffffff, 0xffffffff, 0), NVME_LBA_RANGE);
	assert_int_equal(run(t, 1, NVME_READ, 9, DATA_AT, 0, 0, 0, 0), NVME_INVALID_NS);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT + 1, 0, 0, 0, 0), NVME_PRP_OFFSET);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0, 0, 1024), NVME_INVALID_FIELD); /* past MDTS */
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, DATA_AT + 8, 0, 0, 15), NVME_PRP_OFFSET);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0x1000, 0, 0, 23),
			 NVME_TRANSFER_ERROR); /* a list that is not in memory */
	assert_int_equal(run(t, 1, NVME_READ, 1, 0x1000, 0, 0, 0, 0), NVME_TRANSFER_ERROR);
	assert_int_equal(run(t, 1, 0x55, 1, 0, 0, 0, 0, 0), NVME_INVALID_OPCODE);
	put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0)[1] = 1; /* fused */
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	assert_int_equal(take(t, 1, NULL), NVME_INVALID_FIELD);
	/* A list that leads to itself for ever: each link has to be followed by a page of data. */
	store_le(at(t, LIST_AT + 4088), 8, LIST_AT + 4096 - 4096);
	for (unsigned n = 0; n < 511; n++)
		store_le(at(t, LIST_AT + 8 * n), 8, DATA_AT);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, LIST_AT + 4088, 0, 0, 1023), NVME_OK);
	/* Doorbells of queues that are not there, and of numbers that no queue has. */
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8 * 7, 4, 3);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, ENTRIES);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 12, 4, 0xffffffff);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 0x2ffc, 4, 1);
	assert_int_equal(run(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0), NVME_OK);
	for (unsigned n = 0; n < 4; n++)
		put(t, 0, NVME_AER, 0, 0, 0, 0, 0, 0);
	assert_int_equal(admin(t, NVME_AER, 0, 0, 0), NVME_AER_LIMIT);
	assert_int_equal(admin(t, NVME_DELETE_SQ, 0, 1, 0), NVME_OK);
	assert_int_equal(admin(t, NVME_DELETE_CQ, 0, 1, 0), NVME_OK);
	finish(t);
}

static u16 set_feature(struct test *t, u32 id, u32 value)
{
	return admin(t, NVME_SET_FEATURES, 0, id, value);
}

static u32 get_feature(struct test *t, u32 id, u32 value)
{
	u32 result;

	put(t, 0, NVME_GET_FEATURES, 0, 0, 0, id, value, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, t->tail[0]);
	assert_int_equal(take(t, 0, &result), NVME_OK);
	return result;
}

/* [NVME1.4 5.21.1] */
static void features_are_what_was_set(void **state)
{
	struct test *t = start(false);

	/* Nothing is kept over a power cycle: who asks for that changes nothing. */
	assert_int_equal(get_feature(t, NVME_F_WRITE_CACHE, 0), 1);
	assert_int_equal(set_feature(t, NVME_F_WRITE_CACHE | NVME_SAVE, 0), NVME_NOT_SAVEABLE);
	assert_int_equal(get_feature(t, NVME_F_WRITE_CACHE, 0), 1);
	assert_int_equal(set_feature(t, NVME_F_WRITE_CACHE, 0), NVME_OK);
	assert_int_equal(get_feature(t, NVME_F_WRITE_CACHE, 0), 0);
	/* Too hot and too cold are two thresholds; other sensors have none. */
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 0), 343);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 1 << 20), 0);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 2 << 16), 0);
	assert_int_equal(set_feature(t, NVME_F_TEMPERATURE, 1 << 20 | 270), NVME_OK);
	assert_int_equal(set_feature(t, NVME_F_TEMPERATURE, 2 << 16 | 300), NVME_OK);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 0), 343);
	assert_int_equal(set_feature(t, NVME_F_TEMPERATURE, 15 << 16 | 350), NVME_OK);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 0), 350);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 1 << 20), 270);
	assert_int_equal(set_feature(t, NVME_F_TEMPERATURE, 2 << 20), NVME_INVALID_FIELD);
	/* Vectors that are there, power states that are there. */
	assert_int_equal(get_feature(t, NVME_F_VECTOR, 64), 64);
	assert_int_equal(set_feature(t, NVME_F_VECTOR, 1 << 16 | 64), NVME_OK);
	assert_int_equal(get_feature(t, NVME_F_VECTOR, 64), 1 << 16 | 64);
	assert_int_equal(get_feature(t, NVME_F_VECTOR, 1), 1);
	assert_int_equal(set_feature(t, NVME_F_VECTOR, 65), NVME_INVALID_FIELD);
	assert_int_equal(admin(t, NVME_GET_FEATURES, 0, NVME_F_VECTOR, 0xffff), NVME_INVALID_FIELD);
	assert_int_equal(set_feature(t, NVME_F_POWER, 1), NVME_INVALID_FIELD);
	assert_int_equal(set_feature(t, NVME_F_POWER, 0), NVME_OK);
	/* The number of queues is agreed upon before there is any. */
	assert_int_equal(set_feature(t, NVME_F_QUEUES, 0xffff), NVME_INVALID_FIELD);
	assert_int_equal(set_feature(t, NVME_F_QUEUES, 3 << 16 | 3), NVME_OK);
	assert_int_equal(admin(t, NVME_CREATE_CQ, CQ_AT, (ENTRIES - 1) << 16 | 1, 3), NVME_OK);
	assert_int_equal(admin(t, NVME_DELETE_CQ, 0, 1, 0), NVME_OK);
	assert_int_equal(set_feature(t, NVME_F_QUEUES, 3 << 16 | 3), NVME_SEQUENCE_ERROR);
	assert_int_equal(get_feature(t, NVME_F_QUEUES, 0), 63 << 16 | 63);
	/* A reset brings all that back. */
	wr(t->f, BAR_AT + NVME_CC, 4, 0);
	enable(t);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 0), 343);
	assert_int_equal(get_feature(t, NVME_F_TEMPERATURE, 1 << 20), 0);
	assert_int_equal(get_feature(t, NVME_F_VECTOR, 64), 64);
	assert_int_equal(set_feature(t, NVME_F_QUEUES, 3 << 16 | 3), NVME_OK);
	finish(t);
}

/* A driver that takes no completions: the next ones wait, in order. */
static void full_completion_queues_wait(void **state)
{
	struct test *t = start(false);
	unsigned n;

	queues(t);
	for (n = 0; n < 2 * ENTRIES; n++) {
		put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
		wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	}
	for (n = 0; n < 2 * ENTRIES; n++)
		assert_int_equal(take(t, 1, NULL), NVME_OK);
	assert_false(completed(t, 1));
	finish(t);
}

/* A driver that never takes completions and goes on with commands: so many and no more are held for it. */
static void what_is_held_has_a_bound(void **state)
{
	struct test *t = start(false);
	struct nvme *nvme = container_of(t->dev, struct nvme, pci.dev);
	unsigned submitted = 0;

	queues(t);
	for (; nvme->live < NVME_REQUESTS_MAX && submitted < 4 * NVME_REQUESTS_MAX; submitted++) {
		put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
		wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	}
	for (unsigned n = 0; n < 3; n++, submitted++) {
		put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
		wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
		assert_int_equal(nvme->live, NVME_REQUESTS_MAX);
	}
	assert_int_equal(submitted, NVME_REQUESTS_MAX + ENTRIES - 1 + 3);
	/* The admin queue is not kept waiting by it; nothing is lost. */
	assert_int_equal(admin(t, NVME_IDENTIFY, DATA_AT, NVME_CNS_CTRL, 0), NVME_OK);
	while (submitted--)
		assert_int_equal(take(t, 1, NULL), NVME_OK);
	assert_false(completed(t, 1));
	assert_int_equal(nvme->live, 0);
	finish(t);
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* The event loop has its turns until an admin command is done. */
static void wait_completed(struct test *t, struct loop *loop)
{
	while (!completed(t, 0)) {
		loop_defer(loop, quit, loop);
		loop_unlock(loop);
		loop_run(loop);
		loop_lock(loop);
	}
}

/* Deletes queue 1. */
static void delete_queue(struct test *t, struct loop *loop)
{
	put(t, 0, NVME_DELETE_SQ, 0, 0, 0, 1, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, t->tail[0]);
	wait_completed(t, loop);
	assert_int_equal(take(t, 0, NULL), NVME_OK);
	t->tail[1] = 0;
}

static void wait_for(void *mutex)
{
	pthread_mutex_lock(mutex);
	pthread_mutex_unlock(mutex);
}

/* A disk that is busy for long: who deletes a queue does not wait for it with the machine lock, and what no thread has
 * begun is not done. [NVME1.4 5.6] */
static void deletion_waits_for_nobody(void **state)
{
	struct test *t = start(false);
	struct loop *loop;
	struct nvme *nvme = container_of(t->dev, struct nvme, pci.dev);
	struct work_group others;
	pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
	struct error err = {""};
	u8 back[512];

	alarm(60); /* for ever, if it does wait */
	loop = loop_create(false, &err);
	nvme->work.workers = workers_create(1, &err);
	assert_true(loop && nvme->work.workers);
	nvme->pci.loop = loop;
	loop_lock(loop);
	queues(t);
	pthread_mutex_lock(&busy);
	work_group_init(&others, nvme->work.workers, NULL);
	work_group_run(&others, wait_for, &busy);
	memset(at(t, DATA_AT), 0x5a, 512);
	put(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	put(t, 0, NVME_DELETE_SQ, 0, 0, 0, 1, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, t->tail[0]);
	assert_false(completed(t, 0));
	/* It is on its way out, and the other admin commands go on. */
	put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	assert_int_equal(admin(t, NVME_DELETE_SQ, 0, 1, 0), NVME_QID_INVALID);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1), NVME_QID_INVALID);
	assert_int_equal(admin(t, NVME_DELETE_CQ, 0, 1, 0), NVME_Q_DELETION);
	pthread_mutex_unlock(&busy);
	wait_completed(t, loop);
	assert_int_equal(take(t, 0, NULL), NVME_OK);
	assert_false(completed(t, 1));
	assert_int_equal(nvme->live, 0);
	assert_true(block_read(t->machine.drive.block, 0, back, 512));
	assert_int_equal(back[0], 0);
	assert_int_equal(admin(t, NVME_DELETE_CQ, 0, 1, 0), NVME_OK);
	/* A reset meanwhile forgets the deletion too. */
	queues(t);
	t->tail[1] = 0;
	pthread_mutex_lock(&busy);
	work_group_run(&others, wait_for, &busy);
	put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	put(t, 0, NVME_DELETE_SQ, 0, 0, 0, 1, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, t->tail[0]);
	pthread_mutex_unlock(&busy);
	wr(t->f, BAR_AT + NVME_CC, 4, 0);
	assert_int_equal(nvme->live, 0);
	work_group_fini(&others);
	workers_destroy(nvme->work.workers);
	nvme->work.workers = NULL;
	nvme->pci.loop = t->f->loop;
	loop_unlock(loop);
	finish(t);
	loop_destroy(loop);
	alarm(0);
}

/* A write that waits for room on the disk goes with its queue: nothing is written later, from memory that is somebody
 * else's by then. */
static void what_waits_for_room_goes_with_its_queue(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct test *t = start(false);
	struct nvme *nvme = container_of(t->dev, struct nvme, pci.dev);
	u8 back[512];

	signal(SIGXFSZ, SIG_IGN);
	t->machine.action = ON_ERROR_STOP;
	queues(t);
	memset(at(t, DATA_AT), 0x5a, 512);
	setrlimit(RLIMIT_FSIZE, &none);
	put(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_int_equal(t->machine.failures, 1);
	assert_false(completed(t, 1));
	assert_int_equal(admin(t, NVME_DELETE_SQ, 0, 1, 0), NVME_OK);
	t->tail[1] = 0;
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1), NVME_OK);
	t->dev->cls->resume(t->dev);
	assert_false(completed(t, 1));
	assert_int_equal(nvme->live, 0);
	assert_true(block_read(t->machine.drive.block, 0, back, 512));
	assert_int_equal(back[0], 0);
	finish(t);
}

/* An IOMMU that knows all but one address. */
static bool translate(void *opaque, u32 requester_id, u64 address, bool write, u64 *pa, u64 *size)
{
	*pa = address;
	*size = MIN(*size, 4096 - (address & 4095));
	*(unsigned *)opaque += address == DATA_AT + 4096;
	return address != DATA_AT + 4096;
}

/* A request that the IOMMU refuses is not asked for again: software is told of each. */
static void a_fault_is_one(void **state)
{
	static const struct iommu_ops iommu = {translate};
	struct test *t = start(false);
	unsigned faults = 0;

	space_set_iommu(t->f->space, &iommu, &faults);
	queues(t);
	for (u8 opcode = NVME_WRITE; opcode <= NVME_READ; opcode++) {
		assert_int_equal(run(t, 1, opcode, 1, DATA_AT, DATA_AT + 4096, 0, 0, 15), NVME_TRANSFER_ERROR);
		assert_int_equal(faults, opcode);
	}
	assert_int_equal(t->machine.failures, 0);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0, 0, 7), NVME_OK);
	space_set_iommu(t->f->space, NULL, NULL);
	finish(t);
}

static u32 head_told(struct test *t)
{
	u32 head = (u32)load_le(at(t, CQ_AT) + NVME_CQE_BYTES * t->head[1] + 8, 2);

	assert_int_equal(take(t, 1, NULL), NVME_OK);
	return head;
}

/* An older command ends after a younger one, and tells the head of then. [NVME1.4 4.6] */
static void heads_do_not_go_back(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct test *t = start(false);

	signal(SIGXFSZ, SIG_IGN);
	t->machine.action = ON_ERROR_STOP;
	queues(t);
	setrlimit(RLIMIT_FSIZE, &none);
	put(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	setrlimit(RLIMIT_FSIZE, &all);
	put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	assert_int_equal(head_told(t), 2);
	t->dev->cls->resume(t->dev);
	assert_int_equal(head_told(t), 2);
	finish(t);
}

/* Threads: a request that is done, and whose completion is on its way to the loop, when the device or its queue goes.
 */
static void completions_on_their_way_go_with_the_device(void **state)
{
	struct test *t = start(false);
	struct loop *instruction_time = t->f->loop, *loop;
	struct nvme *nvme = container_of(t->dev, struct nvme, pci.dev);
	struct error err = {""};

	loop = loop_create(false, &err);
	nvme->work.workers = workers_create(2, &err);
	assert_true(loop && nvme->work.workers);
	nvme->pci.loop = loop;
	loop_lock(loop);
	queues(t);
	for (unsigned n = 0; n < 3; n++) {
		put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
		wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	}
	delete_queue(t, loop);
	assert_int_equal(nvme->live, 0);
	assert_int_equal(admin(t, NVME_CREATE_SQ, SQ_AT, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1), NVME_OK);
	put(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS + 8, 4, t->tail[1]);
	workers_destroy(nvme->work.workers);
	assert_int_equal(loop->deferred_count, 1);
	dev_destroy(t->dev);
	assert_int_equal(loop->deferred_count, 0);
	loop_unlock(loop);
	t->dev = add(t, "addr=2,drive=d0,serial=abc", &err);
	assert_true(t->f->loop == instruction_time && t->dev);
	finish(t);
	loop_destroy(loop);
}

/* A driver sees it before it writes. [NVME1.4 5.15.2.1] */
static void read_only_disks_say_so(void **state)
{
	struct test *t = start(false);

	assert_int_equal(run(t, 0, NVME_IDENTIFY, 1, DATA_AT, 0, NVME_CNS_NS, 0, 0), NVME_OK);
	assert_int_equal(at(t, DATA_AT)[99], 0);
	finish(t);
	t = start(true);
	queues(t);
	assert_int_equal(run(t, 0, NVME_IDENTIFY, 1, DATA_AT, 0, NVME_CNS_NS, 0, 0), NVME_OK);
	assert_int_equal(at(t, DATA_AT)[99], 1);
	assert_int_equal(run(t, 1, NVME_WRITE, 1, DATA_AT, 0, 0, 0, 0), NVME_READ_ONLY);
	assert_int_equal(run(t, 1, NVME_WRITE_ZEROES, 1, 0, 0, 0, 0, 0), NVME_READ_ONLY);
	assert_int_equal(run(t, 1, NVME_DSM, 1, DATA_AT, 0, 0, NVME_DSM_DEALLOCATE, 0), NVME_READ_ONLY);
	assert_int_equal(run(t, 1, 0x55, 1, 0, 0, 0, 0, 0), NVME_INVALID_OPCODE);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0, 0, 0), NVME_OK);
	assert_int_equal(run(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0), NVME_OK);
	assert_int_equal(t->machine.failures, 0);
	finish(t);
}

static void resets_forget_everything(void **state)
{
	struct test *t = start(true);

	queues(t);
	assert_int_equal(run(t, 1, NVME_READ, 1, DATA_AT, 0, 0, 0, 0), NVME_OK);
	wr(t->f, BAR_AT + NVME_CC, 4, 1 << 14 | NVME_CC_EN);
	assert_true(rd(t->f, BAR_AT + NVME_CSTS, 4) & NVME_CSTS_SHST_DONE);
	wr(t->f, BAR_AT + NVME_CC, 4, 0);
	assert_int_equal(rd(t->f, BAR_AT + NVME_CSTS, 4), 0);
	wr(t->f, BAR_AT + NVME_DOORBELLS, 4, 3); /* nobody listens */
	enable(t);
	queues(t);
	assert_int_equal(run(t, 1, NVME_FLUSH, 1, 0, 0, 0, 0, 0), NVME_OK);
	t->dev->cls->reset(t->dev, RESET_WARM);
	assert_int_equal(pci_bar_address(container_of(t->dev, struct pci_dev, dev), 0), UINT64_MAX);
	finish(t);
}

static void properties_are_checked(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"serial=a", "drive=ID"},
		{"drive=d0", "serial="},
		{"drive=d0,serial=123456789012345678901", "serial="},
		{"drive=x,serial=a", "drive=x"},
		{"drive=d0,serial=a,max_ioqpairs=65", "max_ioqpairs=65"},
		{"drive=d0,serial=a,logical_block_size=1024", "logical_block_size=1024"},
	};
	struct test *t = start(false);

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct error err = {""};

		assert_null(add(t, wrong[n].text, &err));
		if (!strstr(err.text, wrong[n].words))
			assert_string_equal(err.text, wrong[n].words);
	}
	finish(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_what_it_is),
		cmocka_unit_test(data_go_both_ways_by_every_form_of_prp),
		cmocka_unit_test(zeroes_discards_and_flushes),
		cmocka_unit_test(wrong_commands_get_their_status),
		cmocka_unit_test(features_are_what_was_set),
		cmocka_unit_test(full_completion_queues_wait),
		cmocka_unit_test(what_is_held_has_a_bound),
		cmocka_unit_test(deletion_waits_for_nobody),
		cmocka_unit_test(what_waits_for_room_goes_with_its_queue),
		cmocka_unit_test(heads_do_not_go_back),
		cmocka_unit_test(a_fault_is_one),
		cmocka_unit_test(completions_on_their_way_go_with_the_device),
		cmocka_unit_test(read_only_disks_say_so),
		cmocka_unit_test(resets_forget_everything),
		cmocka_unit_test(properties_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
