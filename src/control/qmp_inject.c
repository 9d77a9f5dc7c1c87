/* SPDX-License-Identifier: BSD-2-Clause */
/* QMP: what goes wrong with CXL devices and on their links is injected, and read back. [CXL3.2 8.2.4.17, 8.2.10.2] */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "cxl/cxl.h"

#define ERRORS_MAX 64
#define HEADER_DWORDS_MAX 32

struct dev *qmp_cxl_device(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path");
	struct dev *dev = cxl_device_find(machine_cxl_host(call->machine), path);

	if (!dev)
		fail(err, "there is no cxl-type3 '%.100s'; write its id, or /machine/peripheral/ID", path);
	return dev;
}

static struct dev *component_of(struct qmp_call *call, struct error *err)
{
	const char *path = qmp_string(call, "path");
	struct dev *dev = cxl_component_find(machine_cxl_host(call->machine), path);

	if (!dev)
		fail(err, "there is no CXL device or port '%.100s'; write its id, or /machine/peripheral/ID", path);
	return dev;
}

static bool take_unsigned(const char *name, struct json_object *value, unsigned bits, u64 *number, struct error *err)
{
	*number = json_object_get_uint64(value);
	if (json_object_get_int64(value) < 0)
		return fail(err, "Parameter '%s' is negative; write 0 or more", name);
	if (bits < 64 && *number >> bits)
		return fail(err, "Parameter '%s' is larger than %llu", name, (unsigned long long)ones(bits));
	return true;
}

/* --- events --- */

struct filling {
	struct qmp_call *call;
	u8 *record;
	struct error *err;
	bool ok;
};

static bool fill_value(struct filling *f, const struct cxl_record_field *field, struct json_object *value)
{
	u8 *to = f->record + field->at;
	u64 number;

	if (json_object_is_type(value, json_type_string)) {
		size_t length = json_object_get_string_len(value);

		if (length > field->size)
			return fail(f->err, "Parameter '%s' is longer than %u bytes", field->name, field->size);
		memcpy(to, json_object_get_string(value), length);
		return true;
	}
	if (json_object_is_type(value, json_type_array)) {
		size_t count = json_object_array_length(value);

		if (count > field->size / 8u)
			return fail(f->err, "Parameter '%s' has more than %u elements", field->name, field->size / 8u);
		for (size_t n = 0; n < count; n++) {
			if (!take_unsigned(field->name, json_object_array_get_idx(value, n), 64, &number, f->err))
				return false;
			store_le(to + 8 * n, 8, number);
		}
		return true;
	}
	if (field->is_signed) {
		s64 given = json_object_get_int64(value), limit = 1ll << (8 * field->size - 1);

		if (given < -limit || given >= limit)
			return fail(f->err, "Parameter '%s' is not between %lld and %lld", field->name,
				    (long long)-limit, (long long)limit - 1);
		store_le(to, field->size, (u64)given & ones(8 * field->size));
		return true;
	}
	if (!take_unsigned(field->name, value, 8 * field->size, &number, f->err))
		return false;
	store_le(to, field->size,
		 number |
			 (field->at == 17 ? load_le(to, field->size) : 0)); /* beside what says that fields are there */
	return true;
}

static void fill(void *arg, const struct cxl_record_field *field)
{
	struct filling *f = arg;
	struct json_object *value, *pldm;

	if (!f->ok || !json_object_object_get_ex(f->call->arguments, field->name, &value))
		return;
	f->ok = fill_value(f, field, value);
	cxl_record_mark(f->record, field);
	if (field->format_bit && json_object_object_get_ex(f->call->arguments, "is-comp-id-pldm", &pldm) &&
	    json_object_get_boolean(pldm))
		cxl_record_mark_format(f->record, field);
}

static bool inject_event(struct qmp_call *call, unsigned kind, struct error *err)
{
	static const char *const logs[] = {"informational", "warning", "failure", "fatal"};
	struct dev *dev = qmp_cxl_device(call, err);
	u8 record[CXL_RECORD_BYTES] = {0};
	struct filling f = {call, record, err, true};
	unsigned log = 0;

	if (!dev)
		return false;
	while (strcmp(logs[log], qmp_string(call, "log")))
		log++;
	memcpy(record, cxl_record_kinds[kind].uuid, sizeof(cxl_record_kinds[kind].uuid));
	cxl_record_each(&cxl_record_kinds[kind], fill, &f);
	if (f.ok)
		cxl_event_inject(dev, log, record);
	return f.ok;
}

bool qmp_inject_general_media(struct qmp_call *call, struct error *err)
{
	return inject_event(call, CXL_RECORD_GENERAL_MEDIA, err);
}

bool qmp_inject_dram(struct qmp_call *call, struct error *err)
{
	return inject_event(call, CXL_RECORD_DRAM, err);
}

bool qmp_inject_memory_module(struct qmp_call *call, struct error *err)
{
	return inject_event(call, CXL_RECORD_MEMORY_MODULE, err);
}

struct showing {
	struct json_object *to;
	const u8 *record;
};

