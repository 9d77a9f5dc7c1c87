/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What emitters use. An emitter turns one decode record into host code:
 *
 *	static bool emit_NAME(struct block *b, const struct insn *i)
 *
 * It returns false, having changed nothing but b->x.at, if it does not want this record: then exec_NAME is called. emitters.c
 * has the table from rows to emitters and what may be assumed of each:
 *   EMIT_PURE    never leaves the block, never calls what could raise an exception or look at NZCV. Everything that touches guest
 *                memory or may decline is not pure.
 *   EMIT_KEEPS   host EFLAGS are the same after it as before (use MOV, LEA, NOT, SSE; not ADD, SHL, TEST).
 *
 * Host registers while translated code runs:
 *   rbp  the vCPU, plus BIAS, so that registers and flags have one-byte offsets: CPU_MEM(field), slot_mem(slot), vreg_mem(n)
 *   r15  the current data TLB bank; r14  cpu->left; rsp  16-byte aligned
 *   rax rcx rdx rsi, xmm0..xmm3  free within one instruction; xmm4..xmm15 have copies of V registers (vector.c)
 *   all others hold guest registers: slot_pin(), registers.c. Use reg_read, reg_dest, reg_done and the like.
 *
 * NZCV. Between instructions the flags live in EFLAGS (enum flags_place says in which shape) or in cpu->jit_flags, where CF is the
 * inverse of C. jit_flags is what LAHF and SETO AL leave in AX. Setters end with flags_set; readers start with flags_cc or
 * flags_load_carry. The translator knows before an instruction is emitted whether anybody will look (b->save_flags).
 *
 * Guest memory: memory_check finds the host address, and on a miss has the whole instruction done by exec_NAME, out of line. So
 * nothing may have been changed before it. slow_path does the same for any other reason. (An emitter with a slow path that sets
 * flags: b->save_flags = true before flags_set, b->flags = FLAGS_SAVED after it, since the slow path leaves them in memory only.)
 */
#ifndef JIT_TRANSLATE_H
#define JIT_TRANSLATE_H

#include "cpu/decode.h"
#include "cpu/exec.h"
#include "jit/x64.h"

#define BIAS 160
#define BANK R15
#define LEFT R14
#define BLOCK_INSNS_MAX 96

_Static_assert(offsetof(struct cpu, sys) <= 2048, "what blocks touch all the time is less than 2 KiB apart: cpu/state.h");
#define CPU_MEM(field) mem_at(RBP, (s32)offsetof(struct cpu, field) - BIAS)

enum flags_place {
	FLAGS_SAVED,  /* in cpu->jit_flags only */
	FLAGS_BORROW, /* in EFLAGS, CF = !C */
	FLAGS_LOGIC,  /* in EFLAGS, but C is 0 (and so is CF) */
	FLAGS_CARRY,  /* in EFLAGS, CF = C: behind an addition */
};

/*
 * A host vector register that has a copy of a V register: the low `valid` bytes of it; bytes from `zero_from` on are zero. Or, with VCOPY_PAIR in
 * `reg`, two words of that V register below two of V`high`, as SHUFPS takes them by `select`.
 */
#define VCOPIES 12
#define VCOPY_PAIR 32
struct vcopy {
	u8 reg, valid, zero_from, high, select;
};

/* What was decided for an instruction: a call of exec_NAME; its flags are stored; an earlier compare is done again for it; its emitter did
 * the next one as well; it has something out of line. */
enum { HOW_CALL = 1, HOW_STORES_FLAGS = 2, HOW_REDOES = 4, HOW_FUSED = 8, HOW_COLD = 16 };

/* registers.c: what is lent, and of that, what has been written; bit n is of loan[n]. */
#define LOANS_MAX 7
struct lent {
	u8 lent, changed;
};
struct loan {
	u8 host, owner, slot, first; /* the instruction from which on */
};

