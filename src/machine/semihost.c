/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Semihosting: what a test program asks of whoever runs it, by HLT #0xf000 with the operation in W0 and its parameter
 * in X1. [Arm Semihosting 2.0] The console, the command line, clocks, the heap's place and the exit code are built.
 * Files of the host are not: every name but ":tt" and ":semihosting-features" is refused, as a guest has no business
 * with them. On the vCPU's thread, which is OUT, without the machine lock; guest memory through cpu_guest_read and
 * _write, in bounded pieces.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/out.h"
#include "base/trace.h"
#include "boot/boot.h"
#include "machine/private.h"
#include "virtio/virtio.h"

enum {
	SYS_OPEN = 0x01,
	SYS_CLOSE = 0x02,
	SYS_WRITEC = 0x03,
	SYS_WRITE0 = 0x04,
	SYS_WRITE = 0x05,
	SYS_READ = 0x06,
	SYS_ISERROR = 0x08,
	SYS_ISTTY = 0x09,
	SYS_SEEK = 0x0a,
	SYS_FLEN = 0x0c,
	SYS_TMPNAM = 0x0d,
	SYS_REMOVE = 0x0e,
	SYS_RENAME = 0x0f,
	SYS_CLOCK = 0x10,
	SYS_TIME = 0x11,
	SYS_SYSTEM = 0x12,
	SYS_ERRNO = 0x13,
	SYS_GET_CMDLINE = 0x15,
	SYS_HEAPINFO = 0x16,
	SYS_EXIT = 0x18,
	SYS_EXIT_EXTENDED = 0x20,
	SYS_ELAPSED = 0x30,
	SYS_TICKFREQ = 0x31
};
#define FAILED ((u64)-1)
#define STOPPED_APPLICATION_EXIT 0x20026
#define TEXT_BYTES_MAX (1 * MiB) /* of one call */
/* Handles, of all there is: the console in its three roles, and the list of extensions. */
enum { HANDLE_IN = 1, HANDLE_OUT, HANDLE_ERR, HANDLE_FEATURES };
/* EXIT_EXTENDED works; standard output and standard error are opened apart. */
static const u8 features[] = {'S', 'H', 'F', 'B', 3};

static u64 failed(struct machine *m, int number)
{
	__atomic_store_n(&m->semihost_errno, (u32)number, __ATOMIC_RELAXED);
	return FAILED;
}

/* Parameters are blocks of 64-bit words. */
static bool words(struct cpu *cpu, u64 at, unsigned count, u64 *to)
{
	u8 bytes[8 * 4];

	assert(count <= 4);
	if (!cpu_guest_read(cpu, at, bytes, 8 * count))
		return false;
	for (unsigned i = 0; i < count; i++)
		to[i] = load_le(bytes + 8 * i, 8);
	return true;
}

static void console_write(struct machine *m, const u8 *bytes, size_t size)
{
	struct chardev *chardev =
		m->config.semihosting_chardev ? machine_chardev(m, m->config.semihosting_chardev) : NULL;

	if (chardev)
		chardev_write(chardev, bytes, size);
	else
		out_write(&out_stderr, bytes, size);
}

/* `size` bytes, or up to a NUL; how many were written. */
static u64 console_copy(struct machine *m, struct cpu *cpu, u64 at, u64 size, bool text)
{
	u64 done = 0;
	u8 bytes[256];

	while (done < size) {
		/* Text may end right before what is not mapped: no piece crosses a page. */
		u64 part = MIN(MIN(size - done, sizeof(bytes)), 4096 - ((at + done) & 4095)), used = part;

		if (!cpu_guest_read(cpu, at + done, bytes, part))
			break;
		if (text)
			used = strnlen((const char *)bytes, part);
		console_write(m, bytes, used);
		done += used;
		if (used < part)
			break;
	}
	return done;
}

static u64 open_name(struct machine *m, struct cpu *cpu, u64 at)
{
	char name[64] = "";
	u64 p[3]; /* name, mode, length */

	if (!words(cpu, at, 3, p))
		return failed(m, EFAULT);
	if (p[2] >= sizeof(name))
		return failed(m, EACCES);
	if (!cpu_guest_read(cpu, p[0], name, p[2]))
		return failed(m, EFAULT);
	if (!strcmp(name, ":tt"))
		return p[1] < 4 ? HANDLE_IN : p[1] < 8 ? HANDLE_OUT : HANDLE_ERR;
	if (!strcmp(name, ":semihosting-features") && p[1] < 4) {
		__atomic_store_n(&m->semihost_position, 0, __ATOMIC_RELAXED);
		return HANDLE_FEATURES;
	}
	trace(UNIMP, "semihosting: a file of the host is asked for, and refused");
	return failed(m, EACCES);
}

/* The bytes that were not read: all of them is the end. */
static u64 read_handle(struct machine *m, struct cpu *cpu, u64 at)
{
	u32 from = __atomic_load_n(&m->semihost_position, __ATOMIC_RELAXED);
	u64 p[3], size; /* handle, where to, length */

	if (!words(cpu, at, 3, p))
		return failed(m, EFAULT);
	if (p[0] != HANDLE_FEATURES)
		return p[2];
	size = MIN(p[2], sizeof(features) - from);
	if (!cpu_guest_write(cpu, p[1], features + from, size))
		return failed(m, EFAULT);
	__atomic_store_n(&m->semihost_position, from + (u32)size, __ATOMIC_RELAXED);
	return p[2] - size;
}

