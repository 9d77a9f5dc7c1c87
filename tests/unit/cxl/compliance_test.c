/* SPDX-License-Identifier: BSD-2-Clause */
/* Compliance mode over DOE: every request code, its answer, and what it shows: RAS and AER above, host memory, poison,
 * labels, health. [CXL3.1 14.16.3] */
#include "fixture.h"
#include "pci/pci_spec.h"

#define RAM_BASE 0x40000000ull
#define RAM_BYTES (64 * KiB)
enum {
	SUCCESS = 0,
	NOT_AUTHORIZED = 1,
	UNKNOWN_FAILURE = 2,
	UNSUPPORTED = 3,
	NOT_INITIALIZED = 6,
	INVALID_ADDRESS = 7,
	INVALID_PARAMETER = 8
};

static struct machine m;
static struct cxl_type3 *dev;
static struct cxl_port *above;
static struct region ram;
static u32 answer[16];

static void open_below(const char *port)
{
	fixture_open(&m);
	ram = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_BYTES, .host = calloc(1, RAM_BYTES)};
	space_add(m.space, &ram);
	dev = fixture_one_device(&m, port, 256, "");
	above = (struct cxl_port *)fixture_find(&m, "rp0");
}

static int open_device(void **state)
{
	open_below("");
	return 0;
}

static int close_device(void **state)
{
	space_remove(m.space, &ram);
	fixture_close(&m);
	free(ram.host);
	return 0;
}

static void put(u8 *request, unsigned offset, unsigned size, u64 value)
{
	store_le(request + offset, size, value);
}

/* Offsets as the tables have them, DOE's headers included; the status. */
static u8 ask(u8 code, u8 *request, u32 dwords)
{
	u32 words[24] = {CXL_VENDOR_ID, dwords};

	request[8] = code;
	for (u32 n = 2; n < dwords; n++)
		words[n] = load_le(request + 4 * n, 4);
	assert_true(compliance_answer(dev, words, dwords, answer, 16) >= 3);
	return answer[2] >> 24;
}

/* One or two bytes behind the header. */
static u8 ask_bytes(u8 code, u8 first, u8 second)
{
	u8 request[96] = {0};

	request[0x0c] = first;
	request[0x0d] = second;
	return ask(code, request, 4);
}

static void every_code_has_its_answer(void **state)
{
	static const struct {
		u8 request, answer;
		bool works, mute;
	} codes[0x13] = {
		{3, 9, true, false},  {3, 5, true, true},   {3, 3, true, false},  {17, 3, true, false},
		{12, 3, true, false}, {5, 3, true, false},  {4, 3, true, false},  {4, 3, true, false},
		{4, 3, true, false},  {4, 3, false, false}, {4, 3, false, false}, {4, 3, true, false},
		{4, 3, true, false},  {4, 4, false, true},  {4, 4, false, true},  {4, 4, true, true},
		{22, 4, true, false}, {5, 4, true, false},  {7, 3, true, false},
	};
	u32 request[24] = {CXL_VENDOR_ID, 3}, available = 0;

	for (unsigned code = 0; code < 256; code++)
		for (u32 dwords = 3; dwords <= 24; dwords++) {
			bool is = code < ARRAY_SIZE(codes) && dwords >= codes[code].request;

			memset(request + 2, 0, sizeof(request) - 8);
			request[2] = code;
			if (code == 6)
				request[3] = 2;
			assert_int_equal(compliance_answer(dev, request, dwords, answer, 16),
					 is ? codes[code].answer : 0);
			if (!is)
				continue;
			assert_int_equal(answer[2] & 0xffff, code | 3 << 8);
			assert_int_equal(answer[2] >> 16 & 0xff, (codes[code].answer - 2) * 4);
			if (!codes[code].works)
				assert_int_equal(answer[2] >> 24, codes[code].mute ? 0 : UNSUPPORTED);
			if (codes[code].works)
				available |= BIT(code);
		}
	request[2] = 0;
	request[3] = 0;
	assert_int_equal(compliance_answer(dev, request, 3, answer, 16), 9);
	assert_int_equal(answer[3], available);
	assert_int_equal(answer[5], available);
	assert_int_equal(answer[7], 0); /* no CXL.cache */
	assert_int_equal(compliance_answer(dev, request, 3, answer, 8), 0);
	/* Who knows CXL 2.0 asks for its version, and gets its layout. */
	request[2] = 0x200;
	assert_int_equal(compliance_answer(dev, request, 3, answer, 16), 7);
	assert_int_equal(answer[2] >> 8 & 0xff, 2);
	request[2] = 0x900;
	assert_int_equal(compliance_answer(dev, request, 3, answer, 16), 9);
	assert_int_equal(answer[2] >> 8 & 0xff, 3);
}

