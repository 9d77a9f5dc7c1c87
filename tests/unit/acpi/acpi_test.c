/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of a machine with everything: structure walks, checksums, the bytes of SRAT, HMAT and CEDT, refusals, and,
 * where iasl is installed, a disassemble-and-recompile round trip. With an argument, writes the tables into that
 * folder as SIGNATURE.dat.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acpi/acpi.h"
#include "base/bits.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

static struct acpi_config *machine(void)
{
	struct acpi_config *c = calloc(1, sizeof(*c));
	unsigned i;

	assert_non_null(c);
	c->cpu_count = 4;
	for (i = 0; i < 4; i++) {
		c->cpus[i].mpidr = i;
		c->cpus[i].node = i / 2;
		c->cpus[i].socket = i / 2;
		c->cpus[i].core = i;
	}
	c->has_numa = true;
	c->memory_count = 2;
	c->memories[0] = (struct acpi_memory){0x40000000, 1 * GiB, 0, false, false};
	c->memories[1] = (struct acpi_memory){0x80000000, 1 * GiB, 1, false, false};
	c->gicd_base = 0x08000000;
	c->gicr_base = 0x080a0000;
	c->gicr_size = 0xf60000;
	c->its_base = 0x08080000;
	c->has_its = true;
	c->pmu_intid = 23;
	c->timer_virt_intid = 27;
	c->timer_phys_intid = 30;
	c->uart_base = 0x09000000;
	c->uart_gsi = 33;
	c->rtc_base = 0x09010000;
	c->fw_cfg_base = 0x09020000;
	c->fw_cfg_size = 24;
	c->virtio_base = 0x0a000000;
	c->virtio_stride = 0x200;
	c->virtio_count = 32;
	c->virtio_gsi = 48;
	c->ged_base = 0x09080000;
	c->ged_gsi = 41;
	c->ged_power_button = 2;
	c->hha_base = 0x09200000;
	c->hha_size = 0x10000;
	c->ged_hardware_error = 4;
	c->error_source_count = 2;
	c->error_sources[0] = (struct acpi_error_source){ACPI_NOTIFY_SEA, 0x090f0000, 0x090f0008, 0x400};
	c->error_sources[1] = (struct acpi_error_source){ACPI_NOTIFY_GPIO, 0x090f1000, 0x090f1008, 0x400};
	c->errors_base = 0x090f0000;
	c->errors_size = 0x2000;
	c->cxl_firmware_first = true;
	c->sleep_control_pa = 0x09080004;
	c->sleep_status_pa = 0x09080005;
	c->reset_pa = 0x09080006;
	c->reset_value = 0x42;
	c->ecam_base = 0x4010000000;
	c->ecam_bus_last = 255;
	for (i = 0; i < 4; i++)
		c->pci_intx_gsi[i] = 35 + i;
	c->root_count = 3;
	for (i = 0; i < 3; i++) {
		struct acpi_root *r = &c->roots[i];

		r->uid = i ? 12 + 40 * (i - 1) : 0;
		r->bus_first = (u8)r->uid;
		r->bus_last = i == 0 ? 11 : i == 1 ? 51 : 255;
		r->is_cxl = i > 0;
		r->node = i ? i - 1 : ACPI_NO_NODE;
		r->port_node = i ? 9 + i : ACPI_NO_NODE;
		r->memory[0] = (struct acpi_window){0x10000000 + i * 0x08000000, 0x08000000};
		r->memory[1] = (struct acpi_window){0x8000000000 + i * (16 * GiB), 16 * GiB};
		r->memory_count = 2;
		r->regs_base = 0x4004000000 + i * 0x10000;
		r->regs_size = 0x10000;
		r->port = (struct acpi_performance){50000, 60000, 30000, 30000};
	}
	c->roots[0].io = (struct acpi_window){0, 0x10000};
	c->roots[0].io_pa = 0x3eff0000;
	c->window_count = 1;
	c->windows[0] = (struct acpi_cxl_window){.base = TiB,
						 .size = 4 * GiB,
						 .granularity = 1024,
						 .target_count = 2,
						 .target_uids = {52, 12},
						 .restrictions = 0x2f,
						 .qtg = 7};
	c->region_count = 1;
	c->regions[0] = (struct acpi_cxl_region){
		.base = TiB, .size = GiB, .node = 2, .window = 0, .performance = {200000, 210000, 16000, 15000}};
	return c;
}

static u64 le(const u8 *p, unsigned size)
{
	return load_le(p, size);
}

static u8 sum(const u8 *p, size_t n)
{
	u8 s = 0;

	while (n--)
		s += *p++;
	return s;
}

