/* SPDX-License-Identifier: BSD-2-Clause */
/* -M, -cpu, -m, -smp, -numa, -accel, -icount, -rtc: QEMU's spelling (docs/quirks.md lists the differences). */
#include "control/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "cpu/cpu.h"
#include "jit/jit.h"

/* -M keys that QEMU's `virt` has, and the only values that this machine can honour. */
static const struct fixed_key {
	const char *key, *values, *why;
} fixed_keys[] = {
	{"gic-version", "3|max|host", "the machine has a GICv3"},
	{"secure", "off", "there is no EL3"},
	{"virtualization", "off", "there is no EL2"},
	{"mte", "off", "memory tagging is not built"},
	{"highmem", "on", "CXL needs the high memory map"},
	{"highmem-ecam", "on", "CXL needs the high memory map"},
	{"highmem-mmio", "on", "CXL needs the high memory map"},
	{"highmem-redists", "on", "CXL needs the high memory map"},
	{"hmat", "on|off", ""},
	{"dtb-randomness", "on", "seeds are always given"},
	{"dtb-kaslr-seed", "on", "seeds are always given"},
	{"graphics", "off", "there is no display"},
	{"usb", "off", "there is no USB"},
	{"dump-guest-core", "off", "core dumps leave guest memory out"},
	{"mem-merge", "on|off", ""},
	{"compact-highmem", "on", "the memory map is the compact one"},
	{"nvdimm", "on|off", ""}, /* there is no such device: CXL memory needs none of it */
	{"spcr", "on", "the table is always there"},
	{"suppress-vmdesc", "on|off", ""},
};

/* For help: the others. */
static const struct {
	const char *key, *values, *words;
} free_keys[] = {
	{"accel", "jit|interp|tcg", "as -accel"},
	{"acpi", "on|off|auto", "ACPI tables, where the guest can take them"},
	{"cache-maintenance", "hisi|none", "a block that cleans caches by address (ACPI HISI0511)"},
	{"cxl", "on|off", "CXL host bridges can be described"},
	{"cxl-firmware-first", "on|off", "firmware hears of CXL errors first; with ras=on"},
	{"cxl-fmw.N.back-invalidate", "on|off", "window N takes memory with back-invalidation"},
	{"cxl-fmw.N.base", "ADDRESS", "where window N lies; otherwise behind the one before"},
	{"cxl-fmw.N.interleave-arithmetic", "modulo|xor", "how window N spreads over its targets"},
	{"cxl-fmw.N.interleave-granularity", "BYTES", "256 to 16k"},
	{"cxl-fmw.N.qtg", "NUMBER", "QoS throttling group of window N"},
	{"cxl-fmw.N.restrictions", "WORD:WORD...", "what window N may be used for"},
	{"cxl-fmw.N.size", "SIZE", "size of window N"},
	{"cxl-fmw.N.targets.M", "ID", "the pxb-cxl that is target M of window N"},
	{"default-bus-bypass-iommu", "on|off", "pcie.0 is not behind the SMMU"},
	{"dumpdtb", "FILE", "write the device tree there, and end"},
	{"iommu", "smmuv3|none", "an SMMU for PCI functions"},
	{"its", "on|off", "the GIC has an ITS"},
	{"memory-backend", "ID", "the -object that RAM is"},
	{"pflash0", "ID", "the -drive that is bank 0 of flash, where firmware is"},
	{"pflash1", "ID", "bank 1, where its variables are"},
	{"ras", "on|off", "firmware tells of errors (HEST)"},
};

static _Noreturn void help_properties(void)
{
	printf("virt options:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(free_keys); i++)
		printf("  %s=<%s> - %s\n", free_keys[i].key, free_keys[i].values, free_keys[i].words);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed_keys); i++)
		printf("  %s=<%s>%s%s\n", fixed_keys[i].key, fixed_keys[i].values, *fixed_keys[i].why ? " - " : "",
		       fixed_keys[i].why);
	help_done();
}

static bool is_one_of(const char *value, const char *list)
{
	size_t length = strlen(value);

	while (*list) {
		size_t n = strcspn(list, "|");

		if (n == length && !memcmp(list, value, n))
			return true;
		list += n + (list[n] == '|');
	}
	return false;
}

