/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/soft_priv.h: one vCPU of our own CPU, and what the parts of the interpreter call of
 * each other. check: long-file, the one contract between all of them
 *
 * How an instruction runs: block.c fetches and decodes (decode.h), lower.c turns each instruction
 * into a struct op, interp.c runs ops. The common integer instructions have a label of their own
 * there; every instruction at all has an exec_fn on its struct insn, the reference. Both may raise
 * a fault at any point (raise_*): a long jump to loop.c, which calls event_deliver().
 * So nothing may be held (lock, RCU section) and nothing half done where something can still raise:
 * first all checks and reads, then writes to memory, registers last.
 *
 *	mmu.c walk.c       linear and physical memory, the TLB
 *	block.c lower.c    code, decoded
 *	interp.c           the hot loop
 *	alu.c ...          exec_fn of integer instructions (exec_int.def)
 *	far.c event.c ...  segments, gates, exceptions, tasks (exec_far.def)
 *	system.c msr.c ... control registers, MSRs, CPUID, SMM (exec_sys.def)
 *	fpu.c thunk.c ...  x87 and SIMD (exec_fp.def)
 *	loop.c soft.c      run(), what stops it, the backend's class
 */
#pragma once

#include "cpu/accel.h"
#include "cpu/soft/decode.h"
#include "cpu/soft/lapic.h"
#include "plat/jump.h"
#include "plat/map.h"

struct soft;
struct soft_cpu;

enum gpr { R_AX, R_CX, R_DX, R_BX, R_SP, R_BP, R_SI, R_DI, R_ZERO = 16, R_BLOCK = 17, N_GPRS = 18 };

/* EFLAGS. SDM 1 3.4.3 */
enum {
	FL_CF = BIT(0),
	FL_1 = BIT(1),
	FL_PF = BIT(2),
	FL_AF = BIT(4),
	FL_ZF = BIT(6),
	FL_SF = BIT(7),
	FL_TF = BIT(8),
	FL_IF = BIT(9),
	FL_DF = BIT(10),
	FL_OF = BIT(11),
	FL_IOPL = 3 << 12,
	FL_NT = BIT(14),
	FL_RF = BIT(16),
	FL_VM = BIT(17),
	FL_AC = BIT(18),
	FL_VIF = BIT(19),
	FL_VIP = BIT(20),
	FL_ID = BIT(21),
	FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};

/* SDM 3A 2.5 */
enum {
	CR0_PE = BIT(0),
	CR0_MP = BIT(1),
	CR0_EM = BIT(2),
	CR0_TS = BIT(3),
	CR0_ET = BIT(4),
	CR0_NE = BIT(5),
	CR0_WP = BIT(16),
	CR0_AM = BIT(18),
	CR0_NW = BIT(29),
	CR0_CD = BIT(30),
};
#define CR0_PG BIT(31)
enum {
	CR4_VME = BIT(0),
	CR4_PVI = BIT(1),
	CR4_TSD = BIT(2),
	CR4_DE = BIT(3),
	CR4_PSE = BIT(4),
	CR4_PAE = BIT(5),
	CR4_MCE = BIT(6),
	CR4_PGE = BIT(7),
	CR4_PCE = BIT(8),
	CR4_OSFXSR = BIT(9),
	CR4_OSXMMEXCPT = BIT(10),
	CR4_UMIP = BIT(11),
	CR4_FSGSBASE = BIT(16),
	CR4_PCIDE = BIT(17),
	CR4_OSXSAVE = BIT(18),
	CR4_SMEP = BIT(20),
	CR4_SMAP = BIT(21),
};
enum { EFER_SCE = BIT(0), EFER_LME = BIT(8), EFER_LMA = BIT(10), EFER_NXE = BIT(11) };

/* struct cpu_seg.attr: bits 40-55 of a descriptor. SDM 3A 3.4.5 */
enum {
	SA_ACCESSED = 1,
	SA_WRITE = 2, /* data: writable; code: readable */
	SA_DOWN = 4,  /* data: expand down; code: conforming */
	SA_CODE = 8,
	SA_TYPE = 15,
	SA_S = BIT(4), /* code or data */
	SA_DPL_SHIFT = 5,
	SA_P = BIT(7),
	SA_L = BIT(13),
	SA_DB = BIT(14),
	SA_G = BIT(15),
};

