/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doetest: talks to a DOE mailbox of a PCI function from user space. Static arm64 program for the guest; needs root.
 *
 *   doetest -f /dev/pcidoe/doe[0000:81:00.0]_190 -l     by the driver's device file
 *   doetest -d 0000:81:00.0 -l                          by config space in sysfs, without any driver
 *
 * What to do, in the order given; -l without any:
 *   -l  list the protocols, one line each          -c  read the CDAT, check and print it
 *   -C  ask the Compliance protocol what it can    -e  provoke errors: what the mailbox must refuse (-d only)
 *   -i CODE[:BYTES]  a Compliance request: code and, from byte 0Ch of the object on, its parameters, all in
 *                    hexadecimal;
 *                    -i 6:02 puts poison on the CXL.mem link
 *   -t  time from Go to Data Object Ready, and to the interrupt (-d only)
 *   -o OFFSET  with -d: another capability than the first, hexadecimal
 *   -h  this in short
 * Exits 0 if all went as the specifications say, 1 if not, 2 for a wrong command line, of which nothing is done.
 * [PCIe6 6.30; CXL3.1 8.1.11, 14.16.3; CDAT 1.04]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailbox.h"

#define VENDOR_PCISIG 1
#define VENDOR_CXL 0x1e98
enum { PROTOCOL_DISCOVERY = 0, PROTOCOL_COMPLIANCE = 0, PROTOCOL_CDAT = 2 };
#define ENTRY_DWORDS 1024
#define TABLE_BYTES_MAX (1u << 20)
#define CDAT_HEADER_BYTES 16

static bool failed(const char *what, int error)
{
	printf("FAIL %s: %s\n", what, strerror(-error));
	return false;
}

static bool list(struct mailbox *m)
{
	uint32_t index = 0, answer[1];

	for (unsigned n = 0; n < 256; n++) {
		int got = mailbox_exchange(m, VENDOR_PCISIG, PROTOCOL_DISCOVERY, &index, 1, answer, 1);

		if (got < 0)
			return failed("discovery", got);
		if (got != 1)
			return failed("discovery: length of the answer", -EPROTO);
		printf("VID: %#x, Protocol %#x\n", answer[0] & 0xffff, answer[0] >> 16 & 0xff);
		index = answer[0] >> 24;
		if (!index)
			return true;
	}
	return failed("discovery: index 0 never comes back", -EPROTO);
}

/* --- CDAT --- */

static uint64_t field(const uint8_t *p, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned n = bytes; n-- > 0;)
		value = value << 8 | p[n];
	return value;
}

/* s has the length its header says; what a type needs has been checked. */
static void print_structure(const uint8_t *s, unsigned length)
{
	static const struct {
		const char *name;
		unsigned least;
	} types[] = {{"DSMAS", 24}, {"DSLBIS", 24}, {"DSMSCIS", 20}, {"DSIS", 8}, {"DSEMTS", 24}, {"SSLBIS", 16}};
	unsigned type = s[0];

	if (type >= sizeof(types) / sizeof(types[0]) || length < types[type].least) {
		printf("  type %u, %u bytes\n", type, length);
		return;
	}
	printf("  %-7s", types[type].name);
	switch (type) {
	case 0:
		printf(" handle %u flags %#x DPA %#llx length %#llx\n", s[4], s[5], (unsigned long long)field(s + 8, 8),
		       (unsigned long long)field(s + 16, 8));
		break;
	case 1:
		printf(" handle %u flags %#x type %u unit %llu entries %llu %llu %llu\n", s[4], s[5], s[6],
		       (unsigned long long)field(s + 8, 8), (unsigned long long)field(s + 16, 2),
		       (unsigned long long)field(s + 18, 2), (unsigned long long)field(s + 20, 2));
		break;
	case 2:
		printf(" handle %u side cache %#llx attributes %#llx\n", s[4], (unsigned long long)field(s + 8, 8),
		       (unsigned long long)field(s + 16, 4));
		break;
	case 3: printf(" flags %#x handle %u\n", s[4], s[5]); break;
	case 4:
		printf(" handle %u memory type %u offset %#llx length %#llx\n", s[4], s[5],
		       (unsigned long long)field(s + 8, 8), (unsigned long long)field(s + 16, 8));
		break;
	default:
		printf(" type %u unit %llu, %u entries\n", s[4], (unsigned long long)field(s + 8, 8),
		       (length - 16) / 8);
		break;
	}
}

