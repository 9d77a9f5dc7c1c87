/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed routines at the start of the code cache: into translated code, out of it, and from it to exec_ functions.
 * Written with the emitter at start-up, because they depend on which registers are pinned.
 *
 * The stack of returns. A call (BL, BLR) pushes the view that runs twice (once for alignment) and the guest's return address, and calls the block on the host. RET compares the
 * address on top with its own, and returns on the host: behind the call the view is made the current one again (translate.c). Whatever leaves
 * translated code, or goes on elsewhere after an exec_ function, empties the stack, and a chunk is short: so it cannot grow far, and what
 * is on it was pushed under the key that is the vCPU's now. Below the last one lies one that leads out, whatever address the guest returns to.
 *
 * enter(cpu, host)  saves the C registers, loads the pinned ones, jumps to `host`; returns what the leaving side put in RAX.
 * exec              called with EAX = 32 * record, ECX = instructions of the block after this one: everything is stored, ip set
 *                   behind the record, exec_NAME called. If ip is then not what was set, or is the same record at another virtual address, or the
 *                   chunk was ended, or the mode changed, translated code is left: the state in memory is what counts. Else everything is loaded again.
 * light             of each light_function, one that leaves the guest's registers alone: only what C may change is saved.
 * light_exec        called with EAX = 32 * record, whose exec_ function touches V registers and FPSR alone: as `light`.
 * fp_flags          moves the FP flags that translated code has gathered to FPSR; RAX, RCX.
 * refill            [store]: called where an access missed level 1 of the TLB, with RCX = 16 * slot and RDX = address less the slot's tag. If level
 *                   2 knows the page, and the access just did not go beyond it, the slot is filled and ZF set. RDX is lost.
 * link              called by a stub that is followed by struct link_data: leaves with its address.
 *                   (jit_resume, in blocks.c, may have the block to go on at: then it is entered at once.)
 * budget            EAX = 32 * record: leaves with ip there.
 * indirect          RAX = target: leaves with it in jit_va.
 * far               RAX = the view that ran, RCX = which of its links leads nowhere yet: leaves with that in jit_va.
 */
#include "cpu/vcpu.h"
#include "jit/private.h"
#include "jit/vector.h"

static void each_pinned(struct x64 *x, bool store)
{
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		unsigned r = slot_home(slot);

		if (r == NO_REG)
			continue;
		if (store)
			x64_store(x, true, slot_mem(slot), r);
		else
			x64_load(x, true, r, slot_mem(slot));
	}
}

/* jit_flags -> nzcv; RAX, RCX, RDX. */
static void flags_out(struct x64 *x)
{
	x64_load_extend(x, false, false, 2, RAX, CPU_MEM(jit_flags));
	x64_mov(x, false, RCX, RAX);
	x64_mov(x, false, RDX, RAX);
	x64_alu_imm(x, false, ALU_AND, RAX, 0xc000);
	x64_shift_imm(x, false, SHIFT_SHL, RAX, 16);
	x64_alu_imm(x, false, ALU_AND, RCX, 0x100);
	x64_alu_imm(x, false, ALU_XOR, RCX, 0x100);
	x64_shift_imm(x, false, SHIFT_SHL, RCX, 21);
	x64_alu_imm(x, false, ALU_AND, RDX, 1);
	x64_shift_imm(x, false, SHIFT_SHL, RDX, 28);
	x64_alu(x, false, ALU_OR, RAX, RCX);
	x64_alu(x, false, ALU_OR, RAX, RDX);
	x64_store(x, false, CPU_MEM(nzcv), RAX);
}

/* nzcv -> jit_flags; RAX, RDX. */
static void flags_in(struct x64 *x, const u8 *table)
{
	x64_load(x, false, RAX, CPU_MEM(nzcv));
	x64_shift_imm(x, false, SHIFT_SHR, RAX, 28);
	x64_mov_imm(x, RDX, (u64)(uintptr_t)table);
	x64_load_extend(x, false, false, 2, RAX, mem_index(RDX, RAX, 1, 0));
	x64_store_sized(x, 2, CPU_MEM(jit_flags), RAX);
}

/*
 * The FP flags of translated code gather in MXCSR, which C code must not add to: every way out of translated code moves them to
 * FPSR, every way in clears them. RAX, RCX.
 */