struct jit;
struct block {
	struct x64 x;
	struct jit *jit;
	struct cpu *cpu;
	struct code_page *page;
	unsigned mode;         /* MODE_ bits */
	unsigned count;        /* instructions */
	unsigned k;            /* the one being emitted: list[k] */
	unsigned skip;         /* how many after it the emitter has done as well */
	u16 list[BLOCK_INSNS_MAX]; /* record numbers */
	u8 redo[BLOCK_INSNS_MAX]; /* reader of flags: 1 + the compare before it that may be done again, or 0 */
	u8 how[BLOCK_INSNS_MAX]; /* HOW_ bits, for -d ir */
	enum flags_place flags;
	bool save_flags;       /* this instruction's flags will be looked at in memory */
	unsigned unsaved;      /* 1 + the instruction whose flags are not in memory, where whoever leaves the block stores them: flags.c; 0: none */
	bool sp_aligned;       /* known since the last change of SP */
	unsigned closes;       /* the store-exclusive whose LDXR had it in view; 0: none */
	unsigned addend;       /* the instruction that finds the group of the one before it in RCX; 0: none */
	u8 multiplier;         /* slot whose value RDX has, for MULX; NO_REG: none */
	struct {
		struct vcopy copy[VCOPIES]; /* of XMM4.. */
		u32 used[VCOPIES], clock;
		u32 written;                /* V registers that the block has written so far */
		u8 live_in[32];             /* bytes of Vn that are read before they are written */
		struct vcopy head[VCOPIES]; /* a loop: the copies that its head expects */
	} v;
	bool loops;            /* the last instruction may jump to the first */
	const u8 *loop;        /* then: where to */
	struct {
		u8 pin[SLOT_COUNT];       /* the host register that has a guest register now, or 0 */
		struct loan loan[LOANS_MAX];
		unsigned count;
		struct lent now, begin;   /* here, and when this instruction began */
	} r;
	bool plain;            /* without groups: groups.c */
	struct group {
		u8 role, slot; /* GROUP_LEADS: looks for the page and puts the addend into jit_group[slot]; GROUP_FOLLOWS: takes it from there */
		bool writes;    /* of a leader: looks among the pages that may be written */
		bool checks_sp; /* a follower whose base is SP, maybe misaligned by what was added since */
		u16 size;      /* of the leader: bytes from `low`, which is added to the base, to the last of the group */
		s32 low;
	} group[BLOCK_INSNS_MAX];
	bool goes_on[BLOCK_INSNS_MAX]; /* a group does behind this one: a slow path of memory does not return into the block */
	struct vcopy copies[BLOCK_INSNS_MAX][VCOPIES]; /* behind each instruction, for slow paths that return there */
	const u8 *head;        /* where others jump to */
	const u8 *at[BLOCK_INSNS_MAX + 1]; /* where the code of each instruction begins, and that of the last ends: -d out */
	unsigned cold_count;
	struct cold {
		u8 *site;      /* jump to bind to the stub */
		const u8 *back; /* slow path: where it returns to */
		const u8 *again; /* a miss of the TLB: the look into it, for when it is refilled; or NULL */
		u8 kind;
		bool store;    /* with `again` */
		u8 unsaved, place; /* as in struct block; where EFLAGS have them: enum flags_place */
		struct lent lent; /* there */
		unsigned insns; /* host instructions up to there */
		s16 k;         /* slow path: which instruction */
		u32 index;     /* link: record to go to; left: instructions to give back */
		u32 give_back;
	} cold[BLOCK_INSNS_MAX * 8 + 8]; /* eight per instruction */
};

enum { MODE_EL1 = 1, MODE_FP = 2, MODE_SPSEL = 4, MODE_FPCR = 8 }; /* FPCR: see mode_of */
#define MODE_PLAIN 16u /* of an index of blocks: those without groups. No mode of a vCPU has it. */
enum { GROUP_NONE, GROUP_LEADS, GROUP_FOLLOWS };
/* Accesses of a register with a constant offset, or NULL: emit_memory.c. */
struct access_row {
	u8 size; /* in all */
	u8 mode; /* AT_ */
	bool store, loads, pair; /* loads: writes general registers, t and with `pair` u */
};
enum { AT_OFFSET, AT_POST, AT_PRE };
const struct access_row *access_row(unsigned row);
void groups_plan(struct block *b);
const struct emitter *emitter_of(const struct block *b, const struct insn *insn);
const struct a64_row *row_of(const struct insn *insn);

struct emitter {
	bool (*emit)(struct block *b, const struct insn *i);
	u8 flags;
};
enum {
	EMIT_PURE = 1,
	EMIT_KEEPS = 2,
	EMIT_KEEPS_BMI2 = 4, /* EMIT_KEEPS where the host has BMI2 */
	EMIT_LIGHT = 8,      /* no table says it: is_light */
};
/* A table of these, ended by row ROW_NONE, per emit_*.c. */
struct emitter_row {
	u16 row;
	u8 flags;
	bool (*emit)(struct block *b, const struct insn *i);
};
extern const struct emitter_row emit_integer_rows[], emit_branch_rows[], emit_memory_rows[], emit_system_rows[], emit_simd_rows[],
	emit_simd_lanes_rows[], emit_simd_long_rows[], emit_simd_saturate_rows[], emit_fp_rows[], emit_fp_vector_rows[], emit_crypto_rows[], emit_atomic_rows[],
	emit_structures_rows[], emit_mops_rows[], emit_multiply_rows[];