static u32 aer(struct pci_dev *pci)
{
	return pci_config_read(pci, pci->cap_aer + AER_UNCOR_STATUS, 4);
}

/* What is put on the link shows at the port above. */
static void link_errors_show_above(void **state)
{
	struct cxl_component *comp = &above->comp;

	assert_int_equal(ask_bytes(6, 2, 0), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), 0); /* masked */
	component_set(comp, AT_RAS + RAS_UNCORRECTABLE_MASK, 0);
	component_set(comp, AT_RAS + RAS_CORRECTABLE_MASK, 0);
	assert_int_equal(ask_bytes(6, 2, 0), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), BIT(5));
	assert_int_equal(ask_bytes(6, 1, 0), UNSUPPORTED); /* CXL.cache */
	assert_int_equal(ask_bytes(7, 0, 9), SUCCESS);     /* no bits */
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), BIT(5));
	assert_int_equal(ask_bytes(7, 1, 9), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), BIT(5) | BIT(3));
	ask_bytes(15, 1, 0);
	assert_int_equal(component_get(comp, AT_RAS + RAS_CORRECTABLE_STATUS), BIT(5) | BIT(3) | BIT(2));
	assert_int_equal(ask_bytes(11, 0, 1), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), 0);
	assert_int_equal(ask_bytes(11, 1, 1), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(9));
	component_set(comp, AT_RAS + RAS_CAP_CTRL, 0); /* poison is uncorrectable */
	assert_int_equal(ask_bytes(6, 2, 0), SUCCESS);
	assert_int_equal(component_get(comp, AT_RAS + RAS_UNCORRECTABLE_STATUS), BIT(10) | BIT(9));
	assert_int_equal(aer(&above->pci) & BIT(16), 0);
	assert_int_equal(ask_bytes(11, 1, 0), SUCCESS); /* an unexpected completion: advisory [PCIe6 6.2.3.2.4.5] */
	assert_int_equal(aer(&above->pci) & BIT(16), 0);
	assert_int_equal(pci_config_read(&above->pci, above->pci.cap_aer + AER_COR_STATUS, 4) & AER_COR_ADVISORY,
			 AER_COR_ADVISORY);
	pci_config_write(&above->pci, above->pci.cap_aer + AER_COR_MASK, 4, 0);
	assert_int_equal(ask_bytes(11, 1, 0), SUCCESS);
	assert_int_equal(aer(&above->pci) & BIT(16), BIT(16));
	assert_int_equal(ask_bytes(11, 2, 0), UNSUPPORTED); /* there is none to take out */
}

static void master(bool on)
{
	pci_config_write(&above->pci, PCI_COMMAND, 2, 6);
	pci_config_write(&dev->pci, PCI_COMMAND, 2, on ? 6 : 2);
}

static void streaming(u8 *request, u8 increments, u8 sets, u8 loops, bool checks)
{
	put(request, 0x0e, 1, checks);
	put(request, 0x10, 1, increments);
	put(request, 0x11, 1, sets);
	put(request, 0x12, 1, loops);
	put(request, 0x14, 8, RAM_BASE + 2);
	put(request, 0x24, 8, RAM_BASE + 0x8000);
	put(request, 0x2c, 8, 0x3fc); /* bytes 2 to 9 of a line */
	put(request, 0x34, 4, 0x80);
	put(request, 0x38, 4, 0x1000);
	put(request, 0x3c, 4, 0x11223344);
	put(request, 0x40, 4, 2);
}

