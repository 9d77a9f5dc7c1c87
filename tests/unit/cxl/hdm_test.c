/* SPDX-License-Identifier: BSD-2-Clause */
/* HDM decoders: commit, lock, error, uncommit; component registers walked bit by bit. [CXL3.1 8.2.4.20] */
#include "base/conformance.h"
#include "fixture.h"

#define B WINDOWS_BASE
#define Q (256 * MiB)

static struct cxl_component dev, bridge;

static int open_components(void **state)
{
	memset(&dev, 0, sizeof(dev));
	memset(&bridge, 0, sizeof(bridge));
	component_init(&dev, COMPONENT_DEVICE, "device", NULL, 4 * Q);
	component_init(&bridge, COMPONENT_BRIDGE, "bridge", NULL, 0);
	return 0;
}

static int close_components(void **state)
{
	component_fini(&dev);
	component_fini(&bridge);
	return 0;
}

#define OK(ctrl) assert_int_equal((ctrl) & (HDM_CTRL_COMMITTED | HDM_CTRL_ERROR), HDM_CTRL_COMMITTED)
#define BAD(ctrl) assert_int_equal((ctrl) & (HDM_CTRL_COMMITTED | HDM_CTRL_ERROR), HDM_CTRL_ERROR)
#define LOCK HDM_CTRL_LOCK_ON_COMMIT

static void commit_sets_committed_and_keeps_what_was_written(void **state)
{
	OK(program(&dev, 0, B, Q, 0, 0, 0, 0));
	assert_true(dev.decoders[0].committed);
	assert_int_equal(dev.decoders[0].base, B);
	assert_int_equal(dev.decoders[0].size, Q);
	/* A later write waits for the next commit. */
	component_set(&dev, AT_HDM + HDM_SIZE_LO, 2 * Q);
	assert_int_equal(dev.decoders[0].size, Q);
}

static void uncommit_clears_committed_and_error(void **state)
{
	OK(program(&dev, 0, B, Q, 0, 0, 0, 0));
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_CTRL), 0);
	assert_false(dev.decoders[0].committed);
	BAD(program(&dev, 0, B, Q, 7, 0, 0, 0));
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_CTRL), 0);
}

/* Out of order it is accepted and told, from the top down it is not. */
static void uncommit_below_a_committed_decoder_is_reported(void **state)
{
	conformance_clear();
	for (unsigned i = 0; i < 3; i++) {
		OK(program(&dev, i, B + i * Q, Q, 0, 0, 0, 0));
		OK(program(&bridge, i, B + i * Q, Q, 0, 0, 0, 0));
	}
	component_set(&dev, AT_HDM + 2 * HDM_STRIDE + HDM_CTRL, 0);
	assert_int_equal(conformance_count(RULE_UNCOMMIT_ORDER), 0);
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_CTRL), 0);
	assert_int_equal(conformance_count(RULE_UNCOMMIT_ORDER), 1);
	component_set(&bridge, AT_HDM + HDM_STRIDE + HDM_CTRL, 0);
	assert_int_equal(conformance_count(RULE_UNCOMMIT_ORDER), 2);
	component_set(&dev, AT_HDM + HDM_STRIDE + HDM_CTRL, 0);
	assert_int_equal(conformance_count(RULE_UNCOMMIT_ORDER), 2);
}

static void commit_below_a_committed_decoder_is_reported(void **state)
{
	conformance_clear();
	OK(program(&dev, 1, B + Q, Q, 0, 0, 0, 0));
	assert_int_equal(conformance_count(RULE_COMMIT_DOUBTFUL), 1); /* without the one before it */
	OK(program(&dev, 0, B, Q, 0, 0, 0, HDM_CTRL_LOCK_ON_COMMIT)); /* no check of Lock On Commit */
	assert_int_equal(conformance_count(RULE_COMMIT_DOUBTFUL), 2);
	OK(program(&dev, 2, B + 2 * Q, Q, 0, 0, 0, 0));
	assert_int_equal(conformance_count(RULE_COMMIT_DOUBTFUL), 2);
}