static void tables_are_linked_and_summed(void **state)
{
	static const u64 places[] = {0, 0x7fff0000, 0x880000000};
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	unsigned i, k;

	assert_true(acpi_build(c, &blob, &err));
	for (k = 0; k < ARRAY_SIZE(places); k++) {
		const u8 *xsdt, *fadt;
		u64 pa = places[k];
		size_t length;

		acpi_place(&blob, pa);
		assert_memory_equal(blob.data, "RSD PTR ", 8);
		assert_int_equal(sum(blob.data, 20), 0);
		assert_int_equal(sum(blob.data, 36), 0);
		xsdt = acpi_find(&blob, "XSDT", &length);
		assert_int_equal(le(blob.data + 24, 8), pa + (u64)(xsdt - blob.data));
		assert_int_equal((length - 36) / 8, blob.table_count - 2);
		for (i = 0; i < (length - 36) / 8; i++) {
			u64 at = le(xsdt + 36 + 8 * i, 8) - pa;

			assert_true(at < blob.size && !(at & 63));
		}
		for (i = 0; i < blob.table_count; i++) {
			const u8 *t = blob.data + blob.tables[i].offset;

			assert_memory_equal(t, blob.tables[i].signature, 4);
			assert_int_equal(le(t + 4, 4), blob.tables[i].length);
			assert_int_equal(sum(t, blob.tables[i].length), 0);
		}
		fadt = acpi_find(&blob, "FACP", &length);
		assert_int_equal(length, 276);
		/* 6.5: what MADT's revision and the length of its GICCs belong to. */
		assert_int_equal(fadt[8], 6);
		assert_int_equal(fadt[131], 5);
		assert_int_equal(acpi_find(&blob, "APIC", NULL)[8], 6);
		assert_int_equal(le(fadt + 140, 8), pa + (u64)(acpi_find(&blob, "DSDT", NULL) - blob.data));
		assert_int_equal(le(fadt + 129, 2), 3);  /* PSCI by HVC */
		assert_true(bit(le(fadt + 112, 4), 20)); /* hardware-reduced */
		assert_int_equal(le(fadt + 120, 8), 0x09080006);
		assert_int_equal(le(fadt + 248, 8), 0x09080004);
		assert_int_equal(le(fadt + 260, 8), 0x09080005);
	}
	acpi_blob_free(&blob);
	free(c);
}

/* Walks (type, length) structures; returns how many of `type` there are and the first in *first. */
static unsigned count_structures(const u8 *table, size_t from, size_t length, unsigned type, unsigned wide,
				 const u8 **first)
{
	unsigned count = 0;
	size_t at;

	for (at = from; at < length;) {
		unsigned t = wide == 2 ? (unsigned)le(table + at, 2) : table[at];
		size_t n = wide == 4 ? le(table + at + 2, 2) : wide == 2 ? le(table + at + 4, 4) : table[at + 1];

		assert_true(n >= 4 && at + n <= length);
		if (t == type && !count++ && first)
			*first = table + at;
		at += n;
	}
	return count;
}

static void madt_lists_every_cpu(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n;

	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "APIC", &n);
	assert_int_equal(count_structures(t, 44, n, 11, 1, &s), 4);
	assert_int_equal(s[1], 82);
	assert_int_equal(le(s + 12, 4), 1);
	assert_int_equal(le(s + 20, 4), 23);
	assert_int_equal(count_structures(t, 44, n, 12, 1, &s), 1);
	assert_int_equal(le(s + 8, 8), 0x08000000);
	assert_int_equal(s[20], 3);
	assert_int_equal(count_structures(t, 44, n, 14, 1, &s), 1);
	assert_int_equal(le(s + 12, 4), 0xf60000);
	assert_int_equal(count_structures(t, 44, n, 15, 1, &s), 1);
	assert_int_equal(le(s + 8, 8), 0x08080000);
	acpi_blob_free(&blob);
	free(c);
}

/* I/O ports are memory on the CPU's side: entire range, TypeTranslation. [ACPI6.5 6.4.3.5.5] */
static void io_windows_are_translated(void **state)
{
	static const u8 head[] = {0x87, 23, 0, 1, 0x0c, 0x13};
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *at;
	size_t n;

	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "DSDT", &n);
	at = memmem(t, n, head, sizeof(head));
	assert_non_null(at);
	assert_int_equal(le(at + 10, 4), 0);
	assert_int_equal(le(at + 14, 4), 0xffff);
	assert_int_equal(le(at + 18, 4), 0x3eff0000);
	assert_int_equal(le(at + 22, 4), 0x10000);
	acpi_blob_free(&blob);
	free(c);
}

/* 2 sockets of 2 cores; each core has three caches, and each of them a number of its own. [ACPI6.5 5.2.30] */
static void pptt_numbers_every_cache(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n, at;
	u32 seen = 0;

	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "PPTT", &n);
	assert_int_equal(t[8], 3);
	assert_int_equal(count_structures(t, 36, n, 0, 1, NULL), 2 + 4);
	assert_int_equal(count_structures(t, 36, n, 1, 1, &s), 3 * 4);
	for (at = 36; at < n; at += t[at + 1]) {
		s = t + at;
		if (s[0] != 1)
			continue;
		assert_int_equal(s[1], 28);
		assert_int_equal(le(s + 4, 4), 0xff);
		assert_int_equal(le(s + 12, 4), le(s + 16, 4) * s[20] * le(s + 22, 2));
		assert_in_range(le(s + 24, 4), 1, 12);
		assert_false(seen >> le(s + 24, 4) & 1);
		seen |= 1u << le(s + 24, 4);
	}
	acpi_blob_free(&blob);
	free(c);
}