enum vector {
	VEC_DE,
	VEC_DB,
	VEC_NMI,
	VEC_BP,
	VEC_OF,
	VEC_BR,
	VEC_UD,
	VEC_NM,
	VEC_DF,
	VEC_TS = 10,
	VEC_NP,
	VEC_SS,
	VEC_GP,
	VEC_PF,
	VEC_MF = 16,
	VEC_AC,
	VEC_MC,
	VEC_XM
};

/*
 * Arithmetic flags as the host leaves them: AH after LAHF in bits 8-15, OF (SETO) in bit 0. All
 * other flags are in rflags, where the arithmetic ones are 0.
 */
enum {
	LF_OF = 1,
	LF_CF = FL_CF << 8,
	LF_PF = FL_PF << 8,
	LF_AF = FL_AF << 8,
	LF_ZF = FL_ZF << 8,
	LF_SF = FL_SF << 8,
	LF_ALL = 0xd501
};

/* ---- the TLB's part that the hot loop looks at ---- */

enum { TLB_BITS = 12, TLB_FOLD = 12 + TLB_BITS, TLB_SIZE = 1 << TLB_BITS, PAGE = 4096 };

/*
 * Direct pages of RAM (reads: ROM too). A tag is the page's linear address, or, where there is no
 * such right, one that no address with this index can match. So gva - tag <= PAGE - size means the
 * whole access may be done at gva + delta. A write tag is only there when the page is dirty in the
 * guest's tables, not logged, and holds no translated code.
 */
struct tlb_entry {
	u64 read, write;
	u64 delta; /* host - linear */
	u64 info;  /* mmu_priv.h's: physical page, size, global */
};
struct tlb {
	struct tlb_entry at[TLB_SIZE];
};
static inline unsigned tlb_index(gva_t at)
{
	return (unsigned)(at >> 12 ^ at >> TLB_FOLD) & (TLB_SIZE - 1);
}

struct soft_event {
	u8 vector;
	u8 kind; /* enum event_kind */
	bool has_error;
	u32 error;
	u64 cr2; /* of a page fault; written to CR2 on delivery */
	u64 dr6; /* of a debug exception: bits to set */
};
enum event_kind {
	EV_NONE,
	EV_EXT, /* external interrupt */
	EV_NMI,
	EV_EXCEPTION, /* raised by an instruction or by delivery */
	EV_SOFT_INT,  /* INT n: DPL and, in virtual-8086 mode, IOPL are checked */
	EV_SOFT_EXC,  /* INT3, INTO: DPL is checked, and the return address is behind it */
	EV_ICEBP,     /* INT1: no check; the return address is behind it */
};

/* Why the hot loop must come out at the next instruction boundary; soft_cpu.attention, atomic. */
enum attention {
	ATT_KICK = BIT(0),   /* run() shall return */
	ATT_INTR = BIT(1),   /* look at the local APIC */
	ATT_FLUSH = BIT(2),  /* mmu_serve(): others changed the map, or want write tags dropped */
	ATT_STEP = BIT(3),   /* one instruction at a time: TF, breakpoints, shadow, inhibited */
	ATT_HALT = BIT(4),   /* HLT, or waiting for SIPI */
	ATT_STOP = BIT(5),   /* another vCPU needs all others out of guest code: exclusive */
	ATT_RESULT = BIT(6), /* run() shall return soft_cpu.result */
};

/* In soft_cpu.block_key: 32-bit code, CS, DS, ES and SS flat. */
#define KEY_FLAT BIT(7)

enum activity { ACT_RUN, ACT_HALT, ACT_WAIT_SIPI, ACT_SHUTDOWN };

struct soft_dtable {
	u64 base;
	u32 limit;
};

struct block;

struct jit;

