/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of jit/: the translator from A64 to x86-64, as an engine for cpus_create. It means what the interpreter means, faster;
 * what it lacks, it asks the interpreter's functions for. docs/translator.md has the conventions.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "cpu/cpu.h"

/* NULL on a host that is not x86-64 or lacks an instruction that is needed; then *err says which. */
const struct cpu_engine *jit_engine(struct error *err);
/* For tests: as if the host had no more than this. */
enum jit_limit { JIT_SSE42, JIT_AVX2, JIT_AVX512, JIT_ALL };
const struct cpu_engine *jit_engine_limited(enum jit_limit limit, struct error *err);

/*
 * -accel jit,NAME=on|off. Every optimisation can be switched off alone: to find what is wrong, and to see what it is worth. What is off
 * by default makes rare paths frequent, for tests.
 */
#define JIT_SWITCHES(x)                                                                                                \
	x(LINKS, "links", true, "jumps inside a page lead straight to their block")                                    \
	x(FAR_LINKS, "far-links", true, "direct jumps to other pages lead to their block by a link of the vCPU's own")            \
	x(JUMPS, "jumps", true, "translated code looks targets of other branches up in a table")                       \
	x(RETURNS, "returns", true, "a call is a call on the host, and RET returns there if the address is the same")           \
	x(RESUME, "resume", true, "exceptions and ERET go on in translated code at once")                              \
	x(FORWARD, "forward", true, "blocks go on over forward branches")                                              \
	x(POLLS, "polls", true, "blocks that only go forward in their page do not look whether instructions are left")          \
	x(LAZY_FLAGS, "lazy-flags", true, "NZCV is stored only where somebody may look")                               \
	x(LOOPS, "loops", true, "a block that jumps to itself keeps V registers in host registers")                    \
	x(COUNT, "count", false, "-d chain tells at the end how often each instruction was called or left its fast path")      \
	x(SPLIT, "split-wx", false, "code is written through one mapping and runs in another")                         \
	x(GROUPS, "groups", true, "one TLB check serves several accesses off the same base register")                  \
	x(REGISTERS, "registers", true, "a block has the general registers that it names most in host registers")            \
	x(REFILL, "refill", true, "an access that misses level 1 of the TLB asks level 2 before it takes its slow path")      \
	x(EXCLUSIVES, "exclusives", true, "exclusives with nothing but arithmetic between them are one comparison and swap")          \
	x(PAIRS, "pairs", true, "what belongs together is done as one: ADRP and ADD, AESE and AESMC, steps of SHA-256, long products")  \
	x(VECTORS, "vectors", true, "V registers stay in host registers within a block")                               \
	x(LIGHT, "light", true, "of FP and SIMD, what has no emitter is called with the guest's registers where they are")     \
	x(STRESS_SLOW, "stress-slow", false, "every access of guest memory takes its slow path")                       \
	x(STRESS_REGISTERS, "stress-registers", false, "each block has as many general registers as it can in other host registers")  \
	x(STRESS_BLOCKS, "stress-blocks", false, "each block leaves translated code, and a poll follows")              \
	x(STRESS_CACHE, "stress-cache", false, "a segment of the code cache is full with a page of code")              \
	x(STRESS_UNLINK, "stress-unlink", false, "the page that runs is forgotten every 256th time a block is entered from C")
#define JIT_SWITCH_ENUM(name, word, on, doc) JIT_##name,
enum jit_switch { JIT_SWITCHES(JIT_SWITCH_ENUM) JIT_SWITCH_COUNT };
extern const struct jit_switch_row {
	const char *name, *doc;
	bool on; /* by default */
} jit_switches[JIT_SWITCH_COUNT];

/* Prints which instructions have no emitter, so are calls of the interpreter's functions. */
void jit_list_calls(void);

#endif