static void fp_flags_out(struct x64 *x)
{
	u8 *none;

	x64_rm(x, false, OP_0F(0xae), 3, CPU_MEM(jit_mxcsr)); /* stmxcsr */
	x64_load(x, false, RAX, CPU_MEM(jit_mxcsr));
	x64_test_imm(x, false, RAX, 0x3d);
	none = x64_jcc_short(x, CC_E);
	/* IE ZE OE UE PE of bits 0 2 3 4 5 become IOC DZC OFC UFC IXC of bits 0 1 2 3 4; denormal operands mean nothing */
	x64_mov(x, false, RCX, RAX);
	x64_alu_imm(x, false, ALU_AND, RCX, 1);
	x64_shift_imm(x, false, SHIFT_SHR, RAX, 1);
	x64_alu_imm(x, false, ALU_AND, RAX, 0x1e);
	x64_alu(x, false, ALU_OR, RAX, RCX);
	x64_alu_store(x, false, ALU_OR, CPU_MEM(fpsr), RAX);
	x64_bind_short(x, none);
}
static void fp_flags_in(struct x64 *x)
{
	x64_store_imm(x, false, CPU_MEM(jit_mxcsr), 0x1f80); /* round to nearest, nothing traps, no flag */
	x64_rm(x, false, OP_0F(0xae), 2, CPU_MEM(jit_mxcsr)); /* ldmxcsr */
}

static const u8 saved[] = {RBP, RBX, R12, R13, R14, R15};
/* Pinned, and C functions may change them. An odd number keeps the stack aligned. */
static const u8 lost[] = {RDI, R8, R9, R10, R11};
_Static_assert(sizeof(lost) % 2 == 1, "with the return address, a multiple of 16 bytes");

/* Drops all returns. */
static void stack_empty(struct x64 *x)
{
	x64_load(x, true, RSP, CPU_MEM(jit_stack));
}

static void epilogue(struct x64 *x)
{
	stack_empty(x);
	x64_alu_imm(x, true, ALU_ADD, RSP, RETURN_BYTES + 8);
	for (unsigned n = sizeof(saved); n--;)
		x64_pop(x, saved[n]);
	x64_u8(x, 0xc3);
}

static void align(struct x64 *x)
{
	while ((uintptr_t)x->at & 31)
		x64_u8(x, 0xcc);
}

/* jit_view -> code, code_va */
static void page_out(struct x64 *x, unsigned view, unsigned scratch)
{
	x64_load(x, true, view, CPU_MEM(jit_view));
	x64_load(x, true, scratch, mem_at(view, offsetof(struct view, page)));
	x64_store(x, true, CPU_MEM(code), scratch);
	x64_load(x, true, scratch, mem_at(view, offsetof(struct view, va)));
	x64_store(x, true, CPU_MEM(code_va), scratch);
}

/* Stores everything but ip and leaves with RAX. */
static void leave(struct x64 *x)
{
	each_pinned(x, true);
	page_out(x, RCX, RDX);
	x64_store(x, true, CPU_MEM(left), LEFT);
	x64_mov(x, true, RSI, RAX);
	flags_out(x);
	fp_flags_out(x);
	x64_mov(x, true, RAX, RSI);
	epilogue(x);
}

static void ip_from_rax(struct x64 *x)
{
	x64_load(x, true, RCX, CPU_MEM(jit_view));
	x64_alu_load(x, true, ALU_ADD, RAX, mem_at(RCX, offsetof(struct view, page)));
	x64_store(x, true, CPU_MEM(ip), RAX);
}

static void refill_count(struct x64 *x, struct jit *jit, bool store, unsigned scratch, unsigned by)
{
	if (!jit->counts)
		return;
	x64_mov_imm(x, scratch, (u64)(uintptr_t)&jit->counts->refills[store]);
	x64_alu_store(x, true, ALU_ADD, mem_at(scratch, 0), by);
}

