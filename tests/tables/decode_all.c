/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which words are instructions: our decoder against LLVM's (the features of design D1 switched on, no others). Prints
 * one line per class of difference that the allow-list below does not cover.
 *
 *   decode_all [COUNT]          random words, and as many random words inside the patterns of the table (default
 * 500000)
 *   decode_all whole [FROM TO]  every word (of a range), on all processors
 *
 * LLVM is reached by libLLVM's C interface, loaded at run time, which prints each instruction; or, where the build
 * found LLVM's headers, by its decoder alone (llvm_decode.cpp): the whole space takes minutes so, and hours otherwise.
 *
 * Exit status: 0 agreed, 1 differences, 77 no libLLVM on this machine.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu/decode.h"
#ifdef HAVE_LLVM_HEADERS
#include "tables/llvm_decode.h"
#endif

#define BLOCK_WORDS (1ull << 20)
#define THREADS_MAX 64

#define FEATURES                                                                                                       \
	"+v8a,+fp-armv8,+neon,+fullfp16,+crc,+lse,+lor,+rdm,+dotprod,+complxnum,+jsconv,+fptoint,+rcpc,+rcpc-immo,"    \
	"+flagm,+altnzcv,+ccdp,+ccpp,+sb,+pan,+pan-rwv,+uaops,+ssbs,+aes,+sha2,+sha3,+mops,+perfmon,+predres"

/* Differences that are meant: words with (word & mask) == value and `only`, our verdict, and why. */
static bool rt_is_rt2(u32 w)
{
	return (w & 31) == (w >> 10 & 31);
}
static bool pair_base_is_target(u32 w)
{
	return bit(w, 23) && ((w >> 5 & 31) == (w & 31) || (w >> 5 & 31) == (w >> 10 & 31));
}
static bool base_is_target(u32 w)
{
	return (w >> 10 & 3) && (w >> 5 & 31) == (w & 31);
}
static bool mops_registers(u32 w)
{
	u32 d = w & 31, n = w >> 5 & 31, s = w >> 16 & 31;

	return d == 31 || n == 31 || s == 31 || d == n || d == s || n == s;
}
static const struct {
	u32 mask, value;
	bool ours;
	bool (*only)(u32 word);
	const char *why;
} allowed[] = {
	{0xffff0000, 0x00000000, true, NULL, "UDF is a row of ours: it raises what no row raises"},
	{0x3f000000, 0x08000000, true, NULL, "exclusives, LDAR, STLR, CAS: fields that should be ones are ignored"},
	{0x3fe0fc00, 0x38a0c000, true, NULL, "LDAPR: Rs should be ones; ignored by us"},
	{0x3a000000, 0x28000000, true, rt_is_rt2, "pairs with equal registers: the second value stays"},
	{0x3a000000, 0x28000000, true, pair_base_is_target,
	 "pairs, writeback to a transferred register: the loaded value stays"},
	{0x3b200000, 0x38000000, true, base_is_target, "writeback to the transferred register: the loaded value stays"},
	{0xfb200c00, 0x19000400, false, mops_registers, "memory copy and set with equal registers or 31: UNDEFINED"},
	{0xffd80000, 0xd5000000, false, NULL, "MRS and MSR with op0 = 0 do not exist"},
	{0xffffffff, 0xd6bf03e0, false, NULL, "DRPS: UNDEFINED outside Debug state, which we do not have"},
};

static struct {
	void *(*create)(const char *triple, const char *cpu, const char *features, void *info, int tag, void *op,
			void *sym);
	size_t (*run)(void *disasm, u8 *bytes, u64 size, u64 pc, char *text, size_t text_size);
	void *disasm;
} llvm;

static bool llvm_open(void)
{
	static const char *const names[] = {"libLLVM-14.so.1", "libLLVM-15.so.1", "libLLVM-16.so.1", "libLLVM.so.19.1"};
	void *lib = NULL;

	for (unsigned k = 0; k < ARRAY_SIZE(names) && !lib; k++)
		lib = dlopen(names[k], RTLD_NOW);
	if (!lib)
		return false;
	for (unsigned k = 0; k < 4; k++) {
		static const char *const init[] = {"LLVMInitializeAArch64TargetInfo", "LLVMInitializeAArch64Target",
						   "LLVMInitializeAArch64TargetMC",
						   "LLVMInitializeAArch64Disassembler"};
		void (*call)(void) = (void (*)(void))dlsym(lib, init[k]);

		if (!call)
			return false;
		call();
	}
	*(void **)&llvm.create = dlsym(lib, "LLVMCreateDisasmCPUFeatures");
	*(void **)&llvm.run = dlsym(lib, "LLVMDisasmInstruction");
	if (!llvm.create || !llvm.run)
		return false;
	llvm.disasm = llvm.create("aarch64-linux-gnu", "generic", FEATURES, NULL, 0, NULL, NULL);
	return llvm.disasm != NULL;
}

