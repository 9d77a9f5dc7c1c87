/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From decode records to a block of host code.
 *
 * A block starts at a record, follows forward branches inside its page and falls through conditional forward ones; it ends at any
 * other branch, at the page's end or after BLOCK_INSNS_MAX instructions. Layout:
 *
 *	sub r14, count ; jl -> out of line: give back, leave     the instruction count, and the poll, which not every block needs: has_poll
 *	the instructions, each by its emitter or as a call of exec_NAME
 *	the exits, then everything that is out of line: slow paths, side exits, link stubs
 *
 * Exactness: `left` counts instructions as the interpreter does whenever C code runs or the block is left early.
 */
#include <string.h>

#include "cpu/code.h"
#include "cpu/vcpu.h"
#include "jit/private.h"

const struct host_features *block_host(const struct block *b)
{
	return &b->jit->host;
}

/* --- registers --- */

unsigned reg_read(struct block *b, unsigned slot, unsigned scratch)
{
	unsigned pin = slot_pin(b, slot);

	if (pin != NO_REG)
		return pin;
	if (slot == SLOT_ZR)
		x64_mov_imm(&b->x, scratch, 0);
	else
		x64_load(&b->x, true, scratch, slot_mem(slot));
	return scratch;
}

void reg_copy(struct block *b, bool w, unsigned to, unsigned slot)
{
	unsigned pin = slot_pin(b, slot);

	if (slot == SLOT_ZR)
		x64_mov_imm(&b->x, to, 0);
	else if (pin == NO_REG)
		x64_load(&b->x, w, to, slot_mem(slot));
	else if (pin != to || !w)
		x64_mov(&b->x, w, to, pin);
}

void reg_alu(struct block *b, bool w, enum x64_alu op, unsigned to, unsigned slot)
{
	unsigned pin = slot_pin(b, slot);

	if (pin != NO_REG)
		x64_alu(&b->x, w, op, to, pin);
	else if (slot == SLOT_ZR)
		x64_alu_imm(&b->x, w, op, to, 0);
	else
		x64_alu_load(&b->x, w, op, to, slot_mem(slot));
}

unsigned reg_dest(struct block *b, unsigned slot, unsigned scratch)
{
	unsigned pin = slot_pin(b, slot);

	registers_changed(b, slot);
	return pin == NO_REG ? scratch : pin;
}

void reg_done(struct block *b, unsigned slot, unsigned from)
{
	unsigned pin = slot_pin(b, slot);

	if (slot == SLOT_SP)
		b->sp_aligned = false;
	if (slot == SLOT_DUMP)
		return;
	registers_changed(b, slot);
	if (pin == NO_REG)
		x64_store(&b->x, true, slot_mem(slot), from);
	else if (pin != from)
		x64_mov(&b->x, true, pin, from);
}

/* --- rows --- */

const struct a64_row *row_of(const struct insn *insn)
{
	static const struct a64_row none = {.name = "UNDEFINED", .flags = A64_ENDS | A64_SYS};

	return insn->row == ROW_NONE ? &none : &a64_rows[insn->row];
}

const struct emitter *emitter_of(const struct block *b, const struct insn *insn)
{
	static const struct emitter none;

	u32 flags = insn->row == ROW_NONE ? 0 : a64_rows[insn->row].flags;

	if (insn->row == ROW_NONE || ((flags & A64_FPSIMD) && !(b->mode & MODE_FP)) || ((flags & A64_FPFLAGS) && (b->mode & MODE_FPCR)))
		return &none;
	return &b->jit->emitters[insn->row];
}

/* What stands between the multiplications of a long product: emitters that leave RDX alone, but for MULX itself. */
static bool keeps_multiplier(const struct block *b, const struct insn *insn)
{
	if (!jit_has(b->jit, JIT_PAIRS))
		return false;
	switch (insn->row) {
	case ROW_MADD: case ROW_UMULH: case ROW_ADDS_reg: case ROW_ADCS: case ROW_ADC: return insn->d != b->multiplier;
	default: return false;
	}
}

/* --- out of line --- */