static bool check_table(const uint8_t *table, size_t length)
{
	uint8_t sum = 0;

	for (size_t n = 0; n < length; n++)
		sum = (uint8_t)(sum + table[n]);
	printf("CDAT: %zu bytes, revision %u, sequence %llu, checksum %s\n", length, table[4],
	       (unsigned long long)field(table + 12, 4), sum ? "WRONG" : "right");
	if (sum || field(table, 4) != length)
		return failed("CDAT: checksum or length", -EPROTO);
	for (size_t at = CDAT_HEADER_BYTES; at < length;) {
		unsigned bytes = length - at >= 4 ? (unsigned)field(table + at + 2, 2) : 0;

		if (bytes < 4 || bytes > length - at)
			return failed("CDAT: length of a structure", -EPROTO);
		print_structure(table + at, bytes);
		at += bytes;
	}
	return true;
}

static bool read_cdat(struct mailbox *m)
{
	uint8_t *table = NULL;
	size_t length = 0;
	uint32_t handle = 0;
	bool ok;

	do {
		uint32_t request = handle << 16, answer[ENTRY_DWORDS];
		int got = mailbox_exchange(m, VENDOR_CXL, PROTOCOL_CDAT, &request, 1, answer, ENTRY_DWORDS);
		size_t bytes = got > 0 ? (size_t)(got - 1) * 4 : 0;

		if (got >= 0 &&
		    (got < 2 || got > ENTRY_DWORDS || (answer[0] & 0xffff) || length + bytes > TABLE_BYTES_MAX))
			got = -EPROTO;
		if (got < 0) {
			free(table);
			return failed("CDAT entry", got);
		}
		table = realloc(table, length + bytes);
		if (!table)
			return failed("CDAT", -ENOMEM);
		memcpy(table + length, answer + 1, bytes);
		length += bytes;
		handle = answer[0] >> 16;
		/* Handles may lead round in a circle. */
		if (length >= CDAT_HEADER_BYTES && length > field(table, 4)) {
			free(table);
			return failed("CDAT: longer than its header says", -EPROTO);
		}
	} while (handle != 0xffff);
	ok = length >= CDAT_HEADER_BYTES ? check_table(table, length) : failed("CDAT: no header", -EPROTO);
	free(table);
	return ok;
}

/* --- Compliance --- */

/* Request codes, and DWORDs of a request without DOE's headers. */
static const struct {
	const char *name;
	unsigned dwords;
} codes[] = {
	{"query capability", 1},
	{"query status", 1},
	{"halt all", 1},
	{"multiple write streaming", 15},
	{"producer consumer", 10},
	{"bogus writes", 15},
	{"inject poison", 2},
	{"inject CRC", 2},
	{"inject flow control", 2},
	{"toggle cache flush", 2},
	{"inject MAC delay", 2},
	{"insert unexpected MAC", 2},
	{"inject viral", 2},
	{"inject ALMP", 2},
	{"ignore ALMP", 2},
	{"inject bit error", 2},
	{"media poison", 20},
	{"label poison", 3},
	{"health", 5},
};
#define CODES (sizeof(codes) / sizeof(codes[0]))
#define COMPLIANCE_DWORDS_MAX 20

static bool compliance(struct mailbox *m)
{
	uint32_t request = 0, answer[16] = {0}; /* Compliance Capability, the newest version */
	int got = mailbox_exchange(m, VENDOR_CXL, PROTOCOL_COMPLIANCE, &request, 1, answer, 16);

	if (got < 0)
		return failed("compliance", got);
	if (got < 1 || (answer[0] & 0xff))
		return failed("compliance: response code", -EPROTO);
	printf("Compliance: version %u, status %u, available and enabled", answer[0] >> 8 & 0xff, answer[0] >> 24);
	for (int n = 1; n < got && n < 16; n++)
		printf(" %08x", answer[n]);
	printf("\n");
	for (unsigned n = 0; n < CODES; n++)
		printf("  %02xh %s: %s\n", n, codes[n].name, answer[1] >> n & 1 ? "available" : "not available");
	return !(answer[0] >> 24);
}

/* Hexadecimal digits up to `end`, and nothing else; false: none, or too many. */
static bool parse_hex(const char *text, size_t length, unsigned long *value)
{
	char digits[5] = "";

	if (!length || length >= sizeof(digits) || strspn(text, "0123456789abcdefABCDEF") < length)
		return false;
	memcpy(digits, text, length);
	*value = strtoul(digits, NULL, 16);
	return true;
}

