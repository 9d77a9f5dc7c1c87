/* SPDX-License-Identifier: BSD-2-Clause */
/* Semihosting: console, command line, clocks, heap, refusals, and the exit code. [Arm Semihosting 2.0]
 * run: topology=semihost exit=7 */
#include "bare.h"

static noinline u64 call(u64 operation, const void *parameter)
{
	register u64 x0 asm("x0") = operation;
	register const void *x1 asm("x1") = parameter;

	asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
	return x0;
}

static u64 open(const char *name, u64 mode, u64 length)
{
	return call(0x01, (const u64[]){(u64)name, mode, length});
}

static bool same(const char *a, const char *b, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

void test(void)
{
	static const char hello[] = "hello from semihosting\n";
	u64 in, out, err, list, block[4], line[2], before;
	char text[64];

	in = open(":tt", 0, 3);
	out = open(":tt", 4, 3);
	err = open(":tt", 8, 3);
	list = open(":semihosting-features", 0, 21);
	check_true("four handles", in != out && out != err && err != list && (s64)in > 0 && (s64)list > 0);
	check("a terminal", call(0x09, (u64[]){out}), 1);
	check("no terminal", call(0x09, (u64[]){list}), 0);
	check("length of the list", call(0x0c, (u64[]){list}), 5);
	check("read", call(0x06, (u64[]){list, (u64)text, 8}), 3);
	check_true("the list", same(text, "SHFB\3", 5));
	check("at its end", call(0x06, (u64[]){list, (u64)text, 8}), 8);
	check("seek", call(0x0a, (u64[]){list, 4}), 0);
	check("read on from there", call(0x06, (u64[]){list, (u64)text, 8}), 7);
	check("the fifth byte", (u64)text[0], 3);
	check("no seek beyond the end", call(0x0a, (u64[]){list, 6}), ~0ul);
	check("no seek in the console", call(0x0a, (u64[]){out, 0}), ~0ul);
	check("nothing to read from the console", call(0x06, (u64[]){in, (u64)text, 8}), 8);
	check("a file is refused", open("/etc/passwd", 0, 11), ~0ul);
	check("why", call(0x13, NULL), 13);
	check("a long name is refused", open(":tt", 0, 1ul << 40), ~0ul);
	check("a command of the host is refused", call(0x12, (u64[]){(u64)"ls", 2}), ~0ul);
	done("names");

	check("all is written", call(0x05, (u64[]){out, (u64)hello, sizeof(hello) - 1}), 0);
	check("not to a list", call(0x05, (u64[]){list, (u64)hello, 5}), 5);
	call(0x03, "x");
	call(0x04, "\n");
	check("what is not in memory is not written", call(0x05, (u64[]){out, 0x3000000000, 5}), 5);
	check("parameters that are not in memory", call(0x05, (void *)0x3000000000), ~0ul);
	done("console");

	line[0] = (u64)text;
	line[1] = sizeof(text);
	check("command line", call(0x15, line), 0);
	check("its length", line[1], 18);
	check_true("its words", same(text, "first second,third", 19));
	line[1] = 4;
	check("no room for it", call(0x15, line), ~0ul);
	check("heap", call(0x16, (u64 *[]){block}), 0);
	check_true("in memory", block[0] > RAM && block[0] < block[1] && block[1] <= block[3] && block[3] < block[2] && block[2] <= RAM_END);
	check_true("behind the program", (u64)end_of_program - block[0] < 0x10000);
	check("ticks", call(0x31, NULL), 1000000000);
	call(0x30, &before);
	for (u64 end = now() + ms(20); now() < end;)
		;
	call(0x30, block);
	check_true("time passes", block[0] - before >= 20000000);
	check_true("time of day", call(0x11, NULL) > 1700000000);
	check("an unknown operation", call(0x77, NULL), ~0ul);
	done("the rest");
	put("END\n");
	call(0x20, (u64[]){0x20026, 7});
	put("FAIL after its end\n");
	call(0x20, (u64[]){0x20026, 1});
}