static void reserved_encodings_are_errors(void **state)
{
	for (unsigned code = 0; code < 16; code++) {
		u32 ctrl = program(&dev, 0, B, 12 * Q, code, 0, 0, 0);

		if (code <= 4 ? 12u >> code <= 4 : code >= 8 && code <= 10)
			OK(ctrl);
		else
			BAD(ctrl); /* reserved, or more than the capacity */
		component_set(&dev, AT_HDM + HDM_CTRL, 0);
		ctrl = program(&dev, 0, B, Q, 0, code, 0, 0);
		if (code <= 6)
			OK(ctrl);
		else
			BAD(ctrl);
		component_set(&dev, AT_HDM + HDM_CTRL, 0);
		ctrl = program(&bridge, 0, B, Q, code, 0, 0x0706050403020100, 0);
		if (code <= 3)
			OK(ctrl);
		else
			BAD(ctrl);
		component_set(&bridge, AT_HDM + HDM_CTRL, 0);
	}
}

static void device_refuses_more_than_its_capacity(void **state)
{
	OK(program(&dev, 0, B, 4 * Q, 0, 0, 0, 0));
	BAD(program(&dev, 1, B + 8 * Q, Q, 0, 0, 0, 0));
	component_set(&dev, AT_HDM + HDM_STRIDE + HDM_CTRL, 0);
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	OK(program(&dev, 0, B, 2 * Q, 0, 0, 2 * Q, 0));
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	BAD(program(&dev, 0, B, 2 * Q, 0, 0, 3 * Q, 0));
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	BAD(program(&dev, 0, B, Q, 0, 0, 0xfffffffff0000000, 0));
}

static void size_zero_may_be_committed(void **state)
{
	OK(program(&dev, 0, B, 0, 0, 0, 0, 0));
	OK(program(&bridge, 0, B, 0, 0, 0, 0, LOCK));
}

static void checks_of_lock_on_commit_are_off_without_it(void **state)
{
	OK(program(&bridge, 1, B, Q, 0, 0, 0, 0));                      /* the previous decoder is not committed */
	OK(program(&bridge, 0, B + 4 * Q, Q, 0, 0, 0, 0));              /* out of order */
	OK(program(&bridge, 2, B, Q, 1, 0, 0x0303, 0));                 /* the same target twice, overlap */
	OK(program(&bridge, 3, 0xfffffffff0000000, 2 * Q, 0, 0, 0, 0)); /* wraps */
}

static void checks_of_lock_on_commit(void **state)
{
	BAD(program(&bridge, 1, B, Q, 0, 0, 0, LOCK)); /* previous not committed */
	component_set(&bridge, AT_HDM + HDM_STRIDE + HDM_CTRL, 0);
	BAD(program(&bridge, 0, B, Q, 1, 0, 0x0303, LOCK)); /* targets not distinct */
	component_set(&bridge, AT_HDM + HDM_CTRL, 0);
	BAD(program(&bridge, 0, 0xfffffffff0000000, 2 * Q, 0, 0, 0, LOCK)); /* wrap */
	component_set(&bridge, AT_HDM + HDM_CTRL, 0);
	OK(program(&bridge, 0, B, 2 * Q, 1, 0, 0x0203, LOCK));
	BAD(program(&bridge, 1, B + Q, Q, 0, 0, 0, LOCK)); /* below the previous one's end */
	component_set(&bridge, AT_HDM + HDM_STRIDE + HDM_CTRL, 0);
	OK(program(&bridge, 1, B + 2 * Q, Q, 0, 0, 0, LOCK));
	BAD(program(&dev, 0, B, 4 * Q, 8, 0, 0, LOCK)); /* 3 ways of a size that 3 does not divide */
	component_set(&dev, AT_HDM + HDM_CTRL, 0);
	OK(program(&dev, 0, B, 6 * Q, 8, 0, 0, LOCK));
}

/* What is committed already is not checked, and not locked. [CXL3.1 8.2.4.20.7] */
static void lock_on_commit_is_of_the_next_commit(void **state)
{
	u32 ctrl = AT_HDM + HDM_STRIDE + HDM_CTRL, committed;

	OK(program(&bridge, 1, B, Q, 1, 2, 0x0100, 0)); /* without decoder 0 */
	committed = component_get(&bridge, ctrl);
	component_set(&bridge, ctrl, committed | LOCK);
	assert_int_equal(component_get(&bridge, ctrl), committed | LOCK);
	component_set(&bridge, ctrl, LOCK);
	assert_int_equal(component_get(&bridge, ctrl), LOCK);
	assert_false(bridge.decoders[1].committed);
	component_set(&bridge, ctrl, committed | LOCK);
	BAD(component_get(&bridge, ctrl));
}

