/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"
#include "obj/dev.h"

struct thing {
	struct dev dev;
	bool flag;
	u8 small;
	u16 medium;
	u32 big, choice;
	u64 serial, size;
	char *text;
	struct dev *link;
	u8 mac[6];
	unsigned destroyed_at;
};

static const char *const colours[] = {"red", "green", NULL};
static unsigned destroyed;

static bool thing_create(struct dev *dev, const struct dev_env *env, struct error *err)
{
	struct thing *t = container_of(dev, struct thing, dev);

	return t->small != 13 || fail(err, "small=13: unlucky");
}

static void thing_destroy(struct dev *dev)
{
	destroyed++;
}

static const struct dev_class thing_class = {
	.name = "thing",
	.doc = "for tests",
	.size = sizeof(struct thing),
	.plugs = BUS_PCIE,
	.create = thing_create,
	.destroy = thing_destroy,
	.props = (const struct prop[]){PROP_BOOL("flag", struct thing, flag, true, "a switch"),
				       PROP_U8("small", struct thing, small, 7, "a byte"),
				       PROP_U64("serial", struct thing, serial, 0x123456789abcull, "a serial number"),
				       PROP_SIZE("size", struct thing, size, 4096, "bytes"),
				       PROP_STRING("text", struct thing, text, "hello", "words"),
				       PROP_LINK("memdev", struct thing, link, "memory-backend", "memory"),
				       PROP_CHOICE("colour", struct thing, choice, colours, 1, "a colour"),
				       {.name = "medium",
					.kind = PROP_KIND_U16,
					.offset = offsetof(struct thing, medium),
					.initial = 5,
					.min = 2,
					.max = 9},
				       {}},
	.common = (const struct prop[]){PROP_U32("big", struct thing, big, 1, "a number"),
					PROP_MAC("mac", struct thing, mac, "address"),
					{}},
};

static const struct dev_class ram_class = {
	.name = "memory-backend-ram", .size = sizeof(struct dev), .plugs = BUS_OBJECT};
static struct dev *ram;

static struct dev *find(struct machine *machine, const char *id)
{
	return !strcmp(id, "m0") ? ram : NULL;
}

static const struct dev_env env = {.find = find};

static bool set_all(struct thing *t, const char *text, struct error *err)
{
	struct opts opts;
	bool ok = opts_parse(&opts, text, "driver", err) && dev_set_all(&t->dev, &opts, &env, err) &&
		  opts_all_used(&opts, "-device", err);

	opts_free(&opts);
	return ok;
}

static struct thing *thing_new(void)
{
	return container_of(dev_new(&thing_class), struct thing, dev);
}

static void defaults_are_set(void **state)
{
	struct thing *t = thing_new();

	assert_true(t->flag);
	assert_int_equal(t->small, 7);
	assert_int_equal(t->medium, 5);
	assert_int_equal(t->big, 1);
	assert_int_equal(t->serial, 0x123456789abcull);
	assert_int_equal(t->size, 4096);
	assert_int_equal(t->choice, 1);
	assert_string_equal(t->text, "hello");
	assert_null(t->link);
	assert_string_equal(dev_name(&t->dev), "thing");
	dev_destroy(&t->dev);
}

static void every_kind_is_set(void **state)
{
	struct thing *t = thing_new();
	struct error err;

	if (!set_all(t,
		     "thing,id=t0,bus=rp0,flag=off,small=255,serial=0xffffffffffffffff,size=4G,text=a,,b,memdev=m0,"
		     "colour=red,"
		     "medium=9,big=0xffffffff,mac=52:54:00:12:34:56,text=last",
		     &err))
		fail_msg("%s", err.text);
	assert_false(t->flag);
	assert_int_equal(t->small, 255);
	assert_int_equal(t->serial, UINT64_MAX);
	assert_int_equal(t->size, 4 * GiB);
	assert_string_equal(t->text, "last");
	assert_ptr_equal(t->link, ram);
	assert_int_equal(t->choice, 0);
	assert_int_equal(t->medium, 9);
	assert_int_equal(t->big, 0xffffffff);
	assert_int_equal(t->mac[0], 0x52);
	assert_string_equal(t->dev.id, "t0");
	assert_string_equal(t->dev.bus_name, "rp0");
	assert_string_equal(dev_name(&t->dev), "t0");
	dev_destroy(&t->dev);
}

static void errors_name_device_key_value_and_fix(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"thing,id=t0,smal=3", "thing 't0': smal=3: thing has no property 'smal'; did you mean 'small'?"},
		{"thing,zzzzzzzz=3", "'thing,help' lists them"},
		{"thing,small=256", "thing: small=256: out of range; write a number from 0 to 255"},
		{"thing,medium=1", "from 2 to 9"},
		{"thing,medium=10", "from 2 to 9"},
		{"thing,flag=maybe", "flag=maybe: not a switch"},
		{"thing,colour=blue", "colour=blue: not a choice; write one of red, green"},
		{"thing,memdev=m1", "memdev=m1: there is no object 'm1'; put '-object memory-backend...,id=m1'"},
		{"thing,id=0bad", "id=0bad: not an id"},
		{"thing,big=4G", "takes no suffix"},
	};
	struct error err;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct thing *t = thing_new();

		assert_false(set_all(t, bad[i].text, &err));
		check_says(&err, bad[i].says);
		dev_destroy(&t->dev);
	}
}

static void links_check_the_class(void **state)
{
	struct dev *was = ram;
	struct thing *t = thing_new();
	struct error err;

	ram = dev_new(&thing_class);
	assert_false(set_all(t, "thing,memdev=m0", &err));
	check_says(&err, "'m0' is a thing, not a memory-backend");
	dev_destroy(ram);
	ram = was;
	dev_destroy(&t->dev);
}

static void a_failed_create_is_destroyed(void **state)
{
	struct thing *t = thing_new();
	struct error err;

	destroyed = 0;
	assert_true(set_all(t, "thing,small=13", &err));
	assert_false(dev_create(&t->dev, &env, &err));
	assert_false(t->dev.created);
	dev_destroy(&t->dev);
	assert_int_equal(destroyed, 1);
	t = thing_new();
	assert_true(dev_create(&t->dev, &env, &err));
	assert_true(t->dev.created);
	dev_destroy(&t->dev);
	dev_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_set),
		cmocka_unit_test(every_kind_is_set),
		cmocka_unit_test(errors_name_device_key_value_and_fix),
		cmocka_unit_test(links_check_the_class),
		cmocka_unit_test(a_failed_create_is_destroyed),
	};
	int failed;

	ram = dev_new(&ram_class);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	dev_destroy(ram);
	return failed;
}
