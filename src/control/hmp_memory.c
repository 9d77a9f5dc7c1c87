/* SPDX-License-Identifier: BSD-2-Clause */
/* The monitor's looks at memory and registers: x, xp, print, info registers. The machine need not stand still for xp
 * and print of numbers. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/hmp.h"
#include "cpu/cpu.h"

#define COUNT_MAX 4096

/* No event tells of it, and what a debugger has planned for the vCPUs stays. */
bool hmp_hold(struct machine *m)
{
	bool runs = machine_state(m) == MACHINE_RUNNING;

	if (runs) {
		cpus_still.stop(machine_cpus(m));
		loop_time_stop(machine_loop(m));
	}
	return runs;
}

void hmp_let_go(struct machine *m, bool ran)
{
	if (!ran)
		return;
	loop_time_start(machine_loop(m));
	cpus_still.resume(machine_cpus(m));
}

static bool reg_value(struct cpu *cpu, const char *name, size_t length, u64 *value)
{
	u64 n = 0;

	if (length == 2 && !memcmp(name, "pc", 2)) {
		*value = cpu_debug_get(cpu, DEBUG_PC);
		return true;
	}
	if (length == 2 && !memcmp(name, "sp", 2)) {
		*value = cpu_debug_get(cpu, DEBUG_SP);
		return true;
	}
	if (length < 2 || length > 3 || name[0] != 'x')
		return false;
	for (size_t i = 1; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		n = n * 10 + (u64)(name[i] - '0');
	}
	if (n > 30)
		return false;
	*value = cpu_debug_get(cpu, (enum debug_reg)n);
	return true;
}

/* Numbers and $registers, joined by + and -. */
static bool evaluate(struct machine *m, unsigned index, const char *text, u64 *value)
{
	char sign = '+';

	*value = 0;
	for (;;) {
		u64 term = 0;

		text += strspn(text, " \t");
		if (*text == '$') {
			size_t length = strspn(++text, "abcdefghijklmnopqrstuvwxyz0123456789");

			if (!reg_value(cpus_get(machine_cpus(m), index), text, length, &term))
				return false;
			text += length;
		} else {
			char *end;

			term = strtoull(text, &end, 0);
			if (end == text)
				return false;
			text = end;
		}
		*value = sign == '+' ? *value + term : *value - term;
		text += strspn(text, " \t\r\n");
		if (!*text)
			return true;
		sign = *text++;
		if (sign != '+' && sign != '-')
			return false;
	}
}

struct format {
	u64 count;
	unsigned size;
	char kind;
};

/* "/4xw" and the like; *text moves behind it. */
static void read_format(const char **text, struct format *f)
{
	*text += strspn(*text, " \t");
	if (**text != '/')
		return;
	(*text)++;
	if (**text >= '0' && **text <= '9')
		f->count = strtoull(*text, (char **)text, 10);
	for (; **text && **text != ' '; (*text)++) {
		static const char sizes[] = "bhwg";
		const char *size = strchr(sizes, **text);

		if (size)
			f->size = 1u << (size - sizes);
		else
			f->kind = **text;
	}
}

static void print_value(FILE *to, const struct format *f, u64 value)
{
	static const char *const widths[] = {[1] = "%02llx", [2] = "%04llx", [4] = "%08llx", [8] = "%016llx"};

	switch (f->kind) {
	case 'd': fprintf(to, "%lld", (long long)sign_extend(value, f->size * 8)); break;
	case 'u': fprintf(to, "%llu", (unsigned long long)value); break;
	case 'o': fprintf(to, "0%llo", (unsigned long long)value); break;
	case 'c': fprintf(to, value >= 0x20 && value < 0x7f ? "'%c'" : "'\\x%02x'", (int)(value & 0xff)); break;
	default: fprintf(to, "0x"); fprintf(to, widths[f->size], (unsigned long long)value);
	}
}