static void show_field(void *arg, const struct cxl_record_field *field)
{
	struct showing *s = arg;
	char text[2 * 32 + 1];

	if (!cxl_record_has(s->record, field))
		return;
	if (field->size <= 8) {
		u64 value = load_le(s->record + field->at, field->size);

		if (field->is_signed)
			qmp_put(s->to, field->name,
				json_object_new_int64((s64)(value << (64 - 8 * field->size)) >>
						      (64 - 8 * field->size)));
		else
			qmp_put_u64(s->to, field->name, value);
		return;
	}
	for (unsigned n = 0; n < field->size; n++)
		snprintf(text + 2 * n, 3, "%02x", s->record[field->at + n]);
	qmp_put_string(s->to, field->name, text);
}

static struct json_object *show_record(const u8 *record)
{
	const struct cxl_record_kind *kind = cxl_record_kind_of(record);
	struct json_object *e = json_object_new_object(), *fields = json_object_new_object();
	struct showing s = {fields, record};

	qmp_put_string(e, "kind", kind ? kind->name : "unknown");
	qmp_put_u64(e, "handle", load_le(record + 20, 2));
	qmp_put_u64(e, "timestamp", load_le(record + 24, 8));
	cxl_record_each(kind, show_field, &s);
	qmp_put(e, "fields", fields);
	return e;
}

static void show_log(void *arg, const struct cxl_log_facts *log)
{
	struct json_object *e = json_object_new_object(), *records = json_object_new_array();

	for (unsigned n = 0; n < log->count; n++)
		json_object_array_add(records, show_record(log->records + n * CXL_RECORD_BYTES));
	qmp_put_string(e, "log", log->name);
	qmp_put_u64(e, "room", log->room);
	qmp_put_u64(e, "overflow", log->overflow);
	qmp_put_bool(e, "interrupts", log->interrupts);
	qmp_put(e, "records", records);
	json_object_array_add(arg, e);
}

bool qmp_query_events(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);

	if (!dev)
		return false;
	call->result = json_object_new_array();
	return cxl_events_each(dev, show_log, call->result);
}

/* --- health --- */

/* A missing one keeps *value. */
static bool take_health(struct qmp_call *call, const char *name, unsigned bits, u32 *value, struct error *err)
{
	struct json_object *object;
	u64 number;

	if (!json_object_object_get_ex(call->arguments, name, &object))
		return true;
	if (!take_unsigned(name, object, bits, &number, err))
		return false;
	*value = (u32)number;
	return true;
}

bool qmp_set_health(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);
	struct json_object *temperature;
	struct cxl_health h;
	u32 health, media, life;

	if (!dev)
		return false;
	cxl_health_get(dev, &h);
	health = h.health_status;
	media = h.media_status;
	life = h.life_used;
	if (!take_health(call, "health-status", 8, &health, err) ||
	    !take_health(call, "media-status", 8, &media, err) || !take_health(call, "life-used", 8, &life, err) ||
	    !take_health(call, "corrected-volatile-error-count", 32, &h.corrected_volatile, err) ||
	    !take_health(call, "corrected-persistent-error-count", 32, &h.corrected_persistent, err))
		return false;
	if (json_object_object_get_ex(call->arguments, "temperature", &temperature)) {
		s64 degrees = json_object_get_int64(temperature);

		if (degrees < INT16_MIN || degrees > INT16_MAX)
			return fail(err, "Parameter 'temperature' is not between -32768 and 32767");
		h.temperature = (s16)degrees;
	}
	h.health_status = (u8)health;
	h.media_status = (u8)media;
	h.life_used = (u8)life;
	return cxl_health_set(dev, &h, err);
}

bool qmp_query_health(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);
	struct cxl_health h;

	if (!dev)
		return false;
	cxl_health_get(dev, &h);
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "health-status", h.health_status);
	qmp_put_u64(call->result, "media-status", h.media_status);
	qmp_put_u64(call->result, "additional-status", h.additional_status);
	qmp_put_u64(call->result, "life-used", h.life_used);
	qmp_put(call->result, "temperature", json_object_new_int64(h.temperature));
	qmp_put_u64(call->result, "dirty-shutdown-count", h.dirty_shutdowns);
	qmp_put_u64(call->result, "corrected-volatile-error-count", h.corrected_volatile);
	qmp_put_u64(call->result, "corrected-persistent-error-count", h.corrected_persistent);
	qmp_put_u64(call->result, "shutdown-state", h.shutdown_state);
	return true;
}

/* --- poison --- */

bool qmp_inject_poison(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);
	u64 start = 0, length = 0;

	return dev && qmp_u64(call, "start", &start, err) && qmp_u64(call, "length", &length, err) &&
	       cxl_poison_add(dev, start, length, err);
}

static void show_poison(void *arg, u64 dpa, u64 size, const char *source)
{
	struct json_object *e = json_object_new_object();

	qmp_put_u64(e, "start", dpa);
	qmp_put_u64(e, "length", size);
	qmp_put_string(e, "source", source);
	json_object_array_add(arg, e);
}

bool qmp_query_poison(struct qmp_call *call, struct error *err)
{
	struct dev *dev = qmp_cxl_device(call, err);

	if (!dev)
		return false;
	call->result = json_object_new_array();
	return cxl_poison_each(dev, show_poison, call->result);
}

