/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a stream of bytes to JSON objects. Clients are hostile as to bytes: messages may be cut anywhere, joined, deep,
 * endless or no JSON at all. Brackets and strings are counted byte by byte, which finds the end of a message without
 * parsing; a whole message is then parsed at once. Strings may stand in single quotes, as scripts write them for QEMU;
 * they are kept in double ones. What cannot be a message is answered with one error, and the stream is read again from
 * the next line (or 0xff byte) on.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "control/qmp.h"

static void restart(struct qmp_input *input)
{
	input->count = 0;
	input->depth = input->members = 0;
	input->quote = 0;
	input->escaped = false;
}

void qmp_input_clear(struct qmp_input *input)
{
	free(input->bytes);
	input->bytes = NULL;
	input->room = 0;
	input->skipping = false;
	restart(input);
}

static void refuse(struct qmp_input *input, const char *why, u8 at)
{
	restart(input);
	input->skipping = at != '\n' && at != 0xff;
	input->message(input->opaque, NULL, why);
}

static bool is_utf8(const char *text, size_t size)
{
	for (size_t at = 0, length; at < size; at += length)
		if (!(length = utf8_length((const u8 *)text + at, size - at)))
			return false;
	return true;
}

/* Counts the members of all objects; false: there is a number in it that JSON cannot say. At most QMP_DEPTH_MAX deep.
 */
static bool count_members(struct json_object *value, u32 *members)
{
	switch (json_object_get_type(value)) {
	case json_type_double: return isfinite(json_object_get_double(value));
	case json_type_array:
		for (size_t n = 0; n < json_object_array_length(value); n++)
			if (!count_members(json_object_array_get_idx(value, n), members))
				return false;
		return true;
	case json_type_object: {
		json_object_object_foreach(value, key, inner)
		{
			(void)key;
			++*members;
			if (!count_members(inner, members))
				return false;
		}
		return true;
	}
	default: return true;
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Integers of more than 64 bits become floating-point numbers, as in QEMU, which no integer may be given as: the parser
 * would keep the nearest that has 64. Their last two digits make room for an exponent. */
static void unfit_integers(char *text, size_t size)
{
	bool quoted = false;

	for (size_t at = 0, end; at < size; at = end) {
		const char *limit = at && text[at - 1] == '-' ? "9223372036854775808" : "18446744073709551615";
		size_t most = strlen(limit);

		end = at + 1;
		if (quoted && text[at] == '\\')
			end++;
		else if (text[at] == '"')
			quoted = !quoted;
		if (quoted || !is_digit(text[at]))
			continue;
		while (end < size && is_digit(text[end]))
			end++;
		if (end < size && strchr(".eE", text[end])) {
			while (end < size && (is_digit(text[end]) || strchr(".eE+-", text[end])))
				end++;
		} else if (end - at > most || (end - at == most && memcmp(text + at, limit, most) > 0)) {
			text[end - 2] = 'e';
			text[end - 1] = '2';
		}
	}
}

/* Of two members of one name the parser keeps one: then there are fewer than there were colons. */
static const char *find_fault(struct json_object *object, u32 members)
{
	u32 kept = 0;

	if (!json_object_is_type(object, json_type_object))
		return "QMP input must be a JSON object";
	if (!count_members(object, &kept))
		return "JSON parse error, a number is not finite";
	return kept == members ? NULL : "JSON parse error, duplicate key";
}

static void parse(struct qmp_input *input)
{
	struct json_tokener *tokener = json_tokener_new_ex(QMP_DEPTH_MAX);
	struct json_object *object = NULL;
	const char *fault = "JSON parse error, not valid JSON";
	size_t count = input->count;
	u32 members = input->members;

	restart(input);
	if (tokener && is_utf8(input->bytes, count)) {
		unfit_integers(input->bytes, count);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
		object = json_tokener_parse_ex(tokener, input->bytes, (int)count);
		if (json_tokener_get_error(tokener) == json_tokener_success &&
		    json_tokener_get_parse_end(tokener) == count)
			fault = find_fault(object, members);
	}
	if (tokener)
		json_tokener_free(tokener);
	input->message(input->opaque, fault ? NULL : object, fault);
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

/* A byte inside a string, as it stands in one of double quotes. */
static bool keep_quoted(struct qmp_input *input, u8 byte)
{
	if (input->escaped) {
		input->escaped = false;
		return (byte == '\'' || keep(input, '\\')) && keep(input, byte);
	}
	if (byte == '\\') {
		input->escaped = true;
		return true;
	}
	if (byte == input->quote) {
		input->quote = 0;
		return keep(input, '"');
	}
	return (byte != '"' || keep(input, '\\')) && keep(input, byte);
}

static bool is_quote(u8 byte)
{
	return byte == '"' || byte == '\'';
}

static void take_byte(struct qmp_input *input, u8 byte)
{
	bool was_quoted;

	if (input->skipping) {
		input->skipping = byte != '\n' && byte != 0xff;
		return;
	}
	if (!input->count && (is_space(byte) || byte == 0xff))
		return;
	if (byte < 0x20 && (input->quote || !is_space(byte))) {
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
	was_quoted = input->quote;
	if (!(was_quoted ? keep_quoted(input, byte) : keep(input, is_quote(byte) ? '"' : byte))) {
		refuse(input, "JSON parse error, the message is longer than 262144 bytes", byte);
		return;
	}
	if (was_quoted)
		return;
	if (is_quote(byte)) {
		input->quote = byte;
	} else if (byte == ':') {
		input->members++;
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