static u32 word(u64 offset)
{
	return load_le(ram.host + offset, 4);
}

static void traffic_writes_host_memory(void **state)
{
	u8 request[96] = {0};

	streaming(request, 3, 2, 1, false);
	master(false);
	assert_int_equal(ask(3, request, 17), NOT_INITIALIZED);
	master(true);
	put(request, 0x0c, 1, 1);
	assert_int_equal(ask(3, request, 17), UNSUPPORTED); /* CXL.cache */
	put(request, 0x0c, 1, 0);
	put(request, 0x0d, 1, 1);
	assert_int_equal(ask(3, request, 17), NOT_AUTHORIZED); /* virtual addresses */
	put(request, 0x0d, 1, 0);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	for (unsigned set = 0; set < 2; set++)
		for (unsigned n = 0; n < 4; n++) {
			u64 at = set * 0x1000 + n * 0x80;
			u32 pattern = 0x11223344 + 2 * n;

			assert_int_equal(word(at) & 0xffff, 0); /* masked */
			assert_int_equal(word(at + 4), pattern);
			assert_int_equal(word(at + 2), (pattern >> 16) | pattern << 16);
			assert_int_equal(word(at + 10), 0);
			assert_int_equal(word(at + 0x8000 + 4), pattern); /* written back */
		}
	assert_int_equal(word(4 * 0x80 + 4), 0);
	assert_int_equal(word(0x2004), 0);
	/* Where nothing is, self-checking finds nothing: an internal error. */
	put(request, 0x0e, 1, 1);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(aer(&dev->pci) & PCI_AER_UNCORRECTABLE_INTERNAL, 0);
	put(request, 0x14, 8, 1ull << 50);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(aer(&dev->pci) & PCI_AER_UNCORRECTABLE_INTERNAL, PCI_AER_UNCORRECTABLE_INTERNAL);
}

static u32 status(void)
{
	u8 request[96] = {0};

	ask(1, request, 3);
	return answer[2] >> 24 | (answer[3] & 0xffff) << 8;
}

static void traffic_takes_its_time_and_stops(void **state)
{
	u8 request[96] = {0};

	streaming(request, 255, 1, 0, false); /* for ever */
	put(request, 0x24, 8, 0);
	put(request, 0x34, 4, 0x40);
	master(true);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(status(), BIT(3));
	memset(ram.host, 0, RAM_BYTES);
	loop_time_advance(m.loop, 10000000);
	assert_int_equal(word(255 * 0x40 + 4), 0x11223344 + 2 * 255);
	assert_int_equal(ask(2, request, 3), SUCCESS); /* halt */
	assert_int_equal(status(), 0);
	memset(ram.host, 0, RAM_BYTES);
	loop_time_advance(m.loop, 10000000);
	assert_int_equal(word(4), 0);
	/* A function-level reset and the end of Bus Master Enable stop it too. */
	assert_int_equal(ask(3, request, 17), SUCCESS);
	master(false);
	loop_time_advance(m.loop, 10000000);
	assert_int_equal(status(), 0);
	master(true);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	pci_function_reset(&dev->pci, RESET_FUNCTION);
	assert_int_equal(status(), 0);
	/* Without credits it waits. */
	master(true);
	memset(ram.host, 0, RAM_BYTES);
	put(request, 0x12, 1, 1);
	assert_int_equal(ask_bytes(8, 1, 0), SUCCESS);
	assert_int_equal(status(), BIT(8));
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(word(4), 0);
	assert_int_equal(status(), BIT(3));
	loop_time_advance(m.loop, 100000000);
	assert_int_equal(word(4), 0x11223344);
	assert_int_equal(status(), 0);
}

static void poison_goes_with_the_next_write(void **state)
{
	u8 request[96] = {0};

	master(true);
	assert_int_equal(ask_bytes(6, 0, 0), SUCCESS);
	assert_int_equal(status(), BIT(6));
	assert_int_equal(aer(&above->pci) & BIT(12), 0);
	streaming(request, 0, 0, 1, false);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(aer(&above->pci) & BIT(12), BIT(12)); /* poisoned TLP received */
	assert_int_equal(word(4), 0x11223344);
	assert_int_equal(status(), 0);
}