enum { COLD_SLOW, COLD_EXIT, COLD_LINK, COLD_BUDGET, COLD_PLAIN, COLD_RETURN };

static struct cold *cold_add(struct block *b, unsigned kind, u8 *site)
{
	struct cold *c;

	assert(b->cold_count < ARRAY_SIZE(b->cold)); /* ours: eight per instruction at most */
	c = &b->cold[b->cold_count++];
	*c = (struct cold){.site = site, .kind = (u8)kind, .k = (s16)b->k, .lent = kind == COLD_EXIT ? b->r.now : b->r.begin, .insns = b->x.insns,
			   .unsaved = (u8)b->unsaved};
	return c;
}

void slow_path(struct block *b, u8 *site)
{
	cold_add(b, COLD_SLOW, site);
}

void call_routine(struct block *b, const u8 *routine)
{
	x64_bind(x64_call(&b->x), routine);
}

/* RAX and EFLAGS are lost. */
static void count_more(struct block *b, u64 *counter, unsigned more)
{
	unsigned insns = b->x.insns;

	if (!b->jit->counts)
		return;
	x64_mov_imm(&b->x, RAX, (u64)(uintptr_t)counter);
	x64_alu_mem_imm(&b->x, true, ALU_ADD, mem_at(RAX, 0), (s32)more);
	b->x.insns = insns;
}
void count(struct block *b, u64 *counter)
{
	count_more(b, counter, 1);
}
/* The host's instructions up to here, and `more`. */
static void count_host(struct block *b, unsigned more)
{
	if (b->jit->counts)
		count_more(b, &b->jit->counts->host, b->x.insns + more);
}

static void count_call(struct block *b, unsigned k, bool slow)
{
	struct counts *counts = b->jit->counts;
	const struct insn *insn = &b->page->insn[b->list[k]];
	unsigned row = insn->row == ROW_NONE ? A64_ROW_COUNT : insn->row;

	if (!counts)
		return;
	if (!slow && (row == ROW_MRS || row == ROW_MSR || row == ROW_SYS))
		count(b, &counts->registers[row == ROW_MRS][insn->i & 0xffff]);
	count(b, slow ? &counts->slow[row] : &counts->calls[row]);
}

/* `rest`: instructions of the block behind this one, those included that the same emitter did. */
static void call_exec_of(struct block *b, unsigned k, bool slow)
{
	count_call(b, k, slow);
	x64_mov_imm(&b->x, RAX, b->list[k] * sizeof(struct insn));
	x64_mov_imm(&b->x, RCX, b->count - k - 1);
	call_routine(b, b->jit->exec);
}

/* Calls exec_NAME in line. */
static void call_exec(struct block *b)
{
	struct lent lent = b->r.now;

	if (b->unsaved)
		flags_save(b, b->unsaved - 1, FLAGS_SAVED);
	b->unsaved = 0;
	registers_home(b);
	call_exec_of(b, b->k, false);
	if (!is_last(b))
		registers_again(b, lent);
	vreg_forget_all(b);
	b->flags = FLAGS_SAVED;
	b->sp_aligned = false;
	b->multiplier = NO_REG;
}

void call_light(struct block *b, enum light light)
{
	call_routine(b, b->jit->light[light]);
	vreg_forget_all(b);
	b->flags = FLAGS_SAVED;
	b->multiplier = NO_REG;
}

/*
 * Rows whose exec_NAME touches nothing but V registers, FPSR and what it reads of FPCR: it can be called with the guest's general registers and
 * flags where they are. All of FP and SIMD is so that names no general register and no memory.
 */
static bool is_light(unsigned row)
{
	static const char *const general[] = {"%w", "%x", "%r", "%=w", "%=x", "%=r", "%z"};
	const struct a64_row *r = &a64_rows[row];

	for (unsigned n = 0; n < ARRAY_SIZE(general); n++)
		if (strstr(r->template, general[n]))
			return false;
	return (r->flags & A64_FPSIMD) && !(r->flags & (A64_LOAD | A64_STORE | A64_BR | A64_SYS | A64_ENDS | A64_SETFLAGS | A64_GETFLAGS));
}
static void call_light_exec(struct block *b, unsigned k, bool slow)
{
	count_call(b, k, slow);
	x64_mov_imm(&b->x, RAX, b->list[k] * sizeof(struct insn));
	call_routine(b, b->jit->light_exec);
}
bool emit_light(struct block *b, const struct insn *i)
{
	call_light_exec(b, b->k, false);
	vreg_forget_all(b);
	b->flags = FLAGS_SAVED;
	return true;
}