struct soft_cpu {
	/* What translated code uses most: within reach of one byte of displacement. jit.h */
	struct tlb *jit_tlb; /* atomic; also others put one without entries here: cpu_attend() */
	u16 lf;              /* FL_ARITH, see LF_* */
	u32 attention;       /* atomic; enum attention */
	u64 gpr[N_GPRS]; /* then R_ZERO, always 0, and R_BLOCK, the address of the running block */
	u64 jit_tag;     /* struct jit_way.tag of what may be jumped to now */
	void *jit_host_sp;
	struct tlb *jit_none; /* what cpu_attend() puts into jit_tlb */
	u64 jit_spare[2];     /* what one instruction keeps over a lookup */
	u32 jit_salt;         /* spreads the ways of contexts */
	bool jit_vec;         /* vector registers are to be live in translated code */
	u16 jit_key;          /* while jit_vec is set: JIT_VEC and what is with it */
	bool jit_user;        /* jit_vec is about privilege 3 */
	bool jit_user_vec;    /* what it was when that was left */

	struct vcpu base;
	struct soft *soft;

	/* ---- registers ---- */
	u64 rip;      /* of the instruction that runs, while an exec_fn runs */
	u64 next_rip; /* where execution goes on; exec_fn of branches change it */
	u64 rflags;   /* all but FL_ARITH; bit 1 set */
	struct cpu_seg
		seg[6]; /* by enum insn_seg; the base counts in 64-bit mode for FS, GS only */
	struct cpu_seg ldt, tr;
	struct soft_dtable gdt, idt;
	u64 cr0, cr2, cr3, cr4, efer, xcr0;
	u64 dr[8];
	u64 pdpte[4]; /* PAE paging: loaded with CR3. SDM 3A 4.4.1 */

	/* ---- derived; cpu_mode_changed() keeps them ---- */
	u8 mode; /* enum cpu_mode of the code segment */
	u8 cpl;
	bool lma;  /* IA-32e mode is active: EFER.LMA */
	bool prot; /* CR0.PE and not virtual-8086 mode */
	bool v86;
	u8 stack_size;          /* bytes of the stack pointer: 2, 4, 8 */
	u64 seg_base[6];        /* as it is added to addresses: 0 for ES CS SS DS in 64-bit mode */
	u32 block_key;          /* all that a decoded block depends on; lower.c */
	struct tlb *tlb;        /* the view for the current privilege; never NULL */
	struct tlb *system_tlb; /* that of sys_read() and the like */

	/* ---- control of the loop ---- */
	struct jump jump;             /* where raise_event() goes */
	struct soft_event event;      /* raised, or on its way; kind EV_NONE: none */
	struct soft_event delivering; /* what is being delivered: a second fault meets it */
	bool shadow;    /* STI, MOV SS, POP SS ran just before: no interrupts; see shadow_ss */
	bool shadow_ss; /* by MOV SS or POP SS: no debug traps or NMIs either */
	u64 shadow_rip; /* where STI's ends: at any other RIP it has ended */
	bool trap_tf;   /* TF was set when the instruction began */
	u64 trap_dr6;   /* debug conditions met by the instruction that ran: DR6 bits */
	bool nmi_blocked, nmi_pending, in_smm, smi_pending, smm_inside_nmi;
	bool init_latched;
	u8 activity;       /* enum activity */
	bool intr_waiting; /* an interrupt was seen that could not be taken: IF, shadow */
	enum run_result result;
	u64 tsc_offset; /* guest TSC - host TSC */
	u32 smbase;
	char why[256]; /* for explain() */

	/* ---- MSRs; msr.c ---- */
	u64 star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux, tsc_adjust, pat;
	u64 sysenter_cs, sysenter_esp, sysenter_eip, misc_enable, mtrr_def_type, mtrr_fixed[11],
		mtrr_var[16], xss, spec_ctrl, debugctl, mcg_status, mcg_ctl, mc_bank[40], ucode_rev;

	/* ---- floating point; fpu.c ---- */
	struct soft_fpu *fpu;