static void dump(struct machine *m, unsigned index, const char *rest, bool physical, FILE *to)
{
	struct format f = {.count = 1, .size = 4, .kind = 'x'};
	struct cpu *cpu = cpus_get(machine_cpus(m), index);
	unsigned per_line;
	bool ran = hmp_hold(m);
	u64 address;

	read_format(&rest, &f);
	if (f.kind == 'i')
		f.size = 4;
	per_line = f.kind == 'i' ? 1 : f.kind == 'c' ? 8 : 16 / f.size;
	if (!evaluate(m, index, rest, &address)) {
		fprintf(to, "'%.100s': write a number, a $register, or their sum, as in x /4xg $sp+16\r\n", rest);
		hmp_let_go(m, ran);
		return;
	}
	for (u64 n = 0; n < MIN(f.count, COUNT_MAX); n++, address += f.size) {
		u8 bytes[8] = {0};
		char text[128];

		if (n % per_line == 0)
			fprintf(to, "%s%016llx:", n ? "\r\n" : "", (unsigned long long)address);
		if (!cpu_debug_read(cpu, address, bytes, f.size, physical)) {
			fprintf(to, " Cannot access memory");
			break;
		}
		fputc(' ', to);
		if (f.kind == 'i') {
			cpu_debug_disasm((u32)load_le(bytes, 4), address, text, sizeof(text));
			fprintf(to, " %08x  %s", (u32)load_le(bytes, 4), text);
		} else {
			print_value(to, &f, load_le(bytes, f.size));
		}
	}
	fprintf(to, "\r\n");
	hmp_let_go(m, ran);
}

void hmp_x(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	dump(m, *cpu, rest, false, to);
}

void hmp_xp(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	dump(m, *cpu, rest, true, to);
}

void hmp_print(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	struct format f = {.size = 8, .kind = 'x'};
	bool ran = hmp_hold(m);
	u64 value;

	read_format(&rest, &f);
	f.size = 8;
	if (evaluate(m, *cpu, rest, &value)) {
		if (f.kind == 'x')
			fprintf(to, "0x%llx", (unsigned long long)value);
		else
			print_value(to, &f, value);
		fprintf(to, "\r\n");
	} else {
		fprintf(to, "'%.100s': write a number, a $register, or their sum\r\n", rest);
	}
	hmp_let_go(m, ran);
}

static void print_registers(struct cpus *cpus, unsigned index, FILE *to)
{
	struct cpu *cpu = cpus_get(cpus, index);

	fprintf(to, "\r\nCPU#%u%s\r\n PC=%016llx ", index, cpus_debug_is_off(cpus, index) ? " (off)" : "",
		(unsigned long long)cpu_debug_get(cpu, DEBUG_PC));
	for (unsigned n = 0; n < 31; n++)
		fprintf(to, "X%02u=%016llx%s", n, (unsigned long long)cpu_debug_get(cpu, (enum debug_reg)n),
			n % 3 == 1 ? "\r\n " : " ");
	fprintf(to, "SP=%016llx\r\n", (unsigned long long)cpu_debug_get(cpu, DEBUG_SP));
	fprintf(to, "PSTATE=%08llx     FPCR=%08llx FPSR=%08llx\r\n",
		(unsigned long long)cpu_debug_get(cpu, DEBUG_PSTATE),
		(unsigned long long)cpu_debug_get(cpu, DEBUG_FPCR), (unsigned long long)cpu_debug_get(cpu, DEBUG_FPSR));
}

void hmp_info_registers(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	struct cpus *cpus = machine_cpus(m);
	bool all = strstr(rest, "-a") != NULL, ran = hmp_hold(m);

	for (unsigned i = 0; i < cpus_count(cpus); i++)
		if (all || i == *cpu)
			print_registers(cpus, i, to);
	hmp_let_go(m, ran);
}

void hmp_info_cpus(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	struct cpus *cpus = machine_cpus(m);

	for (unsigned i = 0; i < cpus_count(cpus); i++)
		fprintf(to, "%c CPU #%u: thread_id=%u%s\r\n", i == *cpu ? '*' : ' ', i, cpus_thread_id(cpus, i),
			cpus_debug_is_off(cpus, i) ? " (off)" : "");
}

void hmp_cpu(struct machine *m, unsigned *cpu, const char *rest, FILE *to)
{
	unsigned count = cpus_count(machine_cpus(m));
	char *end;
	u64 index = strtoull(rest, &end, 0);

	if (end == rest || end[strspn(end, " \t\r\n")] || index >= count)
		fprintf(to, "invalid CPU index; write cpu 0 to cpu %u\r\n", count - 1);
	else
		*cpu = (unsigned)index;
}
