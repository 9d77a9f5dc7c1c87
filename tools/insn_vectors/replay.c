/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our side of the instruction vectors. A record is decoded into a private page and run at EL0, so that an exception
 * shows as EL1. Memory is one RAM region below an identity map of 1 GiB, so loads and stores take the real path.
 *
 * With an engine the word is put into guest memory, before a branch to itself, each at a place that has not run yet;
 * vectors are branches to themselves as well. They are at 1 GiB more, where EL0 may not write, so that EL1 may execute.
 */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "cpu/cpu.h"
#include "cpu/decode.h"
#include "cpu/exec.h"
#include "cpu/state.h"
#include "mem/backend.h"
#include "mem/mem.h"

#define RAM_BYTES (4 * MiB)
#define TABLE_OFFSET MiB
#define VBAR_OFFSET (MiB + 64 * KiB)
#define CODE_OFFSET (2 * MiB)
#define CODE_END (4 * MiB)

struct replay {
	struct loop *loop;
	struct space *space;
	struct region ram;
	struct cpus *cpus;
	struct cpu *cpu;
	struct code_page page;
	u64 code; /* with an engine: offset of the next place in RAM */
	u8 pristine[VECTORS_DATA_BYTES];
};

struct replay *replay_create(struct error *err)
{
	return replay_create_engine(NULL, 0, err);
}

struct replay *replay_create_engine(const struct cpu_engine *engine, u32 switches, struct error *err)
{
	struct replay *r = calloc(1, sizeof(*r));
	struct cpus_config config = {.count = 1, .model = "max", .engine = engine, .engine_switches = switches};

	r->loop = loop_create(true, err);
	r->space = space_create(r->loop);
	r->ram = (struct region){
		.name = "ram", .base = VECTORS_DATA, .size = RAM_BYTES, .host = ram_alloc(RAM_BYTES, err)};
	loop_lock(r->loop);
	space_add(r->space, &r->ram);
	config.loop = r->loop;
	config.space = r->space;
	r->cpus = cpus_create(&config, err);
	if (!r->cpus) {
		loop_unlock(r->loop);
		return NULL;
	}
	cpus_reset(r->cpus, 0, 0);
	loop_unlock(r->loop);
	vectors_memory(r->ram.host);
	vectors_memory(r->pristine);

	struct cpu *cpu = r->cpu = cpus_get(r->cpus, 0);
	/* Level 1 of 39 bits: entry 0 is a 1 GiB block at 0, AF, inner shareable, EL0 may read and write. */
	store_le(r->ram.host + TABLE_OFFSET, 8, 1ull << 10 | 3ull << 8 | 1ull << 6 | 1);
	/* The same memory at 1 GiB, read-only. */
	store_le(r->ram.host + TABLE_OFFSET + 8, 8, 1ull << 10 | 3ull << 8 | 3ull << 6 | 1);
	for (unsigned k = 0; k < 16; k++)
		store_le(r->ram.host + VBAR_OFFSET + k * 128, 4, 0x14000000); /* b . */
	cpu->sys.vbar = GiB + VECTORS_DATA + VBAR_OFFSET;
	r->code = engine ? CODE_OFFSET : 0;
	cpu->sys.ttbr0 = VECTORS_DATA + TABLE_OFFSET;
	cpu->sys.tcr = 25 | 1ull << 8 | 1ull << 10 | 3ull << 12 | 25ull << 16 | 1ull << 23;
	cpu->sys.mair = 0xff;
	cpu->sys.cpacr = 3ull << 20;
	cpu->sys.sctlr |= 1 | BIT(4) | BIT(3) | BIT(15) | BIT(14) | BIT(26) | BIT(33);
	cpu->el = 0;
	cpu->daif = 15;
	cpu_rederive(cpu);
	return r;
}

void replay_destroy(struct replay *r)
{
	cpus_destroy(r->cpus);
	loop_lock(r->loop);
	space_remove(r->space, &r->ram);
	loop_unlock(r->loop);
	space_destroy(r->space);
	ram_free(r->ram.host, RAM_BYTES);
	loop_destroy(r->loop);
	free(r);
}

void replay_restart(struct replay *r)
{
	code_invalidate_all(r->cpus);
	r->code = CODE_OFFSET;
}

static void run_engine(struct replay *r, const u32 *words, unsigned count, unsigned times)
{
	unsigned all = times > 1 ? count + 2 : count;

	if (r->code + all * 4 + 4 > CODE_END)
		replay_restart(r);
	for (unsigned k = 0; k < count; k++)
		store_le(r->ram.host + r->code + 4 * k, 4, words[k]);
	if (times > 1) {
		store_le(r->ram.host + r->code + 4 * count, 4, 0xd100079c); /* sub x28, x28, #1 */
		store_le(r->ram.host + r->code + 4 * count + 4, 4,
			 0xb500001c | ((0u - count - 1) & ones(19)) << 5); /* cbnz x28, back */
		r->cpu->x[28] = times;
	}
	store_le(r->ram.host + r->code + 4 * all, 4, 0x14000000);
	r->cpu->code = NULL;
	r->cpu->pc = VECTORS_DATA + r->code;
	cpu_run(r->cpu, all * times + 3);
	r->code += all * 4 + 4;
}

