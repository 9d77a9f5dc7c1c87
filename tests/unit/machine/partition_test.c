/* SPDX-License-Identifier: BSD-2-Clause */
/* How the PCIe windows are shared out between the roots when there is no firmware to do it. */
#include "machine/board.h"

#define ROOTS_TESTED 16
#define PORT_ROOM (2 * MiB) /* what Linux sets aside below a port that can take devices */

static bool inside(u64 base, u64 size, enum memory_map window, u64 offset)
{
	u64 start = memory_map[window].base - offset;

	return size && base >= start && base + size <= start + memory_map[window].size;
}

static bool apart(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a + a_size <= b || b + b_size <= a;
}

/* Slices lie in their windows, overlap nowhere, and each root has room for its ports. */
static void check_slices(struct machine *m, const unsigned *ports, unsigned roots)
{
	struct root_slice slices[ACPI_ROOTS_MAX];
	struct error err = {""};

	assert_int_equal(root_count(m), roots);
	if (!partition_roots(m, slices, roots, &err))
		fail_msg("%u roots: %s", roots, err.text);
	for (unsigned i = 0; i < roots; i++) {
		const struct root_slice *s = &slices[i];

		assert_true(inside(s->mmio32_base, s->mmio32_size, MAP_PCI_MMIO, 0));
		assert_true(inside(s->mmio64_base, s->mmio64_size, MAP_PCI_MMIO64, 0));
		assert_true(is_aligned(s->mmio32_base | s->mmio32_size, 2 * MiB));
		assert_true(is_aligned(s->mmio64_base | s->mmio64_size, 1 * GiB));
		assert_true(is_aligned(s->io_base | s->io_size, 64 * KiB)); /* kernels with 64 KiB pages map it */
		assert_true(!s->io_size || inside(s->io_base, s->io_size, MAP_PCI_PIO, memory_map[MAP_PCI_PIO].base));
		assert_true(i || s->io_size);
		if (s->mmio32_size < (ports[i] + 1) * PORT_ROOM)
			fail_msg("root %u of %u has %u ports and %llu MiB of 32-bit space", i, roots, ports[i],
				 (unsigned long long)(s->mmio32_size / MiB));
		assert_true(s->mmio64_size >= 4 * GiB);
		for (unsigned k = 0; k < i; k++) {
			const struct root_slice *o = &slices[k];

			assert_true(apart(s->mmio32_base, s->mmio32_size, o->mmio32_base, o->mmio32_size));
			assert_true(apart(s->mmio64_base, s->mmio64_size, o->mmio64_base, o->mmio64_size));
			assert_true(apart(s->io_base, s->io_size, o->io_base, o->io_size));
		}
	}
}

/* The facts for ACPI: ascending bus ranges that cover 0..255, and the slices as windows. */
static void check_facts(struct machine *m, unsigned roots)
{
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct acpi_blob blob = {0};
	struct error err = {""};

	if (!facts_acpi(m, acpi, &err))
		fail_msg("%s", err.text);
	assert_int_equal(acpi->root_count, roots);
	assert_int_equal(acpi->roots[0].bus_first, 0);
	assert_int_equal(acpi->roots[roots - 1].bus_last, 255);
	for (unsigned i = 0; i < roots; i++) {
		const struct acpi_root *r = &acpi->roots[i];

		assert_true(r->bus_first <= r->bus_last);
		assert_int_equal(r->uid, r->bus_first);
		if (i)
			assert_int_equal(r->bus_first, acpi->roots[i - 1].bus_last + 1);
		assert_int_equal(r->is_cxl, r->regs_size != 0);
		for (unsigned k = 0; k < i; k++)
			assert_true(
				!r->is_cxl || !acpi->roots[k].is_cxl ||
				apart(r->regs_base, r->regs_size, acpi->roots[k].regs_base, acpi->roots[k].regs_size));
	}
	if (!acpi_build(acpi, &blob, &err))
		fail_msg("%s", err.text);
	acpi_blob_free(&blob);
	free(acpi);
}

static void one_root_has_everything(void **state)
{
	struct machine_config config = board_config();
	struct machine *m = board_create(&config);
	struct root_slice slice;
	struct error err = {""};

	board_settle(m);
	assert_true(partition_roots(m, &slice, 1, &err));
	assert_int_equal(slice.mmio32_base, memory_map[MAP_PCI_MMIO].base);
	assert_int_equal(slice.mmio32_size, align_down(memory_map[MAP_PCI_MMIO].size, 2 * MiB));
	assert_int_equal(slice.mmio64_size, memory_map[MAP_PCI_MMIO64].size);
	assert_int_equal(slice.io_size, memory_map[MAP_PCI_PIO].size);
	check_facts(m, 1);
	machine_destroy(m);
}