/* "CODE[:BYTES]" */
static bool parse_request(const char *text, uint32_t request[COMPLIANCE_DWORDS_MAX])
{
	size_t length = strcspn(text, ":");
	unsigned long code, byte;

	if (!parse_hex(text, length, &code) || code >= CODES)
		return false;
	request[0] = (uint32_t)code;
	text += length + (text[length] == ':');
	for (unsigned n = 4; *text; n++, text += 2) {
		if (n >= 4 * codes[code].dwords || !parse_hex(text, 2, &byte))
			return false;
		request[n / 4] |= (uint32_t)byte << (8 * (n % 4));
	}
	return true;
}

static bool inject(struct mailbox *m, const char *text)
{
	uint32_t request[COMPLIANCE_DWORDS_MAX] = {0}, answer[16] = {0}, code;
	int got;

	if (!parse_request(text, request))
		return failed(text, -EINVAL);
	code = request[0];
	got = mailbox_exchange(m, VENDOR_CXL, PROTOCOL_COMPLIANCE, request, codes[code].dwords, answer, 16);
	if (got < 1 || (answer[0] & 0xff) != code)
		return failed(codes[code].name, got < 0 ? got : -EPROTO);
	printf("Compliance %02xh, %s: status %u", code, codes[code].name, answer[0] >> 24);
	for (int n = 1; n < got && n < 16; n++)
		printf(" %08x", answer[n]);
	printf("\n");
	return code == 1 || !(answer[0] >> 24);
}

/* --- what must be refused --- */

static bool says(const char *what, bool right)
{
	printf("%s %s\n", right ? "PASS" : "FAIL", what);
	return right;
}

/* Neither an answer nor an error. [PCIe6 6.30.1] */
static bool is_thrown_away(struct mailbox *m, const uint32_t *dwords, size_t count)
{
	return !(mailbox_send(m, dwords, count) & (STATUS_READY | STATUS_ERROR));
}

static bool errors(struct mailbox *m)
{
	static const uint32_t discovery = VENDOR_PCISIG;
	uint32_t index = 0, answer;
	bool ok = true;

	ok &= says("abort leaves the mailbox idle", !mailbox_abort(m));
	ok &= says("an object shorter than its header is thrown away",
		   is_thrown_away(m, (uint32_t[]){discovery, 1}, 2));
	ok &= says("a length that was not written is thrown away", is_thrown_away(m, (uint32_t[]){discovery, 4, 0}, 3));
	ok &= says("more than the length says is thrown away", is_thrown_away(m, (uint32_t[]){discovery, 3, 0, 0}, 4));
	ok &= says("Go without an object does nothing", is_thrown_away(m, NULL, 0));
	ok &= says("an unknown protocol is thrown away",
		   is_thrown_away(m, (uint32_t[]){VENDOR_CXL | 0x7f0000, 3, 0}, 3));
	ok &= says("a longer object than there need be is answered",
		   mailbox_send(m, (uint32_t[]){discovery, 4, 0, ~0u}, 4) & STATUS_READY);
	ok &= says("abort throws the answer away", !mailbox_abort(m));
	ok &= says("a right object is answered", mailbox_send(m, (uint32_t[]){discovery, 3, 0}, 3) & STATUS_READY);
	ok &= says("abort throws the answer away", !mailbox_abort(m));
	ok &= says("and the next exchange works",
		   mailbox_exchange(m, VENDOR_PCISIG, PROTOCOL_DISCOVERY, &index, 1, &answer, 1) == 1);
	return ok;
}

struct times {
	const char *what;
	uint64_t least, sum;
};

static void count_time(struct times *t, uint64_t ns)
{
	t->least = !t->sum || ns < t->least ? ns : t->least;
	t->sum += ns;
}

/* The interrupt is timed by its status bit, which goes with the message: no handler of ours can be had from user space.
 */