static void srat_has_regions_and_ports(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n;

	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "SRAT", &n);
	assert_int_equal(count_structures(t, 48, n, 3, 1, &s), 4);
	assert_int_equal(count_structures(t, 48, n, 1, 1, &s), 3);
	s += 80; /* the third: the region */
	assert_int_equal(le(s + 2, 4), 2);
	assert_int_equal(le(s + 8, 8), TiB);
	assert_int_equal(le(s + 16, 8), GiB);
	assert_int_equal(le(s + 28, 4), 3); /* enabled, hot-pluggable */
	assert_int_equal(count_structures(t, 48, n, 6, 1, &s), 2);
	assert_int_equal(s[1], 32);
	assert_int_equal(s[3], 0);
	assert_int_equal(le(s + 4, 4), 10);
	assert_memory_equal(s + 8, "ACPI0016", 8);
	assert_int_equal(le(s + 16, 4), 12);
	assert_int_equal(le(s + 24, 4), 1);
	t = acpi_find(&blob, "SLIT", &n);
	assert_int_equal(le(t + 36, 8), 12); /* domains 0..11 */
	assert_int_equal(n, 44 + 144);
	assert_int_equal(t[44], 10);
	assert_int_equal(t[45], 20);
	acpi_blob_free(&blob);
	free(c);
}

static void hmat_values_are_legal(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n, at;
	unsigned matrices = 0;

	c->regions[0].performance.read_latency_ps = 9999999999ull; /* needs a coarser unit */
	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "HMAT", &n);
	assert_int_equal(t[8], 2);
	assert_int_equal(count_structures(t, 40, n, 0, 2, &s), 3);
	assert_int_equal(le(s + 4, 4), 40);
	assert_int_equal(le(s + 8, 2), 1);
	for (at = 40; at < n; at += le(t + at + 4, 4)) {
		const u8 *m = t + at;
		u32 inits, targets, i;
		const u8 *entries;

		if (le(m, 2) != 1)
			continue;
		matrices++;
		inits = (u32)le(m + 12, 4);
		targets = (u32)le(m + 16, 4);
		assert_int_equal(inits, 4);   /* CPU domains 0, 1; ports 10, 11 */
		assert_int_equal(targets, 5); /* 0, 1, region 2, ports 10, 11 */
		assert_int_equal(le(m + 4, 4), 32 + 4 * inits + 4 * targets + 2 * inits * targets);
		entries = m + 32 + 4 * inits + 4 * targets;
		for (i = 0; i < inits * targets; i++)
			assert_int_not_equal(le(entries + 2 * i, 2), 0);
		if (m[9] == 2) {
			/* Write latency, 10 ps: CPU 0 to DRAM 0, to region 2, to port 10. */
			assert_int_equal(le(entries + 0, 2) * le(m + 24, 8), 100000);
			assert_int_equal(le(entries + 4, 2) * le(m + 24, 8), 210000);
			assert_int_equal(le(entries + 6, 2) * le(m + 24, 8), 60000);
			/* Port 10 to the region below it: what is left after the port. */
			assert_int_equal(le(entries + 2 * (2 * 5 + 2), 2) * le(m + 24, 8), 150000);
		}
		if (m[9] == 4) {
			/* DRAM is not narrower than 16 interleaved devices. */
			assert_int_equal(le(entries + 0, 2) * le(m + 24, 8), 16 * 16000);
			assert_int_equal(le(entries + 4, 2) * le(m + 24, 8), 16000);
			assert_int_equal(le(entries + 2 * (2 * 5 + 3), 2), 0xffff); /* port to itself */
		}
	}
	assert_int_equal(matrices, 4);
	acpi_blob_free(&blob);
	free(c);
}

/* What is stated goes before what follows; caches have structures and matrices of their own; initiators are told in
 * SRAT. */
