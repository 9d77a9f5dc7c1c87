/* SPDX-License-Identifier: BSD-2-Clause */
/* -d op: the guest instructions of each block as it is made. -d ir: what was decided for each. -d out: the host bytes of each, for a
 * disassembler to read; behind them, exits and what is out of line. And what has no
 * emitter, for -accel jit,help. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "jit/private.h"

static void dump_bytes(const char *what, const u8 *from, const u8 *to)
{
	char line[200];
	unsigned used = 0;

	for (const u8 *p = from; trace_is_on(OUT) && p < to; p++) {
		used += (unsigned)snprintf(line + used, sizeof(line) - used, " %02x", *p);
		if (p + 1 == to || used > 96) {
			trace(OUT, "%s%s", what, line);
			used = 0;
		}
	}
}

static unsigned copies(const struct vcopy *copy)
{
	unsigned count = 0;

	for (unsigned n = 0; n < VCOPIES; n++)
		count += copy[n].valid != 0;
	return count;
}

/* The decode record: its row, and the fields that the row's pattern names. */
static void record_text(const struct insn *insn, char *text, size_t size)
{
	static const char letters[] = "dnmatusrczoqhl";
	const struct a64_row *row = row_of(insn);
	size_t used = (size_t)snprintf(text, size, "%s", row->name);

	for (unsigned n = 0; insn->row != ROW_NONE && letters[n] && used < size; n++)
		if (strchr(row->pattern, letters[n]))
			used += (size_t)snprintf(text + used, size - used, " %c=%u", letters[n], ((const u8 *)insn)[offsetof(struct insn, d) + n]);
	if (insn->row != ROW_NONE && strchr(row->pattern, 'i') && used < size)
		snprintf(text + used, size - used, " i=%x", insn->i);
}

void dump_block(const struct block *b, const u8 *from, const u8 *to)
{
	if (!trace_is_on(OP) && !trace_is_on(IR) && !trace_is_on(OUT))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		char text[96];

		disasm(insn->word, b->page->pa + b->list[k] * 4u, text, sizeof(text));
		trace(OP, "%s%llx  %08x  %s%s", k ? "  " : "block ", (unsigned long long)(b->page->pa + b->list[k] * 4u), insn->word, text,
		      insn->row == ROW_NONE || !b->jit->emitters[insn->row].emit      ? "   (call)" :
		      b->jit->emitters[insn->row].emit == emit_light ? "   (light call)" :
								       "");
		record_text(insn, text, sizeof(text));
		trace(IR, "%s%llx  %s: %s%s%s%s%s, %u V registers in host registers", k ? "  " : "block ", (unsigned long long)(b->page->pa + b->list[k] * 4u), text,
		      b->how[k] & HOW_CALL  ? "call" :
		      b->how[k] & HOW_FUSED ? "with the one before" :
					      "emitted",
		      b->how[k] & HOW_STORES_FLAGS ? ", flags stored" : "", b->how[k] & HOW_REDOES ? ", compare done again" : "",
		      b->how[k] & HOW_COLD ? ", has code out of line" : "", b->loops ? ", loop" : "", copies(b->copies[k]));
		if (!k)
			trace(OUT, "at %llx: block %llx", (unsigned long long)(uintptr_t)(from + b->jit->run), /* for perf */
			      (unsigned long long)(b->page->pa + b->list[0] * 4u));
		if (!k && b->loops)
			dump_bytes("into", from, b->loop);
		if (!k)
			dump_bytes("head", b->loops ? b->loop : from, b->at[0]);
		dump_bytes("   ", b->at[k], b->at[k + 1]);
	}
	dump_bytes("end", b->at[b->count], to);
	for (unsigned n = 0; n < b->r.count; n++)
		trace(IR, "  x%u is where x%u is at home, from %llx on", b->r.loan[n].slot, b->r.loan[n].owner,
		      (unsigned long long)(b->page->pa + b->list[b->r.loan[n].first] * 4u));
}

struct dump_line {
	u64 count;
	char text[96];
};

static int by_count(const void *a, const void *b)
{
	u64 x = ((const struct dump_line *)a)->count, y = ((const struct dump_line *)b)->count;

	return (x < y) - (x > y);
}