static void jump_routine(struct block *b, const u8 *routine)
{
	x64_bind(x64_jmp(&b->x), routine);
}

/* --- exits --- */

void page_va(struct block *b, unsigned to)
{
	x64_load(&b->x, true, to, CPU_MEM(jit_view));
	x64_load(&b->x, true, to, mem_at(to, offsetof(struct view, va)));
}

void address_of(struct block *b, unsigned to, s64 index)
{
	s64 bytes = index * 4;

	page_va(b, to);
	if (bytes == (s32)bytes)
		x64_lea(&b->x, true, to, mem_at(to, (s32)bytes));
	else
		assert(0); /* branches reach 128 MiB */
}

/* RDX the table, RCX four times the slot. */
static struct mem jump_mem(s32 offset)
{
	_Static_assert(sizeof(struct jump) == 32, "four times eight");
	return mem_index(RDX, RCX, 3, offset);
}
/* Goes on, or calls, at the address in RAX. Registers are at home. */
static void probe(struct block *b, bool call)
{
	struct x64 *x = &b->x;

	if (b->jit->counts) {
		x64_mov(x, true, RCX, RAX);
		count(b, &b->jit->counts->probes);
		count_host(b, 12);
		x64_mov(x, true, RAX, RCX);
	}
	if (!jit_has(b->jit, JIT_JUMPS)) {
		jump_routine(b, b->jit->indirect);
		return;
	}
	if (b->jit->host.bmi2) {
		x64_rorx(x, false, RCX, RAX, 12);
	} else {
		x64_mov(x, false, RCX, RAX);
		x64_shift_imm(x, false, SHIFT_SHR, RCX, 12);
	}
	x64_alu(x, false, ALU_XOR, RCX, RAX);
	x64_alu_imm(x, false, ALU_AND, RCX, (JUMPS - 1) * 4);
	x64_load(x, true, RDX, CPU_MEM(jit_jumps));
	x64_alu_load(x, true, ALU_CMP, RAX, jump_mem(offsetof(struct jump, va)));
	x64_bind(x64_jcc(x, CC_NE), b->jit->indirect);
	x64_load(x, true, RSI, CPU_MEM(jit_key));
	x64_alu_load(x, true, ALU_CMP, RSI, jump_mem(offsetof(struct jump, key)));
	x64_bind(x64_jcc(x, CC_NE), b->jit->indirect);
	x64_load(x, true, RSI, jump_mem(offsetof(struct jump, view)));
	x64_store(x, true, CPU_MEM(jit_view), RSI);
	if (call)
		x64_call_mem(x, jump_mem(offsetof(struct jump, host)));
	else
		x64_jmp_mem(x, jump_mem(offsetof(struct jump, host)));
}
void exit_indirect(struct block *b)
{
	registers_home(b);
	probe(b, false);
}

/* Where the block of a record of this page is, or NULL. */
static const u8 *block_at(struct block *b, unsigned index, bool plain)
{
	const u32 *blocks = b->page->jit[b->mode | (plain ? MODE_PLAIN : 0)];
	u32 at = blocks ? blocks[index] : 0;

	return index == b->list[0] && plain == b->plain ? b->head : at ? b->jit->cache + at : NULL;
}

/* The displacement of the jump at `site` must be written by one store: it may not cross a cache line. */
static void place_site(struct block *b, unsigned opcode_bytes)
{
	unsigned at = (unsigned)((uintptr_t)b->x.at + opcode_bytes) & 63;

	if (at > 60)
		x64_nops(&b->x, 64 - at);
}