/* Blocks of 2 MiB are looked up here: with those a large working set misses at nearly every access. The rest is C. */
static void refill_make(struct x64 *x, struct jit *jit, bool store)
{
	s32 table = store ? offsetof(struct tlb_bank, write) : offsetof(struct tlb_bank, read), large = offsetof(struct tlb_bank, large[store]);
	s32 tag = offsetof(struct tlb_entry, tag), addend = offsetof(struct tlb_entry, addend);
	s32 saved_bytes = VCOPIES * 16; /* with the return address and nine registers, a multiple of 16 */
	bool (*refill)(struct cpu *cpu, u64 va, bool write) = tlb_refill;
	u8 *beyond, *unknown, *code = NULL, *watched = NULL;

	align(x);
	jit->refill[store] = x->at;
	x64_alu_imm(x, true, ALU_CMP, RDX, 4096);
	beyond = x64_jcc(x, CC_B);
	x64_alu_load(x, true, ALU_ADD, RDX, mem_index(BANK, RCX, 0, table + tag));
	x64_push(x, RAX);
	x64_push(x, RSI);
	x64_push(x, RDI);
	_Static_assert(sizeof(struct tlb_large) == 32, "the index is made by one shift");
	x64_mov(x, false, RAX, RDX);
	x64_shift_imm(x, false, SHIFT_SHR, RAX, TLB_LARGE_SHIFT - 5);
	x64_alu_imm(x, false, ALU_AND, RAX, (TLB_LARGE_ENTRIES - 1) * 32);
	x64_lea(x, true, RAX, mem_index(BANK, RAX, 0, large));
	x64_mov(x, true, RSI, RDX);
	x64_alu_load(x, true, ALU_SUB, RSI, mem_at(RAX, offsetof(struct tlb_large, tag)));
	x64_alu_imm(x, true, ALU_CMP, RSI, 1 << TLB_LARGE_SHIFT);
	unknown = x64_jcc(x, CC_AE);
	if (store) {
		x64_load(x, true, RDI, mem_at(RAX, offsetof(struct tlb_large, code)));
		x64_shift_imm(x, false, SHIFT_SHR, RSI, 12);
		x64_rm(x, false, OP_0F(0xa3), RSI, mem_at(RDI, 0)); /* bt */
		code = x64_jcc(x, CC_B);
	}
	x64_load(x, true, RAX, mem_at(RAX, offsetof(struct tlb_large, addend)));
	if (store) { /* as monitor_is_watching */
		x64_lea(x, true, RSI, mem_index(RAX, RDX, 0, 0));
		x64_shift_imm(x, true, SHIFT_SHR, RSI, 12);
		x64_alu_imm(x, false, ALU_AND, RSI, (s32)WATCH_BITS - 1);
		x64_load(x, true, RDI, CPU_MEM(cpus));
		x64_rm(x, false, OP_0F(0xa3), RSI, mem_at(RDI, offsetof(struct cpus, monitor.watching)));
		watched = x64_jcc(x, CC_B);
	}
	x64_alu_imm(x, true, ALU_AND, RDX, -4096);
	x64_store(x, true, mem_index(BANK, RCX, 0, table + tag), RDX);
	x64_store(x, true, mem_index(BANK, RCX, 0, table + addend), RAX);
	x64_mov_imm(x, RDX, 1);
	refill_count(x, jit, store, RAX, RDX);
	x64_pop(x, RDI);
	x64_pop(x, RSI);
	x64_pop(x, RAX);
	x64_alu(x, false, ALU_CMP, RDX, RDX);
	x64_u8(x, 0xc3);

	x64_bind(unknown, x->at);
	for (unsigned n = 0; n < sizeof(lost); n++)
		x64_push(x, lost[n]);
	x64_push(x, RCX);
	x64_alu_imm(x, true, ALU_SUB, RSP, saved_bytes);
	for (unsigned n = 0; n < VCOPIES; n++)
		x64_movdqu_store(x, mem_at(RSP, (s32)n * 16), 4 + n);
	x64_lea(x, true, RDI, mem_at(RBP, -BIAS));
	x64_mov(x, true, RSI, RDX);
	x64_mov_imm(x, RDX, store);
	x64_mov_imm(x, RAX, (u64)(uintptr_t)refill);
	x64_rr(x, false, OP(0xff), 2, RAX);
	x64_extend(x, false, false, 1, RDX, RAX);
	refill_count(x, jit, store, RCX, RDX);
	x64_alu_imm(x, false, ALU_CMP, RDX, 1);
	for (unsigned n = 0; n < VCOPIES; n++)
		x64_movdqu_load(x, 4 + n, mem_at(RSP, (s32)n * 16));
	x64_lea(x, true, RSP, mem_at(RSP, saved_bytes)); /* keeps ZF */
	x64_pop(x, RCX);
	for (unsigned n = sizeof(lost); n--;)
		x64_pop(x, lost[n]);
	if (store) { /* from there with ZF clear: RSP is not 0 */
		u8 *over = x64_jmp_short(x);

		x64_bind(code, x->at);
		x64_bind(watched, x->at);
		x64_test(x, true, RSP, RSP);
		x64_bind_short(x, over);
	}
	x64_pop(x, RDI);
	x64_pop(x, RSI);
	x64_pop(x, RAX);
	x64_bind(beyond, x->at); /* with ZF clear */
	x64_u8(x, 0xc3);
}