static void locked_decoder_ignores_writes_until_reset(void **state)
{
	static const u32 offsets[] = {HDM_BASE_LO, HDM_BASE_HI,    HDM_SIZE_LO,   HDM_SIZE_HI,
				      HDM_CTRL,    HDM_TARGETS_LO, HDM_TARGETS_HI};
	u32 before[ARRAY_SIZE(offsets)];

	OK(program(&bridge, 0, B, Q, 1, 2, 0x0100, LOCK));
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		before[i] = component_get(&bridge, AT_HDM + offsets[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		component_set(&bridge, AT_HDM + offsets[i], 0);
		component_set(&bridge, AT_HDM + offsets[i], 0xffffffff);
		assert_int_equal(component_get(&bridge, AT_HDM + offsets[i]), before[i]);
	}
	assert_true(bridge.decoders[0].committed);
	component_reset(&bridge, RESET_FUNCTION); /* CXL.io only */
	assert_true(bridge.decoders[0].committed);
	OK(program(&bridge, 1, B + Q, Q, 1, 2, 0x0100, 0));
	component_reset(&bridge, RESET_CXL);
	assert_false(bridge.decoders[1].committed); /* not locked */
	assert_int_equal(component_get(&bridge, AT_HDM + HDM_STRIDE + HDM_BASE_LO), 0);
	assert_true(bridge.decoders[0].committed);
	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
		assert_int_equal(component_get(&bridge, AT_HDM + offsets[i]), before[i]);
	component_reset(&bridge, RESET_WARM);
	assert_false(bridge.decoders[0].committed);
	assert_int_equal(component_get(&bridge, AT_HDM + HDM_CTRL), 0);
}

static void enable_exists_for_devices_only(void **state)
{
	component_set(&bridge, AT_HDM + HDM_GLOBAL_CTRL, 0xffffffff);
	assert_int_equal(component_get(&bridge, AT_HDM + HDM_GLOBAL_CTRL), 0);
	component_set(&dev, AT_HDM + HDM_GLOBAL_CTRL, 0xffffffff);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_GLOBAL_CTRL), HDM_GLOBAL_ENABLE);
	assert_true(dev.hdm_enabled);
}

static void capability_chain_names_the_structures(void **state)
{
	struct cxl_component port = {0};

	assert_int_equal(component_get(&dev, 0), 0x03110001);
	assert_int_equal(component_get(&dev, 12), 5 | 2 << 16 | AT_HDM << 20);
	assert_int_equal(component_get(&dev, AT_HDM), 0x1b12);
	assert_int_equal(component_get(&bridge, 4), 5 | 1 << 16 | AT_HDM << 20);
	assert_int_equal(component_get(&bridge, AT_HDM), 0x382);
	assert_int_equal(component_get(&dev, AT_RAS + 4), 0x1cfff);
	component_init(&port, COMPONENT_ROOT_PORT, "port", NULL, 0);
	assert_int_equal(component_get(&port, 0), 0x04110001);
	assert_int_equal(component_get(&port, 4), 2 | 2 << 16 | AT_RAS << 20);
	assert_int_equal(component_get(&port, 16), CACHEMEM_CAP(CACHEMEM_BI_DECODER, 1, AT_BI_DECODER));
	component_fini(&port);
}

/* More decoders: another place, another version, and every one works. */
static void decoders_are_as_many_as_asked_for(void **state)
{
	static const struct {
		unsigned count, encoding, version;
		u32 at;
		bool device;
	} want[] = {{1, 0, 2, AT_HDM, true},
		    {10, 5, 2, AT_HDM, true},
		    {10, 5, 1, AT_HDM, false},
		    {12, 6, 3, AT_HDM_LARGE, false},
		    {32, 12, 3, AT_HDM_LARGE, false}};

	for (unsigned n = 0; n < ARRAY_SIZE(want); n++) {
		struct cxl_component comp = {.wanted_decoders = want[n].count};
		u32 last = want[n].at + HDM_CTRL + (want[n].count - 1) * HDM_STRIDE;

		component_init(&comp, want[n].device ? COMPONENT_DEVICE : COMPONENT_BRIDGE, "x", NULL, 64 * Q);
		assert_int_equal(component_get(&comp, want[n].device ? 12 : 4),
				 CACHEMEM_CAP(CACHEMEM_HDM, want[n].version, want[n].at));
		assert_int_equal(component_get(&comp, want[n].at) & 15, want[n].encoding);
		component_set(&comp, last, HDM_CTRL_COMMIT);
		assert_true(component_get(&comp, last) & HDM_CTRL_COMMITTED);
		assert_true(comp.decoders[want[n].count - 1].committed);
		component_fini(&comp);
	}
}