static void link_site(struct block *b, u8 *site, unsigned index, bool plain)
{
	const u8 *target = block_at(b, index, plain);

	if (target && jit_has(b->jit, JIT_LINKS)) {
		x64_bind(site, target);
		return;
	}
	cold_add(b, COLD_LINK, site)->index = index | (plain ? LINK_PLAIN : 0);
}

/* Whether a jump of the last instruction to `index` goes straight to the loop's head, its registers kept. */
static bool is_loop(struct block *b, s64 index)
{
	return b->loops && b->k == b->count - 1 && index == b->list[0];
}

/* Goes on, or calls, at a record of this page or of another. Registers are at home. */
static void go_to(struct block *b, s64 index, bool call)
{
	struct x64 *x = &b->x;
	struct mem host;
	int slot;
	s32 at;

	if (index >= 0 && index < CODE_PAGE_INSNS) {
		count_host(b, 1);
		place_site(b, 1);
		link_site(b, call ? x64_call(x) : x64_jmp(x), (unsigned)index, false);
		return;
	}
	if (b->jit->counts)
		count(b, &b->jit->counts->direct);
	slot = jit_has(b->jit, JIT_FAR_LINKS) ? view_link_for(b->page, index) : -1;
	if (slot < 0) {
		address_of(b, RAX, index);
		probe(b, call);
		return;
	}
	count_host(b, 4);
	at = (s32)offsetof(struct view, links) + slot * (s32)sizeof(struct view_link);
	host = mem_at(RAX, at + (s32)offsetof(struct view_link, host));
	x64_load(x, true, RAX, CPU_MEM(jit_view));
	x64_load(x, true, RCX, mem_at(RAX, at));
	x64_store(x, true, CPU_MEM(jit_view), RCX);
	if (call)
		x64_call_mem(x, host);
	else
		x64_jmp_mem(x, host);
}

static void exit_giving(struct block *b, s64 index, u32 give_back)
{
	struct x64 *x = &b->x;

	if (is_loop(b, index) && !give_back) {
		vreg_loop_back(b);
		count_host(b, 1);
		x64_bind(x64_jmp(x), b->loop);
		return;
	}
	registers_home(b);
	if (give_back)
		x64_alu_imm(x, true, ALU_ADD, LEFT, (s32)give_back);
	go_to(b, index, false);
}

void exit_to(struct block *b, s64 index)
{
	exit_giving(b, index, b->count - b->k - 1);
}

/* Around a call: what RET looks for, and the way on from there. */
static void call_begin(struct block *b)
{
	struct x64 *x = &b->x;

	registers_home(b);
	x64_load(x, true, RDX, CPU_MEM(jit_view));
	x64_push(x, RDX);
	x64_push(x, RDX);
	x64_push(x, RCX);
}
static void call_end(struct block *b)
{
	struct x64 *x = &b->x;
	s64 next = (s64)b->list[b->k] + 1;

	x64_load(x, true, RCX, mem_at(RSP, RETURN_VIEW - 8));
	x64_alu_imm(x, true, ALU_ADD, RSP, RETURN_BYTES - 8);
	x64_store(x, true, CPU_MEM(jit_view), RCX);
	go_to(b, next, false);
}
void exit_call(struct block *b, s64 index)
{
	if (!jit_has(b->jit, JIT_RETURNS) || is_loop(b, index)) {
		exit_to(b, index);
		return;
	}
	call_begin(b);
	go_to(b, index, true);
	call_end(b);
}
void exit_call_indirect(struct block *b)
{
	if (!jit_has(b->jit, JIT_RETURNS)) {
		exit_indirect(b);
		return;
	}
	call_begin(b);
	probe(b, true);
	call_end(b);
}
void exit_return(struct block *b)
{
	if (!jit_has(b->jit, JIT_RETURNS)) {
		exit_indirect(b);
		return;
	}
	registers_home(b);
	x64_alu_load(&b->x, true, ALU_CMP, RAX, mem_at(RSP, RETURN_LR));
	cold_add(b, COLD_RETURN, x64_jcc(&b->x, CC_NE));
	count_host(b, 1);
	x64_u8(&b->x, 0xc3);
}

bool is_last(const struct block *b)
{
	return b->k == b->count - 1;
}

