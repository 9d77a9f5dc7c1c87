/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tiny runtime of the bare-metal programs: console, checks, exceptions, other vCPUs, page tables, GIC.
 *
 * A program is `void test(void)`. It prints a line `PASS what` or `FAIL what ...` for each group that it closes with
 * done(); the runtime then prints `END` and powers the machine off. Nothing here uses FP registers.
 */
#ifndef BARE_H
#define BARE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long s64;
typedef unsigned __int128 u128;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define BIT(n) (1ul << (n))
#define CPUS_MAX 16
#define noinline __attribute__((noinline))

#ifndef LONG
#define LONG 0
#endif
#define RUNS(brief, full) (LONG ? (full) : (brief))

/* --- machine --- */
#define UART 0x09000000ul
#define RTC 0x09010000ul
#define GICD 0x08000000ul
#define ITS 0x08080000ul
#define GICR(cpu) (0x080a0000ul + 0x20000ul * (cpu))
#define ECAM 0x4010000000ul
#define WINDOW 0x10000000000ul /* first CXL window */
#define RAM 0x40000000ul
#define RAM_END 0x48000000ul   /* -m 128M */

/* --- registers and memory --- */
#define read_sysreg(name) ({ u64 v_; asm volatile("mrs %0, " #name : "=r"(v_) :: "memory"); v_; })
#define write_sysreg(value, name) do { asm volatile("msr " #name ", %x0" :: "rZ"((u64)(value)) : "memory"); } while (0)
#define isb() asm volatile("isb" ::: "memory")
#define dsb() asm volatile("dsb sy" ::: "memory")
#define dmb() asm volatile("dmb ish" ::: "memory")

#define ACCESSORS(type, bits, ld, st, w)                                                                               \
	static inline type read##bits(u64 a)                                                                           \
	{                                                                                                              \
		type v;                                                                                                \
		asm volatile(ld " %" w "0, [%1]" : "=r"(v) : "r"(a) : "memory");                                       \
		return v;                                                                                              \
	}                                                                                                              \
	static inline void write##bits(u64 a, type v)                                                                  \
	{                                                                                                              \
		asm volatile(st " %" w "0, [%1]" :: "r"(v), "r"(a) : "memory");                                        \
	}
ACCESSORS(u8, 8, "ldrb", "strb", "w")
ACCESSORS(u16, 16, "ldrh", "strh", "w")
ACCESSORS(u32, 32, "ldr", "str", "w")
ACCESSORS(u64, 64, "ldr", "str", "x")

void *memset(void *to, int byte, u64 size);
void *memcpy(void *to, const void *from, u64 size);

/* --- console and verdict: vCPU 0 prints --- */
void put(const char *s);
void put_hex(u64 v);
void put_dec(u64 v);
void say(const char *what, u64 value);        /* a line of information */
void check(const char *what, u64 got, u64 want);
void check_true(const char *what, bool holds);
void done(const char *group);                 /* PASS or FAIL of the checks since the last */
void power_off(void) __attribute__((noreturn));

/* --- exceptions --- */
struct frame { u64 x[31], sp, elr, spsr, esr, far, before, pad[3]; };
enum { VECTOR_SP0 = 0, VECTOR_SPX = 4, VECTOR_EL0 = 8 };
enum { KIND_SYNC, KIND_IRQ, KIND_FIQ, KIND_SERROR };

struct percpu {
	u64 exception_sp;            /* start.S knows the offsets of the first five */
	u64 el0_sp, recover, recover_sp, el0_stack;
	/* What was taken since exc_begin: the last one's registers. */
	u64 count, vector, esr, elr, far, spsr, fp_sp;
	u64 first_esr, first_elr, first_far;
	bool (*hook)(struct frame *f, unsigned vector); /* true: handled, not counted */
	bool (*irq)(struct frame *f, unsigned vector);
	u64 index;
	u64 failures;
	const char *fail_what;
	u64 fail_got, fail_want;
	u64 pad[10];
	u8 stack[16384] __attribute__((aligned(16)));
};
#define PERCPU_BYTES 16640
_Static_assert(sizeof(struct percpu) == PERCPU_BYTES, "the build tells start.S");
extern struct percpu percpus[CPUS_MAX];
static inline struct percpu *self(void)
{
	return (struct percpu *)read_sysreg(tpidr_el1);
}

/* From here on synchronous exceptions are counted and their instruction is skipped (or guarded_call left). */
void exc_begin(void);
/* Exactly one was taken since exc_begin, with this syndrome; then clears. */
void exc_check(const char *what, u64 esr);
void exc_check_far(const char *what, u64 esr, u64 far);
void exc_none(const char *what);
#define EC(class, iss) ((u64)(class) << 26 | 1u << 25 | (iss))

u64 el0_run(const void *fn, u64 a0, u64 a1, u64 spsr);
u64 guarded_call(const void *fn, u64 a0, u64 a1);
extern char el0_return[], el0_end[], secondary[], vectors[], end_of_program[];
extern u64 boot_dtb;
/* Where EL0 sees RAM: 0 with the MMU off; EL0_ALIAS in the flat map, whose RAM proper is EL1's. */
extern u64 el0_offset;
#define EL0_ALIAS 0x2000000000ul
#define el0_call(fn, a0, a1) el0_run((const void *)(fn), (u64)(a0), (u64)(a1), 0x3c0)

/* One trapped instruction or a few, with the exception's registers checked afterwards. */
#define FAULTS(what, esr, ...) do { exc_begin(); asm volatile(__VA_ARGS__); exc_check(what, esr); } while (0)
#define FAULTS_FAR(what, esr, far, ...) do { exc_begin(); asm volatile(__VA_ARGS__); exc_check_far(what, esr, far); } while (0)
#define WORKS(what, ...) do { exc_begin(); asm volatile(__VA_ARGS__); exc_none(what); } while (0)

