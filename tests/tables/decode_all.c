/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which words are instructions: our decoder against LLVM's (libLLVM's C interface, loaded at run time; the features of
 * design D1 switched on, no others). Prints one line per class of difference that the allow-list below does not cover.
 *
 *   decode_all [COUNT]          random words, and as many random words inside the patterns of the table (default
 * 500000)
 *   decode_all whole [FROM TO]  every word (of a range): about 15 minutes on one core
 *
 * Exit status: 0 agreed, 1 differences, 77 no libLLVM on this machine.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"

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

static unsigned long long compared, agreed, excused[ARRAY_SIZE(allowed)], printed, bad;
static unsigned reported[2][65536]; /* per bits 31..21 and 15..11, and who says yes */

static void compare(u32 word)
{
	struct insn insn;
	bool ours = decode(word, &insn), theirs;
	char text[256] = "";
	u8 bytes[4] = {(u8)word, (u8)(word >> 8), (u8)(word >> 16), (u8)(word >> 24)};
	unsigned class = word >> 21 << 5 | (word >> 11 & 31);

	theirs = llvm.run(llvm.disasm, bytes, 4, 0, text, sizeof(text)) != 0;
	compared++;
	if (ours == theirs) {
		agreed++;
		return;
	}
	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++) {
		if ((word & allowed[k].mask) == allowed[k].value && allowed[k].ours == ours &&
		    (!allowed[k].only || allowed[k].only(word))) {
			excused[k]++;
			return;
		}
	}
	bad++;
	if (reported[ours][class]++ == 0 && printed++ < 400)
		printf("%08x ours %-12s theirs %s\n", word, ours ? a64_rows[insn.row].name : "-", theirs ? text : "-");
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
	if (!llvm_open()) {
		printf("decode_all: skipped, no libLLVM here\n");
		return 77;
	}
	if (argc > 1 && !strcmp(argv[1], "whole")) {
		u64 from = argc > 3 ? strtoull(argv[2], NULL, 0) : 0;
		u64 to = argc > 3 ? strtoull(argv[3], NULL, 0) : 1ull << 32;

		for (u64 word = from; word < to; word++)
			compare((u32)word);
	} else {
		u64 count = argc > 1 ? strtoull(argv[1], NULL, 0) : 500000, state = 0x9e3779b97f4a7c15ull;

		for (u64 k = 0; k < count; k++) {
			u32 mask, value, random = (u32)(next_random(&state) >> 16);

			compare(random);
			a64_row_fixed((unsigned)(next_random(&state) >> 20) % A64_ROW_COUNT, &mask, &value);
			compare((random & ~mask) | value);
		}
	}
	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++)
		if (excused[k])
			printf("%10llu meant: %s\n", excused[k], allowed[k].why);
	printf("decode_all: %llu words, %llu agreed, %llu differ\n", compared, agreed, bad);
	return bad != 0;
}
