/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory map and its check, RAM by node, and the facts that tables are made from. */
#include <unistd.h>

#include "machine/board.h"

/* Rows whose size comes from the command line count as empty. */
static void rows_of_the_map_do_not_overlap(void **state)
{
	assert_int_equal(memory_map[MAP_RAM].base, 0x40000000);
	for (unsigned i = 0; i < MAP_COUNT; i++) {
		assert_non_null(memory_map[i].name);
		for (unsigned k = 0; k < MAP_COUNT; k++) {
			u64 end = memory_map[k].base + memory_map[k].size;

			if (i != k && memory_map[i].base >= memory_map[k].base && memory_map[i].base < end)
				fail_msg("%s lies inside %s", memory_map[i].name, memory_map[k].name);
		}
	}
}

static void what_does_not_fit_the_map_is_refused(void **state)
{
	u64 room = memory_map[MAP_HIGH_GICR].base - memory_map[MAP_RAM].base;
	struct error err = {""};

	assert_true(memory_map_check(64 * MiB, 0, 48, "max", &err));
	assert_true(memory_map_check(room, 0, 48, "max", &err));
	assert_false(memory_map_check(room + 2 * MiB, 0, 48, "max", &err));
	check_says(&err, "-m: 261122 MiB of RAM");
	check_says(&err, "high GIC redistributors");
	err.text[0] = 0;
	assert_true(memory_map_check(64 * MiB, 1ull << 48, 48, "max", &err));
	assert_false(memory_map_check(64 * MiB, (1ull << 48) + 1, 48, "max", &err));
	check_says(&err, "-cpu max");
	err.text[0] = 0;
	/* Without CXL windows the map ends with the 64-bit PCIe window, at 1 TiB: 40 bits. */
	assert_true(memory_map_check(64 * MiB, 0, 40, "cortex-a76", &err));
	assert_false(memory_map_check(64 * MiB, 0, 39, "small", &err));
	check_says(&err, "-cpu small: its physical addresses end at 0x8000000000 (39 bits)");
}

static void windows_lie_apart_from_the_board(void **state)
{
	struct error err = {""};

	assert_true(memory_map_check_window(0, 0x4c0000000, 2 * GiB, 4 * GiB, &err));
	assert_true(memory_map_check_window(0, 0x140000000, 2 * GiB, 4 * GiB, &err));
	assert_false(memory_map_check_window(0, 0x130000000, 2 * GiB, 4 * GiB, &err));
	check_says(&err, "overlaps the RAM at 0x40000000-0x13fffffff");
	err.text[0] = 0;
	assert_false(memory_map_check_window(3, 0x3fc0000000, 2 * GiB, 4 * GiB, &err));
	check_says(&err, "CXL window 3");
	check_says(&err, "high GIC redistributors");
}

static bool settles(struct machine_config *config, struct error *err)
{
	struct machine *m = board_create(config);
	bool ok = machine_settle(m, err);

	machine_destroy(m);
	return ok;
}

static void nodes_have_what_they_say(void **state)
{
	struct machine_config config = board_config();
	struct error err = {""};
	struct machine *m;

	/* Nobody has memory: the first node, by number, has all of it. */
	config.node_count = 2;
	config.nodes[0] = (struct machine_node){.id = 3};
	config.nodes[1] = (struct machine_node){.id = 1};
	m = board_create(&config);
	board_settle(m);
	assert_int_equal(m->ram_count, 1);
	assert_int_equal(m->ram[0].node, 1);
	assert_int_equal(m->ram[0].region.size, 64 * MiB);
	machine_destroy(m);

	/* A backend and a size; the node between them has none, and RAM is packed. */
	config.node_count = 3;
	config.nodes[0] = (struct machine_node){.id = 0, .memdev = "m0"};
	config.nodes[1] = (struct machine_node){.id = 1};
	config.nodes[2] = (struct machine_node){.id = 2, .size = 24 * MiB};
	m = board_create(&config);
	board_add(m, true, "memory-backend-ram,id=m0,size=40M");
	board_settle(m);
	assert_int_equal(m->ram_count, 2);
	assert_int_equal(m->ram[0].region.base, memory_map[MAP_RAM].base);
	assert_int_equal(m->ram[0].region.size, 40 * MiB);
	assert_int_equal(m->ram[1].region.base, memory_map[MAP_RAM].base + 40 * MiB);
	assert_int_equal(m->ram[1].node, 2);
	machine_destroy(m);

	config.nodes[0].memdev = NULL;
	assert_false(settles(&config, &err));
	check_says(&err, "-numa: the nodes' memory is 24 MiB in all, -m says 64 MiB");
	err.text[0] = 0;
	config.nodes[2].size = 63 * MiB;
	assert_false(settles(&config, &err));
	check_says(&err, "must be a multiple of 2M");
	err.text[0] = 0;
	config.nodes[2].size = 64 * MiB;
	config.nodes[1].cpus = 2;
	assert_false(settles(&config, &err));
	check_says(&err, "-numa node,nodeid=1: cpus= names vCPU 1, and the vCPUs are 0 to 0");
}