	struct lapic lapic;
	struct cpuid_table cpuid;
	u64 cr4_mask;       /* bits of CR4 that are there; cpu_features_init() */
	u8 has[N_FEATURES]; /* by enum insn_feature; cpu_features_init() */
	struct soft_mmu *mmu;
	struct soft_blocks *blocks;
	struct lockstep *lockstep; /* NULL: no such mode */
	/* world.c: sleeping and waking, exclusive sections, alarms */
	struct mutex sleep_lock;
	struct cond sleep_changed;
	u32 sleeping; /* atomic */
	u32 in_guest; /* atomic: not between world_leave() and world_enter() */
	bool exclusive;
	bool held;    /* lockstep.c: an exclusive section is all around */
	u64 alarm_ns; /* under the world's lock; ~0: none */

	/* block.c, interp.c */
	struct block *block; /* that runs; NULL outside the hot loop */
	const struct op *op; /* of it, that runs; kept only where something may raise */
};

struct soft {
	struct accel base;
	struct cpuid_policy policy;
	struct apic_bus apics;
	u64 tsc_hz;
	u8 phys_bits;
	struct soft_cpu *cpu[256];
	unsigned count;
	struct mem_listener listener;
	u64 map_epoch;   /* atomic; changes of the memory map, or of dirty logs */
	u32 drop_ticket; /* atomic; mmu_ask_drop() */
	struct mutex world_lock;
	struct cond world_changed;
	u32 exclusive;          /* atomic: vCPUs that have or want an exclusive section */
	struct soft_cpu *owner; /* of the exclusive section; under world_lock */
	struct thread *alarm_thread;
	bool ending, paused;
	u64 paused_tsc;
	struct soft_irqfds *irqfds;
	struct thunks *thunks; /* thunk.c */
	struct jit *jit;       /* NULL: the interpreter alone */
};

static inline struct soft_cpu *soft_cpu_of(struct vcpu *v)
{
	return container_of(v, struct soft_cpu, base);
}
static inline struct soft *soft_of(struct accel *a)
{
	return container_of(a, struct soft, base);
}
static inline bool cpu_has(const struct soft_cpu *c, enum insn_feature f)
{
	return c->has[f];
}

/* ---- loop.c ---- */

/*
 * Leave the instruction with a fault: RIP is c->rip, and c->next_rip of no account. For a trap
 * (INT n) set c->rip = c->next_rip first and use raise_event().
 */
_Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e);
_Noreturn void raise_vec(struct soft_cpu *c, enum vector v); /* no error code */
_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error);
_Noreturn void raise_gp(struct soft_cpu *c); /* #GP(0) */
_Noreturn void raise_ud(struct soft_cpu *c);
_Noreturn void raise_pf(struct soft_cpu *c, gva_t at, u32 error);
/* Come out of the hot loop at the next boundary. Any thread; wakes a sleeper. */
void cpu_attend(struct soft_cpu *c, u32 bits);
/* All other vCPUs are out of guest code between the two. A raise in between ends it, too. */
void exclusive_begin(struct soft_cpu *c);
void exclusive_end(struct soft_cpu *c);
/*
 * One instruction by its exec_fn at CS:RIP, traps of single steps included: for what the hot loop
 * cannot do. May raise.
 */
void step(struct soft_cpu *c);
/*
 * The same for tests and `cpu-step`, where nobody runs the vCPU: what it raised is left in c->event
 * (kind EV_NONE: nothing) and not delivered. RIP stays at a faulting instruction.
 */
void soft_step(struct soft_cpu *c);
/* Enter and leave guest code: others' requests are waited for and served on the way in. */
void world_enter(struct soft_cpu *c);
void world_leave(struct soft_cpu *c);
void world_init(struct soft *s);
int world_start(struct soft *s, struct error *err);
void world_finish(struct soft *s);
void world_alarm(void *cpu, u64 at_ns); /* struct lapic_ops */
/* Sleep until an attention bit but HALT and STEP is set, or the machine's time is @due_ns. */
void world_sleep(struct soft_cpu *c, u64 due_ns);
u64 host_tsc(void);
/* The same, but during a pause as it was when that began: the guest's time stands still. */
u64 host_tsc_for(const struct soft_cpu *c);
u64 cpu_tsc(const struct soft_cpu *c);

