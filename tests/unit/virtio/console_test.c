/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-serial and virtconsole: control messages, bytes both ways, hostile drivers. [VIRTIO1.2 5.3] */
#include "host/host.h"
#include "virtio/driver.h"

/* A character device that this test plays itself. */
struct chardev {
	size_t (*can_take)(void *opaque);
	void (*take)(void *opaque, const u8 *bytes, size_t size);
	void *opaque;
	void (*changed)(void *opaque, bool connected);
	void *changed_opaque;
	u8 out[1 * MiB];
	size_t out_count;
	unsigned kicks;
	bool listens, is_socket;
	size_t backlog; /* its reader has not taken yet */
	void (*drained)(void *opaque);
	void *drained_opaque;
};

struct machine {
	struct chardev *chardev;
	struct fixture *f;
};

void chardev_connect(struct chardev *chardev, size_t (*can_take)(void *opaque),
		     void (*take)(void *opaque, const u8 *bytes, size_t size), void *opaque)
{
	chardev->can_take = can_take;
	chardev->take = take;
	chardev->opaque = opaque;
}
bool chardev_is_connected(const struct chardev *chardev)
{
	return false;
}
bool chardev_listens(const struct chardev *chardev)
{
	return chardev->listens;
}
bool chardev_is_socket(const struct chardev *chardev)
{
	return chardev->is_socket;
}
void chardev_on_connection(struct chardev *chardev, void (*changed)(void *opaque, bool connected), void *opaque)
{
	chardev->changed = changed;
	chardev->changed_opaque = opaque;
}
size_t chardev_backlog(struct chardev *chardev)
{
	return chardev->backlog;
}
void chardev_on_drain(struct chardev *chardev, void (*drained)(void *opaque), void *opaque)
{
	chardev->drained = drained;
	chardev->drained_opaque = opaque;
}

void chardev_write(struct chardev *chardev, const u8 *bytes, size_t size)
{
	size = MIN(size, sizeof(chardev->out) - chardev->out_count);
	memcpy(chardev->out + chardev->out_count, bytes, size);
	chardev->out_count += size;
}
void chardev_kick(struct chardev *chardev)
{
	chardev->kicks++;
}
struct chardev *machine_chardev(struct machine *machine, const char *id)
{
	return strcmp(id, "c0") ? NULL : machine->chardev;
}
void machine_each_device(struct machine *machine, bool (*each)(struct dev *dev, void *arg), void *arg)
{
	for (unsigned n = 0; n < machine->f->dev_count && each(machine->f->devs[n], arg); n++)
		;
}

static struct driver start(struct machine *m, u64 features, u16 queue)
{
	struct driver d = driver_new();
	struct error err = {{0}};

	m->f = d.f;
	m->chardev = calloc(1, sizeof(*m->chardev));
	driver_ram(&d);
	d.f->machine = m;
	d.dev = fixture_add(d.f, &virtio_serial_pci_class, NULL, "addr=1,id=vs", &err);
	assert_string_equal(err.text, "");
	fixture_add(d.f, &virtconsole_class, NULL, "chardev=c0,name=org.test", &err);
	assert_string_equal(err.text, "");
	driver_map(&d);
	driver_start(&d, features, queue);
	return d;
}

static void end(struct driver *d, struct machine *m)
{
	driver_free(d);
	free(m->chardev);
}