static void back_invalidate_is_committed(void **state)
{
	struct cxl_component comp = {.back_invalidate = true}, up = {0}, port = {0};

	component_init(&comp, COMPONENT_DEVICE, "device", NULL, 4 * Q);
	assert_int_equal(component_get(&comp, 0) >> 24, 4);
	assert_int_equal(component_get(&comp, 12), CACHEMEM_CAP(CACHEMEM_HDM, 3, AT_HDM));
	assert_int_equal(component_get(&comp, AT_HDM), 0x701b12);
	component_set(&comp, AT_HDM + HDM_CTRL, ~0u & ~HDM_CTRL_COMMIT);
	assert_int_equal(component_get(&comp, AT_HDM + HDM_CTRL), 0xf0031ff & ~HDM_CTRL_COMMIT);
	component_set(&comp, AT_BI_DECODER + BI_CTRL, 7);
	assert_int_equal(component_get(&comp, AT_BI_DECODER + BI_CTRL), BI_CTRL_ENABLE);
	component_fini(&comp);
	component_init(&up, COMPONENT_UPSTREAM, "upstream", NULL, 0);
	component_set(&up, AT_BI_ROUTE_TABLE + BI_CTRL, 0xff);
	assert_int_equal(component_get(&up, AT_BI_ROUTE_TABLE + BI_CTRL), 1);
	assert_int_equal(component_get(&up, AT_BI_ROUTE_TABLE + BI_STATUS), BI_STATUS_TIMEOUT | BI_STATUS_COMMITTED);
	component_set(&up, AT_BI_ROUTE_TABLE + BI_CTRL, 0);
	assert_int_equal(component_get(&up, AT_BI_ROUTE_TABLE + BI_STATUS), BI_STATUS_TIMEOUT);
	component_fini(&up);
	component_init(&port, COMPONENT_DOWNSTREAM, "port", NULL, 0);
	component_set(&port, AT_BI_DECODER + BI_CTRL, 7);
	assert_int_equal(component_get(&port, AT_BI_DECODER + BI_CTRL), 7);
	assert_int_equal(component_get(&port, AT_BI_DECODER + BI_STATUS), BI_STATUS_TIMEOUT | BI_STATUS_COMMITTED);
	component_fini(&port);
	component_init(&port, COMPONENT_ROOT_PORT, "port", NULL, 0); /* no commit */
	assert_int_equal(component_get(&port, AT_BI_DECODER + BI_CAP), 0);
	component_set(&port, AT_BI_DECODER + BI_CTRL, 7);
	assert_int_equal(component_get(&port, AT_BI_DECODER + BI_CTRL), BI_CTRL_FORWARD | BI_CTRL_ENABLE);
	assert_int_equal(component_get(&port, AT_BI_DECODER + BI_STATUS), 0);
	component_fini(&port);
}

static u64 link_get(u32 offset)
{
	return regs_read(&dev.regs, AT_LINK + offset, 8);
}

/* Credits in fields of 10 bits; what software wrote outlasts all but a cold reset. [CXL3.1 8.2.4.19] */
static void link_settings_are_sticky(void **state)
{
	assert_int_equal(link_get(0x28), 0x2010);
	for (u32 offset = 0; offset <= 0x30; offset += 8)
		regs_write(&dev.regs, AT_LINK + offset, 8, ~0ull);
	for (unsigned n = 0; n < 4; n++) {
		static const unsigned kinds[] = {RESET_FUNCTION, RESET_CXL, RESET_HOT, RESET_WARM};

		component_reset(&dev, kinds[n]);
		assert_int_equal(link_get(0x00), 0x9ff2f);
		assert_int_equal(link_get(0x08), 0x1e);
		assert_int_equal(link_get(0x10), 0x3ffffffffffff);
		assert_int_equal(link_get(0x28), 0x3ffff);
		assert_int_equal(link_get(0x30), 1);
	}
	component_reset(&dev, RESET_COLD);
	assert_int_equal(link_get(0x28), 0x2010);
}

