/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gdb server: GDB's remote serial protocol over a character device (-s, -gdb). vCPU n is thread n + 1. All-stop: a
 * client that connects stops the machine. One that detaches lets it go on, one that is gone leaves it so if it did not
 * run before and nobody has let it go since. Everything in the loop thread, under the machine lock, but for `stopped`,
 * which a vCPU calls.
 *
 * A client is the user's equal; its bytes are checked all the same: packets longer than the buffer, or with a wrong
 * sum, are refused by '-', what is malformed gets E22, what is unknown the empty answer. [GDB manual, "Remote
 * Protocol"]
 */
#include "control/gdb.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "control/qmp.h"
#include "cpu/cpu.h"
#include "host/host.h"

#define PACKET_BYTES 0x4000
#define TAKE_BYTES 4096
#define BACKLOG_DROP (1 * MiB)

/* Registers by number: x0..x30, SP, PC, CPSR; v0..v31, FPSR, FPCR; then system registers. */
enum { REG_PC = 32, REG_CPSR = 33, REG_V0 = 34, REG_FPSR = 66, REG_FPCR = 67, REG_SYSTEM = 68 };

struct gdb {
	struct machine *machine;
	struct cpus *cpus;
	struct chardev *chardev;
	/* the stream */
	enum { AT_START, AT_DATA, AT_SUM1, AT_SUM2 } at;
	char packet[PACKET_BYTES + 1];
	size_t length;
	u8 sum, sum_given;
	bool too_long, escaped, no_ack, connected, dropping;
	char last[2 * PACKET_BYTES + 8]; /* what was sent last, for a '-' */
	size_t last_size;
	/* the conversation */
	unsigned cpu;    /* of g, p, m */
	bool waiting;    /* the machine runs, a stop is to be told */
	bool has_run;    /* before the client came, or since */
	bool physical;   /* memory packets name physical addresses */
	unsigned listed; /* qsThreadInfo */
	char *xml;
	size_t xml_size;
	u32 stop_posted; /* atomic: `stop` is whole */
	struct debug_stop stop;
};

/* --- answers --- */

static void send_packet(struct gdb *g, const char *data, size_t size)
{
	u8 sum = 0;
	size_t used = 1;

	g->last[0] = '$';
	for (size_t i = 0; i < size && used < sizeof(g->last) - 8; i++) {
		char c = data[i];

		if (c == '$' || c == '#' || c == '}' || c == '*') {
			sum += (u8)'}';
			g->last[used++] = '}';
			c ^= 0x20;
		}
		sum += (u8)c;
		g->last[used++] = c;
	}
	used += (size_t)snprintf(g->last + used, 4, "#%02x", sum);
	g->last_size = used;
	chardev_write(g->chardev, (const u8 *)g->last, used);
}

__attribute__((format(printf, 2, 3))) static void answer(struct gdb *g, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	send_packet(g, text, strlen(text));
}

/* --- hexadecimal --- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

/* One to 16 digits; *text moves behind them. */
static bool number(const char **text, u64 *value)
{
	unsigned n = 0;

	for (*value = 0; digit(**text) >= 0; (*text)++, n++) {
		if (n == 16)
			return false;
		*value = *value << 4 | (u64)digit(**text);
	}
	return n > 0;
}

static bool byte(const char *text, u8 *value)
{
	if (digit(text[0]) < 0 || digit(text[1]) < 0)
		return false;
	*value = (u8)(digit(text[0]) << 4 | digit(text[1]));
	return true;
}

static char *put_bytes(char *to, const void *from, size_t size)
{
	const u8 *bytes = from;

	for (size_t i = 0; i < size; i++)
		to += sprintf(to, "%02x", bytes[i]);
	return to;
}

/* --- registers --- */

static struct cpu *current(struct gdb *g)
{
	return cpus_get(g->cpus, g->cpu);
}

/* Bytes of a register, little-endian; 0: there is none of that number. */
static size_t reg_get(struct gdb *g, u64 n, u8 bytes[16])
{
	struct cpu *cpu = current(g);

	if (n <= REG_PC) {
		store_le(bytes, 8, cpu_debug_get(cpu, (enum debug_reg)n));
		return 8;
	}
	if (n == REG_CPSR || n == REG_FPSR || n == REG_FPCR) {
		store_le(bytes, 4,
			 cpu_debug_get(cpu, n == REG_CPSR ? DEBUG_PSTATE :
					    n == REG_FPSR ? DEBUG_FPSR :
							    DEBUG_FPCR));
		return 4;
	}
	if (n < REG_FPSR) {
		memcpy(bytes, cpu_debug_vector(cpu, (unsigned)(n - REG_V0)), 16);
		return 16;
	}
	if (n - REG_SYSTEM > 4096 || !cpus_debug_sysreg(g->cpus, (unsigned)(n - REG_SYSTEM)))
		return 0;
	store_le(bytes, 8, cpu_debug_sysreg_get(cpu, (unsigned)(n - REG_SYSTEM)));
	return 8;
}

/* Takes a register's bytes from hexadecimal text, which moves behind them. System registers have effects and are the
 * guest's alone. */
static bool reg_set(struct gdb *g, u64 n, const char **text)
{
	struct cpu *cpu = current(g);
	u8 bytes[16];
	size_t size = n >= REG_SYSTEM ? 0 : reg_get(g, n, bytes);

	if (!size)
		return false;
	for (size_t i = 0; i < size; i++, *text += 2)
		if (!byte(*text, &bytes[i]))
			return false;
	if (n == REG_FPCR) /* has effects on the host's: only what is there already */
		return load_le(bytes, 4) == cpu_debug_get(cpu, DEBUG_FPCR);
	if (n <= REG_PC)
		cpu_debug_set(cpu, (enum debug_reg)n, load_le(bytes, 8));
	else if (size == 16)
		memcpy(cpu_debug_vector(cpu, (unsigned)(n - REG_V0)), bytes, 16);
	else
		cpu_debug_set(cpu, n == REG_CPSR ? DEBUG_PSTATE : DEBUG_FPSR, load_le(bytes, 4));
	return true;
}

static void packet_g(struct gdb *g, const char *p)
{
	char text[REG_SYSTEM * 32 + 1], *to = text;
	u8 bytes[16];

	for (unsigned n = 0; n < REG_SYSTEM; n++)
		to = put_bytes(to, bytes, reg_get(g, n, bytes));
	send_packet(g, text, (size_t)(to - text));
}

static void packet_set_all(struct gdb *g, const char *p)
{
	for (unsigned n = 0; n < REG_SYSTEM && *p; n++)
		if (!reg_set(g, n, &p)) {
			answer(g, "E22");
			return;
		}
	answer(g, "OK");
}

static void packet_p(struct gdb *g, const char *p)
{
	char text[33];
	u8 bytes[16];
	u64 n;
	size_t size = number(&p, &n) && !*p ? reg_get(g, n, bytes) : 0;

	if (!size)
		answer(g, "E22");
	else
		send_packet(g, text, (size_t)(put_bytes(text, bytes, size) - text));
}

static void packet_set_one(struct gdb *g, const char *p)
{
	u64 n;

	answer(g, number(&p, &n) && *p++ == '=' && reg_set(g, n, &p) && !*p ? "OK" : "E22");
}

/* --- memory --- */

static void packet_m(struct gdb *g, const char *p)
{
	u8 bytes[PACKET_BYTES / 2];
	char text[PACKET_BYTES + 1];
	u64 va, size;

	if (!number(&p, &va) || *p++ != ',' || !number(&p, &size) || *p || size > sizeof(bytes)) {
		answer(g, "E22");
		return;
	}
	/* As much as there is. */
	while (size && !cpu_debug_read(current(g), va, bytes, size, g->physical))
		size = size > 4096 - va % 4096 ? 4096 - va % 4096 : 0;
	if (!size)
		answer(g, "E14");
	else
		send_packet(g, text, (size_t)(put_bytes(text, bytes, size) - text));
}

static void packet_M(struct gdb *g, const char *p)
{
	u8 bytes[PACKET_BYTES / 2];
	u64 va, size;
	bool ok = number(&p, &va) && *p++ == ',' && number(&p, &size) && *p++ == ':' && size <= sizeof(bytes);

	for (u64 i = 0; ok && i < size; i++, p += 2)
		ok = byte(p, &bytes[i]);
	if (!ok || *p)
		answer(g, "E22");
	else
		answer(g, cpu_debug_write(current(g), va, bytes, size, g->physical) ? "OK" : "E14");
}

/* Binary: escapes are gone already. */
static void packet_X(struct gdb *g, const char *p)
{
	u64 va, size;

	if (!number(&p, &va) || *p++ != ',' || !number(&p, &size) || *p++ != ':' ||
	    size != g->length - (size_t)(p - g->packet))
		answer(g, "E22");
	else
		answer(g, cpu_debug_write(current(g), va, p, size, g->physical) ? "OK" : "E14");
}

/* --- running --- */

static void go(struct gdb *g)
{
	struct error err;

	__atomic_store_n(&g->stop_posted, 0, __ATOMIC_SEQ_CST);
	g->waiting = true;
	if (machine_cont(g->machine, &err))
		return;
	g->waiting = false;
	answer(g, "E01");
}

static void tell_stop(struct gdb *g)
{
	const char *kind = g->stop.write && g->stop.read ? "awatch" : g->stop.read ? "rwatch" : "watch";
	bool has = __atomic_exchange_n(&g->stop_posted, 0, __ATOMIC_SEQ_CST);

	g->waiting = false;
	if (has)
		g->cpu = g->stop.cpu;
	if (has && g->stop.why == DEBUG_WATCH)
		answer(g, "T05thread:%02x;%s:%llx;", g->cpu + 1, kind, (unsigned long long)g->stop.va);
	else
		answer(g, "T%02xthread:%02x;", has ? 5 : 2, g->cpu + 1);
}

static void stopped_in_loop(void *opaque)
{
	struct gdb *g = opaque;

	if (g->connected)
		machine_stop(g->machine); /* its event tells the client */
	/* If it waits for none, as a monitor has let the machine go on, this one is over: the next is told of. */
	__atomic_store_n(&g->stop_posted, 0, __ATOMIC_SEQ_CST);
}

/* A vCPU's thread: the first one to stop is told of. */
static void stopped(void *opaque, const struct debug_stop *what)
{
	struct gdb *g = opaque;
	u32 none = 0;

	if (!__atomic_compare_exchange_n(&g->stop_posted, &none, 2, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	g->stop = *what;
	__atomic_store_n(&g->stop_posted, 1, __ATOMIC_SEQ_CST);
	loop_defer(machine_loop(g->machine), stopped_in_loop, g);
}

static void machine_event(void *opaque, enum machine_event event, enum machine_cause cause, const char *device)
{
	struct gdb *g = opaque;

	g->has_run |= event == EVENT_RESUME;
	if (event == EVENT_STOP && g->waiting)
		tell_stop(g);
	if (event == EVENT_SHUTDOWN && g->connected && g->waiting) {
		g->waiting = false;
		answer(g, "W00");
	}
}

/* A vCPU that is off has no instruction to step: it stays where it is. */
static bool stays(struct gdb *g, unsigned index)
{
	if (!cpus_debug_is_off(g->cpus, index))
		return false;
	answer(g, "T05thread:%02x;", index + 1);
	return true;
}

/* c, s: a step is of the current vCPU alone. */
static void run_all(struct gdb *g, bool step, const char *p)
{
	u64 va;

	if (*p) {
		if (!number(&p, &va) || *p) {
			answer(g, "E22");
			return;
		}
		cpu_debug_set(current(g), DEBUG_PC, va);
	}
	if (step && stays(g, g->cpu))
		return;
	for (unsigned i = 0; i < cpus_count(g->cpus); i++)
		cpus_debug_plan(g->cpus, i, !step ? DEBUG_RUN : i == g->cpu ? DEBUG_ONE : DEBUG_HOLD);
	go(g);
}

static void packet_c(struct gdb *g, const char *p)
{
	run_all(g, false, p);
}

static void packet_s(struct gdb *g, const char *p)
{
	run_all(g, true, p);
}

/* A thread: -1 all, 0 any, else its number; "p1.2" as "2". */
static bool thread(const char **p, s64 *id)
{
	u64 value;

	if (**p == 'p') {
		(*p)++;
		if (!strncmp(*p, "-1", 2)) {
			*p += 2;
			*id = -1;
			return true;
		}
		if (!number(p, &value) || **p != '.')
			return false;
		(*p)++;
	}
	if (!strncmp(*p, "-1", 2)) {
		*p += 2;
		*id = -1;
		return true;
	}
	if (!number(p, &value) || value > CPUS_MAX)
		return false;
	*id = (s64)value;
	return true;
}

static void packet_vcont(struct gdb *g, const char *p)
{
	enum debug_plan plan[CPUS_MAX];
	bool planned[CPUS_MAX] = {false}, any = false;
	unsigned count = cpus_count(g->cpus);

	while (*p == ';') {
		char action = p[1];
		s64 id = -1;
		u64 ignored;

		p += 2;
		if (action == 'C' || action == 'S')
			action = (char)(number(&p, &ignored) ? tolower(action) : 0);
		if ((action != 'c' && action != 's') || (*p == ':' && (p++, !thread(&p, &id))) || (*p && *p != ';') ||
		    id > count) {
			answer(g, "E22");
			return;
		}
		for (unsigned i = 0; i < count; i++) {
			if (planned[i] || (id > 0 && id != i + 1))
				continue;
			planned[i] = any = true;
			plan[i] = action == 's' ? DEBUG_ONE : DEBUG_RUN;
			if (action == 's' && id > 0 && stays(g, i))
				return;
		}
	}
	if (*p || !any) {
		answer(g, "E22");
		return;
	}
	for (unsigned i = 0; i < count; i++)
		cpus_debug_plan(g->cpus, i, planned[i] ? plan[i] : DEBUG_HOLD);
	go(g);
}

/* --- break- and watchpoints --- */

static void packet_z(struct gdb *g, const char *p, bool add)
{
	char type = *p ? *p++ : 0;
	u64 va, size;
	bool ok;

	if (type < '0' || type > '4' || *p++ != ',' || !number(&p, &va) || *p++ != ',' || !number(&p, &size)) {
		answer(g, "%s", type > '4' ? "" : "E22");
		return;
	}
	if (type <= '1')
		ok = cpus_debug_breakpoint(g->cpus, current(g), va, type == '0', add);
	else
		ok = cpus_debug_watchpoint(g->cpus, va, size, type != '2', type != '3', add);
	answer(g, "%s", ok ? "OK" : "E22");
}

/* --- what there is --- */

static void make_xml(struct gdb *g)
{
	FILE *to = open_memstream(&g->xml, &g->xml_size);
	const char *name;

	assert(to);
	fprintf(to, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">"
		    "<architecture>aarch64</architecture><feature name=\"org.gnu.gdb.aarch64.core\">");
	for (unsigned n = 0; n < 31; n++)
		fprintf(to, "<reg name=\"x%u\" bitsize=\"64\"/>", n);
	fprintf(to,
		"<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/><reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>"
		"<reg name=\"cpsr\" bitsize=\"32\"/></feature><feature name=\"org.gnu.gdb.aarch64.fpu\">"
		"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
		"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
		"<vector id=\"v8u\" type=\"uint16\" count=\"8\"/><vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
		"<vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"
		"<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/></union>"
		"<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/></union>"
		"<union id=\"vnh\"><field name=\"u\" type=\"v8u\"/></union><union id=\"vnb\"><field name=\"u\" type=\"v16u\"/></union>"
		"<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/></union>"
		"<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/><field name=\"h\" type=\"vnh\"/>"
		"<field name=\"b\" type=\"vnb\"/><field name=\"q\" type=\"vnq\"/></union>");
	for (unsigned n = 0; n < 32; n++)
		fprintf(to, "<reg name=\"v%u\" bitsize=\"128\" type=\"aarch64v\"/>", n);
	fprintf(to, "<reg name=\"fpsr\" bitsize=\"32\"/><reg name=\"fpcr\" bitsize=\"32\"/></feature>"
		    "<feature name=\"org.cxlvm.system\">");
	for (unsigned n = 0; (name = cpus_debug_sysreg(g->cpus, n)); n++)
		fprintf(to, "<reg name=\"%s\" bitsize=\"64\" group=\"system\" save-restore=\"no\"/>", name);
	fprintf(to, "</feature></target>");
	fclose(to);
}

static void read_xml(struct gdb *g, const char *p)
{
	u64 offset, size;
	char text[PACKET_BYTES / 2];

	if (strncmp(p, "target.xml:", 11) || (p += 11, !number(&p, &offset)) || *p++ != ',' || !number(&p, &size) ||
	    *p) {
		answer(g, "E00");
		return;
	}
	if (!g->xml)
		make_xml(g);
	offset = MIN(offset, g->xml_size);
	size = MIN(MIN(size, sizeof(text) - 1), g->xml_size - offset);
	text[0] = offset + size < g->xml_size ? 'm' : 'l';
	memcpy(text + 1, g->xml + offset, size);
	send_packet(g, text, size + 1);
}

static void list_thread(struct gdb *g)
{
	if (g->listed == cpus_count(g->cpus))
		answer(g, "l");
	else
		answer(g, "m%02x", ++g->listed);
}

static void thread_info(struct gdb *g, const char *p)
{
	char text[64], hex[129];
	s64 id;

	if (!thread(&p, &id) || id < 1 || id > cpus_count(g->cpus)) {
		answer(g, "E22");
		return;
	}
	snprintf(text, sizeof(text), "CPU#%u [%s]", (unsigned)id - 1,
		 cpus_debug_is_off(g->cpus, (unsigned)id - 1) ? "off" : "on");
	send_packet(g, hex, (size_t)(put_bytes(hex, text, strlen(text)) - hex));
}

/* `monitor LINE`, about the vCPU that the debugger looks at. */
static void monitor(struct gdb *g, const char *p)
{
	char line[512], *text, *hex;
	unsigned cpu = g->cpu;
	size_t n;

	for (n = 0; *p && n < sizeof(line) - 1; p += 2)
		if (!byte(p, (u8 *)&line[n++])) {
			answer(g, "E22");
			return;
		}
	line[n] = 0;
	text = hmp_run(g->machine, &cpu, line);
	n = text ? MIN(strlen(text), PACKET_BYTES / 2 - 8) : 0;
	hex = malloc(2 * n + 1);
	assert(hex);
	put_bytes(hex, text, n);
	if (n)
		send_packet(g, hex, 2 * n);
	else
		answer(g, "OK");
	free(hex);
	free(text);
}

static bool begins(const char **p, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*p, word, length))
		return false;
	*p += length;
	return true;
}

static void packet_q(struct gdb *g, const char *p)
{
	if (begins(&p, "Supported"))
		answer(g, "PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+", PACKET_BYTES);
	else if (begins(&p, "Xfer:features:read:"))
		read_xml(g, p);
	else if (begins(&p, "fThreadInfo"))
		g->listed = 0, list_thread(g);
	else if (begins(&p, "sThreadInfo"))
		list_thread(g);
	else if (begins(&p, "ThreadExtraInfo,"))
		thread_info(g, p);
	else if (begins(&p, "Rcmd,"))
		monitor(g, p);
	else if (begins(&p, "Attached"))
		answer(g, "1");
	else if (begins(&p, "qemu.PhyMemMode"))
		answer(g, "%d", g->physical);
	else if (begins(&p, "C"))
		answer(g, "QC%02x", g->cpu + 1);
	else
		answer(g, "%s", "");
}

static void packet_Q(struct gdb *g, const char *p)
{
	if (begins(&p, "StartNoAckMode")) {
		answer(g, "OK");
		g->no_ack = true;
	} else if (begins(&p, "qemu.PhyMemMode:")) {
		g->physical = *p == '1';
		answer(g, "OK");
	} else {
		answer(g, "%s", "");
	}
}

static void packet_H(struct gdb *g, const char *p)
{
	s64 id;

	if (!*p++ || !thread(&p, &id) || id > cpus_count(g->cpus)) {
		answer(g, "E22");
		return;
	}
	if (id > 0)
		g->cpu = (unsigned)id - 1;
	answer(g, "OK");
}

static void packet_T(struct gdb *g, const char *p)
{
	s64 id;

	answer(g, thread(&p, &id) && id >= 1 && id <= cpus_count(g->cpus) ? "OK" : "E22");
}

static void leave(struct gdb *g, bool go_on)
{
	struct error err;

	cpus_debug_attach(g->cpus, NULL, NULL);
	g->waiting = false;
	if (go_on)
		machine_cont(g->machine, &err);
}

static void packet_v(struct gdb *g, const char *p)
{
	if (begins(&p, "Cont?"))
		answer(g, "vCont;c;C;s;S");
	else if (begins(&p, "Cont"))
		packet_vcont(g, p);
	else if (begins(&p, "Kill")) {
		answer(g, "OK");
		machine_shutdown_request(g->machine, CAUSE_HOST_QUIT);
	} else {
		answer(g, "%s", "");
	}
}

static void take_packet(struct gdb *g)
{
	const char *p = g->packet + 1;

	/* All-stop: while the machine runs there is nothing to ask. */
	if (machine_state(g->machine) == MACHINE_RUNNING)
		machine_stop(g->machine);
	switch (g->packet[0]) {
	case '?': answer(g, "T05thread:%02x;", g->cpu + 1); break;
	case 'g': packet_g(g, p); break;
	case 'G': packet_set_all(g, p); break;
	case 'p': packet_p(g, p); break;
	case 'P': packet_set_one(g, p); break;
	case 'm': packet_m(g, p); break;
	case 'M': packet_M(g, p); break;
	case 'X': packet_X(g, p); break;
	case 'c': packet_c(g, p); break;
	case 's': packet_s(g, p); break;
	case 'v': packet_v(g, p); break;
	case 'Z': packet_z(g, p, true); break;
	case 'z': packet_z(g, p, false); break;
	case 'q': packet_q(g, p); break;
	case 'Q': packet_Q(g, p); break;
	case 'H': packet_H(g, p); break;
	case 'T': packet_T(g, p); break;
	case 'D':
		answer(g, "OK");
		leave(g, true);
		break;
	case 'k': machine_shutdown_request(g->machine, CAUSE_HOST_QUIT); break;
	default: answer(g, "%s", ""); break;
	}
}

/* --- the stream --- */

static void packet_ends(struct gdb *g)
{
	bool ok = !g->too_long && g->sum == g->sum_given;

	g->at = AT_START;
	if (!g->no_ack)
		chardev_write(g->chardev, (const u8 *)(ok ? "+" : "-"), 1);
	if (!ok || !g->length)
		return;
	g->packet[g->length] = 0;
	take_packet(g);
}

static void take_byte(struct gdb *g, u8 c)
{
	switch (g->at) {
	case AT_START:
		if (c == '$') {
			g->at = AT_DATA;
			g->length = 0;
			g->sum = 0;
			g->too_long = g->escaped = false;
		} else if (c == 3) {
			machine_stop(g->machine);
		} else if (c == '-' && g->last_size && !g->no_ack) {
			chardev_write(g->chardev, (const u8 *)g->last, g->last_size);
		}
		break;
	case AT_DATA:
		if (c == '#') {
			g->at = AT_SUM1;
			break;
		}
		g->sum += c;
		if (c == '}' && !g->escaped) {
			g->escaped = true;
			break;
		}
		g->too_long |= g->length == PACKET_BYTES;
		if (!g->too_long)
			g->packet[g->length++] = (char)(g->escaped ? c ^ 0x20 : c);
		g->escaped = false;
		break;
	case AT_SUM1:
	case AT_SUM2:
		if (digit((char)c) < 0) {
			g->too_long = true; /* no sum: refused as a whole */
			packet_ends(g);
			break;
		}
		g->sum_given = (u8)(g->at == AT_SUM1 ? digit((char)c) << 4 : g->sum_given | digit((char)c));
		if (g->at == AT_SUM1)
			g->at = AT_SUM2;
		else
			packet_ends(g);
		break;
	}
}

static void drop(void *opaque)
{
	struct gdb *g = opaque;

	g->dropping = false;
	chardev_disconnect(g->chardev);
}

/* A client that does not read its answers is no client: the connection ends, though not from within its own input. */
static size_t can_take(void *opaque)
{
	struct gdb *g = opaque;

	if (chardev_backlog(g->chardev) <= BACKLOG_DROP)
		return TAKE_BYTES;
	if (!g->dropping)
		loop_defer(machine_loop(g->machine), drop, g);
	g->dropping = true;
	return 0;
}

static void take(void *opaque, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		take_byte(opaque, bytes[i]);
}

static void connection(void *opaque, bool connected)
{
	struct gdb *g = opaque;

	if (connected) {
		g->at = AT_START;
		g->no_ack = g->physical = g->waiting = false;
		g->cpu = 0;
		g->last_size = 0;
		g->connected = true;
		g->has_run = machine_state(g->machine) == MACHINE_RUNNING;
		machine_stop(g->machine);
		cpus_debug_attach(g->cpus, stopped, g);
	} else if (g->connected) {
		g->connected = false;
		machine_stop(g->machine);
		leave(g, g->has_run);
	}
}

struct gdb *gdb_listen(struct machine *machine, const char *spec, struct error *err)
{
	struct gdb *g = calloc(1, sizeof(*g));
	char whole[600];
	bool socket = !strncmp(spec, "tcp:", 4) || !strncmp(spec, "unix:", 5);

	assert(g);
	g->machine = machine;
	g->cpus = machine_cpus(machine);
	/* A debugger comes when it likes. */
	snprintf(whole, sizeof(whole), "%.500s%s", spec,
		 socket && !strstr(spec, ",server") ? ",server=on,wait=off" : "");
	g->chardev = chardev_open(whole, machine_loop(machine), NULL, NULL, err);
	if (!g->chardev) {
		free(g);
		fail_context(err, "-gdb %.200s", spec);
		return NULL;
	}
	machine_listen(machine, machine_event, g);
	chardev_connect(g->chardev, can_take, take, g);
	chardev_on_connection(g->chardev, connection, g);
	return g;
}

void gdb_close(struct gdb *g)
{
	if (!g)
		return;
	machine_unlisten(g->machine, g);
	chardev_on_connection(g->chardev, NULL, NULL);
	chardev_connect(g->chardev, NULL, NULL, NULL);
	chardev_close(g->chardev);
	free(g->xml);
	free(g);
}