unsigned replay_run(struct replay *r, const struct vector_request *request, uint8_t *to)
{
	return replay_run_sequence(r, request, &request->word, 1, to);
}

unsigned replay_run_sequence(struct replay *r, const struct vector_request *request, const uint32_t *words,
			     unsigned count, uint8_t *to)
{
	return replay_run_loop(r, request, words, count, 1, to);
}

unsigned replay_run_loop(struct replay *r, const struct vector_request *request, const uint32_t *words, unsigned count,
			 unsigned times, uint8_t *to)
{
	struct cpu *cpu = r->cpu;
	struct vector_state in, out;
	struct insn *insn = &r->page.insn[0];
	unsigned fault = 0;

	vectors_inputs(request, &in);
	out = in;
	memcpy(cpu->x, in.x, sizeof(in.x));
	cpu->x[SLOT_ZR] = 0;
	cpu->x[SLOT_SP] = in.sp;
	memcpy(cpu->v, in.v, sizeof(in.v));
	cpu->nzcv = (u32)in.nzcv;
	cpu->fpcr = (u32)in.fpcr;
	cpu->fpsr = (u32)in.fpsr;
	cpu->el = 0;
	cpu_rederive(cpu);
	if (r->code) {
		run_engine(r, words, count, times);
	} else {
		cpu->code = &r->page;
		cpu->code_va = 0x400000;
		for (unsigned k = 0; k < count * times && cpu->el == 0;
		     k += (unsigned)(cpu->ip - insn)) { /* branches lead ahead */
			decode(words[k % count], insn);
			branch_localize(insn, 0);
			cpu->ip = insn + 1;
			insn->exec(cpu, insn);
		}
	}
	if (times > 1)
		cpu->x[28] = in.x[28];
	if (cpu->el != 0)
		fault = cpu->sys.esr >> 26 == EC_UNKNOWN ? 1 : 2;
	memcpy(out.x, cpu->x, sizeof(out.x));
	out.sp = cpu->x[SLOT_SP];
	memcpy(out.v, cpu->v, sizeof(out.v));
	out.nzcv = cpu->nzcv;
	out.fpsr = cpu->fpsr;
	return vectors_result(request, &in, &out, fault, r->ram.host, r->pristine, to);
}

bool replay_is_plain(uint32_t word)
{
	struct insn insn;

	return decode(word, &insn) &&
	       !(a64_rows[insn.row].flags & (A64_LOAD | A64_STORE | A64_SYS | A64_BR | A64_ENDS));
}

unsigned replay_row_count(void)
{
	return A64_ROW_COUNT;
}

const char *replay_row_name(uint32_t word)
{
	struct insn insn;

	return decode(word, &insn) ? a64_rows[insn.row].name : "UNDEFINED";
}

/* Letters that are general registers: in FP and SIMD rows those that the template names so, elsewhere all of 5 bits. */
static unsigned general_letters(unsigned number, char letters[16])
{
	const struct a64_row *row = &a64_rows[number];
	const char *text = row->template;
	unsigned n = 0, width;

	if (!(row->flags & A64_FPSIMD)) {
		for (const char *p = "dnmatus"; *p; p++) {
			a64_field(number, 0, *p, &width);
			if (width == 5 && !strstr(text, (char[]){'%', '#', *p, 0}))
				letters[n++] = *p;
		}
		letters[n] = 0;
		return n;
	}
	for (const char *p = text; (p = strchr(p, '%')) != NULL;) {
		p++;
		if (*p == '=')
			p++;
		if (strchr("xwre", *p) && p[1] && strchr("dnmatus", p[1]) && n < 15)
			letters[n++] = p[1];
	}
	letters[n] = 0;
	return n;
}

static u32 put_field(const struct a64_row *row, u32 word, char letter, u32 value)
{
	for (int i = 31; i >= 0; i--)
		if (row->pattern[i] == letter) {
			word = (word & ~(1u << (31 - i))) | (value & 1) << (31 - i);
			value >>= 1;
		}
	return word;
}

