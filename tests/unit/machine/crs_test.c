/* SPDX-License-Identifier: BSD-2-Clause */
/* _CRS under firmware: it follows what configuration space says, and holds whatever a guest writes there. */
#include "machine/board.h"
#include "machine/firmware.h"
#include "pci/pci_spec.h"

#define BRIDGES 3

static struct pci_dev *ports[BRIDGES]; /* of pcie.0, of pxb 64, of pxb 128 */

static struct machine *three_roots(void)
{
	static const char *const devices[] = {"pxb-pcie,id=a,bus_nr=64", "pxb-pcie,id=b,bus_nr=128",
					      "pcie-root-port,id=r0,chassis=1", "pcie-root-port,id=r1,bus=a,chassis=2",
					      "pcie-root-port,id=r2,bus=b,chassis=3"};
	struct machine_config config = board_config();
	struct machine *m = board_create(&config);

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		board_add(m, false, devices[i]);
	board_settle(m);
	for (unsigned i = 0; i < BRIDGES; i++) {
		char id[] = {'r', (char)('0' + i), 0};

		ports[i] = (struct pci_dev *)machine_find(m, id);
	}
	return m;
}

static void program(struct machine *m, struct pci_dev *port, u64 base, u64 size)
{
	u64 last = base + size - 1;

	loop_lock(m->loop);
	pci_config_write(port, PCI_MEMORY_BASE, 4, (base >> 16 & 0xfff0) | (last & 0xfff00000));
	loop_unlock(m->loop);
}

static struct acpi_config *facts(struct machine *m)
{
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct acpi_blob blob = {0};
	struct error err = {""};

	loop_lock(m->loop);
	if (!facts_acpi(m, acpi, &err))
		fail_msg("%s", err.text);
	crs_from_config_space(m, acpi);
	loop_unlock(m->loop);
	/* Refuses windows that overlap between roots. */
	if (!acpi_build(acpi, &blob, &err))
		fail_msg("%s", err.text);
	acpi_blob_free(&blob);
	return acpi;
}

static bool holds(const struct acpi_root *root, u64 base, u64 size)
{
	for (unsigned i = 0; i < root->memory_count; i++)
		if (base >= root->memory[i].base && base + size <= root->memory[i].base + root->memory[i].size)
			return true;
	return false;
}

static void windows_follow_the_firmware(void **state)
{
	struct machine *m = three_roots();
	u64 low = memory_map[MAP_PCI_MMIO].base;
	struct acpi_config *acpi = facts(m);

	/* Nothing assigned: everybody has room, pcie.0 the start. */
	for (unsigned i = 0; i < BRIDGES; i++)
		assert_true(acpi->roots[i].memory_count >= 2);
	assert_true(holds(&acpi->roots[0], low, 64 * MiB));
	free(acpi);
	program(m, ports[1], low, 4 * MiB);
	program(m, ports[0], low + 4 * MiB, 2 * MiB);
	program(m, ports[2], low + 6 * MiB, 2 * MiB);
	acpi = facts(m);
	assert_true(holds(&acpi->roots[1], low, 4 * MiB));
	assert_true(holds(&acpi->roots[0], low + 4 * MiB, 2 * MiB));
	assert_true(holds(&acpi->roots[2], low + 6 * MiB, 2 * MiB));
	assert_true(holds(&acpi->roots[0], low + 8 * MiB, 64 * MiB));
	free(acpi);
	machine_destroy(m);
}

/* I/O space goes to roots that use it: pcie.0's begins at 0, as kernels with pages of 64 KiB need it, unless a device
 * elsewhere has I/O registers. */
static void io_space_is_whole_unless_it_is_used(void **state)
{
	for (unsigned used = 0; used < 2; used++) {
		struct machine *m = three_roots();
		struct acpi_config *acpi;

		if (used)
			board_add(m, false, "pci-testdev,bus=r1");
		loop_lock(m->loop);
		for (unsigned i = 0; i < BRIDGES; i++)
			pci_config_write(ports[i], PCI_IO_BASE, 2, (u64)i << 12 | i << 4); /* one page each */
		loop_unlock(m->loop);
		acpi = facts(m);
		assert_int_equal(acpi->roots[0].io.base, used ? 0x2000 : 0);
		assert_int_equal(acpi->roots[0].io.size, used ? 0xe000 : 0x10000);
		assert_int_equal(acpi->roots[1].io.base, used ? 0x1000 : 0);
		assert_int_equal(acpi->roots[1].io.size, used ? 0x1000 : 0);
		assert_int_equal(acpi->roots[2].io.size, 0);
		free(acpi);
		machine_destroy(m);
	}
}

static void anything_in_config_space_is_told_apart(void **state)
{
	struct machine *m = three_roots();
	u64 random = 88172645463325252ull;

	for (unsigned turn = 0; turn < 2000; turn++) {
		struct acpi_config *acpi;

		for (unsigned i = 0; i < BRIDGES; i++)
			for (u32 at = PCI_BAR0; at < PCI_CAP_POINTER; at += 4) {
				random ^= random << 13;
				random ^= random >> 7;
				random ^= random << 17;
				loop_lock(m->loop);
				/* Bus numbers too; and often inside the windows. */
				pci_config_write(ports[i], at, 4,
						 random & 0x100 ? random >> 32 & 0x3ff03ff0 : random >> 32);
				loop_unlock(m->loop);
			}
		acpi = facts(m);
		for (unsigned i = 0; i < acpi->root_count; i++)
			for (unsigned k = 0; k < acpi->roots[i].memory_count; k++) {
				const struct acpi_window *w = &acpi->roots[i].memory[k];
				const struct map_entry *map =
					&memory_map[w->base > UINT32_MAX ? MAP_PCI_MMIO64 : MAP_PCI_MMIO];

				assert_true(w->base >= map->base && w->base + w->size <= map->base + map->size);
			}
		free(acpi);
	}
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows_follow_the_firmware),
		cmocka_unit_test(io_space_is_whole_unless_it_is_used),
		cmocka_unit_test(anything_in_config_space_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