/* ---- soft.c ---- */
extern const struct accel_class soft_accel;
/*
 * model.c: the leaves of the CPU called @name (NULL: x86-64-v2), as far as they are the same for
 * all machines. -EINVAL: unknown; -ENOTSUP: the host cannot.
 */
int soft_model(struct cpuid_table *out, const char *name, u64 tsc_hz, struct error *err) MUST_CHECK;
/* The vCPU whose device access this thread serves, or NULL. */
struct soft_cpu *soft_current(void);
enum run_result soft_run(struct vcpu *v);
void soft_kick(struct vcpu *v);

/* ---- irqfd.c: struct accel_class ---- */
int soft_irqfd_add(struct accel *a, unsigned *id, struct event *e, struct msi msg,
		   struct error *err);
void soft_irqfd_update(struct accel *a, unsigned id, struct msi msg, bool masked);
void soft_irqfd_remove(struct accel *a, unsigned id);
void soft_irqfds_finish(struct soft *s);

/* ---- mode.c: after any change of CR0, CR4, EFER, CS, SS, RFLAGS.VM or AC ---- */
void cpu_mode_changed(struct soft_cpu *c);
/* The same where only the privilege of 64-bit code changed: SS.DPL is it. */
void cpu_privilege_changed(struct soft_cpu *c);

static inline u64 flags_get(const struct soft_cpu *c)
{
	return c->rflags | (c->lf >> 8 & (FL_ARITH & 0xff)) | (u64)(c->lf & 1) << 11;
}
static inline void flags_set_arith(struct soft_cpu *c, u64 fl)
{
	c->lf = (u16)((fl & 0xd5) << 8 | (fl >> 11 & 1));
}
/*
 * Replace the bits of @mask with those of @fl, others stay. Does what follows from it: IF makes
 * waiting interrupts come, TF and RF switch to steps, AC and VM change the mode.
 */
void flags_set(struct soft_cpu *c, u64 fl, u64 mask);

/* ---- mmu.c: linear memory ---- */

/* Bits 48 to 63 are as bit 47: four levels of paging. SDM 1 3.3.7.1 */
static inline bool is_canonical(u64 at)
{
	return (u64)((s64)(at << 16) >> 16) == at;
}

/*
 * Accesses with the current privilege to linear addresses, which the caller has checked against
 * the segment (seg_* do). Raise #PF, or #GP(0)/#SS(0) when not canonical. Anything that is no
 * memory goes to the devices. Atomic when naturally aligned, as the guest expects.
 */
u64 lin_read(struct soft_cpu *c, gva_t at, unsigned size);
void lin_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val);
void lin_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len);
void lin_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len);
/* The hot loop's misses; @seg for #SS against #GP. They also look for data breakpoints and #AC. */
u64 lin_read_slow(struct soft_cpu *c, gva_t at, unsigned size, enum insn_seg seg);
void lin_write_slow(struct soft_cpu *c, gva_t at, unsigned size, u64 val, enum insn_seg seg);
/* As the processor itself does to descriptor tables and task states: privilege 0. SDM 3A 4.6.1 */
u64 sys_read(struct soft_cpu *c, gva_t at, unsigned size);
void sys_write(struct soft_cpu *c, gva_t at, unsigned size, u64 val);
void sys_read_bytes(struct soft_cpu *c, gva_t at, void *buf, size_t len);
void sys_write_bytes(struct soft_cpu *c, gva_t at, const void *buf, size_t len);
/* Raise whatever a write of @len bytes would raise; and nothing else. For @len up to 4096. */
void lin_probe_write(struct soft_cpu *c, gva_t at, size_t len);
void sys_probe_write(struct soft_cpu *c, gva_t at, size_t len);
/* Atomic compare and exchange of a descriptor's or table entry's 1, 4, 8 bytes, privilege 0. */
bool sys_cmpxchg(struct soft_cpu *c, gva_t at, unsigned size, u64 old, u64 new);
/*
 * Host memory for the @len bytes at @at (not past its page), readable or writable with the current
 * privilege, or NULL: devices, data breakpoints, code or logged pages (for those a write has been
 * noted when the pointer is given and it is good for this one instruction only). Raises as above.
 */