static inline void irq_on(void) { asm volatile("msr daifclr, #3" ::: "memory"); }
static inline void irq_off(void) { asm volatile("msr daifset, #3" ::: "memory"); }
/* Inside an interrupt handler: lets others preempt until closed. */
u64 irq_window_open(void);
void irq_window_close(u64 kept);

/* --- PSCI and other calls --- */
struct smccc { u64 x0, x1, x2, x3; };
struct smccc hvc(u64 id, u64 a, u64 b, u64 c);
struct smccc smc(u64 id, u64 a, u64 b, u64 c);
enum { PSCI_CPU_OFF = 0x84000002, PSCI_AFFINITY_INFO = 0xc4000004 };
#define PSCI_CPU_ON 0xc4000003u
unsigned cpus_present(void);

/* Runs fn(cpu, arg) on vCPUs 0 to n-1 with the caller's MMU, vectors and interrupt state; returns when all have ended. */
void smp_run(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg);
struct barrier { volatile u32 count, generation; };
void barrier_wait(struct barrier *b, unsigned n);

static inline u64 now(void)
{
	isb();
	return read_sysreg(cntvct_el0);
}
u64 ms(u64 n); /* in counter ticks */

/* --- page tables --- */
enum { ATTR_NORMAL = 0, ATTR_DEVICE = 1, ATTR_NC = 2, ATTR_NGNRE = 3, ATTR_WT = 4 };
#define SCTLR_OFF 0x30d00800ul /* what is RES1, EOS, EIS, SPAN, TSCXT */
#define SCTLR_ON (SCTLR_OFF | 0x101d) /* M C SA SA0 I */
#define MAIR 0xbb044400fful
#define D_VALID 3ul
#define D_ATTR(n) ((u64)(n) << 2)
#define D_EL0 BIT(6)
#define D_RO BIT(7)
#define D_ISH (3ul << 8)
#define D_AF BIT(10)
#define D_NG BIT(11)
#define D_DBM BIT(51)
#define D_CONT BIT(52)
#define D_PXN BIT(53)
#define D_UXN BIT(54)
#define D_RAM (D_ATTR(ATTR_NORMAL) | D_ISH | D_AF | D_UXN)
#define D_DEV (D_ATTR(ATTR_DEVICE) | D_AF | D_UXN | D_PXN)

struct tables { u64 root; unsigned shift, va_bits; };
void *page_alloc(u64 size);             /* zeroed, aligned to its size */
void tables_init(struct tables *t, unsigned shift, unsigned va_bits);
/* One descriptor at `level`: page or block as the level has it. Returns where it is. */
u64 *map(struct tables *t, u64 va, u64 pa, u64 attributes, unsigned level);
u64 *table_slot(struct tables *t, u64 va, unsigned level); /* the descriptor's place, tables made */
void map_machine(struct tables *t);     /* RAM and low devices, flat, as blocks */
u64 tcr_for(const struct tables *t);    /* TTBR0 with these tables, TTBR1 off */
void mmu_set(u64 ttbr0, u64 tcr);       /* on, with I, C, and SPAN; nothing else */
void mmu_off(void);
void mmu_flat(void);                    /* on, 4 KiB granule, the machine flat, RAM again for EL0; `flat` are its tables */
extern struct tables flat;
static inline void tlbi_all(void)
{
	asm volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory");
}
static inline void tlbi_va(u64 va)
{
	asm volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" :: "r"(va >> 12 & 0xffffffffffful) : "memory");
}
static inline void code_changed(const void *at, u64 size)
{
	for (u64 a = (u64)at & ~3ul; a < (u64)at + size; a += 4)
		asm volatile("dc cvau, %0" :: "r"(a) : "memory");
	asm volatile("dsb ish" ::: "memory");
	for (u64 a = (u64)at & ~3ul; a < (u64)at + size; a += 4)
		asm volatile("ic ivau, %0" :: "r"(a) : "memory");
	asm volatile("dsb ish; isb" ::: "memory");
}

/* --- GIC --- */
void gic_init(void);                    /* distributor, this vCPU's redistributor and interface; group 1 */
void gic_init_cpu(void);
void gic_enable(unsigned intid, u8 priority, unsigned group);
void gic_disable(unsigned intid);
#define icc_read(reg) read_sysreg(reg)
#define ICC_PMR s3_0_c4_c6_0
#define ICC_IAR0 s3_0_c12_c8_0
#define ICC_EOIR0 s3_0_c12_c8_1
#define ICC_HPPIR0 s3_0_c12_c8_2
#define ICC_BPR0 s3_0_c12_c8_3
#define ICC_AP0R0 s3_0_c12_c8_4
#define ICC_AP1R0 s3_0_c12_c9_0
#define ICC_DIR s3_0_c12_c11_1
#define ICC_RPR s3_0_c12_c11_3
#define ICC_SGI1R s3_0_c12_c11_5
#define ICC_SGI0R s3_0_c12_c11_7
#define ICC_IAR1 s3_0_c12_c12_0
#define ICC_EOIR1 s3_0_c12_c12_1
#define ICC_HPPIR1 s3_0_c12_c12_2
#define ICC_BPR1 s3_0_c12_c12_3
#define ICC_CTLR s3_0_c12_c12_4
#define ICC_IGRPEN0 s3_0_c12_c12_6
#define ICC_IGRPEN1 s3_0_c12_c12_7
/* read_sysreg and write_sysreg of a name that is a macro */
#define icc_get(reg) read_sysreg_(reg)
#define read_sysreg_(reg) read_sysreg(reg)
#define icc_set(value, reg) write_sysreg_(value, reg)
#define write_sysreg_(value, reg) write_sysreg(value, reg)

#endif
