/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of options, and what the options that describe the board make of their arguments. */
#include "check.h"
#include "control/settings.h"
#include "jit/jit.h"

static struct settings *fresh(void)
{
	struct settings *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->config.ram_size = 1 * GiB;
	s->config.cpu_count = 1;
	return s;
}

typedef bool take(struct settings *s, const char *argument, struct error *err);

static struct settings *taken(take *option, const char *argument)
{
	struct settings *s = fresh();
	struct error err = {""};

	if (!option(s, argument, &err))
		fail_msg("%s is refused: %s", argument, err.text);
	return s;
}

static void refused(take *option, const char *argument, const char *words)
{
	struct settings *s = fresh();
	struct error err = {""};

	if (option(s, argument, &err))
		fail_msg("%s is taken", argument);
	check_says(&err, words);
	free(s);
}

static const struct option *row(const char *name)
{
	for (const struct option *o = options; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

static void every_row_of_the_table_is_whole(void **state)
{
	for (const struct option *o = options; o->name; o++) {
		if (row(o->name) != o)
			fail_msg("-%s stands twice", o->name);
		if (!o->help == !o->refusal)
			fail_msg("-%s has a help text or a refusal, one of them", o->name);
		if (o->refusal && o->take)
			fail_msg("-%s is refused and taken", o->name);
		if (o->alias && row(o->alias))
			fail_msg("-%s is an alias and an option", o->alias);
	}
}

static void memory_sizes(void **state)
{
	static const struct {
		const char *text;
		u64 size, max;
	} good[] = {
		{"512", 512 * MiB, 0},
		{"2G", 2 * GiB, 0},
		{"size=4096M", 4 * GiB, 0},
		{"4g", 4 * GiB, 0},
		{"1G,slots=4,maxmem=8G", 1 * GiB, 8 * GiB},
		{"64M", 64 * MiB, 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		struct settings *s = taken(option_memory, good[i].text);

		assert_int_equal(s->config.ram_size, good[i].size);
		assert_int_equal(s->config.ram_max, good[i].max);
		free(s);
	}
	refused(option_memory, "63M", "at least 64M");
	refused(option_memory, "65M", "multiple of 2M");
	refused(option_memory, "0", "at least 64M");
	refused(option_memory, "-1", "-m");
	refused(option_memory, "99999999999999999999", "-m");
	refused(option_memory, "17592186044416", "too large");
	refused(option_memory, "2G,maxmem=1G", "maxmem=1G");
	refused(option_memory, "2G,slots=257", "slots");
	refused(option_memory, "2G,frob=1", "frob");
}

static void cpu_topologies(void **state)
{
	static const struct {
		const char *text;
		unsigned cpus, sockets, cores, threads;
	} good[] = {
		{"4", 4, 1, 4, 1},
		{"cpus=4,maxcpus=4", 4, 1, 4, 1},
		{"2,maxcpus=8,sockets=2,cores=4,threads=1", 2, 2, 4, 1},
		{"8,sockets=2", 8, 2, 4, 1},
		{"8,sockets=2,cores=2,threads=2", 8, 2, 2, 2},
		{"sockets=2,cores=3", 6, 2, 3, 1},
		{"16,threads=2", 16, 1, 8, 2},
		{"4,dies=1,clusters=1", 4, 1, 4, 1},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		const struct machine_config *c;
		struct settings *s = taken(option_smp, good[i].text);

		c = &s->config;
		assert_int_equal(c->cpu_count, good[i].cpus);
		assert_int_equal(c->sockets, good[i].sockets);
		assert_int_equal(c->cores, good[i].cores);
		assert_int_equal(c->threads, good[i].threads);
		free(s);
	}
	refused(option_smp, "0", "-smp");
	refused(option_smp, "17", "from 1 to 16");
	refused(option_smp, "4,cores=3", "sockets * cores * threads");
	refused(option_smp, "4,dies=2", "not built");
	refused(option_smp, "3,maxcpus=2", "maxcpus=2");
	refused(option_smp, "2,frob=1", "frob");
	refused(option_smp, "sockets=1024,cores=1024,threads=1024", "at most 16");
}

static void machine_properties(void **state)
{
	struct settings *s =
		taken(option_machine, "virt-9.2,gic-version=3,its=off,acpi=off,cxl=on,highmem=yes,mte=false");

	assert_false(s->config.its);
	assert_false(s->config.acpi);
	assert_int_equal(s->config.cxl, 1);
	free(s);
	s = taken(option_machine, "virt,memory-backend=m0,cxl-fmw.0.targets.0=a,cxl-fmw.0.size=4G,cxl-fmw.15.size=1G");
	assert_int_equal(s->config.node_count, 0);
	assert_string_equal(s->config.memory_backend, "m0");
	assert_true(s->windows[0].used && s->windows[15].used && !s->windows[1].used);
	assert_int_equal(s->windows[0].opts.count, 2);
	assert_string_equal(s->windows[0].opts.list[0].key, "targets.0");
	opts_free(&s->windows[0].opts);
	opts_free(&s->windows[15].opts);
	free(s);
	s = taken(option_machine, "virt,iommu=smmuv3,default_bus_bypass_iommu=on");
	assert_true(s->config.smmu && s->config.bypass_iommu);
	free(s);
	s = taken(option_machine, "virt,default-bus-bypass-iommu=on,default-bus-bypass-iommu=off");
	assert_false(s->config.bypass_iommu);
	free(s);
	free(taken(option_machine, "virt,nvdimm=on,hmat=true,mem-merge=no,dtb-randomness=y,spcr=on"));
	refused(option_machine, "virt,mte=y", "write mte=off");
	refused(option_machine, "virt,default_bus_bypass_iommu=perhaps", "default-bus-bypass-iommu");
	refused(option_machine, "raspi4b", "write -M virt");
	refused(option_machine, "virt,secure=on", "there is no EL3; write secure=off");
	refused(option_machine, "virt,gic-version=2", "write gic-version=3");
	refused(option_machine, "virt,frob=1", "no such machine property");
	refused(option_machine, "virt,acpi=perhaps", "perhaps");
	refused(option_machine, "virt,cxl-fmw.16.size=1G", "N from 0 to 15");
	refused(option_machine, "virt,cxl-fmw..size=1G", "N from 0 to 15");
	refused(option_machine, "virt,cxl-fmw.1size=1G", "N from 0 to 15");
	refused(option_machine, "virt,cxl-fmw.99999999999.size=1G", "N from 0 to 15");
}

static void boot_orders(void **state)
{
	struct settings *s = taken(option_boot, "order=cdn,once=c,menu=off,strict=on");

	assert_true(s->config.boot_strict);
	free(s);
	refused(option_boot, "order=c,once=z", "from a to p");
	refused(option_boot, "dz", "from a to p");
}

static void cpus_and_their_properties(void **state)
{
	struct settings *s = taken(option_cpu, "neoverse-n1,sve=off,pmu=on");

	assert_string_equal(s->config.cpu_model, "neoverse-n1");
	free(s);
	refused(option_cpu, "host", "-cpu max");
	refused(option_cpu, "cortex-a35", "max");
	refused(option_cpu, "max,sve=on", "does not have this feature");
	refused(option_cpu, "max,pmu=off", "always has this feature");
	refused(option_cpu, "max,frob=on", "no such CPU property");
}

static void nodes_and_distances(void **state)
{
	struct settings *s = taken(option_numa, "node,nodeid=2,cpus=1-3,mem=1G");
	struct error err = {""};

	assert_int_equal(s->config.node_count, 1);
	assert_int_equal(s->config.nodes[0].id, 2);
	assert_int_equal(s->config.nodes[0].size, 1 * GiB);
	assert_int_equal(s->config.nodes[0].cpus, 0xe);
	assert_true(option_numa(s, "dist,src=2,dst=5,val=20", &err));
	assert_int_equal(s->config.distance[2][5], 20);
	assert_int_equal(s->config.distance[5][2], 20);
	assert_true(option_numa(s, "dist,src=5,dst=2,val=30", &err));
	assert_int_equal(s->config.distance[2][5], 20);
	assert_int_equal(s->config.distance[5][2], 30);
	assert_false(option_numa(s, "node,nodeid=2", &err));
	check_says(&err, "already");
	free(s);
	refused(option_numa, "node,cpus=3-1", "FIRST-LAST");
	refused(option_numa, "node,cpus=0-16", "FIRST-LAST");
	refused(option_numa, "node,nodeid=64", "nodeid");
	refused(option_numa, "node,mem=1G,memdev=m", "exclude");
	refused(option_numa, "dist,src=0,dst=0,val=20", "itself is 10");
	refused(option_numa, "dist,src=0,dst=1,val=9", "val");
	refused(option_numa, "dist,src=0,dst=1", "val=");
	refused(option_numa, "hmat-lb,initiator=0", "target= is missing");
	refused(option_numa, "hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,bandwidth=1M",
		"needs latency=");
	refused(option_numa, "hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-bandwidth,bandwidth=1000",
		"a multiple of 1M");
	refused(option_numa, "hmat-cache,node-id=0,size=1M,level=4,associativity=direct,policy=write-back,line=64",
		"level");
	refused(option_numa, "hmat-cache,node-id=0,size=1M,level=1,associativity=odd,policy=write-back,line=64",
		"associativity=odd");
	refused(option_numa, "cpu,socket-id=0", "node-id=");
	refused(option_numa, "frob", "hmat-cache");
	s = taken(option_numa, "node,cpus=0,cpus=2-3");
	assert_int_equal(s->config.nodes[0].cpus, 0xd);
	free(s);
	s = taken(option_numa, "hmat-lb,initiator=0,target=1,hierarchy=memory,data-type=access-latency,latency=5");
	assert_int_equal(s->config.hmat_values[0].value, 5000);
	assert_int_equal(s->config.hmat_values[0].target, 1);
	free(s);
}

static void engines(void **state)
{
	struct settings *s = taken(option_accel, "tcg,thread=multi,tb-size=64");
	struct error err = {""};

	assert_int_equal(s->config.engine, ENGINE_BEST);
	assert_true(option_accel(s, "tcg", &err));
	assert_int_equal(s->config.jit_cache, 64 * MiB);
	free(s);
	s = taken(option_accel, "jit");
	assert_int_equal(s->config.engine, ENGINE_JIT);
	free(s);
	s = taken(option_machine, "virt,accel=jit");
	assert_int_equal(s->config.engine, ENGINE_JIT);
	free(s);
	s = taken(option_accel, "interp");
	assert_int_equal(s->config.engine, ENGINE_INTERP);
	free(s);
	s = taken(option_accel, "kvm,dirty-ring-size=4096");
	assert_false(accel_settle(s, &err));
	check_says(&err, "-accel kvm");
	check_says(&err, "interp");
	/* As the kernel's kunit.py has it: the next one goes. */
	assert_true(option_accel(s, "hvf", &err) && option_accel(s, "jit", &err) && accel_settle(s, &err));
	assert_int_equal(s->config.engine, ENGINE_JIT);
	free(s);
	s = taken(option_machine, "virt,accel=kvm");
	assert_false(accel_settle(s, &err));
	free(s);
	s = taken(option_machine, "virt,accel=kvm:interp");
	assert_true(accel_settle(s, &err));
	assert_int_equal(s->config.engine, ENGINE_INTERP);
	free(s);
	refused(option_machine, "virt,accel=kvm:frob", "frob");
	s = taken(option_accel, "accel=kvm"); /* [accel] of -readconfig */
	assert_string_equal(s->accel_passed, "kvm");
	free(s);
	refused(option_accel, "kvmx", "interp");
	refused(option_accel, "interp,frob=1", "frob");
	s = taken(option_accel, "jit,links=off,jumps=on,stress-slow=on,stress-tlb=on");
	assert_int_equal(s->config.jit_switches, 1u << JIT_LINKS | 1u << JIT_STRESS_SLOW);
	assert_true(s->config.stress_tlb);
	assert_false(s->config.stress_poll);
	free(s);
	refused(option_accel, "jit,links=maybe", "on or off");
}

static void times(void **state)
{
	struct settings *s = taken(option_icount, "shift=3");

	assert_true(s->config.instruction_time);
	assert_int_equal(s->config.icount_shift, 3);
	free(s);
	s = taken(option_rtc, "base=2026-11-22T12:00:00");
	assert_true(s->config.rtc_base_given);
	assert_int_equal(s->config.rtc_base_s, 1795348800);
	free(s);
	s = taken(option_rtc, "base=utc,clock=vm");
	assert_false(s->config.rtc_base_given);
	assert_int_equal(s->config.rtc_offset_s, 0);
	free(s);
	setenv("TZ", "EAST-9:30", 1);
	tzset();
	s = taken(option_rtc, "base=localtime");
	assert_false(s->config.rtc_base_given);
	assert_int_equal(s->config.rtc_offset_s, 34200);
	free(s);
	refused(option_icount, "shift=11", "shift");
	refused(option_icount, "shift=0,rr=record", "not built");
	refused(option_rtc, "base=1969-12-31", "from 1970 to 2106");
	refused(option_rtc, "base=2106-02-08", "from 1970 to 2106");
	refused(option_rtc, "base=2026-11-22x", "base=2026-11-22x");
	refused(option_rtc, "clock=sun", "clock=sun");
}

/* Nothing that a user can type may crash: short words over the syntax's own characters, into every parser. */
static void noise_is_taken_or_refused(void **state)
{
	static take *const parsers[] = {option_memory, option_smp, option_cpu, option_numa, option_icount, option_rtc};
	static const char *const pieces[] = {
		"node",  "dist", "nodeid=", "cpus=", "shift", "=",        ",",
		",,",    "0",    "-",       "G",     "max",   "mem=",     "18446744073709551615",
		"base=", "val=", "src=",    "%s",    "\n",    "sockets=", "T"};
	u64 random = 7;

	for (unsigned round = 0; round < 20000; round++) {
		struct settings *s = fresh();
		struct error err = {""};
		char text[128] = "";

		for (unsigned n = 1 + check_random(&random) % 5; n--;)
			strcat(text, pieces[check_random(&random) % ARRAY_SIZE(pieces)]);
		if (!parsers[round % ARRAY_SIZE(parsers)](s, text, &err))
			assert_true(err.text[0]);
		assert_true(s->config.cpu_count >= 1 && s->config.cpu_count <= 16);
		assert_true(s->config.node_count <= MACHINE_NODES_MAX);
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_is_whole),
		cmocka_unit_test(memory_sizes),
		cmocka_unit_test(cpu_topologies),
		cmocka_unit_test(machine_properties),
		cmocka_unit_test(boot_orders),
		cmocka_unit_test(cpus_and_their_properties),
		cmocka_unit_test(nodes_and_distances),
		cmocka_unit_test(engines),
		cmocka_unit_test(times),
		cmocka_unit_test(noise_is_taken_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