void *lin_ptr(struct soft_cpu *c, gva_t at, size_t len, bool write, enum insn_seg seg);

/*
 * Offsets in segments: limits, rights, canonical form, then as lin_*. @off is as the address size
 * leaves it; operands do not wrap at its end but for 16-bit address size, where each part wraps.
 */
u64 seg_read(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size);
void seg_write(struct soft_cpu *c, enum insn_seg s, u64 off, unsigned size, u64 val);
void seg_read_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, void *buf, size_t len);
void seg_write_bytes(struct soft_cpu *c, enum insn_seg s, u64 off, const void *buf, size_t len);
void seg_probe_write(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len);
/* Check alone, and the linear address. Raises #GP(0) or #SS(0). */
gva_t seg_check(struct soft_cpu *c, enum insn_seg s, u64 off, size_t len, bool write);

/* Physical memory as this vCPU sees it (in or out of SMM). */
u64 phys_read(struct soft_cpu *c, gpa_t at, unsigned size);
void phys_write(struct soft_cpu *c, gpa_t at, unsigned size, u64 val);

/*
 * Where the code at linear @at is, for execution with the current privilege: host address and how
 * many bytes may be read from there (to the page's end), its record for writes (NULL: none, ask
 * each time: devices). Raises #PF or #GP(0).
 */
struct code_page;
struct fetch {
	const u8 *host; /* NULL: devices; use phys_read() at @phys */
	gpa_t phys;
	unsigned len;
	struct code_page *page;
};
void mmu_fetch(struct soft_cpu *c, gva_t at, struct fetch *out);

/* ---- mmu.c: changes ---- */
int mmu_create(struct soft_cpu *c);
void mmu_destroy(struct soft_cpu *c);
/*
 * Privilege, AC, CR0, CR4, EFER, in_smm changed: set c->tlb. Flushes by itself what such a change
 * makes invalid. A change of IA32_APIC_BASE or of data breakpoints asks for mmu_flush(c, true).
 */
void mmu_view(struct soft_cpu *c);
void mmu_privilege(struct soft_cpu *c);                 /* the same: privilege and AC alone */
void mmu_flush(struct soft_cpu *c, bool global_too);    /* all PCIDs */
void mmu_flush_page(struct soft_cpu *c, gva_t at);      /* INVLPG: this PCID and global */
void mmu_flush_pcid(struct soft_cpu *c, unsigned pcid); /* not global ones */
void mmu_flush_pcid_page(struct soft_cpu *c, unsigned pcid, gva_t at);
/* CR3 was written: @keep: bit 63 said that entries of the new PCID stay. */
void mmu_cr3_changed(struct soft_cpu *c, bool keep);
/* Load and check PDPTEs from @cr3 where PAE paging wants them; false: #GP(0). SDM 3A 4.4.1 */
bool mmu_load_pdptes(struct soft_cpu *c, u64 cr0, u64 cr3, u64 cr4);
/* ATT_FLUSH, which it clears: do what others asked for. Between instructions. */
void mmu_serve(struct soft_cpu *c);
/* Around everything that may use linear memory, sleeping excepted. Both serve. */
void mmu_enter_guest(struct soft_cpu *c);
void mmu_leave_guest(struct soft_cpu *c);
/*
 * A number that changes whenever a translation for code may have changed. It comes back with a
 * PCID whose translations were kept.
 */
u64 mmu_epoch(const struct soft_cpu *c);

/*
 * For block.c, before it reads @f's bytes, which are RAM or ROM: from here on writes to the page
 * are noted. True: all of them; what is decoded now is good as long as the page's word is *word.
 * False: other vCPUs may still write unnoticed, and were asked to stop; it may be run once.
 * Set the pieces after this, before the bytes are read.
 */