/* accel=kvm:tcg: the first that can be. */
static bool accel_list(struct settings *s, const char *list, struct error *err)
{
	char name[32];

	for (size_t length; *list; list += length + (list[length] == ':')) {
		length = strcspn(list, ":");
		snprintf(name, sizeof(name), "%.*s", (int)MIN(length, sizeof(name) - 1), list);
		if (!option_accel(s, name, err))
			return false;
	}
	return true;
}

static bool machine_key(struct settings *s, const char *key, const char *value, struct error *err)
{
	struct error ignored;
	const char *word;
	bool flag;

	if (!strcmp(key, "cxl")) {
		if (!parse_bool("-M cxl", value, &flag, err))
			return false;
		s->config.cxl = flag;
		return true;
	}
	if (!strcmp(key, "acpi")) {
		if (!strcmp(value, "auto")) {
			s->config.acpi = true;
			return true;
		}
		return parse_bool("-M acpi", value, &s->config.acpi, err);
	}
	if (!strcmp(key, "iommu")) {
		s->config.smmu = !strcmp(value, "smmuv3");
		return s->config.smmu || !strcmp(value, "none") ||
		       fail(err, "-M iommu=%s: there is an SMMUv3; write iommu=smmuv3 or iommu=none", value);
	}
	if (!strcmp(key, "default-bus-bypass-iommu"))
		return parse_bool("-M default-bus-bypass-iommu", value, &s->config.bypass_iommu, err);
	if (!strcmp(key, "its"))
		return parse_bool("-M its", value, &s->config.its, err);
	if (!strcmp(key, "ras"))
		return parse_bool("-M ras", value, &s->config.ras, err);
	if (!strcmp(key, "cxl-firmware-first"))
		return parse_bool("-M cxl-firmware-first", value, &s->config.cxl_firmware_first, err);
	if (!strcmp(key, "accel"))
		return accel_list(s, value, err);
	if (!strcmp(key, "cache-maintenance")) {
		s->config.hha = !strcmp(value, "hisi");
		return s->config.hha || !strcmp(value, "none") ||
		       fail(err,
			    "-M cache-maintenance=%s: no such block; write cache-maintenance=hisi (ACPI HISI0511) or none",
			    value);
	}
	if (!strcmp(key, "dumpdtb")) {
		s->config.dumpdtb = value;
		return true;
	}
	if (!strcmp(key, "pflash0") || !strcmp(key, "pflash1")) {
		s->config.flash_drive[key[6] - '0'] = value;
		return true;
	}
	if (!strcmp(key, "memory-backend")) {
		s->config.memory_backend = value;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fixed_keys); i++) {
		if (strcmp(fixed_keys[i].key, key))
			continue;
		/* Switches have other spellings. */
		word = parse_bool(key, value, &flag, &ignored) ? (flag ? "on" : "off") : value;
		if (is_one_of(word, fixed_keys[i].values))
			return true;
		return fail(err, "-M %s=%s: %s; write %s=%s", key, value, fixed_keys[i].why, key, fixed_keys[i].values);
	}
	return fail(err, "-M %s=%s: no such machine property; '-M virt,help' lists them", key, value);
}

/* cxl-fmw.N.KEY=VALUE, gathered by N. */
static bool window_key(struct settings *s, const char *key, const char *value, struct error *err)
{
	const char *end = key + strlen("cxl-fmw.");
	unsigned n = 0, digits = 0;
	struct opts *opts;

	for (; *end >= '0' && *end <= '9' && digits < 3; end++, digits++)
		n = n * 10 + (unsigned)(*end - '0');
	if (*end != '.' || !digits || n >= FMW_MAX)
		return fail(err, "-M %s=%s: a fixed window's key is cxl-fmw.N.KEY with N from 0 to %d", key, value,
			    FMW_MAX - 1);
	opts = &s->windows[n].opts;
	s->windows[n].used = true;
	if (opts->count == OPTS_MAX)
		return fail(err, "-M %s: more than %d keys for one window; say each once", key, OPTS_MAX);
	opts->list[opts->count++] = (struct opt){.key = strdup(end + 1), .value = strdup(value)};
	return true;
}