static void bogus_writes_come_before_the_right_ones(void **state)
{
	u8 request[96] = {0};

	master(true);
	put(request, 0x0c, 1, 3);
	put(request, 0x10, 4, 0xb0b0b0b0);
	assert_int_equal(ask(5, request, 5), SUCCESS); /* as CXL 2.0 has it */
	memset(request, 0, sizeof(request));
	streaming(request, 1, 1, 0, false);
	assert_int_equal(ask(3, request, 17), SUCCESS);
	assert_int_equal(status(), BIT(5));
	assert_int_equal(word(4), 0x11223344);
	ask(2, request, 3);
	memset(request, 0, sizeof(request));
	put(request, 0x12, 1, 1);
	put(request, 0x14, 8, RAM_BASE);
	put(request, 0x24, 8, ~0ull);
	put(request, 0x34, 4, 0x55667788);
	put(request, 0x3c, 1, 9);
	put(request, 0x40, 4, 0xb0b0b0b0);
	assert_int_equal(ask(5, request, 17), SUCCESS);
	for (unsigned n = 0; n < 64; n += 4)
		assert_int_equal(word(n), 0x55667788);
}

/* Containment resets the device that does the writing. */
static void what_a_port_contains_ends_traffic(void **state)
{
	u8 request[96] = {0};

	close_device(state);
	open_below(",dpc=on");
	pci_config_write(&above->pci, above->pci.cap_dpc + DPC_CTRL, 2, 1);
	master(true);
	assert_int_equal(ask_bytes(6, 0, 0), SUCCESS);
	put(request, 0x14, 8, RAM_BASE); /* for ever */
	put(request, 0x24, 8, ~0ull);
	put(request, 0x3c, 1, 255);
	ask(5, request, 17);
	assert_int_equal(pci_config_read(&above->pci, above->pci.cap_dpc + DPC_STATUS, 2) & DPC_STATUS_TRIGGERED,
			 DPC_STATUS_TRIGGERED);
	assert_false(dev->compliance.is_running);
}

static void a_producer_raises_its_flag(void **state)
{
	u8 request[96] = {0};

	master(true);
	put(request, 0x0d, 1, 3); /* increments */
	put(request, 0x0e, 1, 2); /* sets */
	put(request, 0x0f, 1, 5); /* loops */
	put(request, 0x14, 8, RAM_BASE);
	put(request, 0x1c, 8, 0xf);
	put(request, 0x24, 4, 0x40);
	put(request, 0x28, 4, 0x1000);
	put(request, 0x2c, 4, 100);
	assert_int_equal(ask(4, request, 12), SUCCESS);
	for (unsigned set = 0; set < 2; set++)
		for (unsigned n = 0; n < 4; n++)
			assert_int_equal(word(set * 0x1000 + n * 0x40), 104);
	assert_int_equal(word(0x2000), 104); /* the flag */
	assert_int_equal(word(0x100), 0);
}

static u16 get_lsa(u32 offset, u32 length)
{
	u64 value = 0;

	devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD, 8, offset | (u64)length << 32);
	devregs_io.write(&dev->mbox, MAILBOX_COMMAND, 8, 0x4102 | 8ull << 16);
	devregs_io.write(&dev->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
	devregs_io.read(&dev->mbox, MAILBOX_STATUS, 8, &value);
	return value >> 32;
}

static u16 set_lsa(u32 offset, u64 value)
{
	u64 code = 0;

	devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD, 8, offset);
	devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD + 8, 8, value);
	devregs_io.write(&dev->mbox, MAILBOX_COMMAND, 8, 0x4103 | 16ull << 16);
	devregs_io.write(&dev->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
	devregs_io.read(&dev->mbox, MAILBOX_STATUS, 8, &code);
	return code >> 32;
}