/* `roots` roots; expander i has bus number 15 * i, and up to `ports_max` ports with or without a device. */
static void check_topology(unsigned roots, unsigned ports_max, u64 *random)
{
	struct machine_config config = board_config();
	struct machine *m = board_create(&config);
	unsigned ports[ROOTS_TESTED + 1] = {0};
	char text[128];

	for (unsigned i = 1; i < roots; i++) {
		bool cxl = check_random(random) & 1;

		snprintf(text, sizeof(text), "%s,id=b%u,bus_nr=%u", cxl ? "pxb-cxl" : "pxb-pcie", i, 15 * i);
		board_add(m, false, text);
		ports[i] = ports_max ? check_random(random) % (ports_max + 1) : 0;
		for (unsigned p = 0; p < ports[i]; p++) {
			snprintf(text, sizeof(text),
				 cxl ? "cxl-rp,bus=b%u,id=p%u.%u,slot=%u" : "pcie-root-port,bus=b%u,id=p%u.%u,slot=%u",
				 i, i, p, i * 32 + p);
			board_add(m, false, text);
			if (cxl || check_random(random) & 1)
				continue;
			snprintf(text, sizeof(text), "virtio-rng-pci,bus=p%u.%u", i, p);
			board_add(m, false, text);
		}
	}
	board_settle(m);
	check_slices(m, ports, roots);
	check_facts(m, roots);
	machine_destroy(m);
}

static void slices_of_1_to_16_roots_do_not_overlap(void **state)
{
	u64 random = 1;

	for (unsigned roots = 1; roots <= ROOTS_TESTED; roots++)
		check_topology(roots, 0, &random);
}

static void slices_of_random_topologies_have_room(void **state)
{
	u64 random = 2;

	for (unsigned round = 0; round < 24; round++)
		check_topology(1 + (unsigned)(check_random(&random) % ROOTS_TESTED), 1 + round % 8, &random);
}

/* What a port reserves its root has beside what it would have; buses too. */
static void what_ports_reserve_is_kept(void **state)
{
	struct machine_config config = board_config();
	struct machine *m = board_create(&config);
	struct root_slice slices[3];
	struct error err = {""};
	const struct pci_bridge *port;

	board_add(m, false, "pxb-cxl,id=b1,bus_nr=8");
	board_add(m, false, "pxb-pcie,id=b2,bus_nr=64");
	board_add(m, false, "cxl-rp,bus=b1,id=p1,bus-reserve=9,mem-reserve=64M,pref64-reserve=100G");
	board_add(m, false, "pcie-root-port,bus=b2,id=p2,pref32-reserve=31M,io-reserve=4K");
	board_settle(m);
	assert_true(partition_roots(m, slices, 3, &err));
	assert_true(slices[1].mmio32_size >= slices[2].mmio32_size + 32 * MiB);
	assert_true(slices[2].mmio32_size >= 34 * MiB);
	assert_int_equal(slices[1].mmio64_size, slices[2].mmio64_size + 100 * GiB);
	assert_true(slices[2].mmio32_base + slices[2].mmio32_size <=
		    memory_map[MAP_PCI_MMIO].base + memory_map[MAP_PCI_MMIO].size);
	assert_true(slices[2].mmio64_base + slices[2].mmio64_size <=
		    memory_map[MAP_PCI_MMIO64].base + memory_map[MAP_PCI_MMIO64].size);
	port = ((const struct pci_dev *)machine_device(m, "p1"))->bridge;
	assert_int_equal(port->reserve.bus, 9);
	machine_destroy(m);
	/* Too few buses, too much memory. */
	m = board_create(&config);
	board_add(m, false, "pxb-cxl,id=b1,bus_nr=8");
	board_add(m, false, "pxb-cxl,id=b2,bus_nr=12");
	board_add(m, false, "cxl-rp,bus=b1,id=p1,bus-reserve=3");
	assert_false(machine_settle(m, &err));
	assert_non_null(strstr(err.text, "need 4"));
	machine_destroy(m);
	m = board_create(&config);
	board_add(m, false, "pcie-root-port,id=p1,mem-reserve=500M");
	board_settle(m);
	assert_false(partition_roots(m, slices, 1, &err));
	assert_non_null(strstr(err.text, "mem-reserve"));
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_root_has_everything),
		cmocka_unit_test(what_ports_reserve_is_kept),
		cmocka_unit_test(slices_of_1_to_16_roots_do_not_overlap),
		cmocka_unit_test(slices_of_random_topologies_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