bool option_machine(struct settings *s, const char *argument, struct error *err)
{
	struct opts opts;

	if (!strcmp(argument, "help") || !strcmp(argument, "?"))
		help_machines();
	if (!opts_parse(&opts, argument, "type", err))
		return fail_context(err, "-M");
	for (unsigned i = 0; i < opts.count; i++) {
		char *key = opts.list[i].key, *value = opts.list[i].value;

		/* Values outlive the options: they are small and are made once. */
		opts.list[i].value = NULL;
		/* Old spellings have underscores. */
		for (char *at = key; (at = strchr(at, '_'));)
			*at = '-';
		if (!strcmp(key, "type")) {
			s->config.none = !strcmp(value, "none");
			if (!s->config.none && strcmp(value, "virt") && strncmp(value, "virt-", 5))
				return fail(err, "-M %s: the machine is 'virt'; write -M virt", value);
		} else if (!strcmp(key, "help") || !strcmp(key, "?")) {
			help_properties();
		} else if (!strncmp(key, "cxl-fmw.", 8)) {
			if (!window_key(s, key, value, err))
				return false;
		} else if (!machine_key(s, key, value, err)) {
			return false;
		}
	}
	opts_free(&opts);
	return true;
}

/* Features that may be named with the value they have. */
static const struct {
	const char *name;
	bool present;
} cpu_features[] = {{"pauth", false}, {"pauth-qarma3", false}, {"pauth-qarma5", false},
		    {"sve", false},   {"sme", false},          {"pmu", true},
		    {"lpa2", false},  {"aarch64", true},       {"backcompat-pauth-default-use-qarma5", false}};

bool option_cpu(struct settings *s, const char *argument, struct error *err)
{
	struct opts opts;
	const char *const *models = cpus_models();
	char list[256] = "";
	bool flag;

	if (!strcmp(argument, "help") || !strcmp(argument, "?"))
		help_cpus();
	if (!opts_parse(&opts, argument, "model", err))
		return fail_context(err, "-cpu");
	for (unsigned i = 0; i < opts.count; i++) {
		const char *key = opts.list[i].key, *value = opts.list[i].value;
		unsigned f;

		if (!strcmp(key, "model")) {
			unsigned m;

			if (!strcmp(value, "host"))
				return fail(err,
					    "-cpu host: there is no host arm64 CPU to pass through; write -cpu max");
			for (m = 0; models[m]; m++) {
				if (!strcmp(models[m], value))
					break;
				snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", models[m]);
			}
			if (!models[m])
				return fail(err, "-cpu %s: no such CPU; one of%s", value, list);
			s->config.cpu_model = models[m];
			continue;
		}
		/* Which algorithm a feature has that is not there: many command lines say it. */
		if (!strcmp(key, "pauth-impdef")) {
			if (!parse_bool(key, value, &flag, err))
				return fail_context(err, "-cpu");
			continue;
		}
		for (f = 0; f < ARRAY_SIZE(cpu_features); f++)
			if (!strcmp(cpu_features[f].name, key))
				break;
		if (f == ARRAY_SIZE(cpu_features))
			return fail(err, "-cpu %s=%s: no such CPU property; leave it out", key, value);
		if (!parse_bool(key, value, &flag, err))
			return fail_context(err, "-cpu");
		if (flag != cpu_features[f].present)
			return fail(err, "-cpu %s=%s: the CPU %s this feature; leave it out or write %s=%s", key, value,
				    cpu_features[f].present ? "always has" : "does not have", key, flag ? "off" : "on");
	}
	opts_free(&opts);
	return true;
}

bool memory_size(const char *key, const char *text, u64 *size, struct error *err)
{
	size_t length = strlen(text);

	if (!parse_size(key, text, size, err))
		return false;
	if (length && text[length - 1] >= '0' && text[length - 1] <= '9') {
		if (*size > UINT64_MAX / MiB)
			return fail(err, "%s=%s: too large", key, text);
		*size *= MiB;
	}
	return true;
}

