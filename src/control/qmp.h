/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The QMP server: private to control/. qmp_input.c cuts the stream into messages, qmp_schema.c knows the declarations
 * of qmp.def, qmp.c holds the conversation, qmp_run.c and qmp_query.c carry commands out. Everything in the loop
 * thread, under the machine lock.
 */
#ifndef CONTROL_QMP_H
#define CONTROL_QMP_H

#include <json-c/json.h>
#include <stdio.h>

#include "control/hmp.h"
#include "control/settings.h"

/* --- qmp_input.c --- */
#define QMP_MESSAGE_BYTES_MAX (256 * KiB)
#define QMP_DEPTH_MAX 32
struct qmp_input {
	char *bytes; /* of the message so far */
	size_t count, room;
	u32 depth, members;
	u8 quote; /* of the string that we are in, or 0 */
	bool escaped, skipping;
	/* One complete message, or `error` (then it is NULL): in order. The object is the callee's to keep only with
	 * json_object_get. */
	void (*message)(void *opaque, struct json_object *object, const char *error);
	void *opaque;
};
void qmp_input_feed(struct qmp_input *input, const u8 *bytes, size_t size);
void qmp_input_clear(struct qmp_input *input); /* forgets what has come, frees */

/* --- qmp_schema.c --- */
struct qmp_call {
	struct qmp *qmp;
	struct machine *machine;
	struct json_object *arguments; /* NULL: none; checked against the declaration */
	struct json_object *result;    /* NULL: {} */
	const char *error_class;       /* NULL: GenericError */
};
struct qmp_command {
	const char *name, *arguments, *returned;
	bool (*run)(struct qmp_call *call, struct error *err);
	const char *refusal;
};
extern const struct qmp_command qmp_commands[]; /* ends with name NULL */
const struct qmp_command *qmp_command_find(const char *name);
/* Whether `arguments` (NULL: none) are what the members say. */
bool qmp_check(const char *members, struct json_object *arguments, struct error *err);
struct json_object *qmp_schema(void);
/* Arguments of a checked call. */
const char *qmp_string(const struct qmp_call *call, const char *name); /* NULL: not given */
bool qmp_u64(const struct qmp_call *call, const char *name, u64 *value,
	     struct error *err); /* a missing one keeps *value */

/* --- building answers --- */
void qmp_put(struct json_object *to, const char *name, struct json_object *value);
void qmp_put_string(struct json_object *to, const char *name, const char *value);
void qmp_put_u64(struct json_object *to, const char *name, u64 value);
void qmp_put_bool(struct json_object *to, const char *name, bool value);

/* --- qmp.c --- */
struct qmp;
struct qmp *qmp_create(struct settings *settings, struct machine *machine);
/* One more monitor: `spec` as after -serial, opened and closed by us; or a chardev of the machine. */
bool qmp_listen(struct qmp *qmp, const char *spec, struct error *err);
bool qmp_serve(struct qmp *qmp, struct chardev *chardev, struct error *err);
void qmp_destroy(struct qmp *qmp);
const struct settings *qmp_settings(const struct qmp *qmp);
/* The capabilities command: the conversation begins. */
bool qmp_negotiate(struct qmp *qmp, struct json_object *enable, struct error *err);

/* --- qmp_query.c --- */
/* The n-th character device: what it was described by, its label, whether somebody listens to it. NULL after the last.
 */
const char *qmp_chardev(struct qmp_call *call, unsigned n, char *label, size_t size, bool *open);

/* --- qmp_qom.c --- */
/* What QEMU calls the type of a property. */
void qmp_type_of(const struct prop *p, char *type, size_t size);

/* --- qmp_pci.c --- */
const char *pci_class_words(u16 class_code); /* NULL: unknown */

/* --- qmp_inject.c --- */
/* The cxl-type3 that argument `path` names; NULL and an error if there is none. */
struct dev *qmp_cxl_device(struct qmp_call *call, struct error *err);

/* --- topology.c --- */
enum picture { PICTURE_TEXT, PICTURE_DOT, PICTURE_SVG };
void topology_draw(struct machine *machine, enum picture picture, FILE *to);

#define QMP_COMMAND(function, name, arguments, returned) bool qmp_##function(struct qmp_call *call, struct error *err);
#include "control/qmp.def"

#endif
