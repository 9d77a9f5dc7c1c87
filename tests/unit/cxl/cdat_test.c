/* SPDX-License-Identifier: BSD-2-Clause */
/* cdat=FILE: what is refused, with which words, and that a right one is shown and counts. [CDAT 1.04] */
#include "fixture.h"
#include "driver.h"

#include <unistd.h>

static u8 bytes[512];
static u32 size;

static u8 *append(u8 type, u16 length)
{
	u8 *entry = bytes + size;

	memset(entry, 0, length);
	entry[0] = type;
	store_le(entry + 2, 2, length);
	size += length;
	return entry;
}

static void seal(void)
{
	u8 sum = 0;

	store_le(bytes, 4, size);
	bytes[5] = 0;
	for (u32 n = 0; n < size; n++)
		sum += bytes[n];
	bytes[5] = -sum;
}

/* One of each kind that a device may have. */
static void make_table(void)
{
	u8 *e;

	memset(bytes, 0, sizeof(bytes));
	bytes[4] = 1;
	size = CDAT_HEADER_BYTES;
	e = append(CDAT_DSMAS, 24);
	e[4] = 7;
	store_le(e + 16, 8, 256 * MiB);
	e = append(CDAT_DSLBIS, 24); /* access latency 321 ns */
	e[4] = 7;
	store_le(e + 8, 8, 1000);
	store_le(e + 16, 2, 321);
	e = append(CDAT_DSLBIS, 24); /* write bandwidth 5 GB/s */
	e[4] = 7;
	e[6] = CDAT_WRITE_BANDWIDTH;
	store_le(e + 8, 8, 1000);
	store_le(e + 16, 2, 5);
	append(CDAT_DSMSCIS, 20)[4] = 7;
	append(CDAT_DSIS, 8);
	append(CDAT_DSEMTS, 24)[4] = 7;
	seal();
}

static void refused(const char *says)
{
	struct error err = {0};

	if (cdat_check("f", bytes, size, false, &err))
		fail_msg("a CDAT is not refused: %s", says);
	check_says(&err, says);
	assert_null(strchr(err.text, '\n'));
}

static void wrong_tables_are_refused(void **state)
{
	struct error err = {0};

	make_table();
	assert_true(cdat_check("f", bytes, size, false, &err));
	bytes[5]++, refused("the checksum is wrong"), make_table();
	bytes[0]++, refused("the header says"), make_table();
	bytes[4] = 9, seal(), refused("revision 9"), make_table();
	size = 15, refused("are no CDAT"), make_table();
	size = 0, refused("are no CDAT"), make_table();
	bytes[16] = 6, seal(), refused("type 6"), make_table();
	bytes[18] = 0, seal(), refused("DSMAS at offset 16 has length 0"), make_table();
	bytes[18] = 32, seal(), refused("has length 32"), make_table();
	bytes[20] = 8, seal(), refused("names DSMAS handle 7"), make_table();
	append(CDAT_SSLBIS, 24), seal(), refused("SSLBIS at offset"), make_table();
	size -= 4, seal(), refused("reaches past the end"), make_table();
	size += 2, seal(), refused("are no structure"), make_table();
	assert_false(cdat_check("f", bytes, size, true, &err));
	check_says(&err, "of memory devices");
	size = CDAT_HEADER_BYTES;
	append(CDAT_SSLBIS, 16 + 3 * 8), seal();
	assert_true(cdat_check("f", bytes, size, true, &err));
	bytes[18] += 4, size += 4, seal();
	assert_false(cdat_check("f", bytes, size, true, &err));
	check_says(&err, "and 8 an entry");
}

static void hostile_tables_are_survived(void **state)
{
	u64 random = 1;
	struct error err;

	for (unsigned round = 0; round < 20000; round++) {
		struct cdat cdat = {.name = "x"};
		struct cxl_performance performance = {0};

		make_table();
		for (unsigned n = 0; n < 3; n++)
			bytes[check_random(&random) % size] = check_random(&random);
		size -= check_random(&random) % 4 ? 0 : check_random(&random) % size;
		seal();
		if (!cdat_check("f", bytes, size, false, &err))
			continue;
		memcpy(cdat.bytes, bytes, size);
		cdat.size = size;
		cdat_read_performance(&cdat, check_random(&random), &performance);
		for (unsigned handle = 0; handle < 9; handle++) {
			u32 request[4] = {0, 3, handle << 16, ~0u}, answer[64],
			    dwords = cdat_serve(&cdat, request, 3, answer, 64);

			assert_true(dwords <= 64);
			assert_int_equal(cdat_serve(&cdat, request, 2, answer, 64), 0);
			assert_int_equal(cdat_serve(&cdat, request, 4, answer, 64), dwords); /* the rest is ignored */
		}
	}
}

static void a_file_takes_the_place_of_the_derived_table(void **state)
{
	char path[] = "/tmp/cdat_test.XXXXXX";
	int fd = mkstemp(path);
	struct machine m;
	struct cxl_type3 *dev;
	struct cxl_performance performance;

	make_table();
	assert_true(fd >= 0 && write(fd, bytes, size) == size);
	close(fd);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,cdat=%s", path);
	dev = fixture_type3(&m, "mem0");
	assert_int_equal(dev->cdat.size, size);
	assert_memory_equal(dev->cdat.bytes, bytes, size);
	performance = cdat_performance(dev, 0);
	assert_int_equal(performance.read_latency_ps, 321000);
	assert_int_equal(performance.write_latency_ps, 321000);
	assert_int_equal(performance.write_mbps, 5000);
	assert_int_equal(performance.read_mbps, 16000); /* not told: as without a file */
	fixture_close(&m);
	unlink(path);
}

/* Get Dynamic Capacity Configuration names the DSMAS that the file has for the region. [CXL3.1 8.2.9.9.9.1] */
static void the_file_names_dynamic_regions(void **state)
{
	char path[] = "/tmp/cdat_test.XXXXXX";
	int fd = mkstemp(path);
	struct machine m;
	u8 *e;

	make_table();
	for (unsigned n = 0; n < 2; n++) {
		e = append(CDAT_DSMAS, 24);
		e[4] = 40 - n;
		e[5] = CDAT_DSMAS_DYNAMIC;
		store_le(e + 8, 8, (n + 1) * 256 * MiB);
		store_le(e + 16, 8, 256 * MiB);
	}
	seal();
	assert_true(fd >= 0 && write(fd, bytes, size) == size);
	close(fd);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	fixture_add(&m, &cxl_type3_class,
		    "id=mem0,bus=rp0,volatile-memdev=v,volatile-dc-memdev=d,num-dc-regions=2,cdat=%s", path);
	mailbox_of(fixture_type3(&m, "mem0"));
	assert_int_equal(send(0x4800, (u8[2]){8, 0}, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out + 8 + 32, 4), 40);
	assert_int_equal(load_le(out + 8 + 40 + 32, 4), 39);
	fixture_close(&m);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_tables_are_refused),
		cmocka_unit_test(hostile_tables_are_survived),
		cmocka_unit_test(a_file_takes_the_place_of_the_derived_table),
		cmocka_unit_test(the_file_names_dynamic_regions),
	};

	return cmocka_run_group_tests_name("cxl/cdat", tests, NULL, NULL);
}