bool option_memory(struct settings *s, const char *argument, struct error *err)
{
	struct opts opts;
	const char *size, *slots, *max;
	u64 value;
	bool ok;

	if (!opts_parse(&opts, argument, "size", err))
		return fail_context(err, "-m");
	size = opts_get(&opts, "size");
	slots = opts_get(&opts, "slots");
	max = opts_get(&opts, "maxmem");
	s->config.ram_given |= size != NULL;
	ok = (!size || memory_size("-m size", size, &s->config.ram_size, err)) &&
	     (!max || memory_size("-m maxmem", max, &s->config.ram_max, err)) &&
	     (!slots || parse_u64("-m slots", slots, 0, 256, &value, err)) && opts_all_used(&opts, "-m", err);
	if (ok && slots)
		s->config.ram_slots = (unsigned)value;
	if (ok && s->config.ram_size < 64 * MiB)
		ok = fail(err, "-m %s: the machine needs at least 64M of memory", argument);
	if (ok && !is_aligned(s->config.ram_size, 2 * MiB))
		ok = fail(err, "-m %s: the size must be a multiple of 2M", argument);
	if (ok && max && s->config.ram_max < s->config.ram_size)
		ok = fail(err, "-m maxmem=%s: must not be smaller than the memory of %s", max,
			  size ? size : "the default");
	opts_free(&opts);
	return ok;
}

bool option_smp(struct settings *s, const char *argument, struct error *err)
{
	enum { CPUS, SOCKETS, CORES, THREADS, MAXCPUS, DIES, CLUSTERS };
	static const char *const keys[] = {"cpus", "sockets", "cores", "threads", "maxcpus", "dies", "clusters"};
	u64 value[ARRAY_SIZE(keys)] = {0};
	struct opts opts;
	u64 product, cpus, total;
	bool ok = true;

	if (!opts_parse(&opts, argument, "cpus", err))
		return fail_context(err, "-smp");
	for (unsigned i = 0; ok && i < ARRAY_SIZE(keys); i++) {
		const char *text = opts_get(&opts, keys[i]);
		char key[32];

		snprintf(key, sizeof(key), "-smp %s", keys[i]);
		if (text)
			ok = parse_u64(key, text, 1, i == CPUS ? CPUS_MAX : 1024, &value[i], err);
	}
	ok = ok && opts_all_used(&opts, "-smp", err);
	opts_free(&opts);
	if (!ok)
		return false;
	if (value[DIES] > 1 || value[CLUSTERS] > 1)
		return fail(err, "-smp %s: dies and clusters above 1 are not built; use sockets, cores and threads",
			    argument);
	product = MAX(value[SOCKETS], 1u) * MAX(value[CORES], 1u) * MAX(value[THREADS], 1u);
	cpus = value[CPUS] ? value[CPUS] : product;
	if (cpus > CPUS_MAX)
		return fail(err, "-smp %s: %llu vCPUs; the machine has at most %d", argument, (unsigned long long)cpus,
			    CPUS_MAX);
	if (value[MAXCPUS] && value[MAXCPUS] < cpus)
		return fail(
			err,
			"-smp maxcpus=%llu: fewer than the %llu vCPUs at the start; leave maxcpus out or make it %llu",
			(unsigned long long)value[MAXCPUS], (unsigned long long)cpus, (unsigned long long)cpus);
	if (value[MAXCPUS] > cpus)
		fprintf(stderr, "cxlvm: -smp maxcpus=%llu: CPU hotplug is not built; the machine has %llu vCPUs\n",
			(unsigned long long)value[MAXCPUS], (unsigned long long)cpus);
	total = MAX(cpus, value[MAXCPUS]); /* sockets, cores and threads are of all that may come; those that are here
					      come first */
	/* What is not said follows from the rest: cores first, then sockets, then threads. */
	for (unsigned i = 0, order[] = {CORES, SOCKETS, THREADS}; i < ARRAY_SIZE(order) && total % product == 0; i++) {
		if (value[order[i]])
			continue;
		value[order[i]] = total / product;
		product = total;
	}
	if (product != total)
		return fail(err, "-smp %s: sockets * cores * threads is %llu, not %llu; leave one of them out",
			    argument, (unsigned long long)product, (unsigned long long)total);
	s->config.cpu_count = (unsigned)cpus;
	s->config.sockets = (unsigned)value[SOCKETS];
	s->config.cores = (unsigned)value[CORES];
	s->config.threads = (unsigned)value[THREADS];
	return true;
}

static bool on_or_off(struct opts *opts, const char *key, bool *value, struct error *err)
{
	const char *word = opts_get(opts, key);

	if (!word)
		return true;
	if (strcmp(word, "on") && strcmp(word, "off"))
		return fail(err, "-accel %s=%s: write on or off", key, word);
	*value = word[1] == 'n';
	return true;
}

