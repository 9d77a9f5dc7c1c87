/* SPDX-License-Identifier: BSD-2-Clause */
/* The QMP stream's cutting into messages and its limits; the declarations of qmp.def at work. */
#include "check.h"
#include "control/qmp.h"

struct heard {
	unsigned objects, errors;
	char last[256];
};

static void hear(void *opaque, struct json_object *object, const char *error)
{
	struct heard *h = opaque;

	assert_true(!object != !error);
	*(object ? &h->objects : &h->errors) += 1;
	snprintf(h->last, sizeof(h->last), "%s",
		 error ? error : json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

static struct heard feed_in_parts(const char *text, size_t size, size_t part)
{
	struct heard h = {0};
	struct qmp_input input = {.message = hear, .opaque = &h};

	for (size_t at = 0; at < size; at += part)
		qmp_input_feed(&input, (const u8 *)text + at, MIN(part, size - at));
	assert_true(input.room <= QMP_MESSAGE_BYTES_MAX);
	qmp_input_clear(&input);
	return h;
}

/* The same, however it is cut. */
static void expect(const char *text, size_t size, unsigned objects, unsigned errors, const char *last)
{
	static const size_t parts[] = {1, 2, 3, 7, 64, SIZE_MAX};

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		struct heard h = feed_in_parts(text, size, parts[i]);

		if (h.objects != objects || h.errors != errors || (last && !strstr(h.last, last)))
			fail_msg("%.60s in parts of %zu: %u objects, %u errors, last: %s", text, parts[i], h.objects,
				 h.errors, h.last);
	}
}
#define EXPECT(text, ...) expect(text, sizeof(text) - 1, __VA_ARGS__)

static void messages_end_with_their_bracket(void **state)
{
	EXPECT("{\"execute\":\"stop\"}", 1, 0, "{\"execute\":\"stop\"}");
	EXPECT("{\"a\":1}{\"b\":2} \r\n\t{\n\"c\"\n:\n3\n}", 3, 0, "{\"c\":3}");
	EXPECT("{\"a\":\"}]\\\"{[\"}", 1, 0, "}]");
	EXPECT("{\"a\":\"\\\\\"}{}", 2, 0, "{}");
	EXPECT("{\"a\":", 0, 0, NULL);
	EXPECT("", 0, 0, NULL);
	EXPECT("\xff\xff{}", 1, 0, NULL);
	EXPECT("{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\"}", 1, 0, "\xc3\xa4");
	EXPECT("{\"a\":18446744073709551615}", 1, 0, "18446744073709551615");
	EXPECT("{\"a\":18446744073709551616}", 1, 0, "184467440737095516e2");
	EXPECT("{\"a\":-9223372036854775808}", 1, 0, "-9223372036854775808");
	EXPECT("{\"a\":[-9223372036854775809]}", 1, 0, "-92233720368547758e2");
	EXPECT("{\"a\":1000000000000000000000000,\"b\":\"\\\\\"}", 1, 0, "10000000000000000000000e2");
	EXPECT("{\"a\":[1.00000000000000000000001e0,\"\\\"18446744073709551616\"]}", 1, 0, "\"18446744073709551616\"");
}

static void what_is_no_message_is_one_error(void **state)
{
	EXPECT("nonsense and more\n{}", 1, 1, "{}");
	EXPECT("}\n{}", 1, 1, NULL);
	EXPECT("[1,2]", 0, 1, "must be a JSON object");
	EXPECT("{\"a\" 1}", 0, 1, "not valid");
	EXPECT("{\"a\":1,}", 0, 1, NULL);
	EXPECT("{\"a\":1]", 0, 1, NULL);
	EXPECT("{\"a\":nan}", 0, 1, NULL);
	EXPECT("{\"a\":NaN}", 0, 1, "not finite");
	EXPECT("{\"a\":[-1e999]}", 0, 1, "not finite");
	EXPECT("{\"a\":1,\"b\":2,\"a\":3}", 0, 1, "duplicate key");
	EXPECT("{\"a\":[{\"b\":{\"c\":1,\"\\u0063\":1}}]}", 0, 1, "duplicate key");
	EXPECT("{\"a\":1 /* b */}", 0, 1, NULL);
	EXPECT("{\"a\":\"\xc3(\"}", 0, 1, NULL);
	EXPECT("{\"a\":\"\xc0\x80\"}", 0, 1, NULL);
	EXPECT("{\"a\":\"\xed\xa0\x80\"}", 0, 1, NULL);
	EXPECT("{\"a\":\"\xf4\x90\x80\x80\"}", 0, 1, NULL);
	EXPECT("{\"a\":\"\xe0\x9f\x80\"}", 0, 1, NULL);
}

static void strings_stand_in_either_quotes(void **state)
{
	EXPECT("{'a':'b'}", 1, 0, "{\"a\":\"b\"}");
	EXPECT("{'a':'\"}]:'}", 1, 0, "{\"a\":\"\\\"}]:\"}");
	EXPECT("{\"a\":\"it's\",'b':'it\\'s'}{}", 2, 0, NULL);
	EXPECT("{'a':'\\\\'}", 1, 0, "{\"a\":\"\\\\\"}");
	EXPECT("{'a':'\\n\\\"'}", 1, 0, "\\n\\\"");
	EXPECT("{'a\":1}", 0, 0, NULL);
	EXPECT("'a'\n{}", 1, 1, "{}");
}

static void control_bytes_and_0xff_end_a_message(void **state)
{
	EXPECT("{\"a\":\"b\nc\"}\n{}", 1, 2, "{}"); /* the string's rest is nonsense of its own */
	EXPECT("{\"a\":\0 1}\n{}", 1, 1, "{}");
	EXPECT("{\"a\":[[[\xff{}", 1, 1, "{}");
	EXPECT("{\"a\":\"\x01\"}\n{}", 1, 1, "{}");
}

static void depth_and_length_are_bounded(void **state)
{
	size_t size = QMP_MESSAGE_BYTES_MAX + 100;
	char *text = malloc(size + 3), deep[512];
	struct heard h;

	assert_non_null(text);
	memset(text, '[', size);
	memcpy(text + size, "\n{}", 3);
	h = feed_in_parts(text, size + 3, 4096);
	assert_int_equal(h.objects, 1);
	assert_int_equal(h.errors, 1);
	memset(text, 'x', size);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + size, "\n{}", 3);
	h = feed_in_parts(text, size + 3, 4096);
	assert_int_equal(h.objects, 1);
	assert_int_equal(h.errors, 1);
	/* As long as is allowed. */
	memset(text, 'x', size);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + QMP_MESSAGE_BYTES_MAX - 2, "\"}", 2);
	h = feed_in_parts(text, QMP_MESSAGE_BYTES_MAX, 1000);
	assert_int_equal(h.objects, 1);
	/* 31 levels pass, 33 do not. */
	for (unsigned levels = 31; levels <= 33; levels += 2) {
		size_t at = (size_t)snprintf(deep, sizeof(deep), "{\"a\":");

		for (unsigned i = 1; i < levels; i++)
			deep[at++] = '[';
		for (unsigned i = 1; i < levels; i++)
			deep[at++] = ']';
		deep[at++] = '}';
		deep[at++] = '\n';
		h = feed_in_parts(deep, at, 64);
		assert_int_equal(h.objects, levels == 31);
		assert_int_equal(h.errors, levels == 33);
	}
	free(text);
}

