/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conversation with QMP clients: greeting, negotiation, calls answered in order, events. One client per monitor at
 * a time; the next one waits in the socket's queue. A client that sends and does not read is not read from either; one
 * that lets events pile up is disconnected.
 */
#include "control/qmp.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/utf8.h"
#include "control/hmp.h"
#include "host/host.h"

#define MONITORS_MAX 8
#define BACKLOG_PAUSE (1 * MiB) /* with more than this unread, no further command is taken */
#define BACKLOG_DROP (8 * MiB)  /* with more than this, nobody reads: the connection ends */
#define TAKE_BYTES 1024         /* at a time, so that answers cannot outrun the backlog's limits */

struct session {
	struct qmp *qmp;
	struct chardev *chardev;
	bool owned, connected, ready, dropping;
	struct qmp_input input;
};

struct qmp {
	struct settings *settings;
	struct machine *machine;
	struct session *sessions[MONITORS_MAX];
	unsigned count;
	struct session *current; /* whose command runs */
};

const struct settings *qmp_settings(const struct qmp *q)
{
	return q->settings;
}

static void drop(void *opaque)
{
	struct session *s = opaque;

	if (s->dropping)
		chardev_disconnect(s->chardev);
	s->dropping = false;
}

/* Nobody reads what is said: the connection ends, though not from within its own input. */
static bool is_unread(struct session *s)
{
	if (!s->dropping && chardev_backlog(s->chardev) > BACKLOG_DROP) {
		s->dropping = true;
		loop_defer(machine_loop(s->qmp->machine), drop, s);
	}
	return s->dropping;
}

/* JSON is UTF-8, and the user's file names need not be: a byte that begins no character is U+FFFD, as in QEMU. */
static void write_text(struct chardev *chardev, const u8 *text, size_t size)
{
	while (size) {
		size_t good = 0;

		for (unsigned length; (length = utf8_length(text + good, size - good));)
			good += length;
		chardev_write(chardev, text, good);
		if (good < size)
			chardev_write(chardev, (const u8 *)"\xef\xbf\xbd", 3);
		good += good < size;
		text += good;
		size -= good;
	}
}

/* Takes the object. */
static void send_object(struct session *s, struct json_object *object)
{
	const char *text =
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (s->connected && !s->dropping && text) {
		write_text(s->chardev, (const u8 *)text, strlen(text));
		chardev_write(s->chardev, (const u8 *)"\r\n", 2);
		is_unread(s);
	}
	json_object_put(object);
}

static void put_id(struct json_object *answer, struct json_object *request)
{
	struct json_object *id;

	if (request && json_object_object_get_ex(request, "id", &id))
		qmp_put(answer, "id", json_object_get(id));
}

static void send_error(struct session *s, struct json_object *request, const char *class, const char *words)
{
	struct json_object *answer = json_object_new_object(), *error = json_object_new_object();
	char desc[ERROR_BYTES];
	size_t i;

	/* A message may have been cut inside a character. */
	for (i = 0; words[i] && i < sizeof(desc) - 1; i++)
		desc[i] = words[i] & 0x80 || (u8)words[i] < 0x20 ? '?' : words[i];
	desc[i] = 0;
	qmp_put_string(error, "class", class);
	qmp_put_string(error, "desc", desc);
	qmp_put(answer, "error", error);
	put_id(answer, request);
	send_object(s, answer);
}

static struct json_object *version(void)
{
	struct json_object *v = json_object_new_object(), *triple = json_object_new_object();

	qmp_put_u64(triple, "major", DIALECT_MAJOR);
	qmp_put_u64(triple, "minor", DIALECT_MINOR);
	qmp_put_u64(triple, "micro", DIALECT_MICRO);
	qmp_put(v, "qemu", triple);
	qmp_put_string(v, "package", "cxlvm " CXLVM_VERSION);
	return v;
}

bool qmp_query_version(struct qmp_call *call, struct error *err)
{
	call->result = version();
	return true;
}

static void greet(struct session *s)
{
	struct json_object *greeting = json_object_new_object(), *inner = json_object_new_object();

	qmp_put(inner, "version", version());
	qmp_put(inner, "capabilities", json_object_new_array());
	qmp_put(greeting, "QMP", inner);
	send_object(s, greeting);
}

bool qmp_negotiate(struct qmp *q, struct json_object *enable, struct error *err)
{
	if (enable && json_object_array_length(enable))
		return fail(err, "Capability '%.32s' is not offered by the greeting",
			    json_object_get_string(json_object_array_get_idx(enable, 0)));
	q->current->ready = true;
	return true;
}

/* --- calls --- */

