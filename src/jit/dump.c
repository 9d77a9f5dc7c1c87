/* SPDX-License-Identifier: BSD-2-Clause */
/* -d op: the guest instructions of each block as it is made. -d ir: what was decided for each. -d out: the host bytes of each, for a
 * disassembler to read; behind them, exits and what is out of line. And what has no
 * emitter, for -accel jit,help. */
#include <stdio.h>
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

void dump_block(const struct block *b, const u8 *from, const u8 *to)
{
	if (!trace_is_on(OP) && !trace_is_on(IR) && !trace_is_on(OUT))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		char text[96];

		disasm(insn->word, b->page->pa + b->list[k] * 4u, text, sizeof(text));
		trace(OP, "%s%llx  %08x  %s%s", k ? "  " : "block ", (unsigned long long)(b->page->pa + b->list[k] * 4u), insn->word, text,
		      insn->row != ROW_NONE && b->jit->emitters[insn->row].emit ? "" : "   (call)");
		trace(IR, "%s%llx  %s%s%s%s%s, %u V registers in host registers", k ? "  " : "block ", (unsigned long long)(b->page->pa + b->list[k] * 4u),
		      b->how[k] & HOW_CALL  ? "call" :
		      b->how[k] & HOW_FUSED ? "with the one before" :
					      "emitted",
		      b->how[k] & HOW_STORES_FLAGS ? ", flags stored" : "", b->how[k] & HOW_REDOES ? ", compare done again" : "",
		      b->how[k] & HOW_COLD ? ", has code out of line" : "", b->v.loops ? ", loop" : "", copies(b->copies[k]));
		if (!k)
			dump_bytes("head", from, b->at[0]);
		dump_bytes("   ", b->at[k], b->at[k + 1]);
	}
	dump_bytes("end", b->at[b->count], to);
}

void jit_list_calls(void)
{
	static struct jit jit; /* only its table of emitters */
	unsigned count = 0, column = 0;

	emitters_collect(&jit);
	for (unsigned row = 0; row < A64_ROW_COUNT; row++)
		count += jit.emitters[row].emit != NULL;
	printf("Rows of a64.def with an emitter: %u of %u. The others are calls of the interpreter's functions:\n", count, A64_ROW_COUNT);
	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		if (jit.emitters[row].emit)
			continue;
		if (column + strlen(a64_rows[row].name) + 1 > 110) {
			printf("\n");
			column = 0;
		}
		column += (unsigned)printf("%s%s", column ? " " : "", a64_rows[row].name);
	}
	printf("\n");
}