static void stated_rows_are_told(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n, at;
	unsigned seen = 0;

	c->hmat_values[c->hmat_value_count++] =
		(struct acpi_hmat_value){.types = BIT(ACPI_HMAT_READ_LATENCY) | BIT(ACPI_HMAT_WRITE_LATENCY),
					 .initiator = 0,
					 .target = 1,
					 .value = 77000};
	c->hmat_values[c->hmat_value_count++] = (struct acpi_hmat_value){
		.types = BIT(ACPI_HMAT_READ_BANDWIDTH), .initiator = 0, .target = 20, .value = 50};
	c->hmat_values[c->hmat_value_count++] = (struct acpi_hmat_value){
		.hierarchy = 1, .types = BIT(ACPI_HMAT_READ_LATENCY), .initiator = 0, .target = 1, .value = 3000};
	c->hmat_caches[c->hmat_cache_count++] = (struct acpi_hmat_cache){
		.node = 1, .size = 10 * KiB, .level = 2, .associativity = 1, .policy = 2, .line = 64};
	c->initiator_of[1] = 1 + 0;
	c->generic_initiators[c->generic_initiator_count++] =
		(struct acpi_generic_initiator){.node = 15, .bdf = 0x8108};
	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "HMAT", &n);
	for (at = 40; at < n; at += le(t + at + 4, 4)) {
		const u8 *m = t + at;
		u32 inits, targets;
		const u8 *entries;

		if (le(m, 2) == 0 && le(m + 16, 4) == 1) {
			assert_int_equal(le(m + 8, 2), 1);
			assert_int_equal(le(m + 12, 4), 0);
			seen |= 1;
		}
		if (le(m, 2) == 2) {
			assert_int_equal(le(m + 4, 4), 32);
			assert_int_equal(le(m + 8, 4), 1);
			assert_int_equal(le(m + 16, 8), 10 * KiB);
			assert_int_equal(le(m + 24, 4), 2 | 2 << 4 | 1 << 8 | 2 << 12 | 64 << 16);
			seen |= 2;
		}
		if (le(m, 2) != 1)
			continue;
		inits = (u32)le(m + 12, 4);
		targets = (u32)le(m + 16, 4);
		assert_int_equal(inits, 5);   /* those of the machine and domain 15 */
		assert_int_equal(targets, 6); /* and domain 20 */
		entries = m + 32 + 4 * inits + 4 * targets;
		assert_int_equal(le(entries - 4, 4), 20);
		if (m[8] == 0 && m[9] == 1) {
			assert_int_equal(le(entries + 2, 2) * le(m + 24, 8), 77000);
			assert_int_equal(le(entries + 10, 2), 0xffff);
			seen |= 4;
		}
		if (m[8] == 0 && m[9] == 4) {
			assert_int_equal(le(entries + 10, 2) * le(m + 24, 8), 50);
			seen |= 8;
		}
		if (m[8] == 1) {
			assert_int_equal(m[9], 1);
			assert_int_equal(le(entries + 2, 2) * le(m + 24, 8), 3000);
			assert_int_equal(le(entries, 2), 0xffff);
			seen |= 16;
		}
	}
	assert_int_equal(seen, 31);
	t = acpi_find(&blob, "SRAT", &n);
	assert_int_equal(count_structures(t, 48, n, 5, 1, &s), 1);
	assert_int_equal(le(s + 4, 4), 15);
	assert_int_equal(s[3], 1);
	assert_int_equal(le(s + 8, 2), 0);
	assert_int_equal(s[10], 0x81);
	assert_int_equal(s[11], 0x08);
	assert_int_equal(le(s + 24, 4), 1);
	acpi_blob_free(&blob);
	free(c);
}

static void cedt_encodes_windows(void **state)
{
	static const struct {
		unsigned ways, code;
	} ways[] = {{1, 0}, {2, 1}, {4, 2}, {8, 3}, {16, 4}, {3, 8}, {6, 9}, {12, 10}};
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *t, *s = NULL;
	size_t n;
	unsigned i, k;

	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "CEDT", &n);
	assert_int_equal(n, 36 + 2 * 32 + 36 + 8);
	assert_int_equal(count_structures(t, 36, n, 0, 4, &s), 2);
	assert_int_equal(le(s + 4, 4), 12);
	assert_int_equal(le(s + 8, 4), 1);
	assert_int_equal(le(s + 16, 8), 0x4004010000);
	assert_int_equal(le(s + 24, 8), 0x10000);
	assert_int_equal(count_structures(t, 36, n, 1, 4, &s), 1);
	assert_int_equal(le(s + 2, 2), 44);
	assert_int_equal(le(s + 8, 8), TiB);
	assert_int_equal(le(s + 16, 8), 4 * GiB);
	assert_int_equal(s[24], 1);
	assert_int_equal(s[25], 0);
	assert_int_equal(le(s + 28, 4), 2);
	assert_int_equal(le(s + 32, 2), 0x2f);
	assert_int_equal(le(s + 34, 2), 7);
	assert_int_equal(le(s + 36, 4), 52);
	assert_int_equal(le(s + 40, 4), 12);
	acpi_blob_free(&blob);

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		c->windows[0].target_count = ways[i].ways;
		for (k = 0; k < ways[i].ways; k++)
			c->windows[0].target_uids[k] = k & 1 ? 12 : 52;
		c->windows[0].granularity = 256u << (i % 7);
		assert_true(acpi_build(c, &blob, &err));
		t = acpi_find(&blob, "CEDT", &n);
		count_structures(t, 36, n, 1, 4, &s);
		assert_int_equal(s[24], ways[i].code);
		assert_int_equal(le(s + 28, 4), i % 7);
		assert_int_equal(le(s + 2, 2), 36 + 4 * ways[i].ways);
		acpi_blob_free(&blob);
	}
	/* XOR: a CXIMS of the window's granularity. */
	c->windows[0].target_count = 2;
	c->windows[0].granularity = 512;
	c->windows[0].xor_arithmetic = true;
	c->windows[0].xor_maps[0] = 0x808200;
	assert_true(acpi_build(c, &blob, &err));
	t = acpi_find(&blob, "CEDT", &n);
	count_structures(t, 36, n, 1, 4, &s);
	assert_int_equal(s[25], 1);
	assert_int_equal(count_structures(t, 36, n, 2, 4, &s), 1);
	assert_int_equal(le(s + 2, 2), 16);
	assert_int_equal(s[6], 1);
	assert_int_equal(s[7], 1);
	assert_int_equal(le(s + 8, 8), 0x808200);
	acpi_blob_free(&blob);
	free(c);
}

