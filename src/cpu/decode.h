/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a 32-bit word to a decode record, by the rows of a64.def. Stand-alone: needs no vCPU, so that tests, the
 * disassembler and the translator use it as well. The lookup is built at the first call; after that any thread.
 */
#ifndef CPU_DECODE_H
#define CPU_DECODE_H

#include "cpu/state.h"

/* Features that a row may need; all are present in `-cpu max`. */
#define A64_FEATURES(F)                                                                                                \
	F(BASE) F(FP) F(SIMD) F(FP16) F(CRC32) F(LSE) F(LOR) F(RDM) F(DOTPROD) F(FCMA) F(JSCVT) F(FRINTTS) F(RCPC)     \
	F(RCPC2) F(FLAGM) F(FLAGM2) F(DPB) F(SB) F(PAN) F(UAO) F(SSBS) F(AES) F(PMULL) F(SHA1) F(SHA256) F(SHA512)     \
	F(SHA3) F(MOPS)
enum a64_feature {
#define F(name) A64_FEATURE_##name,
	A64_FEATURES(F)
#undef F
	A64_FEATURE_COUNT
};

/* What the translator, the tracer and the random program generator must know of a row. */
enum a64_flag {
	A64_LOAD = 1 << 0,      /* reads memory */
	A64_STORE = 1 << 1,     /* writes memory (both: atomics) */
	A64_BR = 1 << 2,        /* may set the PC to another than the next */
	A64_SYS = 1 << 3,       /* touches system state: PSTATE, system registers, barriers */
	A64_ENDS = 1 << 4,      /* ends a block: branches, exceptions, context synchronisation */
	A64_SETFLAGS = 1 << 5,  /* writes NZCV */
	A64_GETFLAGS = 1 << 6,  /* reads NZCV */
	A64_NORANDOM = 1 << 7,  /* no result that two runs could agree on: exclusives, counters, exceptions */
	A64_FPSIMD = 1 << 8,    /* uses V registers: traps when FP is off */
	A64_FPFLAGS = 1 << 9,   /* may change FPSR */
	A64_OVER = 1 << 10,     /* takes words from a more general row, on purpose */
};

struct a64_row {
	const char *name, *pattern, *template;
	u32 flags;
	u8 feature;
	void (*exec)(struct cpu *cpu, const struct insn *insn);
	bool (*prep)(struct insn *insn); /* or NULL */
};

enum {
#define A64(name, pattern, feature, flags, template) ROW_##name,
#define A64P A64
#include "cpu/a64.def"
#undef A64
#undef A64P
	A64_ROW_COUNT
};
#define ROW_NONE 0xffffu /* of an undefined word */

extern const struct a64_row a64_rows[A64_ROW_COUNT];

/* exec_NAME runs one instruction; prep_NAME (rows A64P) finishes its record, false: the word is UNDEFINED. */
#define A64(name, pattern, feature, flags, template) void exec_##name(struct cpu *cpu, const struct insn *insn);
#define A64P(name, pattern, feature, flags, template)                                                                  \
	void exec_##name(struct cpu *cpu, const struct insn *insn);                                                    \
	bool prep_##name(struct insn *insn);
#include "cpu/a64.def"
#undef A64
#undef A64P
/* For words without a row: raises UNDEFINED. */
void exec_UNDEFINED(struct cpu *cpu, const struct insn *insn);

/* Fills *out; false if the word is UNDEFINED (then exec = exec_UNDEFINED and row = ROW_NONE). */
bool decode(u32 word, struct insn *out);

/* For tests and tools. The fixed bits of a row, and their values. */
void a64_row_fixed(unsigned row, u32 *mask, u32 *value);
/* The field that `letter` names in the row, taken from the word; *width bits (0: no such letter). */
u32 a64_field(unsigned row, u32 word, char letter, unsigned *width);

/* disasm.c: text of the instruction at `pc`; always terminated. Returns the length. */
size_t disasm(u32 word, u64 pc, char *text, size_t size);

#endif