struct tally {
	unsigned long long compared, agreed, excused[ARRAY_SIZE(allowed)], bad;
};

static u64 next_block, end_word; /* atomic; words that nobody compares yet */
static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned reported[2][65536], printed; /* per bits 31..21 and 15..11, and who says yes; by report_lock */

static bool theirs_by_text(u32 word, char *text, size_t size)
{
	u8 bytes[4] = {(u8)word, (u8)(word >> 8), (u8)(word >> 16), (u8)(word >> 24)};

	return llvm.run(llvm.disasm, bytes, 4, 0, text, size) != 0;
}

static void compare(struct tally *tally, u32 word, bool theirs)
{
	unsigned class = word >> 21 << 5 | (word >> 11 & 31);
	struct insn insn;
	bool ours = decode(word, &insn);
	char text[256] = "";

	tally->compared++;
	if (ours == theirs) {
		tally->agreed++;
		return;
	}
	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++) {
		if ((word & allowed[k].mask) == allowed[k].value && allowed[k].ours == ours &&
		    (!allowed[k].only || allowed[k].only(word))) {
			tally->excused[k]++;
			return;
		}
	}
	tally->bad++;
	pthread_mutex_lock(&report_lock);
	if (reported[ours][class]++ == 0 && printed++ < 400) {
		theirs_by_text(word, text, sizeof(text));
		printf("%08x ours %-12s theirs %s\n", word, ours ? a64_rows[insn.row].name : "-", theirs ? text : "-");
	}
	pthread_mutex_unlock(&report_lock);
}

/* Compares blocks until none is left. */
static void *compare_blocks(void *arg)
{
	struct tally *tally = arg;
#ifdef HAVE_LLVM_HEADERS
	struct llvm_decoder *decoder = llvm_decoder_create(FEATURES);
#endif

	for (;;) {
		u64 word = __atomic_fetch_add(&next_block, BLOCK_WORDS, __ATOMIC_RELAXED);
		u64 end = MIN(word + BLOCK_WORDS, end_word);

		if (word >= end_word)
			break;
		for (; word < end; word++) {
#ifdef HAVE_LLVM_HEADERS
			compare(tally, (u32)word, llvm_decoder_run(decoder, (u32)word));
#else
			char text[256];
			compare(tally, (u32)word, theirs_by_text((u32)word, text, sizeof(text)));
#endif
		}
	}
#ifdef HAVE_LLVM_HEADERS
	llvm_decoder_destroy(decoder);
#endif
	return NULL;
}

static void compare_range(struct tally *sum, u64 from, u64 to)
{
	static struct tally tallies[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	unsigned count = (unsigned)MIN(MAX(sysconf(_SC_NPROCESSORS_ONLN), 1), THREADS_MAX);

#ifndef HAVE_LLVM_HEADERS
	count = 1; /* one disassembler */
	printf("decode_all: built without LLVM's headers: this takes some hours\n");
#endif
	next_block = from;
	end_word = to;
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&thread[i], NULL, compare_blocks, &tallies[i]))
			exit(1);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(thread[i], NULL);
		sum->compared += tallies[i].compared;
		sum->agreed += tallies[i].agreed;
		sum->bad += tallies[i].bad;
		for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++)
			sum->excused[k] += tallies[i].excused[k];
	}
}

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv)
{
	struct tally tally = {0};

	if (!llvm_open()) {
		printf("decode_all: skipped, no libLLVM here\n");
		return 77;
	}
	if (argc > 1 && !strcmp(argv[1], "whole")) {
		compare_range(&tally, argc > 3 ? strtoull(argv[2], NULL, 0) : 0,
			      argc > 3 ? strtoull(argv[3], NULL, 0) : 1ull << 32);
	} else {
		u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 500000, state = 0x9e3779b97f4a7c15ull;
		char text[256];

		for (u64 k = 0; k < count; k++) {
			u32 mask, value, random = (u32)(next_random(&state) >> 16);

			compare(&tally, random, theirs_by_text(random, text, sizeof(text)));
			a64_row_fixed((unsigned)(next_random(&state) >> 20) % A64_ROW_COUNT, &mask, &value);
			random = (random & ~mask) | value;
			compare(&tally, random, theirs_by_text(random, text, sizeof(text)));
		}
	}
	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++)
		if (tally.excused[k])
			printf("%10llu meant: %s\n", tally.excused[k], allowed[k].why);
	printf("decode_all: %llu words, %llu agreed, %llu differ\n", tally.compared, tally.agreed, tally.bad);
	return tally.bad != 0;
}