/* The envelope: what may stand beside "execute". */
static bool check_request(struct json_object *request, const char **name, struct json_object **arguments,
			  struct error *err)
{
	struct json_object *execute;

	json_object_object_foreach(request, key, value)
	{
		(void)value;
		if (!strcmp(key, "exec-oob"))
			return fail(err, "Out-of-band execution is not offered by the greeting; use 'execute'");
		if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id"))
			return fail(err, "QMP input member '%.100s' is unexpected", key);
	}
	if (!json_object_object_get_ex(request, "execute", &execute))
		return fail(err, "QMP input lacks member 'execute'");
	if (!json_object_is_type(execute, json_type_string))
		return fail(err, "QMP input member 'execute' must be a string");
	*name = json_object_get_string(execute);
	*arguments = NULL;
	if (json_object_object_get_ex(request, "arguments", arguments) &&
	    !json_object_is_type(*arguments, json_type_object))
		return fail(err, "QMP input member 'arguments' must be an object");
	return true;
}

static bool is_negotiation(const char *name)
{
	return !strcmp(name, "qmp_capabilities");
}

static bool dispatch(struct session *s, struct json_object *request, struct qmp_call *call, struct error *err)
{
	const struct qmp_command *command;
	const char *name = NULL;

	if (!check_request(request, &name, &call->arguments, err))
		return false;
	command = qmp_command_find(name);
	if (!s->ready || is_negotiation(name) || !command || command->refusal)
		call->error_class = "CommandNotFound";
	if (!s->ready && !is_negotiation(name))
		return fail(err, "Expecting capabilities negotiation with 'qmp_capabilities'");
	if (s->ready && is_negotiation(name))
		return fail(err, "Capabilities negotiation is already complete, command ignored");
	if (!command)
		return fail(err, "The command %.100s has not been found", name);
	if (command->refusal)
		return fail(err, "The command %s has not been found: %s", name, command->refusal);
	call->error_class = NULL;
	return qmp_check(command->arguments, call->arguments, err) && command->run(call, err);
}

static void message(void *opaque, struct json_object *request, const char *error)
{
	struct session *s = opaque;
	struct qmp_call call = {.qmp = s->qmp, .machine = s->qmp->machine};
	struct json_object *answer;
	struct error err = {""};

	if (error) {
		send_error(s, NULL, "GenericError", error);
		return;
	}
	s->qmp->current = s;
	if (!dispatch(s, request, &call, &err)) {
		json_object_put(call.result);
		send_error(s, request, call.error_class ? call.error_class : "GenericError", err.text);
		return;
	}
	answer = json_object_new_object();
	qmp_put(answer, "return", call.result ? call.result : json_object_new_object());
	put_id(answer, request);
	send_object(s, answer);
}

static size_t can_take(void *opaque)
{
	struct session *s = opaque;

	return s->connected && !is_unread(s) && chardev_backlog(s->chardev) <= BACKLOG_PAUSE ? TAKE_BYTES : 0;
}

static void take(void *opaque, const u8 *bytes, size_t size)
{
	struct session *s = opaque;

	qmp_input_feed(&s->input, bytes, size);
}

static void connection(void *opaque, bool connected)
{
	struct session *s = opaque;

	s->connected = connected;
	s->ready = s->dropping = false;
	qmp_input_clear(&s->input);
	if (connected)
		greet(s);
}

/* --- events --- */

static struct json_object *event_data(enum machine_event event, enum machine_cause cause, const char *device)
{
	static const char *const causes[] = {
		[CAUSE_GUEST_SHUTDOWN] = "guest-shutdown", [CAUSE_GUEST_RESET] = "guest-reset",
		[CAUSE_HOST_SIGNAL] = "host-signal",       [CAUSE_HOST_UI] = "host-ui",
		[CAUSE_HOST_QUIT] = "host-qmp-quit",       [CAUSE_HOST_RESET] = "host-qmp-system-reset",
	};
	struct json_object *data;

	if (event == EVENT_DEVICE_DELETED) {
		char path[256];

		data = json_object_new_object();
		snprintf(path, sizeof(path), *device ? "/machine/peripheral/%.200s" : "/machine/peripheral-anon",
			 device);
		if (*device)
			qmp_put_string(data, "device", device);
		qmp_put_string(data, "path", path);
		return data;
	}
	if (event != EVENT_SHUTDOWN && event != EVENT_RESET)
		return NULL;
	data = json_object_new_object();
	qmp_put_bool(data, "guest", cause == CAUSE_GUEST_SHUTDOWN || cause == CAUSE_GUEST_RESET);
	qmp_put_string(data, "reason", causes[cause]);
	return data;
}

