/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arm64 side: reads requests from standard input, runs each instruction on the CPU it finds itself on, writes
 * results to standard output. A Linux program without libraries but libc: aarch64-linux-gnu-gcc -O2 -static -o target
 * target.c The instruction stands in a slot of its own, followed by a branch back; x28 points to the state, x29 and x30
 * are free.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "vectors.h"

#define CODE 0x4000000ull /* within the reach of a branch */
#define SLOTS 8192

struct frame {
	struct vector_state state; /* in, then out */
	uint64_t host_sp;
};

void run(struct frame *frame, const uint32_t *slot);
extern const char run_back[];
__asm__(".arch armv8.2-a\n.text\n.global run, run_back\nrun:\n"
	"stp x29, x30, [sp, #-176]!\nstp x19, x20, [sp, #16]\nstp x21, x22, [sp, #32]\nstp x23, x24, [sp, #48]\n"
	"stp x25, x26, [sp, #64]\nstp x27, x28, [sp, #80]\nstp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\n"
	"stp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
	"mov x28, x0\nmov x30, x1\nmov x2, sp\nstr x2, [x28, #792]\n"
	"ldr x2, [x28, #768]\nmsr nzcv, x2\nldr x2, [x28, #776]\nmsr fpcr, x2\nldr x2, [x28, #784]\nmsr fpsr, x2\n"
	"ldr x2, [x28, #248]\nmov sp, x2\nadd x29, x28, #256\n"
	".irp n,0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30\nldr q\\n, [x29, #\\n*16]\n.endr\n"
	".irp n,1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31\nldr q\\n, [x29, #\\n*16]\n.endr\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\nldr x\\n, [x28, #\\n*8]\n.endr\n"
	"br x30\n"
	"run_back:\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\nstr x\\n, [x28, #\\n*8]\n.endr\n"
	"add x29, x28, #256\n"
	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\nstr q\\n, [x29, #\\n*16]\n.endr\n"
	"mov x2, sp\nstr x2, [x28, #248]\nmrs x2, nzcv\nstr x2, [x28, #768]\nmrs x2, fpcr\nstr x2, [x28, #776]\n"
	"mrs x2, fpsr\nstr x2, [x28, #784]\nmsr fpcr, xzr\nldr x2, [x28, #792]\nmov sp, x2\n"
	"ldp x19, x20, [sp, #16]\nldp x21, x22, [sp, #32]\nldp x23, x24, [sp, #48]\nldp x25, x26, [sp, #64]\n"
	"ldp x27, x28, [sp, #80]\nldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\n"
	"ldp d14, d15, [sp, #144]\nldp x29, x30, [sp], #176\nret\n");
_Static_assert(__builtin_offsetof(struct frame, state.sp) == 248, "asm");
_Static_assert(__builtin_offsetof(struct frame, state.v) == 256, "asm");
_Static_assert(__builtin_offsetof(struct frame, state.nzcv) == 768, "asm");
_Static_assert(__builtin_offsetof(struct frame, host_sp) == 792, "asm");

static volatile unsigned fault;

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	fault = number == SIGILL ? 1 : 2;
	uc->uc_mcontext.pc = (uint64_t)run_back;
}

int main(void)
{
	static uint8_t stack[65536];
	static uint8_t pristine[VECTORS_DATA_BYTES];
	static struct vector_request requests[SLOTS];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	uint8_t *data = mmap((void *)VECTORS_DATA, VECTORS_DATA_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uint32_t *code = mmap((void *)CODE, SLOTS * 8, PROT_READ | PROT_WRITE | PROT_EXEC,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	size_t n;

	sigaltstack(&alt, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	vectors_memory(data);
	vectors_memory(pristine);
	while ((n = fread(requests, sizeof(requests[0]), SLOTS, stdin)) > 0) {
		for (size_t i = 0; i < n; i++) {
			int64_t back = (int64_t)run_back - (int64_t)&code[2 * i + 1];
			code[2 * i] = requests[i].word;
			code[2 * i + 1] = 0x14000000 | (back >> 2 & 0x3ffffff);
		}
		__builtin___clear_cache((char *)code, (char *)(code + 2 * n));
		for (size_t i = 0; i < n; i++) {
			struct vector_state in;
			struct frame frame = {0};
			uint8_t bytes[VECTORS_RESULT_MAX];
			vectors_inputs(&requests[i], &in);
			frame.state = in;
			fault = 0;
			run(&frame, &code[2 * i]);
			unsigned size = vectors_result(&requests[i], &in, &frame.state, fault, data, pristine, bytes);
			fwrite(bytes, size, 1, stdout);
		}
	}
	return 0;
}