/* Leaves out of line, by `site`. */
static void exit_site(struct block *b, u8 *site, s64 index)
{
	struct cold *c = cold_add(b, COLD_EXIT, site);

	c->index = (u32)(s32)index;
	c->give_back = b->count - b->k - 1;
	if (b->page->insn[b->list[b->k]].row == ROW_B_cond) /* the others look at a register, and lose EFLAGS */
		c->place = (u8)b->flags;
}

void exit_if(struct block *b, enum host_cc cc, s64 index)
{
	if (is_loop(b, index)) {
		vreg_loop_back(b);
		if (b->jit->counts) { /* by the exit out of line, which counts */
			exit_site(b, x64_jcc(&b->x, cc), index);
			return;
		}
		x64_bind(x64_jcc(&b->x, cc), b->loop);
	} else if (is_last(b) && index >= 0 && index < CODE_PAGE_INSNS && !b->jit->counts) {
		registers_home(b); /* for both ways */
		place_site(b, 2);
		link_site(b, x64_jcc(&b->x, cc), (unsigned)index, false);
	} else {
		exit_site(b, x64_jcc(&b->x, cc), index);
	}
}

/* Goes on at a record of this page in a block without groups. */
static void exit_plain(struct block *b, unsigned index, u32 give_back)
{
	registers_home(b);
	if (give_back)
		x64_alu_imm(&b->x, true, ALU_ADD, LEFT, (s32)give_back);
	count_host(b, 1);
	place_site(b, 1);
	link_site(b, x64_jmp(&b->x), index, true);
}

static void cold_emit(struct block *b, struct cold *c)
{
	struct x64 *x = &b->x;
	struct link_data data;
	bool light;

	x64_bind(c->site, x->at);
	x->insns = c->insns;
	registers_at(b, c->lent);
	if (c->again) {
		call_routine(b, b->jit->refill[c->store]);
		x64_bind(x64_jcc(x, CC_E), c->again);
	}
	light = c->kind == COLD_SLOW && b->jit->emitters[b->page->insn[b->list[c->k]].row].flags & EMIT_LIGHT;
	if (c->unsaved && !light)
		flags_save(b, c->unsaved - 1u, c->place);
	switch (c->kind) {
	case COLD_SLOW:
		if (light) {
			call_light_exec(b, (unsigned)c->k, true);
			vreg_reload(b, b->copies[c->k]);
			jump_routine(b, c->back);
			break;
		}
		registers_home(b);
		call_exec_of(b, (unsigned)c->k, true);
		if (b->goes_on[c->k] && (row_of(&b->page->insn[b->list[c->k]])->flags & (A64_LOAD | A64_STORE))) {
			exit_plain(b, b->list[c->k + 1], b->count - (u32)c->k - 1);
			break;
		}
		registers_again(b, c->lent);
		vreg_reload(b, b->copies[c->k]);
		jump_routine(b, c->back);
		break;
	case COLD_PLAIN: exit_plain(b, b->list[c->k], b->count - (u32)c->k); break;
	case COLD_EXIT: exit_giving(b, (s32)c->index, c->give_back); break;
	case COLD_RETURN:
		x64_load(x, true, RSP, CPU_MEM(jit_stack));
		probe(b, false);
		break;
	case COLD_LINK:
		call_routine(b, b->jit->link);
		data = (struct link_data){c->index, (s32)(c->site - x->at)};
		memcpy(x->at, &data, sizeof(data));
		x->at += sizeof(data);
		break;
	default:
		registers_home(b);
		x64_alu_imm(x, true, ALU_ADD, LEFT, (s32)b->count);
		x64_mov_imm(x, RAX, b->list[0] * sizeof(struct insn));
		jump_routine(b, b->jit->budget);
		break;
	}
}

/* --- guest memory --- */

void check_sp(struct block *b, unsigned n)
{
	if (n != SLOT_SP || b->sp_aligned)
		return;
	x64_test_imm(&b->x, false, slot_pin(b, SLOT_SP), 15);
	slow_path(b, x64_jcc(&b->x, CC_NE));
	b->sp_aligned = true;
}