/* A policy for each root port, and no more. [CXL3.1 8.2.4.21] */
static void root_ports_begin_untrusted(void **state)
{
	bridge.port_count = 2;
	bridge.ports[1] = 9;
	assert_int_equal(component_get(&bridge, AT_EXT_SECURITY), 2);
	assert_int_equal(component_get(&bridge, AT_EXT_SECURITY + 12), 2);
	assert_int_equal(component_get(&bridge, AT_EXT_SECURITY + 16), 9);
	component_set(&bridge, AT_EXT_SECURITY + 12, ~0u);
	assert_int_equal(component_get(&bridge, AT_EXT_SECURITY + 12), 3);
	component_set(&bridge, AT_EXT_SECURITY + 20, ~0u);
	assert_int_equal(component_get(&bridge, AT_EXT_SECURITY + 20), 0);
}

/* Design D7: only a register's own width; 8 bytes over two registers are split. */
static void component_access_is_exact(void **state)
{
	u64 value = 0;

	component_io.read(&dev, COMPONENT_CACHE_MEM, 1, &value);
	assert_int_equal(value, 0xff);
	component_io.read(&dev, COMPONENT_CACHE_MEM, 2, &value);
	assert_int_equal(value, 0xffff);
	component_io.write(&dev, COMPONENT_CACHE_MEM + AT_HDM + HDM_BASE_LO, 8, B | 0xfffffff);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_BASE_LO), (u32)B);
	assert_int_equal(component_get(&dev, AT_HDM + HDM_BASE_HI), B >> 32);
	component_io.read(&dev, COMPONENT_CACHE_MEM + AT_HDM + HDM_BASE_LO, 8, &value);
	assert_int_equal(value, B);
	component_io.read(&dev, COMPONENT_CACHE_MEM + AT_LINK, 4, &value); /* 64-bit register */
	assert_int_equal(value, 0xffffffff);
	component_io.read(&dev, 0x10, 4, &value);
	assert_int_equal(value, 0);
	component_io.read(&dev, 0xfff8, 8, &value);
	assert_int_equal(value, 0);
	component_io.write(&dev, 0xfff8, 8, ~0ull);
}

static bool is_ctrl(const struct reg *row)
{
	return !strcmp(row->name, "HDM_CTRL") || row->read;
}

static void registers_walk_bit_by_bit(void **state)
{
	struct check_walk walk = {.leave_out = is_ctrl, .with_hooks = true};
	struct cxl_component port = {0};

	assert_true(check_walking_ones(&dev.regs, &walk) > 1000);
	assert_true(check_walking_ones(&bridge.regs, &walk) > 1000);
	component_init(&port, COMPONENT_ROOT_PORT, "port", NULL, 0);
	assert_true(check_walking_ones(&port.regs, &walk) > 500);
	component_fini(&port);
}

static void ras_status_survives_all_but_cold_reset(void **state)
{
	regs_set(&dev.regs, AT_RAS, 4, 0x5);
	component_set(&dev, AT_RAS + 4, 0x3);
	component_reset(&dev, RESET_WARM);
	component_reset(&dev, RESET_HOT);
	assert_int_equal(component_get(&dev, AT_RAS), 5);
	assert_int_equal(component_get(&dev, AT_RAS + 4), 3);
	component_set(&dev, AT_RAS, 1);
	assert_int_equal(component_get(&dev, AT_RAS), 4);
	component_reset(&dev, RESET_COLD);
	assert_int_equal(component_get(&dev, AT_RAS), 0);
	assert_int_equal(component_get(&dev, AT_RAS + 4), 0x1cfff);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_components, close_components)
	const struct CMUnitTest tests[] = {
		T(commit_sets_committed_and_keeps_what_was_written),
		T(uncommit_clears_committed_and_error),
		T(uncommit_below_a_committed_decoder_is_reported),
		T(commit_below_a_committed_decoder_is_reported),
		T(reserved_encodings_are_errors),
		T(device_refuses_more_than_its_capacity),
		T(size_zero_may_be_committed),
		T(checks_of_lock_on_commit_are_off_without_it),
		T(checks_of_lock_on_commit),
		T(locked_decoder_ignores_writes_until_reset),
		T(lock_on_commit_is_of_the_next_commit),
		T(enable_exists_for_devices_only),
		T(capability_chain_names_the_structures),
		T(decoders_are_as_many_as_asked_for),
		T(back_invalidate_is_committed),
		T(link_settings_are_sticky),
		T(root_ports_begin_untrusted),
		T(component_access_is_exact),
		T(registers_walk_bit_by_bit),
		T(ras_status_survives_all_but_cold_reset),
	};

	return cmocka_run_group_tests_name("cxl/hdm", tests, NULL, NULL);
}