/* To every client; `data` may be NULL and is given up. */
static void send_event(struct qmp *q, const char *name, struct json_object *data)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	for (unsigned i = 0; i < q->count; i++) {
		struct json_object *object, *time;

		if (!q->sessions[i]->ready)
			continue;
		object = json_object_new_object();
		time = json_object_new_object();
		qmp_put_u64(time, "seconds", (u64)now.tv_sec);
		qmp_put_u64(time, "microseconds", (u64)now.tv_usec);
		qmp_put(object, "timestamp", time);
		qmp_put_string(object, "event", name);
		if (data)
			qmp_put(object, "data", json_object_get(data));
		send_object(q->sessions[i], object);
	}
	json_object_put(data);
}

static void tell_balloon(struct qmp *q)
{
	struct json_object *data;
	u64 left;

	if (!hmp_balloon(q->machine, &left))
		return; /* taken out meanwhile */
	data = json_object_new_object();
	qmp_put_u64(data, "actual", left);
	send_event(q, "BALLOON_CHANGE", data);
}

static void happened(void *opaque, enum machine_event event, enum machine_cause cause, const char *device)
{
	static const char *const names[] = {
		[EVENT_SHUTDOWN] = "SHUTDOWN", [EVENT_RESET] = "RESET",   [EVENT_POWERDOWN] = "POWERDOWN",
		[EVENT_STOP] = "STOP",         [EVENT_RESUME] = "RESUME", [EVENT_DEVICE_DELETED] = "DEVICE_DELETED",
	};

	if (event == EVENT_BALLOON_CHANGE)
		tell_balloon(opaque);
	else
		send_event(opaque, names[event], event_data(event, cause, device));
}

static void disk_failed(void *opaque, const struct drive *drive, bool write, bool no_space, enum on_error action)
{
	struct json_object *data = json_object_new_object();
	char path[160];

	snprintf(path, sizeof(path), "/machine/peripheral/%.120s", drive->user ? dev_name(drive->user) : "");
	qmp_put_string(data, "qom-path", path);
	qmp_put_string(data, "device", drive->is_node ? "" : drive->id);
	qmp_put_string(data, "node-name", drive->id);
	qmp_put_string(data, "operation", write ? "write" : "read");
	qmp_put_string(data, "action",
		       action == ON_ERROR_STOP   ? "stop" :
		       action == ON_ERROR_IGNORE ? "ignore" :
						   "report");
	qmp_put_bool(data, "nospace", no_space);
	qmp_put_string(data, "reason", no_space ? "No space left on device" : "Input/output error");
	send_event(opaque, "BLOCK_IO_ERROR", data);
}

/* --- from beginning to end --- */

struct qmp *qmp_create(struct settings *settings, struct machine *machine)
{
	struct qmp *q = calloc(1, sizeof(*q));

	assert(q);
	q->settings = settings;
	q->machine = machine;
	machine_listen(machine, happened, q);
	machine_listen_disks(machine, disk_failed, q);
	return q;
}

static bool serve(struct qmp *q, struct chardev *chardev, bool owned, struct error *err)
{
	struct session *s;

	if (q->count == MONITORS_MAX)
		return fail(err, "more than %d monitors; leave some out", MONITORS_MAX);
	s = calloc(1, sizeof(*s));
	assert(s);
	*s = (struct session){.qmp = q, .chardev = chardev, .owned = owned, .input = {.message = message, .opaque = s}};
	q->sessions[q->count++] = s;
	chardev_connect(chardev, can_take, take, s);
	chardev_on_connection(chardev, connection, s);
	return true;
}

bool qmp_serve(struct qmp *q, struct chardev *chardev, struct error *err)
{
	if (chardev_is_connected(chardev))
		return fail(err, "this character device serves something else already; describe another");
	return serve(q, chardev, false, err);
}

bool qmp_listen(struct qmp *q, const char *spec, struct error *err)
{
	struct chardev *chardev = chardev_open(spec, machine_loop(q->machine), NULL, NULL, err);

	if (!chardev)
		return false;
	if (serve(q, chardev, true, err))
		return true;
	chardev_close(chardev);
	return false;
}

void qmp_destroy(struct qmp *q)
{
	if (!q)
		return;
	machine_unlisten(q->machine, q);
	for (unsigned i = 0; i < q->count; i++) {
		struct session *s = q->sessions[i];

		chardev_on_connection(s->chardev, NULL, NULL);
		chardev_connect(s->chardev, NULL, NULL, NULL);
		if (s->owned)
			chardev_close(s->chardev);
		qmp_input_clear(&s->input);
		free(s);
	}
	free(q);
}
