/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The human monitor's conversation: -monitor, -mon mode=readline, and Ctrl-A c on a console of its own. A line is
 * edited here, since the other side may be a terminal, a socket or telnet: backspace, arrows, history, Tab for the
 * first word. hmp.c carries lines out. Loop thread, machine lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/hmp.h"
#include "control/qmp.h"
#include "host/host.h"

#define LINE_BYTES 1024
#define HISTORY_LINES 32
#define BACKLOG_PAUSE (1 * MiB) /* with more than this unread, no further line is taken */
#define PROMPT "(qemu) "        /* the dialect's, which scripts wait for */

struct monitor {
	struct monitor *next;
	struct machine *machine;
	struct chardev *chardev;
	bool owned, connected;
	char line[LINE_BYTES];
	size_t length, cursor;
	unsigned cpu;                 /* that its lines are about */
	char *history[HISTORY_LINES]; /* oldest first */
	unsigned history_count, at;   /* at: shown, history_count: the line being written */
	enum { KEY_PLAIN, KEY_ESC, KEY_CSI } key;
	unsigned key_number;
	bool after_cr;
};

static void say(struct monitor *mon, const char *text, size_t size)
{
	if (mon->connected)
		chardev_write(mon->chardev, (const u8 *)text, size);
}

static void say_text(struct monitor *mon, const char *text)
{
	say(mon, text, strlen(text));
}

static void redraw(struct monitor *mon)
{
	char back[32];

	say_text(mon, "\r" PROMPT);
	say(mon, mon->line, mon->length);
	say_text(mon, "\x1b[K");
	if (mon->cursor < mon->length) {
		snprintf(back, sizeof(back), "\x1b[%zuD", mon->length - mon->cursor);
		say_text(mon, back);
	}
}

static void begin_line(struct monitor *mon)
{
	mon->length = mon->cursor = 0;
	mon->at = mon->history_count;
	say_text(mon, PROMPT);
}

static void insert(struct monitor *mon, char c)
{
	if (mon->length == LINE_BYTES - 1)
		return;
	memmove(mon->line + mon->cursor + 1, mon->line + mon->cursor, mon->length - mon->cursor);
	mon->line[mon->cursor++] = c;
	mon->length++;
	if (mon->cursor == mon->length)
		say(mon, &c, 1);
	else
		redraw(mon);
}

static void erase(struct monitor *mon, size_t from, size_t to)
{
	memmove(mon->line + from, mon->line + to, mon->length - to);
	mon->length -= to - from;
	mon->cursor = from;
	redraw(mon);
}

static void remember(struct monitor *mon)
{
	if (!mon->length || (mon->history_count && !strcmp(mon->history[mon->history_count - 1], mon->line)))
		return;
	if (mon->history_count == HISTORY_LINES) {
		free(mon->history[0]);
		memmove(mon->history, mon->history + 1, (HISTORY_LINES - 1) * sizeof(mon->history[0]));
		mon->history_count--;
	}
	mon->history[mon->history_count++] = strdup(mon->line);
}

static void recall(struct monitor *mon, unsigned at)
{
	if (at > mon->history_count)
		return;
	mon->at = at;
	mon->length = 0;
	if (at < mon->history_count) {
		mon->length = strlen(mon->history[at]);
		memcpy(mon->line, mon->history[at], mon->length);
	}
	mon->cursor = mon->length;
	redraw(mon);
}

/* The one command that begins so, or all of them. */
static void complete(struct monitor *mon)
{
	const char *only = NULL;
	unsigned count = 0;

	mon->line[mon->length] = 0;
	for (unsigned i = 0; hmp_line(i); i++)
		if (!strncmp(hmp_line(i), mon->line, mon->length) && !count++)
			only = hmp_line(i);
	if (count == 1) {
		mon->cursor = mon->length;
		for (const char *p = only + mon->length; *p; p++)
			insert(mon, *p);
		insert(mon, ' ');
		return;
	}
	for (unsigned i = 0; count && hmp_line(i); i++)
		if (!strncmp(hmp_line(i), mon->line, mon->length)) {
			say_text(mon, "\r\n");
			say_text(mon, hmp_line(i));
		}
	if (count) {
		say_text(mon, "\r\n");
		redraw(mon);
	}
}

static void end_line(struct monitor *mon)
{
	char *text;

	say_text(mon, "\r\n");
	mon->line[mon->length] = 0;
	remember(mon);
	if (mon->line[strspn(mon->line, " \t")]) {
		text = hmp_run(mon->machine, &mon->cpu, mon->line);
		if (text)
			say_text(mon, text);
		free(text);
	}
	begin_line(mon);
}

static void take_sequence(struct monitor *mon, char c)
{
	switch (c) {
	case 'A': recall(mon, mon->at ? mon->at - 1 : 0); break;
	case 'B': recall(mon, mon->at + 1); break;
	case 'C':
		mon->cursor += mon->cursor < mon->length;
		redraw(mon);
		break;
	case 'D':
		mon->cursor -= mon->cursor > 0;
		redraw(mon);
		break;
	case 'H':
		mon->cursor = 0;
		redraw(mon);
		break;
	case 'F':
		mon->cursor = mon->length;
		redraw(mon);
		break;
	case '~':
		if (mon->key_number == 3 && mon->cursor < mon->length)
			erase(mon, mon->cursor, mon->cursor + 1);
		break;
	default: break;
	}
}

