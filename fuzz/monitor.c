/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: lines of QMP and of the human monitor, with a machine behind them that stands still. The input is text;
 * its first byte says which. What would run or end the machine, and what names files in other folders, is left out.
 */
#include "board.h"
#include "../src/control/qmp.c"

static bool left_out(const u8 *text, size_t size)
{
	static const char *const words[] = {"cont", "quit", "reset", "power", "log",
					    "\\",   "..",   "file",  "path",  "stop"};
	char line[4096];

	memcpy(line, text, size);
	line[size] = 0;
	for (unsigned n = 0; n < ARRAY_SIZE(words); n++)
		if (strcmp(words[n], "path") ? strstr(line, words[n]) != NULL :
					       strstr(line, "mem-path") || strstr(line, "\"/"))
			return true;
	return !strcmp(line, "c") || !strcmp(line, "q") || !strcmp(line, "s") || memchr(text, 0, size) != NULL;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct settings settings;
	static struct qmp *q;
	static struct session s;
	struct machine *m = q ? q->machine : NULL;
	char line[4096];
	unsigned cpu = 0; /* that a line is about */

	if (!q) {
		m = fuzz_board();
		q = qmp_create(&settings, m);
		s = (struct session){.qmp = q, .input = {.message = message, .opaque = &s}};
	}
	if (size < 2 || size > sizeof(line) - 1 || left_out(data + 1, size - 1))
		return 0;
	if (data[0] & 1) {
		s.ready = true;
		qmp_input_feed(&s.input, data + 1, size - 1);
		qmp_input_clear(&s.input);
	} else {
		memcpy(line, data + 1, size - 1);
		line[size - 1] = 0;
		free(hmp_run(m, &cpu, line));
	}
	return 0;
}
