/* SPDX-License-Identifier: BSD-2-Clause */
/* -d op: the guest instructions of each block as it is made. -d out: the host bytes of each, for a
 * disassembler to read; behind them, exits and what is out of line. */
#include <stdio.h>

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

void dump_block(const struct block *b, const u8 *from, const u8 *to)
{
	if (!trace_is_on(OP) && !trace_is_on(OUT))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		char text[96];

		disasm(insn->word, b->page->pa + b->list[k] * 4u, text, sizeof(text));
		trace(OP, "%s%llx  %08x  %s%s", k ? "  " : "block ", (unsigned long long)(b->page->pa + b->list[k] * 4u), insn->word, text,
		      insn->row != ROW_NONE && b->jit->emitters[insn->row].emit ? "" : "   (call)");
		if (!k)
			dump_bytes("head", from, b->at[0]);
		dump_bytes("   ", b->at[k], b->at[k + 1]);
	}
	dump_bytes("end", b->at[b->count], to);
}