static void bytes_go_both_ways_without_multiport(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, 0, 1);
	const u8 hello[] = "hello";

	memcpy(d.ram + 0x10000, "from guest", 10);
	desc_put(&d, DESC_AT, 0, DATA_AT, 10, 0, 0);
	avail_put(&d, 0);
	notify(&d, 1);
	assert_int_equal(used_take(&d, 0), 0);
	assert_memory_equal(m.chardev->out, "from guest", 10);

	driver_start(&d, 0, 0);
	assert_int_equal(m.chardev->can_take(m.chardev->opaque), 0); /* no buffers */
	for (u16 n = 0; n < 2; n++) {
		desc_put(&d, DESC_AT, n, DATA_AT + 0x100 * n, 3, DESC_WRITE, 0);
		avail_put(&d, n);
	}
	notify(&d, 0);
	assert_true(m.chardev->kicks > 0);
	assert_true(m.chardev->can_take(m.chardev->opaque) >= 5);
	m.chardev->take(m.chardev->opaque, hello, 5);
	assert_int_equal(used_take(&d, 0), 3);
	assert_int_equal(used_take(&d, 1), 2);
	assert_memory_equal(d.ram + 0x10000, "hel", 3);
	assert_memory_equal(d.ram + 0x10100, "lo", 2);
	m.chardev->take(m.chardev->opaque, hello, 5); /* no room: kept until there is */
	assert_int_equal(m.chardev->can_take(m.chardev->opaque), 0);
	desc_put(&d, DESC_AT, 2, DATA_AT, 64, DESC_WRITE, 0);
	avail_put(&d, 2);
	notify(&d, 0);
	assert_int_equal(used_take(&d, 2), 5);
	end(&d, &m);
}

static void control_put(struct driver *d, u32 port, u16 event, u16 value)
{
	store_le(d->ram + 0x20000, 4, port);
	store_le(d->ram + 0x20004, 2, event);
	store_le(d->ram + 0x20006, 2, value);
	desc_put(d, DESC_AT, 0, DATA_AT + 0x10000, 8, 0, 0);
	avail_put(d, 0);
	notify(d, 3);
	used_take(d, 0);
}

/* Both control queues live, the receiving one elsewhere in memory. */
#define IN_DESC (RAM_BASE + 0x4000)
#define IN_AVAIL (RAM_BASE + 0x5000)
#define IN_USED (RAM_BASE + 0x6000)

static void control_in(struct driver *d)
{
	u8 *avail = d->ram + (IN_AVAIL - RAM_BASE);

	common_wr(d, COMMON_Q_SELECT, 2, 2);
	common_wr(d, COMMON_Q_SIZE, 2, Q_SIZE);
	common_wr(d, COMMON_Q_DESC, 8, IN_DESC);
	common_wr(d, COMMON_Q_AVAIL, 8, IN_AVAIL);
	common_wr(d, COMMON_Q_USED, 8, IN_USED);
	common_wr(d, COMMON_Q_ENABLE, 2, 1);
	for (u16 n = 0; n < Q_SIZE; n++) {
		desc_put(d, IN_DESC, n, DATA_AT + 0x20000 + 0x100 * n, 0x100, DESC_WRITE, 0);
		store_le(avail + 4 + 2 * n, 2, n);
	}
	store_le(avail + 2, 2, Q_SIZE);
	notify(d, 2);
}

static void message_is(struct driver *d, u16 n, u32 port, u16 event, u16 value)
{
	const u8 *m = d->ram + 0x30000 + 0x100 * n;

	assert_true(load_le(d->ram + (IN_USED - RAM_BASE) + 2, 2) > n);
	assert_int_equal(load_le(m, 4), port);
	assert_int_equal(load_le(m + 4, 2), event);
	assert_int_equal(load_le(m + 6, 2), value);
}

static void multiport_driver_learns_of_the_console(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, BIT(CONSOLE_F_MULTIPORT), 3);

	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + CONSOLE_MAX_PORTS, 4), 8);
	control_in(&d);
	control_put(&d, 0, CONSOLE_DEVICE_READY, 1);
	message_is(&d, 0, 0, CONSOLE_PORT_ADD, 1);
	control_put(&d, 0, CONSOLE_PORT_READY, 1);
	message_is(&d, 1, 0, CONSOLE_CONSOLE_PORT, 1);
	message_is(&d, 2, 0, CONSOLE_PORT_NAME, 1);
	assert_memory_equal(d.ram + 0x30208, "org.test", 8);
	message_is(&d, 3, 0, CONSOLE_PORT_OPEN, 1);
	control_put(&d, 0, CONSOLE_PORT_OPEN, 1);
	control_put(&d, 5, CONSOLE_PORT_OPEN, 1); /* not there */
	control_put(&d, ~0u, CONSOLE_PORT_READY, 1);
	control_put(&d, 0, 999, 1);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	end(&d, &m);
}