static void take_key(struct monitor *mon, char c)
{
	size_t from = mon->cursor;

	if (mon->key == KEY_ESC) {
		mon->key = c == '[' || c == 'O' ? KEY_CSI : KEY_PLAIN;
		mon->key_number = 0;
		return;
	}
	if (mon->key == KEY_CSI) {
		if (c >= '0' && c <= '9' && mon->key_number < 100) {
			mon->key_number = mon->key_number * 10 + (unsigned)(c - '0');
			return;
		}
		mon->key = KEY_PLAIN;
		take_sequence(mon, c);
		return;
	}
	switch (c) {
	case '\n':
		if (!mon->after_cr)
			end_line(mon);
		break;
	case '\r': end_line(mon); break;
	case 0x1b: mon->key = KEY_ESC; break;
	case '\b':
	case 0x7f:
		if (mon->cursor)
			erase(mon, mon->cursor - 1, mon->cursor);
		break;
	case 1:
		mon->cursor = 0;
		redraw(mon);
		break;
	case 3:
		say_text(mon, "^C\r\n");
		begin_line(mon);
		break;
	case 5:
		mon->cursor = mon->length;
		redraw(mon);
		break;
	case 9: complete(mon); break;
	case 11:
		mon->length = mon->cursor;
		redraw(mon);
		break;
	case 21: erase(mon, 0, mon->cursor); break;
	case 23:
		while (from && mon->line[from - 1] == ' ')
			from--;
		while (from && mon->line[from - 1] != ' ')
			from--;
		erase(mon, from, mon->cursor);
		break;
	default:
		if ((u8)c >= 0x20)
			insert(mon, c);
	}
	mon->after_cr = c == '\r';
}

static size_t can_take(void *opaque)
{
	struct monitor *mon = opaque;

	return chardev_backlog(mon->chardev) > BACKLOG_PAUSE ? 0 : 256;
}

static void take(void *opaque, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		take_key(opaque, (char)bytes[i]);
}

static void greet(void *opaque, bool connected)
{
	struct monitor *mon = opaque;

	mon->connected = connected;
	mon->key = KEY_PLAIN;
	if (!connected)
		return;
	say_text(mon, "cxlvm " CXLVM_VERSION " monitor - type 'help' for more information\r\n");
	begin_line(mon);
}

/* Ctrl-A c: the keys are ours, or the guest's again. */
static void turn(void *opaque, bool ours)
{
	struct monitor *mon = opaque;

	if (ours && mon->connected) {
		say_text(mon, "\r\n");
		redraw(mon);
	} else if (ours) {
		greet(mon, true);
	} else {
		say_text(mon, "\r\n");
	}
}

static struct monitor *make(struct monitor **list, struct machine *machine, struct chardev *chardev, bool owned)
{
	struct monitor *mon = calloc(1, sizeof(*mon));

	assert(mon);
	*mon = (struct monitor){.next = *list, .machine = machine, .chardev = chardev, .owned = owned};
	*list = mon;
	return mon;
}

bool monitor_serve(struct monitor **list, struct machine *machine, struct chardev *chardev, struct error *err)
{
	struct monitor *mon;

	if (chardev_is_mux(chardev) && chardev_is_connected(chardev)) {
		mon = make(list, machine, chardev, false);
		return chardev_connect_second(chardev, can_take, take, turn, mon) ||
		       fail(err, "this character device has a monitor already; describe another");
	}
	if (chardev_is_connected(chardev))
		return fail(
			err,
			"this character device serves something else already; add mux=on to it, or describe another");
	mon = make(list, machine, chardev, false);
	chardev_connect(chardev, can_take, take, mon);
	chardev_on_connection(chardev, greet, mon);
	return true;
}

bool monitor_listen(struct monitor **list, struct machine *machine, const char *spec, struct error *err)
{
	struct chardev *chardev = chardev_open(spec, machine_loop(machine), NULL, NULL, err);
	struct monitor *mon;

	if (!chardev)
		return false;
	mon = make(list, machine, chardev, true);
	chardev_connect(chardev, can_take, take, mon);
	chardev_on_connection(chardev, greet, mon);
	return true;
}

void monitors_close(struct monitor **list)
{
	while (*list) {
		struct monitor *mon = *list;

		*list = mon->next;
		if (!chardev_connect_second(mon->chardev, NULL, NULL, NULL, mon)) {
			chardev_on_connection(mon->chardev, NULL, NULL);
			chardev_connect(mon->chardev, NULL, NULL, NULL);
		}
		if (mon->owned)
			chardev_close(mon->chardev);
		for (unsigned i = 0; i < mon->history_count; i++)
			free(mon->history[i]);
		free(mon);
	}
}