static void media_and_labels_are_poisoned(void **state)
{
	u8 request[96] = {0};
	u64 size = 64;

	put(request, 0x0c, 1, 2);
	put(request, 0x10, 8, 512 * MiB);
	assert_int_equal(ask(16, request, 22), INVALID_ADDRESS);
	put(request, 0x10, 8, 256 * MiB + 0x1040);
	put(request, 0x0c, 1, 1);
	assert_int_equal(ask(16, request, 22), INVALID_PARAMETER);
	put(request, 0x0c, 1, 2);
	put(request, 0x0e, 1, 2);
	assert_int_equal(ask(16, request, 22), INVALID_PARAMETER);
	put(request, 0x0e, 1, 0);
	assert_int_equal(ask(16, request, 22), SUCCESS);
	assert_int_equal(dev->poison.count, 1);
	assert_int_equal(dev->poison.ranges[0].dpa, 256 * MiB + 0x1040);
	assert_int_equal(dev->poison.ranges[0].source, POISON_INJECTED);
	assert_int_equal(dev->events[EVENT_INFO].count, 1);
	put(request, 0x10, 8, 0);
	assert_int_equal(ask(16, request, 22), SUCCESS);
	assert_int_equal(dev->poison.count, 2);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(dev->poison.count, 2);
	fixture_reset(&m, RESET_COLD); /* persistent memory has lost nothing */
	assert_int_equal(dev->poison.count, 1);
	put(request, 0x10, 8, 256 * MiB + 0x1040);
	put(request, 0x0e, 1, 1);
	memset(request + 0x18, 0x5a, 64);
	assert_int_equal(ask(16, request, 22), SUCCESS);
	assert_int_equal(dev->poison.count, 0);
	assert_int_equal(cxl_media_at(m.cxl, dev, 256 * MiB + 0x1040, &size)[63], 0x5a);
	/* Nor does it reach what the mailbox refuses: locked memory, or media that are disabled. */
	memset(request + 0x18, 0xa5, 64);
	dev->security.state = SECURITY_USER_SET | SECURITY_LOCKED;
	for (u8 action = 0; action < 2; action++) {
		put(request, 0x0e, 1, action);
		put(request, 0x10, 8, 256 * MiB + 0x1040);
		assert_int_equal(ask(16, request, 22), NOT_AUTHORIZED);
		put(request, 0x10, 8, 0x1040);
		assert_int_equal(ask(16, request, 22), SUCCESS);
	}
	dev->security.state = 0;
	dev->sanitizing = true;
	assert_int_equal(ask(16, request, 22), NOT_AUTHORIZED);
	dev->sanitizing = false;
	assert_int_equal(dev->poison.count, 0);
	assert_int_equal(cxl_media_at(m.cxl, dev, 256 * MiB + 0x1040, &size)[63], 0x5a);

	memset(request, 0, sizeof(request));
	put(request, 0x0c, 1, 2);
	put(request, 0x10, 4, 128 * KiB);
	assert_int_equal(ask(17, request, 5), INVALID_ADDRESS);
	put(request, 0x10, 4, 0x1003);
	assert_int_equal(ask(17, request, 5), SUCCESS);
	assert_int_equal(get_lsa(0x1000, 3), CXL_SUCCESS);
	assert_int_equal(get_lsa(0x1000, 4), CXL_INTERNAL_ERROR);
	assert_int_equal(get_lsa(0x1004, 64), CXL_SUCCESS);
	fixture_reset(&m, RESET_COLD);
	assert_int_equal(get_lsa(0x1003, 1), CXL_INTERNAL_ERROR);
	assert_int_equal(set_lsa(0x0ff8, ~0ull), CXL_SUCCESS); /* beside it */
	assert_int_equal(get_lsa(0x1003, 1), CXL_INTERNAL_ERROR);
	assert_int_equal(set_lsa(0x1000, ~0ull), CXL_SUCCESS);
	assert_int_equal(get_lsa(0x1003, 1), CXL_SUCCESS);
	assert_int_equal(ask(17, request, 5), SUCCESS);
	put(request, 0x0e, 1, 1);
	assert_int_equal(ask(17, request, 5), SUCCESS);
	assert_int_equal(get_lsa(0x1003, 1), CXL_SUCCESS);
	put(request, 0x0e, 1, 0);
	for (u32 n = 0; n <= LABEL_POISON_MAX; n++) {
		put(request, 0x10, 4, n);
		assert_int_equal(ask(17, request, 5), n < LABEL_POISON_MAX ? SUCCESS : UNKNOWN_FAILURE);
	}
}