static void refuse(struct acpi_config *c, const char *words)
{
	struct acpi_blob blob;
	struct error err = {0};

	assert_false(acpi_build(c, &blob, &err));
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_null(strchr(err.text, '\n'));
	free(c);
}

static void impossible_facts_are_refused(void **state)
{
	struct acpi_config *c;

	c = machine(), c->cpu_count = 0, refuse(c, "0 CPUs");
	c = machine(), c->cpu_count = 17, refuse(c, "17 CPUs");
	c = machine(), c->cpus[1].node = 128, refuse(c, "node 128");
	c = machine(), c->windows[0].target_count = 5, refuse(c, "5 targets");
	c = machine(), c->windows[0].granularity = 300, refuse(c, "granularity=300");
	c = machine(), c->windows[0].target_uids[1] = 13, refuse(c, "number 13");
	c = machine(), c->windows[0].size = 0, refuse(c, "empty");
	c = machine(), c->regions[0].window = 1, refuse(c, "window=1");
	c = machine(), c->roots[2].bus_first = 51, refuse(c, "bus ranges overlap");
	c = machine(), c->roots[2].uid = 12, refuse(c, "number 12");
	c = machine(), c->roots[2].memory[0].base -= 1, refuse(c, "memory windows overlap");
	c = machine(), c->roots[2].memory[0].size = 0, refuse(c, "empty");
	c = machine(), c->memories[1].base = ~0ull - 5, refuse(c, "wraps");
	c = machine(), c->gicr_size = 8 * GiB, refuse(c, "redistributor");
}

static void loader_script_places_the_same_bytes(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct acpi_fw_cfg files;
	struct error err;
	const u64 tables_pa = 0x7f000000, rsdp_pa = 0x7e000000;
	size_t at;

	assert_true(acpi_build(c, &blob, &err));
	assert_true(acpi_loader_script(&blob, &files, &err));
	assert_int_equal(files.loader_size % 128, 0);
	/* Do what firmware does. */
	for (at = 0; at < files.loader_size; at += 128) {
		const u8 *cmd = files.loader + at;
		bool is_rsdp = !strcmp((const char *)cmd + 4, "etc/acpi/rsdp");
		u8 *file = is_rsdp ? files.rsdp : files.tables;
		size_t size = is_rsdp ? files.rsdp_size : files.tables_size;

		switch (le(cmd, 4)) {
		case 1: break;
		case 2: {
			u32 offset = (u32)le(cmd + 116, 4);

			assert_string_equal((const char *)cmd + 60, "etc/acpi/tables");
			assert_true(cmd[120] == 8 && offset + 8 <= size);
			assert_true(le(file + offset, 8) < files.tables_size);
			store_le(file + offset, 8, le(file + offset, 8) + tables_pa);
			break;
		}
		case 3: {
			u32 offset = (u32)le(cmd + 60, 4), first = (u32)le(cmd + 64, 4), length = (u32)le(cmd + 68, 4);

			assert_true(first + length <= size && offset < first + length);
			file[offset] = (u8)(file[offset] - sum(file + first, length));
			break;
		}
		default: fail_msg("unknown loader command");
		}
	}
	(void)rsdp_pa;
	acpi_place(&blob, tables_pa - 64);
	assert_memory_equal(files.rsdp, blob.data, 36);
	assert_memory_equal(files.tables, blob.data + 64, files.tables_size);
	acpi_fw_cfg_free(&files);
	acpi_blob_free(&blob);
	free(c);
}

/* [ACPI6.5 tables 18.10, 18.14] */
static void hest_has_both_sources(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	size_t length;
	const u8 *hest;

	assert_true(acpi_build(c, &blob, &err));
	hest = acpi_find(&blob, "HEST", &length);
	assert_non_null(hest);
	assert_int_equal(length, 40 + 2 * 92);
	assert_int_equal(le(hest + 36, 4), 2);
	for (unsigned n = 0; n < 2; n++) {
		const u8 *source = hest + 40 + n * 92;

		assert_int_equal(le(source, 2), 10);
		assert_int_equal(le(source + 2, 2), n);
		assert_int_equal(le(source + 4, 2), 0xffff);
		assert_int_equal(source[7], 1);
		assert_int_equal(source[20], 0);
		assert_int_equal(source[21], 64);
		assert_int_equal(le(source + 24, 8), 0x090f0000 + n * 0x1000);
		assert_int_equal(source[32], n ? 7 : 8);
		assert_int_equal(source[33], 28);
		assert_int_equal(le(source + 60, 4), 0x400);
		assert_int_equal(le(source + 68, 8), 0x090f0008 + n * 0x1000);
		assert_true(le(source + 76, 8) == ~1ull && le(source + 84, 8) == 1);
	}
	acpi_blob_free(&blob);
	c->error_source_count = 0;
	assert_true(acpi_build(c, &blob, &err));
	assert_null(acpi_find(&blob, "HEST", NULL));
	acpi_blob_free(&blob);
	c->error_source_count = ACPI_ERROR_SOURCES_MAX + 1;
	assert_false(acpi_build(c, &blob, &err));
	free(c);
}