struct mem memory_check(struct block *b, unsigned va, unsigned size, unsigned flags)
{
	struct x64 *x = &b->x;
	unsigned bank = BANK;
	s32 table = flags & MEMORY_WRITE ? offsetof(struct tlb_bank, write) : offsetof(struct tlb_bank, read);
	const u8 *again = x->at;
	struct cold *miss;

	if (flags & MEMORY_EL0) {
		x64_load(x, true, RSI, CPU_MEM(bank_el0));
		bank = RSI;
	}
	if (b->jit->host.bmi2) {
		x64_rorx(x, false, RCX, va, 8);
	} else {
		x64_mov(x, false, RCX, va);
		x64_shift_imm(x, false, SHIFT_SHR, RCX, 8);
	}
	x64_alu_imm(x, false, ALU_AND, RCX, (TLB_ENTRIES - 1) * (s32)sizeof(struct tlb_entry));
	x64_mov(x, true, RDX, va);
	x64_alu_load(x, true, ALU_SUB, RDX, mem_index(bank, RCX, 0, table + (s32)offsetof(struct tlb_entry, tag)));
	x64_alu_imm(x, true, ALU_CMP, RDX, (s32)(4096 - size));
	/* Where a leader's bytes are not all found, the block without groups does it all. */
	miss = cold_add(b, flags & MEMORY_GROUP ? COLD_PLAIN : COLD_SLOW, jit_has(b->jit, JIT_STRESS_SLOW) ? x64_jmp(x) : x64_jcc(x, CC_A));
	if (!(flags & MEMORY_EL0) && jit_has(b->jit, JIT_REFILL) && !jit_has(b->jit, JIT_STRESS_SLOW)) {
		miss->again = again;
		miss->store = flags & MEMORY_WRITE;
	}
	x64_load(x, true, RCX, mem_index(bank, RCX, 0, table + (s32)offsetof(struct tlb_entry, addend)));
	b->flags = FLAGS_SAVED;
	return mem_index(va, RCX, 0, 0);
}

/* --- the block --- */

const struct insn *next_insn(const struct block *b, unsigned n)
{
	unsigned k = b->k + n;

	return k < b->count && b->list[k] == b->list[b->k] + n ? &b->page->insn[b->list[k]] : NULL;
}

const struct insn *paired_insn(const struct block *b, unsigned n)
{
	return jit_has(b->jit, JIT_PAIRS) ? next_insn(b, n) : NULL;
}

/* Chooses the records; false: the page is retired. */
static bool block_form(struct block *b, unsigned first)
{
	unsigned index = first;

	while (b->count < BLOCK_INSNS_MAX) {
		const struct insn *insn = &b->page->insn[index];
		u32 flags;
		s64 target;

		if (!code_decode(b->cpu, b->page, index))
			return false;
		b->list[b->count++] = (u16)index;
		flags = row_of(insn)->flags;
		target = (s64)index + (s32)insn->i;
		if (insn->row == ROW_NONE || ((flags & A64_ENDS) && !(flags & (A64_BR | A64_SYS))))
			break;
		switch (insn->row) {
		case ROW_SVC: case ROW_HVC: case ROW_SMC: case ROW_BRK: case ROW_HLT: case ROW_ERET: case ROW_UDF: return true;
		case ROW_DCPS1: case ROW_DCPS2: case ROW_DCPS3: return true;
		default: break;
		}
		if (flags & A64_BR) {
			bool ahead = target > index && target < CODE_PAGE_INSNS && jit_has(b->jit, JIT_FORWARD);

			switch (insn->row) {
			case ROW_B:
				if (!ahead)
					return true;
				index = (unsigned)target;
				continue;
			case ROW_B_cond: case ROW_CBZ: case ROW_CBNZ: case ROW_TBZ: case ROW_TBNZ:
				if (!ahead)
					return true;
				break;
			default: return true;
			}
		}
		if (++index == CODE_PAGE_INSNS)
			break;
	}
	return true;
}

/*
 * Whether the block looks at how many instructions are left. Whoever does not goes on at a higher record of the page, so that every cycle has
 * a block that does; until then `left` may be less than nothing, by less than a page. Under instruction time a chunk ends to the instruction.
 */