static void health_is_injected(void **state)
{
	struct cxl_health health;
	u8 request[96] = {0};

	put(request, 0x0c, 1, 2);
	put(request, 0x0e, 1, 0x1f);
	put(request, 0x0f, 1, 0x1f);
	put(request, 0x10, 1, 1);
	put(request, 0x11, 1, 2);
	put(request, 0x12, 1, 101);
	put(request, 0x14, 4, 77);
	put(request, 0x18, 2, 99);
	assert_int_equal(ask(18, request, 7), INVALID_PARAMETER); /* life used */
	put(request, 0x12, 1, 96);
	assert_int_equal(ask(18, request, 7), SUCCESS);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.health_status, 1);
	assert_int_equal(health.media_status, 2);
	assert_int_equal(health.life_used, 96);
	assert_int_equal(health.temperature, 99);
	assert_int_equal(health.dirty_shutdowns, 77);
	assert_int_equal(dev->events[EVENT_WARNING].count, 1); /* health */
	assert_int_equal(dev->events[EVENT_FAILURE].count, 1); /* media */
	assert_int_equal(dev->events[EVENT_FATAL].count, 2);   /* life used, temperature */
	/* A monitor that sets something else keeps the device's own beneath. */
	health.corrected_volatile = 3;
	assert_true(cxl_health_set(&dev->pci.dev, &health, &m.err));
	/* Only media, off: the others stay. */
	put(request, 0x0e, 1, 2);
	put(request, 0x0f, 1, 0);
	assert_int_equal(ask(18, request, 7), SUCCESS);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.media_status, 0);
	assert_int_equal(health.corrected_volatile, 3);
	assert_int_equal(health.life_used, 96);
	fixture_reset(&m, RESET_WARM);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.life_used, 0);
	/* After the next cold reset, once. */
	put(request, 0x0d, 1, 1);
	put(request, 0x0e, 1, 1);
	put(request, 0x0f, 1, 1);
	put(request, 0x10, 1, 4);
	assert_int_equal(ask(18, request, 7), SUCCESS);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.health_status, 0);
	fixture_reset(&m, RESET_COLD);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.health_status, 4);
	loop_time_advance(m.loop, 1);
	fixture_reset(&m, RESET_COLD);
	assert_true(cxl_health_get(&dev->pci.dev, &health));
	assert_int_equal(health.health_status, 0);
}

static void hostile_requests_are_survived(void **state)
{
	u64 random = 11;

	master(true);
	for (unsigned n = 0; n < 300; n++) {
		u32 words[24] = {CXL_VENDOR_ID}, dwords = 3 + check_random(&random) % 20;

		for (u32 i = 2; i < 24; i++)
			words[i] = check_random(&random) & (check_random(&random) % 4 ? ~0u : 0x403);
		words[2] = check_random(&random) % 20;
		if (words[2] == 3 || words[2] == 4 || words[2] == 5)
			words[3] &= ~0xffffu; /* some of it runs */
		dwords = words[2] == 3 ? 17 : words[2] == 4 ? 12 : dwords;
		compliance_answer(dev, words, dwords, answer, 16);
		loop_time_advance(m.loop, check_random(&random) % 5000000);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_device, close_device)
	const struct CMUnitTest tests[] = {
		T(every_code_has_its_answer),         T(link_errors_show_above),
		T(traffic_writes_host_memory),        T(traffic_takes_its_time_and_stops),
		T(poison_goes_with_the_next_write),   T(bogus_writes_come_before_the_right_ones),
		T(what_a_port_contains_ends_traffic), T(a_producer_raises_its_flag),
		T(media_and_labels_are_poisoned),     T(health_is_injected),
		T(hostile_requests_are_survived),
	};

	return cmocka_run_group_tests_name("cxl/compliance", tests, NULL, NULL);
}
