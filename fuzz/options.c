/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: arguments of the command line: each option's own parser, files of -readconfig, and the properties of
 * -device and -object set on a device that is not made. What prints help and ends, and what opens files by name, is
 * left out.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "../tests/unit/machine/board.h"
#include "control/settings.h"
#include "fuzz.h"

/* The texts of options live to the end of a program, which comes soon. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static bool left_out(const u8 *text, size_t size)
{
	static const char *const words[] = {"help", "?", "file", "print", "[d]", "[d ", "[D", "[trace"};

	for (unsigned n = 0; n < ARRAY_SIZE(words); n++)
		if (memmem(text, size, words[n], strlen(words[n])))
			return true;
	return false;
}

static struct dev *nothing(struct machine *machine, const char *id)
{
	return NULL;
}

static void properties(const char *text)
{
	struct dev_env env = {.find = nothing};
	const struct dev_class *cls = NULL;
	struct opts opts = {0};
	struct error err;
	const char *name;
	struct dev *dev;

	if (option_parse(&opts, text, "driver", &err)) {
		name = opts_get(&opts, "driver");
		for (unsigned n = 0; name && machine_classes[n]; n++)
			if (!strcmp(machine_classes[n]->name, name))
				cls = machine_classes[n];
		if (cls) {
			dev = dev_new(cls);
			dev_set_all(dev, &opts, &env, &err);
			dev_destroy(dev);
		}
		opts_free(&opts);
	}
}

static void readconfig(struct settings *s, const u8 *text, size_t size)
{
	static int fd = -1;
	struct error err;
	char path[64];

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || pwrite(fd, text, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	option_readconfig(s, path, &err);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool (*const takes[])(struct settings * s, const char *argument, struct error *err) = {
		option_machine, option_cpu, option_memory, option_smp,    option_numa,   option_accel, option_icount,
		option_boot,    option_rtc, option_uuid,   option_smbios, option_global, option_cxl,
	};
	static struct settings *s;
	struct error err;
	char *text;
	u8 which;

	if (size < 2 || left_out(data + 1, size - 1))
		return 0;
	s = calloc(1, sizeof(*s));
	s->config.ram_size = 1 * GiB;
	s->config.cpu_count = 1;
	which = data[0] % (ARRAY_SIZE(takes) + 2);
	text = strndup((const char *)data + 1, size - 1);
	if (which < ARRAY_SIZE(takes))
		takes[which](s, text, &err);
	else if (which == ARRAY_SIZE(takes))
		properties(text);
	else if (!memmem(data, size, "readconfig", 10))
		readconfig(s, data + 1, size - 1);
	/* Settings borrow from the text, and what options make lives to the end of the program. */
	for (unsigned n = 0; n < FMW_MAX; n++)
		opts_free(&s->windows[n].opts);
	free(s);
	free(text);
	return 0;
}