static bool has_poll(const struct block *b)
{
	unsigned last = b->list[b->count - 1];
	const struct insn *insn = &b->page->insn[last];
	s64 next = (s64)last + 1;

	switch (insn->row) {
	case ROW_B: case ROW_BL: case ROW_B_cond: case ROW_CBZ: case ROW_CBNZ: case ROW_TBZ: case ROW_TBNZ: next = last + (s64)(s32)insn->i; break;
	default:
		if (row_of(insn)->flags & (A64_BR | A64_ENDS))
			return true;
		break;
	}
	return next <= last || next >= CODE_PAGE_INSNS || b->cpu->cpus->instruction_time || !jit_has(b->jit, JIT_POLLS);
}

/* Whether the last instruction may jump to the first. */
static bool loops_back(const struct block *b)
{
	unsigned last = b->list[b->count - 1];
	const struct insn *insn = &b->page->insn[last];

	switch (insn->row) {
	case ROW_B: case ROW_BL: case ROW_B_cond: case ROW_CBZ: case ROW_CBNZ: case ROW_TBZ: case ROW_TBNZ:
		return last + (s64)(s32)insn->i == b->list[0] && !b->plain && jit_has(b->jit, JIT_LOOPS);
	default: return false;
	}
}

/* How often the block's instructions name each general register: what registers.c's pins[] is chosen from. */
static void count_slots(struct block *b)
{
	u8 slots[OPERANDS_MAX];

	for (unsigned k = 0; k < b->count; k++) {
		unsigned named = operands_of(b, k, slots);

		for (unsigned o = 0; o < named; o++)
			count(b, &b->jit->counts->slots[slots[o]]);
	}
}

/* From the poll to the exits. */
static void block_body(struct block *b)
{
	struct x64 *x = &b->x;
	const struct insn *last;

	if (b->jit->counts) {
		count(b, &b->jit->counts->blocks);
		count_slots(b);
	}
	x->insns = 0;
	x64_alu_imm(x, true, ALU_SUB, LEFT, (s32)b->count);
	b->k = 0;
	b->r.begin = b->r.now;
	b->multiplier = NO_REG;
	b->closes = 0;
	b->addend = 0;
	b->unsaved = 0;
	if (has_poll(b))
		cold_add(b, COLD_BUDGET, x64_jcc(x, CC_L));
	for (b->k = 0; b->k < b->count; b->k++) {
		const struct insn *insn = &b->page->insn[b->list[b->k]];
		const struct emitter *e = emitter_of(b, insn);
		unsigned colds = b->cold_count;
		struct lent lent;
		u8 *start;

		b->at[b->k] = x->at;
		if (!jit_has(b->jit, JIT_VECTORS))
			vreg_forget_all(b);
		registers_lend(b);
		lent = b->r.now;
		start = x->at;
		b->skip = 0;
		b->how[b->k] = 0;
		b->save_flags = (row_of(insn)->flags & A64_SETFLAGS) && flags_are_seen(b, b->k);
		if (!e->emit || !e->emit(b, insn)) {
			x->at = start;
			b->r.now = lent;
			b->addend = 0;
			b->cold_count = colds;
			b->how[b->k] = HOW_CALL;
			if (e->flags & EMIT_LIGHT)
				emit_light(b, insn);
			else
				call_exec(b);
			if (b->goes_on[b->k]) /* the emitter declines: what follows is not used */
				exit_plain(b, b->list[b->k + 1], b->count - b->k - 1);
		} else if (row_of(insn)->flags & A64_SETFLAGS) {
			b->unsaved = b->save_flags ? 0 : b->k + 1;
		} else if (!flags_are_kept(b, b->k, e, insn)) {
			b->flags = FLAGS_SAVED;
		}
		if (!keeps_multiplier(b, insn))
			b->multiplier = NO_REG;
		for (unsigned n = colds; n < b->cold_count; n++)
			if (b->cold[n].kind == COLD_SLOW)
				b->cold[n].back = x->at;
		memcpy(b->copies[b->k], b->v.copy, sizeof(b->v.copy));
		b->how[b->k] |= (b->save_flags ? HOW_STORES_FLAGS : 0) | (b->redo[b->k] ? HOW_REDOES : 0) | (b->cold_count > colds ? HOW_COLD : 0);
		for (; b->skip; b->skip--) {
			b->at[++b->k] = x->at;
			b->how[b->k] = HOW_FUSED;
		}
	}
	b->at[b->count] = x->at;
	b->k = b->count - 1;
	/* Unless it ended with a branch that has an emitter, which makes its exits, the block goes on behind its last record. */
	last = &b->page->insn[b->list[b->k]];
	if (!(row_of(last)->flags & A64_BR) || !emitter_of(b, last)->emit)
		exit_to(b, (s64)b->list[b->k] + 1);
}

