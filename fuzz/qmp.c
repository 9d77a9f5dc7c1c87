/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: QMP commands in any order, their arguments made by the types that qmp.def declares, with a machine
 * behind them that stands still: devices, objects, networks and disks come and go, errors and capacity are injected.
 * What would run or end the machine, start a program or write files is left out. Lines of text are monitor.c's.
 */
#include <fcntl.h>

#include "board.h"
#include "../src/control/qmp.c"
#include "../src/control/qmp_schema.c"

#define COMMANDS_MAX 24
#define HOTPLUG "cxl-surprise-remove"

/* By the name of the member; what is not here takes any word. */
static const struct {
	const char *name, *words;
} hints[] = {
	{"path", "mem0 mem1 mem0 mem1 mem0 cci0 us0 rp0 /machine/peripheral/mem0 hot0 hot1"},
	{"driver", "cxl-type3 cxl-type3 virtio-rng-pci virtio-net-pci virtio-blk-pci virtio-serial-pci nvme cxl-rp"},
	{"bus", "rp2 port0 rp2 port0 rp2 port0 ds0 pcie.0"},
	{"id", "hot0 hot1 o0 o1 n0"},
	{"node-name", "b0 b1"},
	{"qom-type", "memory-backend-ram memory-backend-memfd memory-backend-file acpi-generic-port rng-random"},
	{"type", "stream socket tap 0 1 3"},
	{"typename", "cxl-type3 memory-backend-file virtio-net-pci nvme pxb-cxl device"},
	{"filename", "disk nix"},
	{"file", "b0 b1 disk"},
	{"backing", "b0 b1"},
	{"name", "n0 hot0 rng0"},
	{"tag", "5be13bce-ae34-4a77-b6c3-16df975fcf1a 00000000000000000000000000000001"},
	{"component-id", "0011 00112233445566778899aabbccddeeff 0 00112233445566778899aabbccddeeff00"},
	{"payload", "00 0001 01000000 0100000000000000 00000002000000000000000000000000000000000000000000000000"},
	{"cper", "AAAA QUJDREVGR0g= AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka ="},
	{"size", "256M 256M 4096 1"},
	{"volatile-memdev", "o0 o1"},
	{"persistent-memdev", "o0 o1"},
	{"volatile-dc-memdev", "o0 o1"},
	{"lsa", "o0 o1"},
	{"netdev", "n0"},
	{"drive", "b0 b1"},
	{"addr.type", "unix inet"},
	{"addr.path", "wire"},
	{"server", "on"},
	{"property", "volatile-memdev sn size x id realized"},
};
static const char *const words[] = {"",
				    "0",
				    "1",
				    "-1",
				    "on",
				    "off",
				    "none",
				    "256M",
				    "4096",
				    "1T",
				    "o0",
				    "o1",
				    "hot0",
				    "memory",
				    "stream",
				    "n0",
				    "b0",
				    "disk",
				    "unix",
				    "127.0.0.1",
				    "\xc3\xa4",
				    "%s%n",
				    "a,b=c",
				    "18446744073709551616",
				    "00:11:22:33:44:55",
				    "1.0"};
/* Properties of what is added. */
static const char *const keys[] = {"size",
				   "volatile-memdev",
				   "persistent-memdev",
				   "lsa",
				   "sn",
				   "share",
				   "netdev",
				   "drive",
				   "addr",
				   "slot",
				   "chassis",
				   "multifunction",
				   "mac",
				   "num-dc-regions",
				   "volatile-dc-memdev",
				   "bootindex",
				   "romfile",
				   "x-pcie-lnkcap",
				   "addr.type",
				   "addr.path",
				   "addr.host",
				   "addr.port",
				   "server",
				   "listen",
				   "connect",
				   "num-queues",
				   "max_ports",
				   "serial",
				   "node",
				   "prealloc-threads",
				   "readonly",
				   "frob"};
static const u64 numbers[] = {
	0,          1,          2,         3,       4,       8,         16,        31,         64,         255,
	256,        4096,       65535,     2 * MiB, 4 * MiB, 256 * MiB, 512 * MiB, 0xffffffff, 1ull << 32, 1ull << 48,
	1ull << 63, UINT64_MAX, INT64_MAX, 0x5100,  0x5102,  0x5300,    0x5400,    0x5600,     0x5604};
static const char *const left_out[] = {
	"quit",     "cont",    "system_reset",          "system_powerdown", "qmp_capabilities",
	"pmemsave", "memsave", "human-monitor-command", "query-qmp-schema"};

static struct json_object *value_of(const char *name, const char *type, struct input *in, unsigned depth);

static struct json_object *word_of(const char *list, struct input *in)
{
	unsigned count = 0, which = (unsigned)draw(in, 1);
	const char *at = list;
	char word[WORD_BYTES];

	while (next_word(&at, word))
		count++;
	which %= MAX(count, 1);
	at = list;
	do
		next_word(&at, word);
	while (which--);
	return json_object_new_string(word);
}

static struct json_object *text_of(const char *name, struct input *in)
{
	u8 which = (u8)draw(in, 1);

	for (unsigned n = 0; which >= 32 && n < ARRAY_SIZE(hints); n++)
		if (!strcmp(hints[n].name, name))
			return word_of(hints[n].words, in);
	return json_object_new_string(words[which % ARRAY_SIZE(words)]);
}

static struct json_object *number_of(struct input *in)
{
	u8 which = (u8)draw(in, 1);

	return which < 96  ? json_object_new_uint64(numbers[which % ARRAY_SIZE(numbers)]) :
	       which < 128 ? json_object_new_int64(-(s64)draw(in, 2)) :
	       which < 192 ? json_object_new_uint64(which & 15) :
			     json_object_new_uint64(draw(in, 2) * (which & 1 ? 64 : 1));
}