/* [UEFI2.10 N.2.5, N.2.13, N.2.14] */
static void cper_sections_have_their_layout(void **state)
{
	const struct cper_cxl_agent agent = {.type = CPER_AGENT_DEVICE,
					     .bus = 0x81,
					     .device = 3,
					     .function = 1,
					     .vendor_id = 0x8086,
					     .device_id = 0x0d93,
					     .subsystem_vendor_id = 0x1af4,
					     .subsystem_id = 0x1100,
					     .class_code = 0x0502,
					     .serial = 0x1122334455667788};
	struct cper_cxl_agent port = agent;
	u8 section[CPER_SECTION_MAX], record[128], ras[0x58];

	memset(section, 0xee, sizeof(section));
	assert_int_equal(cper_memory_section(section, 0x10000001040, 64, CPER_MEMORY_MULTI_BIT), 80);
	assert_int_equal(le(section, 8), 0x4006);
	assert_true(le(section + 16, 8) == 0x10000001040 && le(section + 24, 8) == ~63ull);
	assert_int_equal(section[72], 3);
	assert_int_equal(section[80], 0xee);

	for (unsigned n = 0; n < sizeof(ras); n++)
		ras[n] = (u8)(n + 1);
	assert_int_equal(cper_cxl_protocol_section(section, &agent, ras, sizeof(ras)), 116 + 0x58);
	assert_int_equal(le(section, 8), 0x4f);
	assert_int_equal(section[8], 2);
	assert_int_equal(le(section + 16, 8), 0x810301);
	assert_int_equal(le(section + 24, 8), 0x11001af40d938086);
	assert_int_equal(le(section + 32, 2), 0x0502);
	assert_int_equal(le(section + 40, 8), agent.serial);
	assert_int_equal(le(section + 108, 2), 0);
	assert_int_equal(le(section + 110, 2), 0x58);
	assert_memory_equal(section + 116, ras, sizeof(ras));
	port.serial = 0;
	port.type = CPER_AGENT_ROOT_PORT;
	cper_cxl_protocol_section(section, &port, ras, sizeof(ras));
	assert_int_equal(le(section, 8), 0x47);

	for (unsigned n = 0; n < sizeof(record); n++)
		record[n] = (u8)n;
	assert_int_equal(cper_cxl_event_section(section, &agent, record, sizeof(record)), 144);
	assert_int_equal(le(section, 4), 144);
	assert_int_equal(le(section + 4, 8), 7);
	assert_int_equal(le(section + 12, 4), 0x0d938086);
	assert_int_equal(le(section + 16, 3), 0x810301);
	assert_int_equal(le(section + 24, 8), agent.serial);
	assert_memory_equal(section + 32, record + 16, 112);
	cper_cxl_event_type(section, record);
	assert_int_equal(le(section, 4), 0x00010203);
	assert_true(le(section + 4, 2) == 0x0405 && le(section + 6, 2) == 0x0607);
	assert_memory_equal(section + 8, record + 8, 8);
}

static void write_tables(const struct acpi_blob *blob, const char *folder)
{
	unsigned i;

	for (i = 0; i < blob->table_count; i++) {
		char path[512];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s.dat", folder, blob->tables[i].signature);
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(blob->data + blob->tables[i].offset, 1, blob->tables[i].length, f),
				 blob->tables[i].length);
		fclose(f);
	}
}

/*
 * A current iasl disassembles every table and compiles the text to the same bytes (to no errors and warnings for the
 * DSDT; it does not know CXL's UUIDs by name, which is a remark). One older than these table revisions is shown the
 * rest.
 */
static void iasl_round_trip_is_clean(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	char folder[] = "/tmp/cxlvm-acpi-XXXXXX", command[1024];
	bool current = !system("iasl -v 2>/dev/null | grep -Eq 'version 202[5-9]|version 20[3-9]'");
	unsigned i;

	if (system("command -v iasl >/dev/null 2>&1"))
		skip();
	assert_true(acpi_build(c, &blob, &err));
	assert_non_null(mkdtemp(folder));
	write_tables(&blob, folder);
	for (i = 0; i < blob.table_count; i++) {
		const char *name = blob.tables[i].signature;

		if (!current && strstr("CEDT SRAT APIC SPCR PPTT", name))
			continue;
		snprintf(
			command, sizeof(command),
			"cd %s && iasl -d %s.dat >%s.log 2>&1 && mv %s.dat %s.bin && iasl -p new-%s %s.dsl >>%s.log 2>&1 && "
			"if [ %s = DSDT ]; then grep -q ' 0 Errors, 0 Warnings, ' %s.log; else cmp -i 36 "
			"%s.bin new-%s.aml; fi",
			folder, name, name, name, name, name, name, name, name, name, name, name);
		if (system(command)) {
			snprintf(command, sizeof(command), "cat %s/%s.log", folder, name);
			assert_int_not_equal(system(command), -1);
			fail_msg("iasl does not like %s", name);
		}
	}
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	acpi_blob_free(&blob);
	free(c);
}