/* The list of extensions has a place to read from; the console has none. */
static u64 seek(struct machine *m, struct cpu *cpu, u64 at)
{
	u64 p[2]; /* handle, from the start */

	if (!words(cpu, at, 2, p))
		return failed(m, EFAULT);
	if (p[0] != HANDLE_FEATURES)
		return failed(m, ESPIPE);
	if (p[1] > sizeof(features))
		return failed(m, EINVAL);
	__atomic_store_n(&m->semihost_position, (u32)p[1], __ATOMIC_RELAXED);
	return 0;
}

static u64 write_handle(struct machine *m, struct cpu *cpu, u64 at)
{
	u64 p[3]; /* handle, text, length */

	if (!words(cpu, at, 3, p))
		return failed(m, EFAULT);
	if (p[0] == HANDLE_OUT || p[0] == HANDLE_ERR)
		return p[2] - console_copy(m, cpu, p[1], MIN(p[2], TEXT_BYTES_MAX), false);
	failed(m, EBADF);
	return p[2];
}

static u64 command_line(struct machine *m, struct cpu *cpu, u64 at)
{
	const struct machine_config *c = &m->config;
	char text[2048];
	u8 length[8];
	u64 p[2]; /* where to, room */

	if (c->semihosting_words[0])
		snprintf(text, sizeof(text), "%s", c->semihosting_words);
	else
		snprintf(text, sizeof(text), "%s%s%s", c->kernel ? c->kernel : "", c->append ? " " : "",
			 c->append ? c->append : "");
	if (!words(cpu, at, 2, p) || p[1] <= strlen(text))
		return failed(m, EFAULT);
	store_le(length, 8, strlen(text));
	return cpu_guest_write(cpu, p[0], text, strlen(text) + 1) && cpu_guest_write(cpu, at + 8, length, 8) ?
		       0 :
		       failed(m, EFAULT);
}

/* Heap and stack share what is behind the program: the heap grows up from its start, the stack down from its end. */
static u64 heap_info(struct machine *m, struct cpu *cpu, u64 at)
{
	struct boot_range room = loader_free(m);
	u64 end = room.base + room.size, limit = align_down(end - room.size / 8, 4096);
	const u64 info[] = {room.base, limit, end, limit};
	u8 bytes[sizeof(info)];
	u64 block;

	for (unsigned i = 0; i < ARRAY_SIZE(info); i++)
		store_le(bytes + 8 * i, 8, info[i]);
	return words(cpu, at, 1, &block) && cpu_guest_write(cpu, block, bytes, sizeof(bytes)) ? 0 : failed(m, EFAULT);
}

static u64 leave(struct machine *m, struct cpu *cpu, u64 at)
{
	u64 p[2]; /* reason, code */

	machine_quit_with(m, words(cpu, at, 2, p) && p[0] == STOPPED_APPLICATION_EXIT ? (int)(p[1] & 0xff) : 1);
	return 0;
}

static u64 elapsed(struct machine *m, struct cpu *cpu, u64 at)
{
	u8 bytes[8];

	store_le(bytes, 8, loop_now(m->loop));
	return cpu_guest_write(cpu, at, bytes, 8) ? 0 : failed(m, EFAULT);
}

u64 machine_semihost(void *opaque, struct cpu *cpu, u32 operation, u64 parameter)
{
	struct machine *m = opaque;
	u64 word;

	switch (operation) {
	case SYS_OPEN: return open_name(m, cpu, parameter);
	case SYS_CLOSE: return 0;
	case SYS_WRITEC: console_copy(m, cpu, parameter, 1, false); return 0;
	case SYS_WRITE0: console_copy(m, cpu, parameter, TEXT_BYTES_MAX, true); return 0;
	case SYS_WRITE: return write_handle(m, cpu, parameter);
	case SYS_READ: return read_handle(m, cpu, parameter);
	case SYS_ISERROR: return words(cpu, parameter, 1, &word) && (s64)word < 0;
	case SYS_ISTTY: return words(cpu, parameter, 1, &word) && word >= HANDLE_IN && word <= HANDLE_ERR;
	case SYS_SEEK: return seek(m, cpu, parameter);
	case SYS_FLEN:
		return !words(cpu, parameter, 1, &word) ? failed(m, EFAULT) :
		       word == HANDLE_FEATURES          ? sizeof(features) :
							  0;
	case SYS_CLOCK: return loop_now(m->loop) / 10000000;
	case SYS_TIME: return pl031_now_s(m->rtc);
	case SYS_ERRNO: return __atomic_load_n(&m->semihost_errno, __ATOMIC_RELAXED);
	case SYS_GET_CMDLINE: return command_line(m, cpu, parameter);
	case SYS_HEAPINFO: return heap_info(m, cpu, parameter);
	case SYS_EXIT:
	case SYS_EXIT_EXTENDED: return leave(m, cpu, parameter);
	case SYS_ELAPSED: return elapsed(m, cpu, parameter);
	case SYS_TICKFREQ: return 1000000000;
	case SYS_TMPNAM:
	case SYS_REMOVE:
	case SYS_RENAME:
	case SYS_SYSTEM:
		trace(UNIMP, "semihosting: operation 0x%x is about the host, and refused", operation);
		return failed(m, EACCES);
	default: /* SYS_READC too: there is no input */
		trace(UNIMP, "semihosting: operation 0x%x", operation);
		return failed(m, ENOSYS);
	}
}

bool machine_semihost_check(struct machine *m, struct error *err)
{
	const char *id = m->config.semihosting_chardev;

	return !id || machine_chardev(m, id) ||
	       fail(err, "-semihosting-config chardev=%s: no such character device; describe it with -chardev", id);
}
