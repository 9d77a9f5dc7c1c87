/* SPDX-License-Identifier: BSD-2-Clause */
/* The encoder against objdump: every form, with registers that need prefixes and bases that need special bytes. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jit/x64.h"

static const char *const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
				      "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
static const char *const names16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
				      "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
static const char *const names8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
				     "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};

#define TEXT_MAX (1 << 20)
struct sheet {
	u8 code[1 << 18];
	struct x64 x;
	char *expected;
	size_t used;
	unsigned lines;
};

static void expect(struct sheet *s, const char *format, ...) printf_like(2, 3);
static void expect(struct sheet *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	s->used += (size_t)vsnprintf(s->expected + s->used, TEXT_MAX - s->used, format, args);
	va_end(args);
	s->used += (size_t)snprintf(s->expected + s->used, TEXT_MAX - s->used, "\n");
	s->lines++;
	assert_true(s->used < TEXT_MAX - 200);
}

/* As objdump writes it. */
static const char *mem_text(struct mem m, char *text)
{
	char disp[24] = "";
	bool sib_plain = m.index == NO_REG;

	if (m.disp > 0 || (m.disp == 0 && (m.base & 7) == RBP))
		snprintf(disp, sizeof(disp), "+0x%x", m.disp);
	else if (m.disp < 0)
		snprintf(disp, sizeof(disp), "-0x%x", -(unsigned)m.disp);
	if (sib_plain)
		sprintf(text, "[%s%s]", names64[m.base], disp);
	else
		sprintf(text, "[%s+%s*%u%s]", names64[m.base], names64[m.index], 1u << m.scale, disp);
	return text;
}

/* objdump's text without addresses, bytes, comments and runs of spaces. */
static void compare(struct sheet *s)
{
	char path[] = "/tmp/x64_test_XXXXXX", command[200], line[400];
	const char *want = s->expected;
	int fd = mkstemp(path);
	FILE *pipe;
	unsigned n = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s->code, (size_t)(s->x.at - s->code)), s->x.at - s->code);
	close(fd);
	snprintf(command, sizeof(command), "objdump -D -b binary -m i386:x86-64 -M intel --no-show-raw-insn %s", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		char *text = strchr(line, ':'), clean[400];
		size_t used = 0, length = strcspn(want, "\n");

		if (!text || line[0] != ' ')
			continue;
		for (text += strspn(text, ": \t"); *text && *text != '\n' && *text != '#'; text++)
			if (*text != ' ' || (used && clean[used - 1] != ' '))
				clean[used++] = *text;
		while (used && clean[used - 1] == ' ')
			used--;
		clean[used] = 0;
		if (length != used || memcmp(clean, want, used)) {
			printf("line %u: wanted '%.*s', objdump says '%s'\n", n, (int)length, want, clean);
			fail_msg("the encoder and objdump differ");
		}
		want += length + 1;
		n++;
	}
	pclose(pipe);
	unlink(path);
	assert_int_equal(n, s->lines);
}

static struct sheet *sheet(void)
{
	struct sheet *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->expected = calloc(1, TEXT_MAX);
	s->x.at = s->code;
	return s;
}
static void sheet_free(struct sheet *s)
{
	free(s->expected);
	free(s);
}

static const struct mem operands[] = {
	{RAX, NO_REG, 0, 0},   {RBP, NO_REG, 0, 0}, {RBP, NO_REG, 0, -128}, {RBP, NO_REG, 0, 128},
	{RSP, NO_REG, 0, 8},   {R12, NO_REG, 0, 0}, {R13, NO_REG, 0, 0},    {R13, NO_REG, 0, 0x12345678},
	{R15, RCX, 0, 0x4008}, {RDI, R12, 3, -1},   {R13, R9, 1, 0},        {RBP, RAX, 2, 0},
	{R8, RBP, 0, 127},
};