/* 8 vCPUs as 2 sockets of 2 cores of 2 threads; nodes by cpus=. */
static void facts_place_every_cpu(void **state)
{
	struct machine_config config = board_config();
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct fdt_config *fdt = calloc(1, sizeof(*fdt));
	struct error err = {""};
	struct machine *m;

	config.cpu_count = 8;
	config.sockets = config.cores = config.threads = 2;
	config.node_count = 2;
	config.nodes[0] = (struct machine_node){.id = 0, .size = 32 * MiB, .cpus = 0x0f};
	config.nodes[1] = (struct machine_node){.id = 5, .size = 32 * MiB, .cpus = 0xf0, .initiator = 1};
	m = board_create(&config);
	board_settle(m);
	assert_true(facts_acpi(m, acpi, &err));
	facts_fdt(m, fdt);
	assert_int_equal(acpi->cpu_count, 8);
	assert_int_equal(fdt->cpu_count, 8);
	assert_true(acpi->has_numa);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(acpi->cpus[i].mpidr, cpus_mpidr(i));
		assert_int_equal(acpi->cpus[i].thread, i & 1);
		assert_int_equal(acpi->cpus[i].core, i >> 1 & 1);
		assert_int_equal(acpi->cpus[i].socket, i >> 2);
		assert_int_equal(acpi->cpus[i].node, i < 4 ? 0 : 5);
		assert_int_equal(fdt->cpus[i].mpidr, cpus_mpidr(i));
		assert_int_equal(fdt->cpus[i].node, i < 4 ? 0 : 5);
		assert_int_equal(fdt->cpus[i].thread, i & 1);
		assert_int_equal(fdt->cpus[i].core, i >> 1 & 1);
		assert_int_equal(fdt->cpus[i].socket, i >> 2);
	}
	assert_string_equal(fdt->cpu_compatible, "");
	assert_int_equal(acpi->memory_count, 2);
	assert_int_equal(acpi->memories[1].base, memory_map[MAP_RAM].base + 32 * MiB);
	assert_int_equal(acpi->memories[1].node, 5);
	assert_int_equal(fdt->memory_count, 2);
	assert_int_equal(fdt->nodes, 1 << 0 | 1 << 5);
	/* Both tell of the same devices. */
	assert_int_equal(acpi->uart_base, fdt->uart_base);
	assert_int_equal(acpi->uart_gsi, fdt->uart_intid);
	assert_int_equal(acpi->gicr_base, fdt->gicr_base);
	assert_int_equal(acpi->ecam_base, fdt->ecam_base);
	assert_int_equal(acpi->root_count, 1);
	assert_int_equal(acpi->roots[0].bus_last, 255);
	machine_destroy(m);
	free(acpi);
	free(fdt);
}