bool replay_request(unsigned number, uint64_t *random, struct vector_request *request)
{
	const struct a64_row *row = &a64_rows[number];
	u32 mask, value, width;
	char general[16];

	if (row->flags & (A64_NORANDOM | A64_BR | A64_ENDS | A64_SYS) || strstr(row->template, "%@") ||
	    !strncmp(row->name, "ADR", 3) || !strcmp(row->name, "HINT") || row->feature == A64_FEATURE_MOPS)
		return false;
	a64_row_fixed(number, &mask, &value);
	general_letters(number, general);
	for (unsigned attempt = 0; attempt < 200; attempt++) {
		u64 r = vectors_random(random);
		u32 word = ((u32)r & ~mask) | value;
		bool memory = row->flags & (A64_LOAD | A64_STORE);
		struct insn insn;
		*request = (struct vector_request){.seed = (u32)(r >> 32), .base = VECTORS_NONE, .index = VECTORS_NONE};
		if (row->flags & A64_FPSIMD && r >> 63)
			request->flags = VECTORS_RELATED;
		for (const char *g = general; *g; g++) {
			u32 n = (u32)(vectors_random(random) % 29);
			word = put_field(row, word, *g, n == 28 ? 31 : n);
		}
		if (memory && strchr(row->pattern, 'i')) {
			a64_field(number, word, 'i', &width);
			if (width == 12)
				word = put_field(row, word, 'i', (u32)(r >> 33) & 31);
		}
		/* "Should be" bits are ones in the base rows (SMULH, LDAR) and zeros in FP ones (FCMP with zero). */
		for (unsigned i = 0; i < 32; i++)
			if (!strchr("01dnmatusrczoqhli", row->pattern[i]))
				word = row->flags & A64_FPSIMD ? word & ~(1u << (31 - i)) : word | 1u << (31 - i);
		if (row->feature == A64_FEATURE_RCPC2) /* unaligned ones fault without LSE2 */
			word = put_field(row, word, 'i', a64_field(number, word, 'i', &width) & ~7u);
		if (!decode(word, &insn) || insn.row != number)
			continue;
		if (memory) {
			u32 n = a64_field(number, word, 'n', &width), t = a64_field(number, word, 't', &width);
			u32 u = a64_field(number, word, 'u', &width), m = a64_field(number, word, 'm', &width);
			bool has_u = strchr(row->pattern, 'u'), has_m = strchr(row->pattern, 'm');
			bool t_general = strchr(general, 't'), pair = has_u && row->flags & A64_LOAD;
			/* CONSTRAINED UNPREDICTABLE: writeback with base = data; loads of the same register twice. */
			if (t_general && (strstr(row->name, "_pre") || strstr(row->name, "_post")) && n != 31 &&
			    (n == t || (has_u && n == u)))
				continue;
			if (pair && t == u)
				continue;
			request->base = (u8)n;
			/* The base's address must not be data of the index as well. */
			if (has_m && m == n && m != 31)
				continue;
			if (has_m && strchr(general, 'm'))
				request->index = (u8)m;
			request->flags |= row->flags & A64_STORE ? VECTORS_STORE : 0;
			/* Atomics and acquire/release want alignment. */
			if (row->feature == A64_FEATURE_LSE || strstr(row->name, "LDA") || strstr(row->name, "STL") ||
			    strstr(row->name, "LDL")) {
				request->flags |= VECTORS_ALIGN;
				request->align_log2 = 4;
			}
		}
		request->word = word;
		return true;
	}
	return false;
}

static void print_difference(const char *what, const struct vector_result *r, const u8 *tail)
{
	printf("  %s: fault %u nzcv|fpsr %08x", what, r->fault, r->flags);
	for (unsigned i = 0; i < 32; i++)
		if (r->x_mask >> i & 1) {
			printf(i == 31 ? " sp=%016llx" : " x%2$u=%1$016llx", (unsigned long long)load_le(tail, 8), i);
			tail += 8;
		}
	for (unsigned i = 0; i < 32; i++)
		if (r->v_mask >> i & 1) {
			printf(" v%u=%016llx_%016llx", i, (unsigned long long)load_le(tail + 8, 8),
			       (unsigned long long)load_le(tail, 8));
			tail += 16;
		}
	if (r->mem_bytes) {
		printf(" mem+%x=", r->mem_offset);
		for (unsigned i = 0; i < r->mem_bytes; i++)
			printf("%02x", tail[i]);
	}
	printf("\n");
}

void replay_explain(const struct vector_request *q, const uint8_t *expected, const uint8_t *got)
{
	struct vector_state in;
	struct insn insn;
	char text[256];

	vectors_inputs(q, &in);
	decode(q->word, &insn);
	disasm(q->word, 0x400000, text, sizeof(text));
	printf("%08x %s: %s\n  in: fpcr %08llx nzcv|fpsr %08llx", q->word, replay_row_name(q->word), text,
	       (unsigned long long)in.fpcr, (unsigned long long)(in.nzcv | in.fpsr));
	const struct a64_row *row = insn.row == ROW_NONE ? NULL : &a64_rows[insn.row];
	if (row) {
		char general[16], letters[] = "dnmatu";
		general_letters(insn.row, general);
		for (const char *l = letters; *l; l++) {
			unsigned width;
			u32 n = a64_field(insn.row, q->word, *l, &width);
			if (!width)
				continue;
			if (strchr(general, *l))
				printf(" %c:x%u=%016llx", *l, n,
				       (unsigned long long)(n < 28  ? in.x[n] :
							    n == 31 ? in.sp :
								      0));
			else
				printf(" %c:v%u=%016llx_%016llx", *l, n & 31, (unsigned long long)in.v[n & 31][1],
				       (unsigned long long)in.v[n & 31][0]);
		}
	}
	printf("\n");
	struct vector_result e, g;
	memcpy(&e, expected, sizeof(e));
	memcpy(&g, got, sizeof(g));
	print_difference("expected", &e, expected + sizeof(e));
	print_difference("got     ", &g, got + sizeof(g));
}