bool mmu_claim_code(struct soft_cpu *c, const struct fetch *f, u32 *word);
/*
 * Its parts: drop this vCPU's write tags of one host page; have all others drop all of theirs at
 * their next boundary; whether they have, since, or are not in guest code.
 */
void tlb_drop_writes(struct soft_cpu *c, const u8 *host_page);
u32 mmu_ask_drop(struct soft_cpu *c);
bool mmu_dropped(struct soft_cpu *c, u32 ticket);

/* Set up and end listening to the machine's memory. */
int mmu_listen(struct soft *s, struct error *err) MUST_CHECK;
void mmu_unlisten(struct soft *s);

/* ---- operand.c: an instruction's operands, for exec_fn ---- */

u64 insn_offset(const struct soft_cpu *c, const struct insn *i); /* effective address, truncated */
/* Operand @n, 1 to 8 bytes, zero-extended; immediates sign-extended to the operand size. */
u64 opnd_get(struct soft_cpu *c, const struct insn *i, unsigned n);
void opnd_set(struct soft_cpu *c, const struct insn *i, unsigned n, u64 val);

/*
 * An operand that is read and written: @at points to its bytes (register or host memory), until
 * place_end(). Where there is no host memory it points to a copy that place_end() writes back;
 * with LOCK that happens in an exclusive section. Raises before anything is changed.
 */
struct place {
	void *at;
	u64 copy[2], off;
	u8 size, kind, seg;
	bool exclusive;
};
void place_begin(struct soft_cpu *c, const struct insn *i, unsigned n, struct place *p);
void place_end(struct soft_cpu *c, struct place *p);

/* Registers: 8-bit ones by operand kind; 32-bit writes clear the upper half. */
static inline u64 gpr_get(const struct soft_cpu *c, unsigned reg, unsigned size)
{
	return c->gpr[reg] & (size == 8 ? ~0ull : BIT64(size * 8) - 1);
}
void gpr_set(struct soft_cpu *c, unsigned reg, unsigned size, u64 val);

/* Stack with the current stack size. */
void push(struct soft_cpu *c, unsigned size, u64 val);
u64 pop(struct soft_cpu *c, unsigned size);
/* Set next_rip, cut to @size bytes and checked against CS: #GP(0). */
void branch_to(struct soft_cpu *c, u64 rip, unsigned size);

/* ---- exec.c: the reference of every instruction ---- */

typedef void (*exec_fn)(struct soft_cpu *c, const struct insn *i);
enum exec_attr {
	EXEC_END = 1,   /* ends a block: branches, and what changes mode, mapping or interrupts */
	EXEC_SHADOW = 4 /* STI, MOV SS, POP SS: the next instruction belongs to the same block */
};
struct exec {
	exec_fn fn; /* NULL: #UD */
	u8 attr;
};
extern const struct exec exec_table[N_OPS];
/* Check and execute @i by the book, with c->rip and c->next_rip set. May raise. */
void exec_insn(struct soft_cpu *c, const struct insn *i);
/* Whether this CPU's model has @i at all. */
bool cpu_has_insn(const struct soft_cpu *c, const struct insn *i);
/* Checks that all instructions share: features, CPL, IOPL, VEX in real mode, LOCK: may raise. */
void exec_check(struct soft_cpu *c, const struct insn *i);

/* ---- event.c, far.c: segments and control transfers (exec_far.def) ---- */

/*
 * c->event is what was raised (or an interrupt to take): deliver it through IVT, IDT, gates, tasks.
 * Raises again when that fails; @c->delivering then tells what was on its way, and the caller (the
 * loop) comes again: event_merge() makes #DF or a shutdown of the pair. SDM 3A 6.15, table 6-5
 */