/* A virtserialport is no console, is never port 0, and tells when a client comes and goes. */
static void a_serial_port_tells_of_its_client(void **state)
{
	struct machine m = {0};
	struct driver d = driver_new();
	struct error err = {{0}};

	m.f = d.f;
	m.chardev = calloc(1, sizeof(*m.chardev));
	m.chardev->listens = m.chardev->is_socket = true;
	driver_ram(&d);
	d.f->machine = &m;
	d.dev = fixture_add(d.f, &virtio_serial_pci_class, NULL, "addr=1,id=vs", &err);
	assert_null(fixture_add(d.f, &virtserialport_class, NULL, "nr=0", &err));
	assert_non_null(strstr(err.text, "nr=0"));
	assert_non_null(fixture_add(d.f, &virtserialport_class, NULL, "chardev=c0,name=org.test", &err));
	driver_map(&d);
	driver_start(&d, BIT(CONSOLE_F_MULTIPORT), 3);
	control_in(&d);
	m.chardev->changed(m.chardev->changed_opaque, true); /* before the driver is ready: it hears of it then */
	m.chardev->changed(m.chardev->changed_opaque, false);
	control_put(&d, 0, CONSOLE_DEVICE_READY, 1);
	message_is(&d, 0, 1, CONSOLE_PORT_ADD, 1);
	control_put(&d, 1, CONSOLE_PORT_READY, 1);
	message_is(&d, 1, 1, CONSOLE_PORT_NAME, 1);
	assert_int_equal(load_le(d.ram + (IN_USED - RAM_BASE) + 2, 2), 2); /* no console, and not open */
	m.chardev->changed(m.chardev->changed_opaque, true);
	message_is(&d, 2, 1, CONSOLE_PORT_OPEN, 1);
	m.chardev->changed(m.chardev->changed_opaque, false);
	message_is(&d, 3, 1, CONSOLE_PORT_OPEN, 0);
	common_wr(&d, COMMON_STATUS, 1, 0);
	m.chardev->changed(m.chardev->changed_opaque, true); /* nobody hears */
	dev_destroy(d.f->devs[--d.f->dev_count]);
	assert_null(m.chardev->changed);
	end(&d, &m);
}

/* So does one whose socket connected to somebody; what has no end (a file) is open for ever. */
static void a_serial_port_tells_of_the_end(void **state)
{
	for (unsigned is_socket = 0; is_socket < 2; is_socket++) {
		struct machine m = {0};
		struct driver d = driver_new();
		struct error err = {{0}};

		m.f = d.f;
		m.chardev = calloc(1, sizeof(*m.chardev));
		m.chardev->is_socket = is_socket;
		driver_ram(&d);
		d.f->machine = &m;
		d.dev = fixture_add(d.f, &virtio_serial_pci_class, NULL, "addr=1,id=vs", &err);
		assert_non_null(fixture_add(d.f, &virtserialport_class, NULL, "chardev=c0", &err));
		assert_true(!m.chardev->changed == !is_socket);
		if (is_socket)
			m.chardev->changed(m.chardev->changed_opaque, true);
		driver_map(&d);
		driver_start(&d, BIT(CONSOLE_F_MULTIPORT), 3);
		control_in(&d);
		control_put(&d, 1, CONSOLE_PORT_READY, 1);
		message_is(&d, 0, 1, CONSOLE_PORT_OPEN, 1);
		if (is_socket) {
			m.chardev->changed(m.chardev->changed_opaque, false);
			message_is(&d, 1, 1, CONSOLE_PORT_OPEN, 0);
		}
		end(&d, &m);
	}
}