static bool accel_switches(struct settings *s, struct opts *opts, struct error *err)
{
	for (unsigned n = 0; n < JIT_SWITCH_COUNT; n++) {
		bool on = jit_switches[n].on;

		if (!on_or_off(opts, jit_switches[n].name, &on, err))
			return false;
		if (on != jit_switches[n].on)
			s->config.jit_switches |= 1u << n;
	}
	return on_or_off(opts, "stress-tlb", &s->config.stress_tlb, err) &&
	       on_or_off(opts, "stress-poll", &s->config.stress_poll, err);
}

static bool accel_host(struct settings *s, struct opts *opts, struct error *err)
{
	static const char *const hosts[] = {
		[HOST_ALL] = "all", [HOST_AVX512] = "avx512", [HOST_AVX2] = "avx2", [HOST_SSE42] = "sse4.2"};
	const char *host = opts_get(opts, "host");
	unsigned n = 0;

	while (host && n < ARRAY_SIZE(hosts) && strcmp(host, hosts[n]))
		n++;
	if (n == ARRAY_SIZE(hosts))
		return fail(err, "-accel host=%s: write all, avx512, avx2 or sse4.2", host);
	s->config.jit_host = n;
	return true;
}

/* Those that run arm64 code on an arm64 host: scripts name them before what runs everywhere. */
#define HOST_ACCELS "kvm|hvf|whpx|nvmm|xen|mshv"

bool accel_settle(struct settings *s, struct error *err)
{
	if (s->accel_passed && !s->accel_chosen)
		return fail(
			err,
			"-accel %s: arm64 code is emulated; write -accel jit or -accel interp (tcg is taken as either), or add it",
			s->accel_passed);
	if (s->accel_passed)
		notice("-accel %s: arm64 code is emulated; the next -accel is taken", s->accel_passed);
	return true;
}