/* The IDs that \_SB.CXLM._DSM returns, as acpiexec runs it, highest first: "9: 2 5 9". */
static void qtg_of(struct acpi_config *c, const char *arguments, char *text, size_t room)
{
	char folder[] = "/tmp/cxlvm-acpi-XXXXXX", command[1024], line[256];
	struct acpi_blob blob;
	struct error err;
	unsigned seen = 0;
	FILE *said;

	assert_true(acpi_build(c, &blob, &err));
	assert_non_null(mkdtemp(folder));
	write_tables(&blob, folder);
	snprintf(
		command, sizeof(command),
		"cd %s && acpiexec -b 'execute \\_SB.CXLM._DSM (A6 F9 65 F3 DE A7 71 40 A6 6A B4 0C 0B 4F 8E 52) %s' DSDT.dat 2>&1",
		folder, arguments);
	said = popen(command, "r");
	assert_non_null(said);
	*text = 0;
	while (fgets(line, sizeof(line), said)) {
		const char *value = strstr(line, "[Integer] = ");

		if (value)
			snprintf(text + strlen(text), room - strlen(text), "%s%llx",
				 seen++ == 1 ? ": " :
				 seen > 1    ? " " :
					       "",
				 strtoull(value + 12, NULL, 16));
	}
	pclose(said);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	acpi_blob_free(&blob);
}

static void groups_are_told_by_their_speed(void **state)
{
	static const struct {
		const char *arguments, *want;
	} asked[] = {
		{"1 1 [100000 100000 16000 16000]", "9: 5 2 9 1"}, /* ps */
		{"1 1 [100 100 16000 16000]", "9: 5 2 9 1"},       /* ns */
		{"1 1 [249 0 0 0]", "9: 5 2 9 1"},                 /* 249 ns: half-way is 250 */
		{"1 1 [250 0 0 0]", "9: 2 5 9 1"},
		{"1 1 [250000 0 0 0]", "9: 2 5 9 1"},
		{"1 1 [500000 0 0 0]", "9: 2 5 9 1"},
		{"1 1 [2000000 0 0 0]", "9: 9 2 5 1"},
		{"1 1 [4294967295 0 0 0]", "9: 9 2 5 1"},
		{"1 1 [0 0 0 0]", "9: 5 2 9 1"},
		{"1 1 [1 2 3]", "9: 5 2 9 1"}, /* not what it asks for */
	};
	struct acpi_config *c = machine();
	char text[64];

	if (system("command -v acpiexec >/dev/null 2>&1"))
		skip();
	c->window_count = 5;
	for (unsigned n = 1; n < 5; n++)
		c->windows[n] = c->windows[0];
	c->windows[0].qtg = 5;
	c->windows[0].memory = (struct acpi_performance){100000, 100000, 16000, 16000};
	c->windows[1].qtg = c->windows[3].qtg = 2; /* 400 ns on average */
	c->windows[1].memory = (struct acpi_performance){300000, 300000, 8000, 8000};
	c->windows[3].memory = (struct acpi_performance){500000, 500000, 8000, 8000};
	c->windows[2].qtg = 9;
	c->windows[2].memory = (struct acpi_performance){1500000, 1500000, 8000, 8000};
	c->windows[4].qtg = 1; /* with no memory */
	for (unsigned n = 0; n < ARRAY_SIZE(asked); n++) {
		qtg_of(c, asked[n].arguments, text, sizeof(text));
		if (strcmp(text, asked[n].want))
			fail_msg("%s: %s, not %s", asked[n].arguments, text, asked[n].want);
	}
	/* Equal latencies: bandwidth decides. */
	for (unsigned n = 0; n < 4; n++)
		c->windows[n].memory.read_latency_ps = 200000;
	c->windows[2].memory.read_mbps = 2000;
	qtg_of(c, "1 1 [100 100 16000 16000]", text, sizeof(text));
	assert_string_equal(text, "9: 5 2 9 1");
	qtg_of(c, "1 1 [100 100 8192 8192]", text, sizeof(text));
	assert_string_equal(text, "9: 2 9 5 1");
	qtg_of(c, "1 1 [100 100 16 16]", text, sizeof(text));
	assert_string_equal(text, "9: 9 2 5 1");
	/* All the same: the order of the windows. */
	for (unsigned n = 0; n < 4; n++)
		c->windows[n].memory.read_mbps = 8000;
	qtg_of(c, "1 1 [100 100 16 16]", text, sizeof(text));
	assert_string_equal(text, "9: 5 2 9 1");
	c->window_count = 1;
	qtg_of(c, "1 1 [100 100 16 16]", text, sizeof(text));
	assert_string_equal(text, "5: 5");
	free(c);
}