/* The highest of `lines`. */
static void dump_lines(const char *what, struct dump_line *lines, unsigned count)
{
	qsort(lines, count, sizeof(*lines), by_count);
	for (unsigned n = 0; n < MIN(count, 60u) && lines[n].count; n++)
		trace(CHAIN, "%s %12llu %s", what, (unsigned long long)lines[n].count, lines[n].text);
}

void dump_counts(const struct jit *jit)
{
	const struct counts *counts = jit->counts;
	struct dump_line *lines = calloc(2 * 65536, sizeof(*lines));
	u64 drops = 0;

	if (!lines)
		return;
	for (unsigned n = 0; n < cpus_count(jit->cpus); n++)
		drops += cpus_get(jit->cpus, n)->code_drops;
	trace(CHAIN, "%llu instructions, %llu blocks entered, %llu probes, %llu direct jumps to other pages; back in C: %llu plain, %llu at a poll, %llu by a probe that missed, %llu by a far link, %llu to be linked; %llu times all was looked up anew",
	      (unsigned long long)cpus_total_instructions(jit->cpus), (unsigned long long)counts->blocks, (unsigned long long)counts->probes, (unsigned long long)counts->direct,
	      (unsigned long long)counts->left[LEFT_PLAIN], (unsigned long long)counts->left[LEFT_BUDGET],
	      (unsigned long long)counts->left[LEFT_INDIRECT], (unsigned long long)counts->left[LEFT_FAR], (unsigned long long)counts->left[LEFT_COUNT], (unsigned long long)drops);
	trace(CHAIN, "%llu host instructions in blocks", (unsigned long long)counts->host);
	trace(CHAIN, "accesses with a constant offset: %llu alone, %llu lead a group, %llu follow", (unsigned long long)counts->accesses[GROUP_NONE],
	      (unsigned long long)counts->accesses[GROUP_LEADS], (unsigned long long)counts->accesses[GROUP_FOLLOWS]);
	trace(CHAIN, "level 1 of the TLB refilled in translated code: %llu times for reading, %llu for writing", (unsigned long long)counts->refills[0],
	      (unsigned long long)counts->refills[1]);
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		lines[slot].count = counts->slots[slot];
		snprintf(lines[slot].text, sizeof(lines[slot].text), slot == SLOT_ZR ? "xzr" : slot == SLOT_SP ? "sp" : slot == SLOT_DUMP ? "xzr written" : "x%u", slot);
	}
	dump_lines("register", lines, SLOT_COUNT);
	for (unsigned slow = 0; slow < 2; slow++) {
		for (unsigned row = 0; row <= A64_ROW_COUNT; row++) {
			lines[row].count = (slow ? counts->slow : counts->calls)[row];
			snprintf(lines[row].text, sizeof(lines[row].text), "%s", row == A64_ROW_COUNT ? "UNDEFINED" : a64_rows[row].name);
		}
		dump_lines(slow ? "slow" : "called", lines, A64_ROW_COUNT + 1);
	}
	for (u32 key = 0; key < 2 * 65536; key++) {
		lines[key].count = counts->registers[key >> 16][key & 0xffff];
		if (lines[key].count)
			disasm(0xd500001f | key >> 16 << 21 | (key & 0xffff) << 5, 0, lines[key].text, sizeof(lines[key].text));
	}
	dump_lines("called", lines, 2 * 65536);
	free(lines);
}

static void list_rows(const struct jit *jit, bool (*emit)(struct block *b, const struct insn *i))
{
	unsigned column = 0;

	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		if (jit->emitters[row].emit != emit)
			continue;
		if (column + strlen(a64_rows[row].name) + 1 > 110) {
			printf("\n");
			column = 0;
		}
		column += (unsigned)printf("%s%s", column ? " " : "", a64_rows[row].name);
	}
	printf("\n");
}

void jit_list_calls(void)
{
	static struct jit jit = {.on = BIT(JIT_LIGHT)}; /* only its table of emitters */
	unsigned count = 0;

	emitters_collect(&jit);
	for (unsigned row = 0; row < A64_ROW_COUNT; row++)
		count += jit.emitters[row].emit && jit.emitters[row].emit != emit_light;
	printf("Rows of a64.def with an emitter: %u of %u. The others are calls of the interpreter's functions. Light ones, with all registers where they are:\n",
	       count, A64_ROW_COUNT);
	list_rows(&jit, emit_light);
	printf("and whole ones:\n");
	list_rows(&jit, NULL);
}