static void random_bytes_do_no_harm(void **state)
{
	static const char alphabet[] = "{}[]\",:\\01.eE-truefalsn \n\xff\xc3\x80";
	u64 seed = 1;
	u8 text[4096];

	for (unsigned round = 0; round < 500; round++) {
		for (unsigned i = 0; i < sizeof(text); i++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			text[i] = round & 1 ? (u8)(seed >> 56) : (u8)alphabet[(seed >> 40) % (sizeof(alphabet) - 1)];
		}
		feed_in_parts((const char *)text, sizeof(text), 1 + round);
	}
}

static bool check(const char *members, const char *text, struct error *err)
{
	struct json_object *object = text ? json_tokener_parse(text) : NULL;
	bool ok = qmp_check(members, object, err);

	json_object_put(object);
	return ok;
}

static void arguments_are_checked_by_their_declaration(void **state)
{
	static const char members[] = "a:str b?:int c?:[int] d?:bool e?:RunState f?:VersionTriple g?:any h?:number";
	static const struct {
		const char *text, *words; /* words NULL: good */
	} cases[] = {
		{"{\"a\":\"x\"}", NULL},
		{"{\"a\":\"x\",\"b\":1,\"c\":[1,2],\"d\":true,\"e\":\"paused\",\"f\":{\"major\":1,\"minor\":2,\"micro\":3},\"g\":[{}],\"h\":1.5}",
		 NULL},
		{NULL, "'a' is missing"},
		{"{}", "'a' is missing"},
		{"{\"a\":1}", "'a', expected: string"},
		{"{\"a\":null}", "'a', expected: string"},
		{"{\"a\":\"x\\u0000y\"}", "NUL"},
		{"{\"a\":\"x\",\"b\":\"1\"}", "'b', expected: integer"},
		{"{\"a\":\"x\",\"b\":1.5}", "'b', expected: integer"},
		{"{\"a\":\"x\",\"c\":[1,\"2\"]}", "'c', expected: integer"},
		{"{\"a\":\"x\",\"c\":1}", "'c', expected: array"},
		{"{\"a\":\"x\",\"d\":1}", "'d', expected: boolean"},
		{"{\"a\":\"x\",\"e\":\"walking\"}", "'e' does not accept"},
		{"{\"a\":\"x\",\"e\":\"\"}", "'e' does not accept"},
		{"{\"a\":\"x\",\"f\":{\"major\":1}}", "'minor' is missing"},
		{"{\"a\":\"x\",\"f\":[]}", "'f', expected: object"},
		{"{\"a\":\"x\",\"h\":\"1\"}", "'h', expected: number"},
		{"{\"a\":\"x\",\"z\":1}", "'z' is unexpected"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {""};
		bool ok = check(members, cases[i].text, &err);

		if (ok != !cases[i].words || (cases[i].words && !strstr(err.text, cases[i].words)))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void every_command_is_in_the_schema_once(void **state)
{
	struct json_object *schema = qmp_schema();

	for (const struct qmp_command *c = qmp_commands; c->name; c++) {
		unsigned seen = 0;

		for (size_t i = 0; i < json_object_array_length(schema); i++) {
			struct json_object *e = json_object_array_get_idx(schema, i);

			seen += !strcmp(json_object_get_string(json_object_object_get(e, "name")), c->name) &&
				!strcmp(json_object_get_string(json_object_object_get(e, "meta-type")), "command");
		}
		assert_int_equal(seen, c->refusal ? 0 : 1);
		assert_ptr_equal(qmp_command_find(c->name), c);
	}
	assert_null(qmp_command_find("no-such"));
	json_object_put(schema);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_end_with_their_bracket),
		cmocka_unit_test(what_is_no_message_is_one_error),
		cmocka_unit_test(strings_stand_in_either_quotes),
		cmocka_unit_test(control_bytes_and_0xff_end_a_message),
		cmocka_unit_test(depth_and_length_are_bounded),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(arguments_are_checked_by_their_declaration),
		cmocka_unit_test(every_command_is_in_the_schema_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
