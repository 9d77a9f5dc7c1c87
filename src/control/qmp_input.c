/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a stream of bytes to JSON objects. Clients are hostile as to bytes: messages may be cut anywhere, joined, deep, endless or no JSON at
 * all. Brackets and strings are counted byte by byte, which finds the end of a message without parsing; a whole message is then parsed
 * at once. What cannot be a message is answered with one error, and the stream is read again from the next line (or 0xff byte) on.
 */
#include <stdlib.h>
#include <string.h>

#include "control/qmp.h"

void qmp_input_clear(struct qmp_input *input)
{
	free(input->bytes);
	input->bytes = NULL;
	input->count = input->room = 0;
	input->depth = 0;
	input->in_string = input->escaped = input->skipping = false;
}

static void restart(struct qmp_input *input)
{
	input->count = 0;
	input->depth = 0;
	input->in_string = input->escaped = false;
}

static void refuse(struct qmp_input *input, const char *why, u8 at)
{
	restart(input);
	input->skipping = at != '\n' && at != 0xff;
	input->message(input->opaque, NULL, why);
}

static void parse(struct qmp_input *input)
{
	struct json_tokener *tokener = json_tokener_new_ex(QMP_DEPTH_MAX);
	struct json_object *object = NULL;
	size_t count = input->count;
	bool ok;

	restart(input);
	if (tokener) {
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		object = json_tokener_parse_ex(tokener, input->bytes, (int)count);
		ok = json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) == count;
		json_tokener_free(tokener);
	} else {
		ok = false;
	}
	if (ok && !json_object_is_type(object, json_type_object))
		input->message(input->opaque, NULL, "QMP input must be a JSON object");
	else if (ok)
		input->message(input->opaque, object, NULL);
	else
		input->message(input->opaque, NULL, "JSON parse error, not valid JSON");
	json_object_put(object);
}

static bool keep(struct qmp_input *input, u8 byte)
{
	if (input->count == input->room) {
		size_t room = MIN(MAX(input->room * 2, 1024), QMP_MESSAGE_BYTES_MAX);
		char *more = input->room < room ? realloc(input->bytes, room) : NULL;

		if (!more)
			return false;
		input->bytes = more;
		input->room = room;
	}
	input->bytes[input->count++] = (char)byte;
	return true;
}

static bool is_space(u8 byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void take_byte(struct qmp_input *input, u8 byte)
{
	if (input->skipping) {
		input->skipping = byte != '\n' && byte != 0xff;
		return;
	}
	if (!input->count && (is_space(byte) || byte == 0xff))
		return;
	if (byte < 0x20 && (input->in_string || !is_space(byte))) {
		refuse(input, "JSON parse error, control character in the input", byte);
		return;
	}
	if (byte == 0xff) {
		refuse(input, "JSON parse error, the message is not complete", byte);
		return;
	}
	if (!input->depth && byte != '{' && byte != '[') {
		refuse(input, "JSON parse error, a message begins with '{'", byte);
		return;
	}
	if (!keep(input, byte)) {
		refuse(input, "JSON parse error, the message is longer than 262144 bytes", byte);
		return;
	}
	if (input->in_string) {
		if (input->escaped)
			input->escaped = false;
		else if (byte == '\\')
			input->escaped = true;
		else if (byte == '"')
			input->in_string = false;
		return;
	}
	if (byte == '"') {
		input->in_string = true;
	} else if (byte == '{' || byte == '[') {
		if (++input->depth > QMP_DEPTH_MAX)
			refuse(input, "JSON parse error, deeper than 32 levels", byte);
	} else if (byte == '}' || byte == ']') {
		if (!--input->depth)
			parse(input);
	}
}

void qmp_input_feed(struct qmp_input *input, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		take_byte(input, bytes[i]);
}
