/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"

u32 trace_mask;
u64 trace_counts[TRACE_ITEM_COUNT];
static struct out trace_file = OUT_INIT(-1); /* fd -1: stderr */

static const struct {
	const char *name, *help;
} items[] = {
#define TRACE_ITEM(name, text, help) {text, help},
#include "base/trace.def"
#undef TRACE_ITEM
};

void trace_print(enum trace_item item, const char *format, ...)
{
	static bool loss_told;
	char text[1100];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s: ", items[item].name), room = sizeof(text) - used;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text + used, room, format, args);
	va_end(args);
	used += size < 0 ? 0 : MIN((size_t)size, room - 1);
	text[used++] = '\n'; /* instead of the NUL */
	if (trace_file.fd < 0)
		out_write(&out_stderr, text, used);
	else if (!out_write(&trace_file, text, used) && !__atomic_exchange_n(&loss_told, true, __ATOMIC_RELAXED))
		notice("-D: trace lines are lost: %s", strerror(errno));
}

/* QEMU's words for what we have under another one. */
static const struct {
	const char *theirs, *ours;
} other_words[] = {
	{"guest_errors", "guest_error"},
	{"in_asm", "op"},
	{"out_asm", "out"},
	{"op_opt", "ir"},
	{"page", "mmu"},
	{"cpu_reset", "int"},
};

/* The item of a word; ARRAY_SIZE(items): there is none. */
static unsigned item_of(const char *word, size_t length)
{
	unsigned i = 0;

	for (unsigned n = 0; n < ARRAY_SIZE(other_words); n++)
		if (strlen(other_words[n].theirs) == length && !memcmp(other_words[n].theirs, word, length)) {
			word = other_words[n].ours;
			length = strlen(word);
			break;
		}
	while (i < ARRAY_SIZE(items) && (strlen(items[i].name) != length || memcmp(items[i].name, word, length)))
		i++;
	return i;
}

bool trace_enable(const char *list, struct error *err)
{
	while (*list) {
		size_t length = strcspn(list, ",");
		unsigned i;

		if (length == 3 && !memcmp(list, "all", 3)) {
			trace_mask = ~0u;
		} else {
			i = item_of(list, length);
			if (i == ARRAY_SIZE(items))
				return fail(err, "-d %.*s: no such trace item; '-d help' lists them", (int)length,
					    list);
			trace_mask |= 1u << i;
		}
		list += length;
		if (*list == ',')
			list++;
	}
	return true;
}

bool trace_open(const char *path, struct error *err)
{
	/* Not blocking: a FIFO that nobody reads is an error, not a wait. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	if (fd < 0)
		return fail(err, "-D %s: cannot open the trace file: %s; name a file in a folder that you may write to",
			    path, errno == ENXIO ? "a FIFO that nobody reads" : strerror(errno));
	if (trace_file.fd >= 0)
		close(trace_file.fd);
	trace_file.fd = fd;
	trace_file.is_ours = true;
	return true;
}

void trace_help(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(items); i++)
		printf("%-12s %s\n", items[i].name, items[i].help);
}