bool option_accel(struct settings *s, const char *argument, struct error *err)
{
	/* What QEMU's tcg has: taken, since none of it changes what the guest sees. */
	static const char *const keys[] = {"thread", "one-insn-per-tb"};
	struct opts opts;
	const char *name, *value;
	u64 cache_mib;
	bool ok;

	if (!strcmp(argument, "help") || !strcmp(argument, "?"))
		help_accels();
	if (!strcmp(argument, "jit,help") || !strcmp(argument, "jit,?"))
		help_accel_jit();
	if (!opts_parse(&opts, argument, "accel", err))
		return fail_context(err, "-accel");
	name = opts_get(&opts, "accel");
	if (name && is_one_of(name, HOST_ACCELS)) {
		if (!s->accel_chosen && !s->accel_passed)
			s->accel_passed = strdup(name); /* to the end of the program */
		opts_free(&opts);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		opts_get(&opts, keys[i]);
	s->config.engine = !name || !strcmp(name, "tcg") ? ENGINE_BEST :
			   !strcmp(name, "jit")          ? ENGINE_JIT :
							   ENGINE_INTERP;
	/* For tests: with -icount and -d state, print registers every state-chunk instructions from state-from on. */
	value = opts_get(&opts, "tb-size");
	if (value && !parse_u64("-accel tb-size", value, 0, 1024, &cache_mib, err)) {
		opts_free(&opts);
		return false;
	}
	if (value)
		s->config.jit_cache = cache_mib * MiB;
	if (!accel_host(s, &opts, err)) {
		opts_free(&opts);
		return false;
	}
	value = opts_get(&opts, "state-from");
	if (value && !parse_u64("-accel state-from", value, 0, UINT64_MAX, &s->config.state_from, err)) {
		opts_free(&opts);
		return false;
	}
	value = opts_get(&opts, "state-chunk");
	if (value && !parse_u64("-accel state-chunk", value, 0, 20000, &s->config.state_chunk, err)) {
		opts_free(&opts);
		return false;
	}
	if (!accel_switches(s, &opts, err)) {
		opts_free(&opts);
		return false;
	}
	if (!name || (strcmp(name, "tcg") && strcmp(name, "interp") && strcmp(name, "jit")))
		ok = fail(
			err,
			"-accel %s: arm64 code is emulated; write -accel jit or -accel interp (tcg is taken as either)",
			argument);
	else
		ok = opts_all_used(&opts, "-accel", err);
	s->accel_chosen |= ok;
	opts_free(&opts);
	return ok;
}

/* A key with a fixed list of values; *ok turns false if it has another one. */
static void check_word(struct opts *opts, const char *what, const char *key, const char *list, bool *ok,
		       struct error *err)
{
	const char *value = opts_get(opts, key);

	if (*ok && value && !is_one_of(value, list))
		*ok = fail(err, "%s %s=%s: write one of %s", what, key, value, list);
}

bool option_icount(struct settings *s, const char *argument, struct error *err)
{
	struct opts opts;
	const char *shift;
	u64 value = 0;
	bool ok = true;

	if (!opts_parse(&opts, argument, "shift", err))
		return fail_context(err, "-icount");
	shift = opts_get(&opts, "shift");
	if (opts_get(&opts, "rr") || opts_get(&opts, "rrfile"))
		ok = fail(err, "-icount %s: record and replay are not built; leave rr= and rrfile= out", argument);
	check_word(&opts, "-icount", "align", "on|off", &ok, err);
	check_word(&opts, "-icount", "sleep", "on|off", &ok, err);
	if (ok && shift && strcmp(shift, "auto"))
		ok = parse_u64("-icount shift", shift, 0, 10, &value, err);
	ok = ok && opts_all_used(&opts, "-icount", err);
	opts_free(&opts);
	s->config.instruction_time = ok;
	s->config.icount_shift = (u32)value;
	return ok;
}

bool option_boot(struct settings *s, const char *argument, struct error *err)
{
	static const char letters[] = "abcdefghijklmnop";
	struct opts opts;
	const char *order, *once, *menu, *strict, *wait;
	u64 value = 0;
	bool ok;

	if (!opts_parse(&opts, argument, "order", err))
		return fail_context(err, "-boot");
	order = opts_get(&opts, "order");
	once = opts_get(&opts, "once");
	menu = opts_get(&opts, "menu");
	strict = opts_get(&opts, "strict");
	wait = opts_get(&opts, "splash-time");
	ok = (!menu || parse_bool("-boot menu", menu, &s->config.boot_menu, err)) &&
	     (!strict || parse_bool("-boot strict", strict, &s->config.boot_strict, err)) &&
	     (!wait || parse_u64("-boot splash-time", wait, 0, 65535, &value, err));
	/* Letters of PC drives: QEMU takes them for this machine too, and they have no effect in either. */
	if (ok && ((order && order[strspn(order, letters)]) || (once && once[strspn(once, letters)])))
		ok = fail(
			err,
			"-boot %s: a boot order has letters from a to p, without effect here; give devices bootindex=N",
			argument);
	ok = ok && opts_all_used(&opts, "-boot", err);
	opts_free(&opts);
	if (ok && wait)
		s->config.boot_splash_ms = (u32)value;
	return ok;
}

bool option_rtc(struct settings *s, const char *argument, struct error *err)
{
	struct opts opts;
	const char *base;
	struct tm tm = {0};
	bool ok = true;

	if (!opts_parse(&opts, argument, "base", err))
		return fail_context(err, "-rtc");
	base = opts_get(&opts, "base");
	check_word(&opts, "-rtc", "clock", "host|rt|vm", &ok, err);
	check_word(&opts, "-rtc", "driftfix", "none|slew", &ok, err);
	if (ok && base && !strcmp(base, "localtime")) {
		time_t now = time(NULL);

		localtime_r(&now, &tm);
		s->config.rtc_offset_s = tm.tm_gmtoff;
	} else if (ok && base && strcmp(base, "utc")) {
		const char *end = strptime(base, strchr(base, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);

		if (!end || *end || timegm(&tm) < 0 || timegm(&tm) > UINT32_MAX)
			ok = fail(
				err,
				"-rtc base=%s: write utc, localtime or a date from 1970 to 2106 like 2026-11-22T12:00:00",
				base);
		else {
			s->config.rtc_base_s = (u64)timegm(&tm);
			s->config.rtc_base_given = true;
		}
	}
	ok = ok && opts_all_used(&opts, "-rtc", err);
	opts_free(&opts);
	return ok;
}
