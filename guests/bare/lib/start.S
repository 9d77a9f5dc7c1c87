/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry, vectors and the ways between EL1 and EL0 of the bare-metal programs.
 *
 * TPIDR_EL1 holds the vCPU's struct percpu; TPIDRRO_EL0 is the vectors' scratch. An exception saves a struct frame on
 * the stack that percpu.exception_sp names, so that a bad SP can be taken apart as well.
 */
#define FRAME 320
#define SP_SLOT 248
#define ELR_SLOT 256

	.section .start, "ax"
	.globl _start
_start:
	adrp	x1, boot_dtb
	add	x1, x1, :lo12:boot_dtb
	str	x0, [x1]
	mov	x0, #0
	bl	cpu_setup
	bl	start
1:	wfi
	b	1b

/* x0: index of the vCPU. Leaves SP, VBAR, TPIDR_EL1 and FP ready. */
cpu_setup:
	adrp	x1, percpus
	add	x1, x1, :lo12:percpus
	mov	x2, #PERCPU_SIZE
	madd	x1, x0, x2, x1
	msr	tpidr_el1, x1
	add	x2, x1, x2		/* the exception stack ends the struct */
	str	x2, [x1]
	adrp	x2, stacks
	add	x2, x2, :lo12:stacks
	add	x3, x0, #1
	add	x2, x2, x3, lsl #15
	mov	sp, x2
	adrp	x2, vectors
	add	x2, x2, :lo12:vectors
	msr	vbar_el1, x2
	mov	x2, #(3 << 20)
	msr	cpacr_el1, x2
	msr	oslar_el1, xzr
	isb
	ret

/* Where PSCI CPU_ON starts a vCPU: x0 is its index. */
	.globl secondary
secondary:
	mov	x19, x0
	bl	cpu_setup
	mov	x0, x19
	bl	secondary_main
1:	wfi
	b	1b

	.text
	.macro	vector n
	.balign	128
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el1
	ldr	x0, [x0]
	sub	x0, x0, #FRAME
	str	x1, [x0, #8]
	mov	x1, #\n
	b	exception_entry
	.endm

	.balign	2048
	.globl vectors
vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\n
	.endr

exception_entry:
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	mov	x2, sp
	stp	x30, x2, [x0, #240]
	mrs	x2, tpidrro_el0
	str	x2, [x0]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x2, x3, [x0, #ELR_SLOT]
	mrs	x2, esr_el1
	mrs	x3, far_el1
	stp	x2, x3, [x0, #272]
	mrs	x2, tpidr_el1
	ldr	x3, [x2]
	str	x3, [x0, #288]
	str	x0, [x2]
	mov	sp, x0
	mov	x19, x0
	bl	exception
	mov	x0, x19
	mrs	x2, tpidr_el1
	ldr	x3, [x0, #288]
	str	x3, [x2]
	ldp	x2, x3, [x0, #ELR_SLOT]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	ldp	x30, x2, [x0, #240]
	mov	sp, x2
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldp	x0, x1, [x0]
	eret

	.macro	save_callee
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	.endm
	.macro	restore_callee
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	.endm

/* u64 el0_run(fn, a0, a1, spsr): runs fn(a0, a1) at EL0, el0_offset further up, until `svc #0x777`; its x0 comes back. */
	.globl el0_run
el0_run:
	save_callee
	mrs	x9, tpidr_el1
	mov	x10, sp
	str	x10, [x9, #8]
	adrp	x10, el0_offset
	ldr	x10, [x10, :lo12:el0_offset]
	ldr	x11, [x9, #32]
	add	x11, x11, x10
	msr	sp_el0, x11
	add	x0, x0, x10
	msr	elr_el1, x0
	msr	spsr_el1, x3
	mov	x0, x1
	mov	x1, x2
	adr	x30, el0_end
	add	x30, x30, x10
	eret
	.globl el0_return
el0_return:
	restore_callee
	ret
	.globl el0_end
el0_end:
	svc	#0x777

/* u64 guarded_call(fn, a0, a1): fn(a0, a1) at EL1; an exception on an instruction fetch comes back here. */
	.globl guarded_call
guarded_call:
	save_callee
	mrs	x9, tpidr_el1
	mov	x10, sp
	str	x10, [x9, #24]
	adr	x10, 1f
	str	x10, [x9, #16]
	mov	x9, x0
	mov	x0, x1
	mov	x1, x2
	blr	x9
1:	mrs	x9, tpidr_el1
	str	xzr, [x9, #16]
	restore_callee
	ret