/* What the host has; from CPUID, or less for tests. */
struct host_features {
	bool bmi2, lzcnt, avx, avx2, fma, aesni, pclmul, sha, gfni, sse42, f16c, popcnt;
	bool avx512; /* F, VL, BW, DQ, CD */
	bool bitalg;
};
const struct host_features *block_host(const struct block *b);

/* --- general registers, by slot --- */

static inline struct mem slot_mem(unsigned slot)
{
	return mem_at(RBP, (s32)(offsetof(struct cpu, x) + slot * 8) - BIAS);
}
/* The host register that holds a guest register, or NO_REG. */
unsigned slot_pin(const struct block *b, unsigned slot);
/* A host register with the value: the pinned one, which may not be changed, or `scratch`, loaded. */
unsigned reg_read(struct block *b, unsigned slot, unsigned scratch);
/* Copies to `to`: 64 bits, or the low 32 zero-extended. Keeps EFLAGS. */
void reg_copy(struct block *b, bool w, unsigned to, unsigned slot);
/* to = to OP x[slot] */
void reg_alu(struct block *b, bool w, enum x64_alu op, unsigned to, unsigned slot);
/* Where to compute a result: the pinned register, or `scratch`. Anything the instruction still reads must not be the same
 * register: if (reg_overlaps(...)) compute in a scratch register and let reg_done move it. */
unsigned reg_dest(struct block *b, unsigned slot, unsigned scratch);
/* The result for `slot` is in `from` (64 bits valid): moves or stores it if it is not there yet. Keeps EFLAGS. */
void reg_done(struct block *b, unsigned slot, unsigned from);
/* registers.c. The host register that has a guest register at home. */
unsigned slot_home(unsigned slot);
/* The general registers that instruction k of the list names, once for each operand. */
#define OPERAND_LETTERS "dnmatus"
#define OPERANDS_MAX 7
unsigned operand_letters(const struct a64_row *row);
unsigned operands_of(const struct block *b, unsigned k, u8 slots[OPERANDS_MAX]);
void registers_plan(struct block *b);
/* All are at home; before an instruction; ahead of a loop; the slot is written; all go home; what was lent is lent again, behind a call of C. */
void registers_start(struct block *b);
void registers_lend(struct block *b);
void registers_lend_all(struct block *b);
void registers_changed(struct block *b, unsigned slot);
void registers_home(struct block *b);
void registers_again(struct block *b, struct lent lent);
/* What is emitted next finds this lent. */
void registers_at(struct block *b, struct lent lent);
/* For sources that are written: 31 is XZR. */
static inline unsigned slot_written(unsigned slot)
{
	return slot == SLOT_ZR ? SLOT_DUMP : slot;
}

/*
 * --- V registers: memory is right between instructions; XMM4..XMM15 may have copies, until C code is called. Rows with FPSIMD are
 * emitted only when FP is on, those with FPFLAGS only when FPCR asks for nothing special. ---
 */

static inline struct mem vreg_mem(unsigned n)
{
	return mem_at(RBP, (s32)(offsetof(struct cpu, v) + n * 16) - BIAS);
}
static inline struct mem vreg_mem_at(unsigned n, unsigned byte)
{
	return mem_at(RBP, (s32)(offsetof(struct cpu, v) + n * 16 + byte) - BIAS);
}
/* The host register with the low `bytes` (4, 8, 16) of Vn at least; not to be changed. */
unsigned vreg_read(struct block *b, unsigned n, unsigned bytes);
bool vreg_is_zero_above(struct block *b, unsigned x, unsigned bytes);
/* A host register to compute a result in. */
unsigned vreg_new(struct block *b);
/* Vn = x (of vreg_new, or XMM0..XMM3), whose bytes from `zero_from` on are zero. Everything is stored. Keeps EFLAGS. */
void vreg_done(struct block *b, unsigned n, unsigned x, unsigned zero_from);
/* SHUFPS of Vlow and Vhigh by `select`: kept as other copies are until either is written. The caller may change it if it then gives both registers
 * new values, and after that may say which pair is in it now. */