void thunks_make(struct jit *jit)
{
	struct x64 x_space = {jit->cache}, *x = &x_space;
	u8 *table = x->at, *out[4], *go_on, *underflow, *to_indirect;
	static light_function *const light[] = {[LIGHT_TIME] = light_time, [LIGHT_COPY] = light_copy, [LIGHT_SET] = light_set,
		[LIGHT_EXCLUSIVE] = light_exclusive};

	/* nzcv -> jit_flags */
	for (unsigned nzcv = 0; nzcv < 16; nzcv++) {
		u16 v = (u16)flags_constant(nzcv);

		memcpy(x->at, &v, 2);
		x->at += 2;
	}

	align(x);
	jit->constants = x->at;
	vector_constants_make(x->at);
	x->at += 16 * C_COUNT;
	/* With the last return gone, whatever is in the place of its address: as a probe that misses. That is 0; what is counted at a return takes RAX. */
	align(x);
	underflow = x->at;
	x64_mov_imm(x, RAX, 0);
	to_indirect = x64_jmp(x);
	align(x);
	jit->enter = (u64(*)(struct cpu *, const u8 *))(uintptr_t)(x->at + jit->run);
	for (unsigned n = 0; n < sizeof(saved); n++)
		x64_push(x, saved[n]);
	x64_alu_imm(x, true, ALU_SUB, RSP, RETURN_BYTES + 8);
	x64_lea(x, true, RBP, mem_at(RDI, BIAS));
	x64_store(x, true, CPU_MEM(jit_stack), RSP);
	x64_mov_imm(x, RAX, (u64)(uintptr_t)(underflow + jit->run));
	x64_store(x, true, mem_at(RSP, 0), RAX);
	x64_store_imm(x, true, mem_at(RSP, RETURN_LR), 0); /* nothing of the host's: who returns to it notices the time */
	go_on = x->at;
	fp_flags_in(x);
	flags_in(x, table);
	x64_load(x, true, LEFT, CPU_MEM(left));
	x64_load(x, true, BANK, CPU_MEM(bank));
	each_pinned(x, false);
	x64_rr(x, false, OP(0xff), 4, RSI);

	align(x);
	jit->exec = x->at;
	x64_push(x, RCX);
	x64_alu(x, true, ALU_ADD, LEFT, RCX);
	x64_store(x, true, CPU_MEM(left), LEFT);
	each_pinned(x, true);
	x64_mov(x, true, RSI, RAX);
	page_out(x, RCX, RDX);
	x64_alu_load(x, true, ALU_ADD, RSI, CPU_MEM(code));
	x64_lea(x, true, RBX, mem_at(RSI, sizeof(struct insn)));
	x64_store(x, true, CPU_MEM(ip), RBX);
	flags_out(x);
	fp_flags_out(x);
	x64_lea(x, true, RDI, mem_at(RBP, -BIAS));
	x64_call_mem(x, mem_at(RSI, offsetof(struct insn, exec)));
	x64_pop(x, RCX);
	x64_alu_load(x, true, ALU_CMP, RBX, CPU_MEM(ip));
	out[0] = x64_jcc(x, CC_NE);
	x64_load(x, true, RAX, CPU_MEM(jit_view)); /* the next record, but of another mapping of the page */
	x64_load(x, true, RAX, mem_at(RAX, offsetof(struct view, va)));
	x64_alu_load(x, true, ALU_CMP, RAX, CPU_MEM(code_va));
	out[3] = x64_jcc(x, CC_NE);
	x64_load(x, true, LEFT, CPU_MEM(left));
	x64_test(x, true, LEFT, LEFT);
	out[1] = x64_jcc(x, CC_LE);
	x64_alu(x, true, ALU_SUB, LEFT, RCX);
	/* the mode, as mode_of has it */
	x64_load_extend(x, false, false, 1, RAX, CPU_MEM(el));
	x64_load_extend(x, false, false, 1, RCX, CPU_MEM(fp_enabled));
	x64_load_extend(x, false, false, 1, RDX, CPU_MEM(spsel));
	x64_lea(x, false, RAX, mem_index(RAX, RCX, 1, 0));
	x64_lea(x, false, RAX, mem_index(RAX, RDX, 2, 0));
	x64_lea(x, false, RCX, mem_at(RAX, MODE_FPCR));
	x64_rm(x, false, OP(0xf7), 0, CPU_MEM(fpcr));
	x64_u32(x, FPCR_SPECIAL);
	x64_cmov(x, false, CC_NE, RAX, RCX);
	x64_alu_load(x, false, ALU_CMP, RAX, CPU_MEM(jit_mode));
	out[2] = x64_jcc(x, CC_NE);
	fp_flags_in(x);
	flags_in(x, table);
	x64_load(x, true, BANK, CPU_MEM(bank));
	each_pinned(x, false);
	x64_u8(x, 0xc3);
	/* Elsewhere, or in another mode: what was taken from `left` for the rest of the block goes back (memory still has it), and the
	 * engine may know where to go on at once. */
	x64_bind(out[0], x->at);
	x64_bind(out[2], x->at);
	x64_bind(out[3], x->at);
	stack_empty(x);
	x64_lea(x, true, RDI, mem_at(RBP, -BIAS));
	x64_mov_imm(x, RAX, (u64)(uintptr_t)jit_resume);
	x64_rr(x, false, OP(0xff), 2, RAX);
	x64_mov(x, true, RSI, RAX);
	x64_test(x, true, RAX, RAX);
	x64_bind(x64_jcc(x, CC_NE), go_on);
	x64_mov_imm(x, RAX, LEFT_PLAIN);
	epilogue(x);
	x64_bind(out[1], x->at);
	x64_mov_imm(x, RAX, LEFT_PLAIN);
	epilogue(x);

	align(x);
	for (unsigned k = 0; k < LIGHT_COUNT; k++) {
		jit->light[k] = x->at;
		for (unsigned n = 0; n < sizeof(lost); n++)
			x64_push(x, lost[n]);
		x64_lea(x, true, RDI, mem_at(RBP, -BIAS));
		x64_mov_imm(x, RAX, (u64)(uintptr_t)light[k]);
		x64_rr(x, false, OP(0xff), 2, RAX);
		for (unsigned n = sizeof(lost); n--;)
			x64_pop(x, lost[n]);
		x64_u8(x, 0xc3);
	}

	align(x);
	jit->light_exec = x->at;
	for (unsigned n = 0; n < sizeof(lost); n++)
		x64_push(x, lost[n]);
	x64_alu_imm(x, true, ALU_SUB, RSP, 16);
	x64_rm(x, false, OP_0F(0xae), 3, mem_at(RSP, 0)); /* stmxcsr: guest's flags gather there, C's stay out */
	x64_mov(x, true, RSI, RAX);
	x64_load(x, true, RDX, CPU_MEM(jit_view));
	x64_alu_load(x, true, ALU_ADD, RSI, mem_at(RDX, offsetof(struct view, page)));
	x64_lea(x, true, RDI, mem_at(RBP, -BIAS));
	x64_call_mem(x, mem_at(RSI, offsetof(struct insn, exec)));
	x64_rm(x, false, OP_0F(0xae), 2, mem_at(RSP, 0)); /* ldmxcsr */
	x64_alu_imm(x, true, ALU_ADD, RSP, 16);
	for (unsigned n = sizeof(lost); n--;)
		x64_pop(x, lost[n]);
	x64_u8(x, 0xc3);

	align(x);
	jit->fp_flags = x->at;
	fp_flags_out(x);
	fp_flags_in(x);
	x64_u8(x, 0xc3);

	refill_make(x, jit, false);
	refill_make(x, jit, true);

	align(x);
	jit->link = x->at;
	x64_pop(x, RAX);
	leave(x);

	align(x);
	jit->budget = x->at;
	ip_from_rax(x);
	x64_mov_imm(x, RAX, LEFT_BUDGET);
	leave(x);

	align(x);
	jit->indirect = x->at;
	x64_bind(to_indirect, x->at);
	x64_store(x, true, CPU_MEM(jit_va), RAX);
	x64_mov_imm(x, RAX, LEFT_INDIRECT);
	leave(x);

	align(x);
	jit->far = x->at + jit->run;
	x64_store(x, true, CPU_MEM(jit_view), RAX);
	x64_store(x, true, CPU_MEM(jit_va), RCX);
	x64_mov_imm(x, RAX, LEFT_FAR);
	leave(x);

	align(x);
	jit->blocks = x->at;
}