/* What a port's reader has not taken yet stays in the guest; a console's driver spins, and is not kept waiting. */
static void a_port_waits_for_its_reader(void **state)
{
	static const struct dev_class *const classes[] = {&virtconsole_class, &virtserialport_class};

	for (unsigned n = 0; n < ARRAY_SIZE(classes); n++) {
		struct machine m = {0};
		struct driver d = driver_new();
		struct error err = {{0}};
		u16 queue = n ? 5 : 1;

		m.f = d.f;
		m.chardev = calloc(1, sizeof(*m.chardev));
		driver_ram(&d);
		d.f->machine = &m;
		d.dev = fixture_add(d.f, &virtio_serial_pci_class, NULL, "addr=1,id=vs", &err);
		assert_non_null(fixture_add(d.f, classes[n], NULL, "chardev=c0", &err));
		driver_map(&d);
		driver_start(&d, BIT(CONSOLE_F_MULTIPORT), queue);
		desc_put(&d, DESC_AT, 0, DATA_AT, 10, 0, 0);
		m.chardev->backlog = 16 * MiB;
		avail_put(&d, 0);
		notify(&d, queue);
		assert_int_equal(used_idx(&d), n ? 0 : 1);
		if (n) {
			m.chardev->drained(m.chardev->drained_opaque); /* not enough of it */
			assert_int_equal(used_idx(&d), 0);
			m.chardev->backlog = 4096;
			m.chardev->drained(m.chardev->drained_opaque);
			assert_int_equal(used_idx(&d), 1);
			m.chardev->drained(m.chardev->drained_opaque);
		}
		assert_int_equal(m.chardev->out_count, 10);
		m.chardev->backlog = SIZE_MAX; /* nobody will ever read it */
		avail_put(&d, 0);
		notify(&d, queue);
		assert_int_equal(used_idx(&d), 2);
		dev_destroy(d.f->devs[--d.f->dev_count]);
		assert_null(m.chardev->drained);
		end(&d, &m);
	}
}

static void messages_without_room_are_bounded(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, BIT(CONSOLE_F_MULTIPORT), 3);

	for (unsigned n = 0; n < 1000; n++)
		control_put(&d, 0, CONSOLE_PORT_READY, 1);
	control_in(&d);
	message_is(&d, 0, 0, CONSOLE_CONSOLE_PORT, 1);
	message_is(&d, Q_SIZE - 1, 0, CONSOLE_PORT_NAME, 1);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	end(&d, &m);
}

static void ports_are_checked(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"chardev=x", "chardev=x"},
		{"nr=0", "taken"},
		{"nr=8", "nr=8"},
		{"nr=4000000000", "nr=4000000000"},
	};
	struct machine m = {0};
	struct driver d = start(&m, 0, 1);

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct error err = {{0}};

		assert_null(fixture_add(d.f, &virtconsole_class, NULL, wrong[n].text, &err));
		assert_non_null(strstr(err.text, wrong[n].words));
	}
	end(&d, &m);
}

static void a_port_that_is_taken_out_lets_go_of_its_chardev(void **state)
{
	struct machine m = {0};
	struct driver d = start(&m, 0, 1);

	assert_non_null(m.chardev->take);
	dev_destroy(d.f->devs[--d.f->dev_count]);
	assert_null(m.chardev->take);
	assert_null(m.chardev->opaque);
	end(&d, &m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways_without_multiport),
		cmocka_unit_test(multiport_driver_learns_of_the_console),
		cmocka_unit_test(a_serial_port_tells_of_its_client),
		cmocka_unit_test(a_serial_port_tells_of_the_end),
		cmocka_unit_test(a_port_waits_for_its_reader),
		cmocka_unit_test(messages_without_room_are_bounded),
		cmocka_unit_test(ports_are_checked),
		cmocka_unit_test(a_port_that_is_taken_out_lets_go_of_its_chardev),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