/* Ahead of the code of a block, or, if it is one, of the loop. */
static void block_enter(struct block *b)
{
	b->x.at = (u8 *)b->head;
	b->flags = FLAGS_SAVED;
	b->sp_aligned = false;
	b->cold_count = 0;
	registers_start(b);
	if (!b->loops)
		return;
	b->x.insns = 0;
	registers_lend_all(b);
	vreg_reload(b, b->v.head);
	count_host(b, 0);
	b->loop = b->x.at;
}

static void block_emit(struct block *b)
{
	while ((uintptr_t)b->x.at & 15)
		x64_u8(&b->x, 0xcc);
	b->head = b->x.at;
	block_enter(b);
	block_body(b);
	if (vreg_loop_begin(b)) { /* once more, now that it is known what the loop keeps in registers */
		block_enter(b);
		block_body(b);
	}
	for (unsigned n = 0; n < b->cold_count; n++)
		cold_emit(b, &b->cold[n]);
}

const u8 *translate(struct jit *jit, struct cpu *cpu, struct code_page *page, unsigned first, unsigned index_mode)
{
	struct block block __attribute__((uninitialized)), *b = &block; /* each field is set where it begins to matter */

	b->x.at = jit->at;
	b->jit = jit;
	b->cpu = cpu;
	b->page = page;
	b->mode = index_mode & ~MODE_PLAIN;
	b->plain = index_mode & MODE_PLAIN;
	b->count = 0;
	memset(b->redo, 0, sizeof(b->redo));
	memset(&b->v, 0, sizeof(b->v));
	if (!block_form(b, first))
		return NULL;
	memset(b->goes_on, 0, sizeof(b->goes_on));
	groups_plan(b);
	b->loops = loops_back(b);
	registers_plan(b);
	block_emit(b);
	assert(b->x.at <= jit->cache + jit->cache_size);
	dump_block(b, b->head, b->x.at);
	jit->blocks_made++;
	jit->blocks_lending += b->r.count != 0;
	jit->insns_made += b->count;
	jit->bytes_made += (u64)(b->x.at - jit->at);
	jit->at = b->x.at;
	return b->head;
}

void emitters_collect(struct jit *jit)
{
	static const struct emitter_row *const tables[] = {
		emit_integer_rows, emit_branch_rows, emit_memory_rows, emit_system_rows, emit_simd_rows, emit_simd_lanes_rows, emit_simd_long_rows, emit_simd_saturate_rows,
		emit_fp_rows, emit_fp_vector_rows, emit_crypto_rows, emit_atomic_rows,
		emit_structures_rows, emit_mops_rows, emit_multiply_rows,
	};

	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		jit->operands[row] = (u8)operand_letters(&a64_rows[row]);
		if (jit_has(jit, JIT_LIGHT) && is_light(row))
			jit->emitters[row] = (struct emitter){emit_light, EMIT_PURE | EMIT_LIGHT};
	}
	for (unsigned n = 0; n < ARRAY_SIZE(tables); n++)
		for (const struct emitter_row *row = tables[n]; row->row != ROW_NONE; row++)
			jit->emitters[row->row] = (struct emitter){row->emit, (u8)((row->flags & EMIT_KEEPS_BMI2 && jit->host.bmi2 ? row->flags | EMIT_KEEPS : row->flags) |
										  (jit->emitters[row->row].flags & EMIT_LIGHT))};
}