static void smallest_machine_has_no_cxl_tables(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;

	c->cpu_count = 1;
	c->root_count = 1;
	c->window_count = c->region_count = 0;
	c->memory_count = 1;
	c->has_its = c->has_numa = false;
	c->virtio_count = 0;
	c->ged_base = c->sleep_control_pa = c->sleep_status_pa = c->reset_pa = 0;
	assert_true(acpi_build(c, &blob, &err));
	assert_null(acpi_find(&blob, "CEDT", NULL));
	assert_null(acpi_find(&blob, "IORT", NULL));
	assert_null(acpi_find(&blob, "SLIT", NULL));
	assert_null(acpi_find(&blob, "HMAT", NULL));
	assert_non_null(acpi_find(&blob, "SRAT", NULL));
	acpi_blob_free(&blob);
	free(c);
}

/* Mapping n of the root complex, the last node: what goes where. */
static void check_mapping(const u8 *root, unsigned n, u32 bus_first, u32 bus_last, u32 to)
{
	const u8 *at = root + 36 + 20 * n;

	assert_true(n < load_le(root + 8, 4));
	assert_int_equal(load_le(root + 12, 4), 36);
	assert_int_equal(load_le(at, 4), bus_first << 8);
	assert_int_equal(load_le(at + 4, 4), ((bus_last - bus_first + 1) << 8) - 1);
	assert_int_equal(load_le(at + 8, 4), bus_first << 8);
	assert_int_equal(load_le(at + 12, 4), to);
	assert_int_equal(load_le(at + 16, 4), 0);
}

static const u8 *root_complex(struct acpi_blob *blob)
{
	size_t size;
	const u8 *iort = acpi_find(blob, "IORT", &size), *at = iort + 48;

	assert_non_null(iort);
	while (*at != 2)
		at += load_le(at + 1, 2);
	assert_ptr_equal(at + load_le(at + 1, 2), iort + size);
	assert_int_equal(load_le(at + 1, 2), 36 + 20 * load_le(at + 8, 4));
	return at;
}

static void iort_sends_roots_past_the_smmu(void **state)
{
	struct acpi_config *c = machine();
	struct acpi_blob blob;
	struct error err;
	const u8 *root;

	c->roots[0].bus_first = 0, c->roots[0].bus_last = 63;
	c->roots[1].bus_first = 64, c->roots[1].bus_last = 127;
	c->roots[2].bus_first = 128, c->roots[2].bus_last = 255;
	c->roots[1].bypass_iommu = true;
	/* Without an SMMU there is nothing to bypass. */
	assert_true(acpi_build(c, &blob, &err));
	root = root_complex(&blob);
	assert_int_equal(load_le(root + 8, 4), 1);
	check_mapping(root, 0, 0, 255, 48);
	acpi_blob_free(&blob);

	c->smmu_base = 0x09050000;
	c->smmu_gsi = 106;
	assert_true(acpi_build(c, &blob, &err));
	root = root_complex(&blob);
	assert_int_equal(load_le(root + 8, 4), 3);
	check_mapping(root, 0, 0, 63, 48 + 24);
	check_mapping(root, 1, 64, 127, 48);
	check_mapping(root, 2, 128, 255, 48 + 24);
	acpi_blob_free(&blob);

	c->roots[0].bypass_iommu = c->roots[2].bypass_iommu = true;
	assert_true(acpi_build(c, &blob, &err));
	root = root_complex(&blob);
	assert_int_equal(load_le(root + 8, 4), 1);
	check_mapping(root, 0, 0, 255, 48);
	acpi_blob_free(&blob);

	/* No ITS: who is not behind the SMMU is nowhere. */
	c->has_its = c->roots[0].bypass_iommu = false;
	assert_true(acpi_build(c, &blob, &err));
	root = root_complex(&blob);
	assert_int_equal(load_le(root + 8, 4), 1);
	check_mapping(root, 0, 0, 63, 48);
	acpi_blob_free(&blob);
	free(c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_linked_and_summed),   cmocka_unit_test(madt_lists_every_cpu),
		cmocka_unit_test(pptt_numbers_every_cache),       cmocka_unit_test(io_windows_are_translated),
		cmocka_unit_test(srat_has_regions_and_ports),     cmocka_unit_test(hmat_values_are_legal),
		cmocka_unit_test(stated_rows_are_told),           cmocka_unit_test(cedt_encodes_windows),
		cmocka_unit_test(hest_has_both_sources),          cmocka_unit_test(cper_sections_have_their_layout),
		cmocka_unit_test(impossible_facts_are_refused),   cmocka_unit_test(loader_script_places_the_same_bytes),
		cmocka_unit_test(groups_are_told_by_their_speed), cmocka_unit_test(smallest_machine_has_no_cxl_tables),
		cmocka_unit_test(iort_sends_roots_past_the_smmu), cmocka_unit_test(iasl_round_trip_is_clean),
	};

	if (argc > 1) {
		struct acpi_config *c = machine();
		struct acpi_blob blob;
		struct error err;

		if (!acpi_build(c, &blob, &err))
			return 1;
		write_tables(&blob, argv[1]);
		acpi_blob_free(&blob);
		free(c);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