unsigned vreg_read_pair(struct block *b, unsigned low, unsigned high, unsigned select);
void vreg_pair_done(struct block *b, unsigned low, unsigned high, unsigned select, unsigned x);
/* C code was called. */
void vreg_forget_all(struct block *b);
void vreg_reload(struct block *b, const struct vcopy copies[VCOPIES]);
/* A block that jumps to itself: loads what it reads first, ahead of the loop; the copies at the jump back are made those of the head. */
bool vreg_loop_begin(struct block *b);
void vreg_loop_back(struct block *b);

/* --- flags.c --- */

/* EFLAGS now hold the instruction's flags; saves them if need be (RAX is lost then, EFLAGS are kept). The result must have been
 * stored. */
void flags_set(struct block *b, enum flags_place place);
/* CF = C, or its inverse; the other flags are lost. */
void flags_load_carry(struct block *b, bool inverted);
/* Names the host condition for A64 condition 0..13, which EFLAGS tell now. May use RAX. */
enum host_cc flags_cc(struct block *b, unsigned cond);
/* AX value of jit_flags for nzcv (bits 3..0). */
u32 flags_constant(unsigned nzcv);
/* Whether EFLAGS are the same behind instruction k of the block, whose emitter is `e`. */
bool flags_are_kept(const struct block *b, unsigned k, const struct emitter *e, const struct insn *insn);
/* Whether the flags that instruction k sets are looked at in memory: by anything but an instruction behind it that finds them in
 * EFLAGS, or can make them again; or an exit or slow path that can store them then. */
bool flags_are_seen(struct block *b, unsigned k);
/* Stores the flags of instruction `setter`, which are in EFLAGS, or (FLAGS_SAVED) are made again. RAX and EFLAGS are lost. */
void flags_save(struct block *b, unsigned setter, enum flags_place place);

/* --- memory, slow paths, exits --- */

enum { MEMORY_WRITE = 1, MEMORY_EL0 = 2, MEMORY_GROUP = 4 /* a miss goes to the block without groups */ };
/* A base of SP must be 16-byte aligned (if SCTLR says so, which exec_NAME knows). */
void check_sp(struct block *b, unsigned n);
/* `va` (not RCX, not RDX; kept) -> the operand of the host access. RCX and RDX and EFLAGS are lost. */
struct mem memory_check(struct block *b, unsigned va, unsigned size, unsigned flags);
/* `site` (of x64_jmp or x64_jcc) leads to a call of exec_NAME for the whole instruction, and back behind it. */
void slow_path(struct block *b, u8 *site);
/* RAX = function(cpu, RSI, RDX, RCX): C code that looks at no guest register in struct cpu and neither raises nor blocks. RCX, RDX, RSI, EFLAGS and
 * copies of V registers are lost. */
typedef u64 light_function(struct cpu *cpu, u64 rsi, u64 rdx, u64 rcx);
light_function light_time, light_copy, light_set, light_exclusive;
enum light { LIGHT_TIME, LIGHT_COPY, LIGHT_SET, LIGHT_EXCLUSIVE, LIGHT_COUNT };
void call_light(struct block *b, enum light light);
/* Calls one of the fixed routines; what it changes is known to the caller. */
void call_routine(struct block *b, const u8 *routine);
/* Goes on at record `index` of this page's virtual address (any distance); gives instructions after this one back. */
void exit_to(struct block *b, s64 index);
/* The same if `cc` holds. */
void exit_if(struct block *b, enum host_cc cc, s64 index);
/* Goes on at the address in RAX. */
void exit_indirect(struct block *b);
/* The same for calls, which have their return address in RCX and end the block, and for returns. */
void exit_call(struct block *b, s64 index);
void exit_call_indirect(struct block *b);
void exit_return(struct block *b);
/* to = virtual address of this page. Keeps EFLAGS. */
void page_va(struct block *b, unsigned to);
/* to = virtual address of record `index` of this page. Keeps EFLAGS. */
void address_of(struct block *b, unsigned to, s64 index);

/* Whether this is the last instruction of the block: then a branch makes the exit for not being taken as well. */
bool is_last(const struct block *b);
/* The record `n` after this one, if it is the next in the block; or NULL. For fusing: set b->skip. */
const struct insn *next_insn(const struct block *b, unsigned n);
/* The same for an emitter that does both; NULL with pairs=off. */
const struct insn *paired_insn(const struct block *b, unsigned n);

#endif