/* By bus, device and function: which only firmware can give what is behind a port. */
static void initiators_have_a_number(void **state)
{
	static const char *const cards[] = {"virtio-rng-pci,id=f,addr=3.0", "virtio-rng-pci,id=f,bus=e,addr=4.0",
					    "virtio-rng-pci,id=f,bus=p"};
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct machine_config config = board_config();

	config.node_count = 1;
	for (unsigned i = 0; i < 4; i++) {
		const unsigned card = MIN(i, 2u);
		struct error err = {""};
		struct machine *m;

		config.no_program = i == 3; /* blank flash */
		m = board_create(&config);
		board_add(m, false, "pxb-pcie,id=e,bus_nr=32");
		board_add(m, false, "pcie-root-port,id=p");
		board_add(m, false, cards[card]);
		board_add(m, true, "acpi-generic-initiator,id=i,pci-dev=f,node=0");
		if (i == 2) {
			assert_false(machine_settle(m, &err));
			check_says(&err, "pci-dev=f: without firmware the buses behind ports have no numbers yet");
		} else {
			board_settle(m);
			assert_true(facts_acpi(m, acpi, &err));
			assert_int_equal(acpi->generic_initiator_count, 1);
			if (card < 2)
				assert_int_equal(acpi->generic_initiators[0].bdf, card ? 0x2020 : 0x18);
		}
		machine_destroy(m);
	}
	free(acpi);
}

static void ram_is_the_backend_that_m_names(void **state)
{
	struct machine_config config = board_config();
	struct machine *m;

	config.ram_size = 1 * GiB; /* nobody said so */
	config.memory_backend = "r";
	m = board_create(&config);
	board_add(m, true, "memory-backend-ram,id=r,size=128M");
	board_settle(m);
	assert_int_equal(machine_config(m)->ram_size, 128 * MiB);
	assert_int_equal(m->ram_count, 1);
	assert_int_equal(m->ram[0].region.size, 128 * MiB);
	assert_ptr_equal(m->ram[0].backend, m->ram_backend);
	assert_int_equal(machine_config(m)->node_count, 0); /* no NUMA comes of it */
	machine_destroy(m);
}

static void roots_that_bypass_the_smmu_are_told(void **state)
{
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct fdt_config *fdt = calloc(1, sizeof(*fdt));
	struct machine_config config = board_config();
	struct error err = {""};

	config.smmu = true;
	for (unsigned all = 0; all < 2; all++) {
		struct machine *m;

		config.bypass_iommu = all;
		m = board_create(&config);
		board_add(m, false, "pxb-pcie,id=a,bus_nr=32");
		board_add(m, false, "pxb-pcie,id=b,bus_nr=64,bypass_iommu=on");
		board_add(m, false, "pxb-cxl,id=c,bus_nr=128,bypass_iommu=on");
		board_add(m, false, "pxb-cxl,id=d,bus_nr=200");
		board_settle(m);
		assert_true(facts_acpi(m, acpi, &err));
		facts_fdt(m, fdt);
		assert_int_equal(acpi->roots[0].bypass_iommu, all);
		assert_false(acpi->roots[1].bypass_iommu || acpi->roots[4].bypass_iommu);
		assert_true(acpi->roots[2].bypass_iommu && acpi->roots[3].bypass_iommu);
		assert_int_equal(fdt->smmu_bus_count, 2);
		assert_int_equal(fdt->smmu_buses[0].first, all ? 32 : 0);
		assert_int_equal(fdt->smmu_buses[0].last, 63);
		assert_int_equal(fdt->smmu_buses[1].first, 200);
		assert_int_equal(fdt->smmu_buses[1].last, 255);
		machine_destroy(m);
	}
	free(acpi);
	free(fdt);
}