/* --- protocol errors --- */

static bool take_error(struct json_object *object, struct cxl_ras_error *error, struct error *err)
{
	struct json_object *header = json_object_object_get(object, "header");
	u64 value;

	error->type = json_object_get_string(json_object_object_get(object, "type"));
	if (json_object_array_length(header) > HEADER_DWORDS_MAX)
		return fail(err, "Parameter 'header' has more than %u elements", HEADER_DWORDS_MAX);
	for (size_t n = 0; n < json_object_array_length(header); n++) {
		if (!take_unsigned("header", json_object_array_get_idx(header, n), 32, &value, err))
			return false;
		if (n < CXL_RAS_HEADER_DWORDS)
			error->header[n] = (u32)value;
	}
	return true;
}

bool qmp_inject_uncorrectable(struct qmp_call *call, struct error *err)
{
	struct json_object *list = json_object_object_get(call->arguments, "errors");
	size_t count = json_object_array_length(list);
	struct cxl_ras_error *errors;
	struct dev *dev = component_of(call, err);
	bool ok = dev != NULL;

	if (!ok)
		return false;
	if (!count || count > ERRORS_MAX)
		return fail(err, "Parameter 'errors' has %zu elements; write 1 to %u", count, ERRORS_MAX);
	errors = calloc(count, sizeof(*errors));
	if (!errors)
		return fail(err, "out of memory");
	for (size_t n = 0; ok && n < count; n++)
		ok = take_error(json_object_array_get_idx(list, n), &errors[n], err);
	ok = ok && cxl_ras_uncorrectable(dev, errors, (unsigned)count, err);
	free(errors);
	return ok;
}

bool qmp_inject_correctable(struct qmp_call *call, struct error *err)
{
	struct dev *dev = component_of(call, err);

	return dev && cxl_ras_correctable(dev, qmp_string(call, "type"), err);
}

bool qmp_query_ras(struct qmp_call *call, struct error *err)
{
	struct dev *dev = component_of(call, err);
	struct cxl_ras_facts facts;
	struct json_object *header;

	if (!dev)
		return false;
	if (!cxl_ras_facts(dev, &facts))
		return fail(err, "%s has no RAS capability", dev_name(dev));
	header = json_object_new_array();
	call->result = json_object_new_object();
	qmp_put_u64(call->result, "uncorrectable-status", facts.uncorrectable_status);
	qmp_put_u64(call->result, "uncorrectable-mask", facts.uncorrectable_mask);
	qmp_put_u64(call->result, "uncorrectable-severity", facts.uncorrectable_severity);
	qmp_put_u64(call->result, "correctable-status", facts.correctable_status);
	qmp_put_u64(call->result, "correctable-mask", facts.correctable_mask);
	qmp_put_u64(call->result, "headers", facts.headers);
	for (unsigned n = 0; facts.headers && n < CXL_RAS_HEADER_DWORDS; n++)
		json_object_array_add(header, json_object_new_uint64(facts.header[n]));
	if (facts.headers)
		qmp_put_u64(call->result, "first-error", facts.first_error);
	qmp_put(call->result, "header", header);
	return true;
}

/* --- error records of firmware --- */

static int digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* [RFC4648 4]; false: it is none, or is more than `room` bytes. */
static bool from_base64(const char *text, u8 *to, u32 room, u32 *size)
{
	size_t length = strlen(text), whole = length;
	u32 bits = 0;

	while (whole && length - whole < 2 && text[whole - 1] == '=')
		whole--;
	*size = 0;
	for (size_t n = 0; n < whole; n++) {
		int digit = digit_of(text[n]);

		if (digit < 0)
			return false;
		bits = bits << 6 | (u32)digit;
		if (n % 4 == 0)
			continue;
		if (*size == room)
			return false;
		to[(*size)++] = (u8)(bits >> (6 - 2 * (n % 4)));
	}
	return length % 4 == 0 && whole % 4 != 1;
}

bool qmp_inject_ghes(struct qmp_call *call, struct error *err)
{
	u8 block[4096];
	u32 size;

	if (!from_base64(qmp_string(call, "cper"), block, sizeof(block), &size))
		return fail(err, "Parameter 'cper' is not base64, or of more than %zu bytes", sizeof(block));
	return machine_inject_error(call->machine, block, size, err);
}

/* --- links --- */

static void show_link(void *arg, const struct cxl_link_facts *link)
{
	struct json_object *e = json_object_new_object();

	qmp_put_string(e, "port", link->port);
	if (link->below)
		qmp_put_string(e, "device", link->below);
	qmp_put_bool(e, "up", link->up);
	if (link->up) {
		qmp_put_u64(e, "speed", link->speed);
		qmp_put_u64(e, "width", link->width);
	}
	json_object_array_add(arg, e);
}

bool qmp_query_links(struct qmp_call *call, struct error *err)
{
	struct cxl_host *host = machine_cxl_host(call->machine);

	call->result = json_object_new_array();
	if (host)
		cxl_each_link(host, show_link, call->result);
	return true;
}