static void moves_and_arithmetic_of_every_register(void **state)
{
	static const char *const alu[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
	struct sheet *s = sheet();
	struct x64 *x = &s->x;
	char text[80];

	for (unsigned a = 0; a < 16; a++) {
		for (unsigned b = 0; b < 16; b++) {
			x64_mov(x, true, a, b);
			expect(s, "mov %s,%s", names64[a], names64[b]);
			x64_mov(x, false, a, b);
			expect(s, "mov %s,%s", names32[a], names32[b]);
			x64_alu(x, true, ALU_SUB, a, b);
			expect(s, "sub %s,%s", names64[a], names64[b]);
			x64_extend(x, true, true, 1, a, b);
			expect(s, "movsx %s,%s", names64[a], names8[b]);
			x64_extend(x, true, false, 2, a, b);
			expect(s, "movzx %s,%s", names32[a], names16[b]);
			x64_extend(x, true, true, 4, a, b);
			expect(s, "movsxd %s,%s", names64[a], names32[b]);
			x64_imul(x, true, a, b);
			expect(s, "imul %s,%s", names64[a], names64[b]);
			x64_cmov(x, true, CC_A, a, b);
			expect(s, "cmova %s,%s", names64[a], names64[b]);
			x64_test(x, false, a, b);
			expect(s, "test %s,%s", names32[b], names32[a]);
			x64_rorx(x, false, a, b, 8);
			expect(s, "rorx %s,%s,0x8", names32[a], names32[b]);
			x64_shiftx(x, true, SHIFT_SHL, a, b, RCX);
			expect(s, "shlx %s,%s,rcx", names64[a], names64[b]);
			x64_shiftx(x, true, SHIFT_SHR, a, RDX, b);
			expect(s, "shrx %s,rdx,%s", names64[a], names64[b]);
			x64_shiftx(x, false, SHIFT_SAR, a, b, R9);
			expect(s, "sarx %s,%s,r9d", names32[a], names32[b]);
			x64_evex_rr(x, true, 1, 1, 0x72, 4, a, b);
			x64_u8(x, 63);
			expect(s, "vpsraq xmm%u,xmm%u,0x3f", a, b);
			x64_evex_rr(x, false, 1, 3, 0x25, a, 5, b);
			x64_u8(x, 0xca);
			expect(s, "vpternlogd xmm%u,xmm5,xmm%u,0xca", a, b);
			x64_evex_rr(x, true, 1, 2, 0x7c, a, 0, b);
			expect(s, "vpbroadcastq xmm%u,%s", a, names64[b]);
			x64_evex_rr(x, true, 1, 3, 0x1e, 1, a, b);
			x64_u8(x, 6);
			expect(s, "vpcmpnleuq k1,xmm%u,xmm%u", a, b);
			x64_movq_to_xmm(x, true, a, b);
			expect(s, "movq xmm%u,%s", a, names64[b]);
			x64_movq_from_xmm(x, false, a, b);
			expect(s, "movd %s,xmm%u", names32[a], b);
		}
		for (unsigned op = 0; op < 8; op++) {
			x64_alu_imm(x, true, op, a, -5);
			expect(s, "%s %s,0xfffffffffffffffb", alu[op], names64[a]);
			x64_alu_imm(x, false, op, a, 0x12345);
			expect(s, "%s %s,0x12345", alu[op], names32[a]);
		}
		x64_mov_imm(x, a, 0x12345678);
		expect(s, "mov %s,0x12345678", names32[a]);
		x64_mov_imm(x, a, ~0ull);
		expect(s, "mov %s,0xffffffffffffffff", names64[a]);
		x64_mov_imm(x, a, 0x123456789abcdefull);
		expect(s, "movabs %s,0x123456789abcdef", names64[a]);
		x64_bswap(x, true, a);
		expect(s, "bswap %s", names64[a]);
		x64_neg(x, false, a);
		expect(s, "neg %s", names32[a]);
		x64_not(x, true, a);
		expect(s, "not %s", names64[a]);
		x64_setcc(x, CC_GE, a);
		expect(s, "setge %s", names8[a]);
		x64_shift_imm(x, true, SHIFT_SAR, a, 63);
		expect(s, "sar %s,0x3f", names64[a]);
		x64_shift_cl(x, false, SHIFT_ROR, a);
		expect(s, "ror %s,cl", names32[a]);
		x64_bt_imm(x, true, a, 40);
		expect(s, "bt %s,0x28", names64[a]);
		x64_test_imm(x, false, a, 15);
		expect(s, "test %s,0xf", names32[a]);
		x64_push(x, a);
		expect(s, "push %s", names64[a]);
		x64_pop(x, a);
		expect(s, "pop %s", names64[a]);
		for (unsigned n = 0; n < ARRAY_SIZE(operands); n++) {
			mem_text(operands[n], text);
			x64_load(x, true, a, operands[n]);
			expect(s, "mov %s,QWORD PTR %s", names64[a], text);
			x64_store(x, false, operands[n], a);
			expect(s, "mov DWORD PTR %s,%s", text, names32[a]);
			x64_store_sized(x, 1, operands[n], a);
			expect(s, "mov BYTE PTR %s,%s", text, names8[a]);
			x64_store_sized(x, 2, operands[n], a);
			expect(s, "mov WORD PTR %s,%s", text, names16[a]);
			x64_load_extend(x, false, true, 1, a, operands[n]);
			expect(s, "movsx %s,BYTE PTR %s", names32[a], text);
			x64_load_extend(x, true, true, 4, a, operands[n]);
			expect(s, "movsxd %s,DWORD PTR %s", names64[a], text);
			x64_lea(x, true, a, operands[n]);
			expect(s, "lea %s,%s", names64[a], text);
			x64_alu_load(x, true, ALU_CMP, a, operands[n]);
			expect(s, "cmp %s,QWORD PTR %s", names64[a], text);
			x64_alu_store(x, false, ALU_ADD, operands[n], a);
			expect(s, "add DWORD PTR %s,%s", text, names32[a]);
			x64_alu_mem_imm(x, true, ALU_CMP, operands[n], 0);
			expect(s, "cmp QWORD PTR %s,0x0", text);
			x64_store_imm(x, true, operands[n], -2);
			expect(s, "mov QWORD PTR %s,0xfffffffffffffffe", text);
			x64_movdqu_load(x, a, operands[n]);
			expect(s, "movdqu xmm%u,XMMWORD PTR %s", a, text);
			x64_movdqa_store(x, operands[n], a);
			expect(s, "movdqa XMMWORD PTR %s,xmm%u", text, a);
			x64_vex_rm(x, false, 1, 1, 0xfe, a, 5, operands[n]);
			expect(s, "vpaddd xmm%u,xmm5,XMMWORD PTR %s", a, text);
		}
		if (s->x.at - s->code > (1 << 14)) {
			compare(s);
			sheet_free(s);
			s = sheet();
			x = &s->x;
		}
	}
	compare(s);
	sheet_free(s);
}

static void jumps_reach_their_targets(void **state)
{
	u8 code[600] = {0};
	struct x64 x = {code};
	u8 *site = x64_jcc(&x, CC_NE), *near;
	s32 distance;

	x64_nops(&x, 40);
	assert_int_equal(x.at - code, 46);
	x64_bind(site, x.at);
	memcpy(&distance, site, 4);
	assert_int_equal(distance, 40);
	near = x64_jmp_short(&x);
	x64_nops(&x, 127);
	x64_bind_short(&x, near);
	assert_int_equal(*near, 127);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_and_arithmetic_of_every_register),
		cmocka_unit_test(jumps_reach_their_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