void event_deliver(struct soft_cpu *c);
/* A fault @c->event was raised while @c->delivering: false: triple fault. */
bool event_merge(struct soft_cpu *c);
/* Load a data segment register or SS as MOV does, with all checks. */
void seg_load(struct soft_cpu *c, enum insn_seg s, u16 sel);
/* The register's hidden part for real and virtual-8086 mode. */
void seg_load_real(struct soft_cpu *c, enum insn_seg s, u16 sel);
/* Whether the task's permission bits allow @size ports from @port; IOPL and mode are looked at. */
void io_check(struct soft_cpu *c, u16 port, unsigned size); /* #GP(0) */

/* ---- system.c, msr.c, cpuid.c, smm.c (exec_sys.def) ---- */

/* What follows from c->cpuid: instructions, CR4. Once it is complete, before the first reset. */
void cpu_features_init(struct soft_cpu *c);
/*
 * SDM 3A table 9-1; @init: INIT, else RESET. A RESET leaves the TSC as it is without the guest's
 * own writes, so that all vCPUs agree; the caller sees to its start.
 */
void cpu_reset(struct soft_cpu *c, bool init);
void cpu_sipi(struct soft_cpu *c, u8 vector); /* of account when waiting for one only */
/*
 * Move what the local APIC has taken into nmi_pending, smi_pending; INIT and SIPI are done (in SMM
 * the INIT waits in init_latched; RSM makes ATT_INTR look again). At an instruction boundary.
 */
void cpu_take_events(struct soft_cpu *c);
/* False: #GP(0). */
bool msr_read(struct soft_cpu *c, u32 index, u64 *out);
bool msr_write(struct soft_cpu *c, u32 index, u64 val);
void cpuid_query(struct soft_cpu *c, u32 leaf, u32 subleaf, u32 out[4]);
bool cr0_write(struct soft_cpu *c, u64 val); /* false: #GP(0) */
bool cr3_write(struct soft_cpu *c, u64 val);
bool cr4_write(struct soft_cpu *c, u64 val);
void smm_enter(struct soft_cpu *c);
/* Debug: breakpoints at c->rip (faults) and for data; DR6 bits that match, only enabled ones. */
u64 debug_exec_match(const struct soft_cpu *c, gva_t rip);
u64 debug_data_match(const struct soft_cpu *c, gva_t at, unsigned size, bool write);
u64 debug_io_match(const struct soft_cpu *c, u16 port, unsigned size);
bool debug_page_watched(const struct soft_cpu *c, gva_t page); /* has a data breakpoint */
int soft_get_state(struct vcpu *v, struct cpu_state *out, struct error *err);
int soft_set_state(struct vcpu *v, const struct cpu_state *in, struct error *err);

/* ---- fpu.c, thunk.c (exec_fp.def) ---- */

/* Host code for instructions, of all vCPUs; fpu_create() makes it when there is none. */
int thunks_create(struct soft *s, struct error *err) MUST_CHECK;
void thunks_destroy(struct soft *s); /* after the last fpu_destroy() */
int fpu_create(struct soft_cpu *c, struct error *err) MUST_CHECK;
void fpu_destroy(struct soft_cpu *c);
void fpu_reset(struct soft_cpu *c, bool init);
/* Guest x87 and MXCSR state may be live in the host's registers: write it to memory, and give the
 * host its own back. Before devices are called, the thread sleeps, or run() returns. Cheap when not
 * live. */
void fpu_park(struct soft_cpu *c);
/* XSAVE area in standard form (CPU_XSAVE bytes at most), its length; and back: -EINVAL. */
u32 fpu_save(struct soft_cpu *c, u8 *area);
int fpu_load(struct soft_cpu *c, const u8 *area, u32 len);
u8 *fpu_vec(struct soft_cpu *c, unsigned n); /* 32 bytes of YMM @n in memory, little endian */
/*
 * For instructions whose exec_fn is exec_fp: find out once what it looks up each time. NULL: call
 * exec_fp. Any vCPU of the machine may run it, with the same @i or an equal one, as long as the
 * machine lives; c->rip must be set.
 */
void *thunk_prepare(struct soft_cpu *c, const struct insn *i);
void thunk_run(struct soft_cpu *c, const struct insn *i, void *thunk);
void exec_fp(struct soft_cpu *c, const struct insn *i);