static bool timing(struct mailbox *m)
{
	struct times times[] = {{"Data Object Ready", 0, 0}, {"the interrupt", 0, 0}};
	uint32_t index = 0, answer, control;
	enum { RUNS = 100 };
	bool interrupts, ok = true;

	interrupts = mailbox_get(m, DOE_CAP) & CAP_INTERRUPT;
	control = mailbox_get(m, DOE_CONTROL);
	if (interrupts)
		mailbox_put(m, DOE_CONTROL, CONTROL_INTERRUPT);
	for (unsigned n = 0; n < RUNS && ok; n++) {
		int got;

		if (interrupts)
			mailbox_put(m, DOE_STATUS, STATUS_INTERRUPT);
		got = mailbox_exchange(m, VENDOR_PCISIG, PROTOCOL_DISCOVERY, &index, 1, &answer, 1);
		ok = got >= 0 || failed("discovery", got);
		ok = ok && (!interrupts || m->interrupt_ns || failed("an answer without its interrupt", -EPROTO));
		count_time(&times[0], m->ready_ns);
		count_time(&times[1], m->interrupt_ns);
	}
	mailbox_put(m, DOE_STATUS, interrupts ? STATUS_INTERRUPT : 0);
	mailbox_put(m, DOE_CONTROL, control);
	for (unsigned n = 0; ok && n < (interrupts ? 2 : 1); n++)
		printf("Go to %s: %llu ns at least, %llu ns on average, of %u\n", times[n].what,
		       (unsigned long long)times[n].least, (unsigned long long)(times[n].sum / RUNS), RUNS);
	if (!interrupts)
		printf("interrupts are not supported\n");
	return ok;
}

static int usage(FILE *to)
{
	fprintf(to,
		"usage: doetest -f DEVICE_FILE | -d DDDD:BB:DD.F [-o OFFSET]  [-l] [-c] [-C] [-i CODE[:BYTES]] [-e] [-t]\n"
		"  -f FILE    the mailbox by the driver's file, /dev/pcidoe/doe[DDDD:BB:DD.F]_OFFSET\n"
		"  -d BDF     the mailbox by config space; -o OFFSET (hexadecimal) for another than the first\n"
		"  -l  list the protocols (without any other)   -c  read and check the CDAT\n"
		"  -C  what Compliance can do                   -i  a Compliance request, in hexadecimal\n"
		"  -e  provoke errors (-d only)                 -t  time an exchange, its interrupt too (-d only)\n"
		"  -h  this\n"
		"exits 0 if all went as specified, 1 if not, 2 for a wrong command line\n");
	return to == stdout ? 0 : 2;
}

static int wrong(const char *what, const char *argument)
{
	fprintf(stderr, "doetest: %s%s\n", what, argument);
	return usage(stderr);
}

int main(int argc, char **argv)
{
	static bool (*const actions[])(struct mailbox *) = {
		['l'] = list, ['c'] = read_cdat, ['C'] = compliance, ['e'] = errors, ['t'] = timing,
	};
	struct mailbox m = {.fd = -1};
	const char *file = NULL, *function = NULL, *offset = NULL, *arguments[64] = {NULL};
	char path[64], todo[64] = "";
	uint32_t request[COMPLIANCE_DWORDS_MAX];
	unsigned long at = 0;
	unsigned count = 0;
	bool ok = true;
	int option;

	while ((option = getopt(argc, argv, "f:d:o:lcCi:eth")) != -1) {
		switch (option) {
		case 'f': file = optarg; break;
		case 'd': function = optarg; break;
		case 'o': offset = optarg; break;
		case 'h': return usage(stdout);
		case '?': return usage(stderr);
		default:
			if (count == sizeof(todo) - 1)
				return usage(stderr);
			if (option == 'i' && !parse_request(optarg, memset(request, 0, sizeof(request))))
				return wrong("-i is CODE or CODE:BYTES in hexadecimal, not ", optarg);
			arguments[count] = optarg;
			todo[count++] = (char)option;
		}
	}
	if (!file == !function || optind != argc)
		return usage(stderr);
	if (offset && (file || !parse_hex(offset, strlen(offset), &at)))
		return wrong("-o is hexadecimal, with -d, and not ", offset);
	if (file && strpbrk(todo, "et"))
		return wrong("-e and -t need registers: use -d", "");
	if (!file && snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", function) >= (int)sizeof(path))
		return wrong("no function has such a name: ", function);
	file = file ? file : path;
	m.config = function != NULL;
	m.fd = open(file, O_RDWR);
	if (m.fd < 0) {
		fprintf(stderr, "doetest: %s: %s\n", file, strerror(errno));
		return 1;
	}
	m.offset = m.config && !offset ? mailbox_find(m.fd, 0) : (unsigned)at;
	if (m.config && !mailbox_is_at(m.fd, m.offset)) {
		fprintf(stderr, "doetest: the function has no DOE capability%s%s\n", offset ? " at " : "",
			offset ? offset : "");
		return 1;
	}
	if (!count)
		todo[0] = 'l';
	for (unsigned n = 0; todo[n]; n++)
		ok &= todo[n] == 'i' ? inject(&m, arguments[n]) : actions[(unsigned char)todo[n]](&m);
	return !ok;
}