static struct json_object *object_of(const char *members, struct input *in, unsigned depth)
{
	struct json_object *object = json_object_new_object();
	struct member m;

	while (next_member(&members, &m)) {
		u8 which = (u8)draw(in, 1);

		if (!strcmp(m.name, "*")) {
			for (unsigned n = which & 3; n; n--) {
				const char *key = keys[draw(in, 1) % ARRAY_SIZE(keys)];

				qmp_put(object, key,
					which & 4 ? value_of(key, "any", in, depth + 1) : text_of(key, in));
			}
		} else if (m.optional ? !(which & 3) : which != 1) {
			qmp_put(object, m.name, value_of(m.name, m.type, in, depth + 1));
		}
	}
	return object;
}

static struct json_object *array_of(const char *name, const char *type, struct input *in, unsigned depth)
{
	struct json_object *array = json_object_new_array();

	for (unsigned n = draw(in, 1) & 3; n; n--)
		json_object_array_add(array, value_of(name, type, in, depth + 1));
	return array;
}

static struct json_object *value_of(const char *name, const char *type, struct input *in, unsigned depth)
{
	static const char *const any[] = {"str", "str", "int", "bool", "[any]", "CxlDynamicCapacityExtent", "NameInfo"};
	const struct declared *declared;
	char inner[WORD_BYTES];
	u8 which = (u8)draw(in, 1);

	if (which == 1 || depth > 8)
		return which & 2 ? NULL : json_object_new_double(which);
	if (which == 2 || !strcmp(type, "any"))
		type = any[draw(in, 1) % ARRAY_SIZE(any)];
	if (!strcmp(type, "str"))
		return text_of(name, in);
	if (!strcmp(type, "int") || !strcmp(type, "number"))
		return number_of(in);
	if (!strcmp(type, "bool"))
		return json_object_new_boolean(draw(in, 1) & 1);
	if (*type == '[') {
		snprintf(inner, sizeof(inner), "%.*s", (int)strlen(type) - 2, type + 1);
		return array_of(name, inner, in, depth);
	}
	declared = find_declared(type);
	return declared->kind == DECLARED_ENUM ? word_of(declared->text, in) : object_of(declared->text, in, depth);
}

static void call(struct session *s, const char *name, struct json_object *arguments)
{
	struct json_object *request = json_object_new_object();

	for (unsigned n = 0; n < ARRAY_SIZE(left_out); n++)
		if (!strcmp(left_out[n], name))
			name = "query-status";
	qmp_put_string(request, "execute", name);
	qmp_put(request, "arguments", arguments);
	message(s, request, NULL);
	json_object_put(request);
}

/* What the command needs most, unless it has it. A device without an id could not be taken away again. */
static void complete(const char *command, struct json_object *arguments, struct input *in)
{
	static const struct {
		const char *command, *key;
	} needs[] = {{"device_add", "bus"},        {"device_add", "volatile-memdev"},
		     {"device_add", "netdev"},     {"device_add", "drive"},
		     {"object-add", "size"},       {"netdev_add", "addr.type"},
		     {"netdev_add", "addr.path"},  {"netdev_add", "server"},
		     {"blockdev-add", "filename"}, {"blockdev-add", "file"}};
	struct json_object *unused;
	u64 given = draw(in, 2);

	if (!strcmp(command, "device_add"))
		qmp_put(arguments, "id", json_object_new_string(given & 1 ? "hot0" : "hot1"));
	for (unsigned n = 0; n < ARRAY_SIZE(needs); n++)
		if (!strcmp(needs[n].command, command) && (given >> n & 2) &&
		    !json_object_object_get_ex(arguments, needs[n].key, &unused))
			qmp_put(arguments, needs[n].key, text_of(needs[n].key, in));
}

static void stop(void *opaque)
{
	loop_quit(opaque);
}

/* What was put off until the event loop turns. */
static void turn(struct machine *m)
{
	struct loop *loop = machine_loop(m);

	loop_defer(loop, stop, loop);
	loop_unlock(loop);
	loop_run(loop);
	loop_lock(loop);
}

static void take_away(struct session *s, struct machine *m)
{
	static const struct {
		const char *command, *key, *names[3];
	} things[] = {{HOTPLUG, "id", {"hot0", "hot1", "n0"}},
		      {"netdev_del", "id", {"n0", "hot0", "hot1"}},
		      {"blockdev-del", "node-name", {"b1", "b0", "b1"}},
		      {"object-del", "id", {"o0", "o1", "n0"}}};

	for (unsigned n = 0; n < ARRAY_SIZE(things); n++) {
		for (unsigned k = 0; k < ARRAY_SIZE(things[n].names); k++) {
			struct json_object *arguments = json_object_new_object();

			qmp_put_string(arguments, things[n].key, things[n].names[k]);
			call(s, things[n].command, arguments);
		}
		turn(m);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct settings settings;
	static struct qmp *q;
	static struct session s;
	struct input in = {data, size};
	int fd;

	if (!q) {
		q = qmp_create(&settings, fuzz_board());
		s = (struct session){.qmp = q, .ready = true};
		fd = open("disk", O_RDWR | O_CREAT, 0600);
		if (fd < 0 || ftruncate(fd, 1 * MiB) || close(fd))
			abort();
	}
	for (unsigned n = 0; n < COMMANDS_MAX && in.left; n++) {
		const struct qmp_command *c = &qmp_commands[draw(&in, 1) % (ARRAY_SIZE(qmp_commands) - 1)];

		struct json_object *arguments = object_of(c->arguments, &in, 0);

		complete(c->name, arguments, &in);
		call(&s, c->name, arguments);
		if (draw(&in, 1) & 1)
			turn(q->machine);
	}
	take_away(&s, q->machine);
	return 0;
}