/* Linux numbers windows that SRAT does not name behind the domains of CPUs and memory: those of ports come after. */
static void ports_leave_domains_to_windows(void **state)
{
	static const char *const fmw = "targets.0=c,size=1G";
	struct acpi_config *acpi = calloc(1, sizeof(*acpi));
	struct machine_config config = board_config();

	for (unsigned regions = 0; regions < 2; regions++) {
		struct error err = {""};
		struct machine *m = board_create(&config);
		struct opts window, region;

		for (unsigned n = 0; n < 2; n++) {
			assert_true(opts_parse(&window, fmw, NULL, &err));
			assert_true(machine_add_window(m, &window, &err));
			opts_free(&window);
		}
		board_add(m, true, "memory-backend-ram,id=r,size=256M");
		board_add(m, false, "pxb-cxl,id=c,bus_nr=128");
		board_add(m, false, "cxl-rp,id=p,bus=c");
		board_add(m, false, "cxl-type3,id=d,bus=p,volatile-memdev=r");
		if (regions) {
			assert_true(opts_parse(&region, "window=1,devices=d,type=ram", NULL, &err));
			assert_true(machine_add_region(m, &region, &err));
			opts_free(&region);
		}
		board_settle(m);
		assert_true(facts_acpi(m, acpi, &err));
		assert_int_equal(acpi->region_count, regions);
		/* Domain 0 is RAM's; with a region, 1 is the region's and Linux gives 2 to the other window. */
		assert_int_equal(acpi->roots[1].port_node, 3);
		machine_destroy(m);
	}
	free(acpi);
}

static bool ram_has(const struct machine *m, const u64 *words, size_t count)
{
	return memmem(m->ram[0].region.host, m->ram[0].region.size, words, count * sizeof(words[0])) != NULL;
}

/* What goes with its device is not in the tables of the next start either: there would be no memory behind them. */
static void a_region_that_is_gone_is_told_no_more(void **state)
{
	char kernel[] = "/tmp/cxlvm-image-XXXXXX";
	u8 image[4096] = {[8 + 2] = 8, [16 + 1] = 16, [56] = 'A', 'R', 'M', 0x64};
	struct machine_config config = board_config();
	struct error err = {""};
	struct machine *m;
	struct opts opts;
	int fd = mkstemp(kernel);

	assert_int_equal(write(fd, image, sizeof(image)), sizeof(image));
	close(fd);
	config.kernel = kernel;
	m = board_create(&config);
	assert_true(opts_parse(&opts, "targets.0=c,size=512M", NULL, &err) && machine_add_window(m, &opts, &err));
	opts_free(&opts);
	board_add(m, true, "memory-backend-ram,id=r,size=256M");
	board_add(m, false, "pxb-cxl,id=c,bus_nr=128");
	board_add(m, false, "cxl-rp,id=p,bus=c");
	board_add(m, false, "cxl-type3,id=d,bus=p,volatile-memdev=r");
	assert_true(opts_parse(&opts, "devices=d,type=ram,as=system-ram", NULL, &err) &&
		    machine_add_region(m, &opts, &err));
	opts_free(&opts);
	board_settle(m);
	if (!loader_create(m, &err) || !machine_reset(m, RESET_COLD, &err))
		fail_msg("%s", err.text);
	{
		u64 base = cxl_host_region(m->cxl, 0)->base;
		const u64 efi[] = {base, 0, 256 * MiB / 4096}, srat[] = {base, 256 * MiB};

		assert_true(ram_has(m, efi, 3));
		assert_true(ram_has(m, srat, 2));
		loop_lock(m->loop);
		assert_true(machine_device_pull(m, machine_device(m, "d"), &err));
		loop_unlock(m->loop);
		memset(m->ram[0].region.host, 0, m->ram[0].region.size); /* no rests of the old ones */
		assert_true(machine_reset(m, RESET_WARM, &err));
		assert_false(ram_has(m, efi, 3));
		assert_false(ram_has(m, srat, 2));
	}
	machine_destroy(m);
	unlink(kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_the_map_do_not_overlap),
		cmocka_unit_test(what_does_not_fit_the_map_is_refused),
		cmocka_unit_test(windows_lie_apart_from_the_board),
		cmocka_unit_test(nodes_have_what_they_say),
		cmocka_unit_test(facts_place_every_cpu),
		cmocka_unit_test(initiators_have_a_number),
		cmocka_unit_test(ram_is_the_backend_that_m_names),
		cmocka_unit_test(roots_that_bypass_the_smmu_are_told),
		cmocka_unit_test(ports_leave_domains_to_windows),
		cmocka_unit_test(a_region_that_is_gone_is_told_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
