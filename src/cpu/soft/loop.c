/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/soft/loop.c: run(): guest code until something else must be done, in the order of SDM 3A
 * table 6-2.
 */
#include "cpu/soft/block.h"
#include "cpu/soft/jit.h"
#include "cpu/soft/soft_priv.h"

static _Thread_local struct soft_cpu *current;

struct soft_cpu *soft_current(void)
{
	return current;
}

/* ---- raising ---- */

/* Never a part of the function that set the jump: plat/jump.h. */
__attribute__((noinline)) _Noreturn void raise_event(struct soft_cpu *c, const struct soft_event *e)
{
	c->event = *e;
	if (c->exclusive && !c->held)
		exclusive_end(c);
	jump_to(&c->jump);
}

_Noreturn void raise_vec(struct soft_cpu *c, enum vector v)
{
	raise_event(c, &(struct soft_event){ .vector = (u8)v, .kind = EV_EXCEPTION });
}

_Noreturn void raise_error(struct soft_cpu *c, enum vector v, u32 error)
{
	raise_event(c, &(struct soft_event){
			       .vector = (u8)v,
			       .kind = EV_EXCEPTION,
			       .has_error = true,
			       .error = error,
		       });
}

_Noreturn void raise_gp(struct soft_cpu *c)
{
	raise_error(c, VEC_GP, 0);
}

_Noreturn void raise_ud(struct soft_cpu *c)
{
	raise_vec(c, VEC_UD);
}

_Noreturn void raise_pf(struct soft_cpu *c, gva_t at, u32 error)
{
	raise_event(c, &(struct soft_event){
			       .vector = VEC_PF,
			       .kind = EV_EXCEPTION,
			       .has_error = true,
			       .error = error,
			       .cr2 = at,
		       });
}

/* ---- single steps ---- */

static void raise_db(struct soft_cpu *c, u64 dr6)
{
	raise_event(c, &(struct soft_event){
			       .vector = VEC_DB,
			       .kind = EV_EXCEPTION,
			       .dr6 = dr6,
		       });
}

#define DR6_BS BIT(14)
#define DEBUGCTL_BTF BIT(1)
#define DR7_ENABLED 0xff

static bool must_step(const struct soft_cpu *c)
{
	return c->shadow || c->rflags & (FL_TF | FL_RF) || c->dr[7] & DR7_ENABLED;
}

static u64 exec_breakpoints(const struct soft_cpu *c)
{
	if (!(c->dr[7] & DR7_ENABLED) || c->rflags & FL_RF)
		return 0;
	return debug_exec_match(c, c->seg_base[SEG_CS] + c->rip);
}

/* With BTF, TF steps from one taken branch to the next. SDM 3B 17.4.4 */
static bool steps_here(const struct soft_cpu *c, const struct insn *i, u64 behind)
{
	if (!c->trap_tf || c->shadow_ss)
		return false;
	return !(c->debugctl & DEBUGCTL_BTF) ||
	       (insn_info(i)->cls == CLASS_BRANCH && c->next_rip != behind);
}

/*
 * RF holds breakpoints off for one instruction, and is set between the rounds of a REP; a load of
 * SS holds them off, too. SDM 3B 17.3.1.1, 3A 6.8.3
 */
__attribute__((noinline)) void step(struct soft_cpu *c)
{
	struct insn insn;
	u64 hit = c->shadow_ss ? 0 : exec_breakpoints(c), behind;

	if (hit)
		raise_db(c, hit);
	code_fetch_insn(c, &insn);
	c->trap_tf = c->rflags & FL_TF;
	c->shadow = c->shadow_ss = false;
	c->rflags &= ~(u64)FL_RF;
	c->next_rip = c->rip + insn.len;
	if (c->mode != CPU_64)
		c->next_rip = (u32)c->next_rip;
	behind = c->next_rip;
	exec_insn(c, &insn);
	c->base.insns++;
	if (c->next_rip == c->rip && insn.rep)
		c->rflags |= FL_RF;
	c->rip = c->next_rip;
	if (steps_here(c, &insn, behind))
		c->trap_dr6 |= DR6_BS;
}

void soft_step(struct soft_cpu *c)
{
	c->event.kind = EV_NONE;
	if (jump_set(&c->jump) == 0)
		step(c);
	jump_stay();
}

/* ---- what is to be done between instructions ---- */

static bool can_interrupt(const struct soft_cpu *c)
{
	return c->rflags & FL_IF && !c->shadow;
}

/* Nobody looked at it where it ended: the hot loop does not stop behind STI. */
static void end_shadow(struct soft_cpu *c)
{
	if (c->shadow && !c->shadow_ss && c->rip != c->shadow_rip)
		c->shadow = false;
}

/* A maskable interrupt, if there is one that may be taken: into c->event. */
static void look_for_interrupt(struct soft_cpu *c)
{
	bool extint = lapic_extint(&c->lapic);
	int vector = -1;

	c->intr_waiting = (extint || lapic_pending(&c->lapic) >= 0) && !can_interrupt(c);
	if (c->intr_waiting)
		return;
	if (extint)
		vector = lapic_extint_ack(&c->lapic);
	if (vector < 0)
		vector = lapic_ack(&c->lapic);
	if (vector < 0)
		return;
	c->event = (struct soft_event){ .vector = (u8)vector, .kind = EV_EXT };
	/* What is behind it, and is not held back by its priority. */
	if (lapic_extint(&c->lapic) || lapic_pending(&c->lapic) >= 0)
		__atomic_fetch_or(&c->attention, ATT_INTR, __ATOMIC_SEQ_CST);
}

static void wake_up(struct soft_cpu *c)
{
	if (c->activity == ACT_HALT)
		c->activity = ACT_RUN;
}

/* Into c->event what comes before the next instruction, but for interrupts. */
static void look_for_others(struct soft_cpu *c)
{
	if (c->smi_pending && !c->in_smm) {
		c->smi_pending = false;
		smm_enter(c);
		wake_up(c);
	}
	if (c->trap_dr6 && !c->shadow_ss) {
		c->event = (struct soft_event){
			.vector = VEC_DB,
			.kind = EV_EXCEPTION,
			/* A breakpoint on what comes next is told with it. SDM 3B 17.2.3 */
			.dr6 = c->trap_dr6 | exec_breakpoints(c),
		};
		c->trap_dr6 = 0;
	} else if (c->nmi_pending && !c->nmi_blocked && !c->shadow_ss) {
		c->nmi_pending = false;
		c->event = (struct soft_event){ .vector = VEC_NMI, .kind = EV_NMI };
	}
}

/* Fill c->event with what comes before the next instruction. */
static void look_for_events(struct soft_cpu *c, bool interrupts)
{
	if (c->activity == ACT_WAIT_SIPI)
		return;
	if (!c->event.kind)
		look_for_others(c);
	if (!c->event.kind && interrupts)
		look_for_interrupt(c);
	else if (interrupts) /* it was not looked for */
		__atomic_fetch_or(&c->attention, ATT_INTR, __ATOMIC_SEQ_CST);
	if (c->event.kind)
		wake_up(c);
}

static u32 take(struct soft_cpu *c, u32 bits)
{
	if (!(__atomic_load_n(&c->attention, __ATOMIC_RELAXED) & bits))
		return 0;
	return __atomic_fetch_and(&c->attention, ~bits, __ATOMIC_SEQ_CST) & bits;
}

/* After what may have left something for the next boundary. */
static void look_again(struct soft_cpu *c)
{
	u32 bits = (must_step(c) || c->trap_dr6 ? ATT_STEP : 0) |
		   (c->intr_waiting || c->nmi_pending ? ATT_INTR : 0);

	if (bits)
		__atomic_fetch_or(&c->attention, bits, __ATOMIC_SEQ_CST);
}

static void sleep_until_wanted(struct soft_cpu *c)
{
	c->base.exits[EXIT_HALT]++;
	world_sleep(c, lapic_due_ns(&c->lapic));
}

/* False: run() is to return c->result. */
static bool attend(struct soft_cpu *c)
{
	bool interrupts;

	end_shadow(c);
	if (take(c, ATT_STOP)) {
		fpu_park(c);
		world_leave(c);
		world_enter(c);
	}
	if (take(c, ATT_FLUSH))
		mmu_serve(c);
	if (take(c, ATT_RESULT))
		return false;
	if (take(c, ATT_KICK)) {
		c->result = RUN_AGAIN;
		return false;
	}
	interrupts = take(c, ATT_INTR);
	if (interrupts)
		cpu_take_events(c);
	look_for_events(c, interrupts || c->activity != ACT_RUN);
	if (c->activity != ACT_RUN) {
		sleep_until_wanted(c);
		return true;
	}
	take(c, ATT_HALT);
	if (c->event.kind)
		return true;
	take(c, ATT_STEP);
	if (!must_step(c))
		return true;
	step(c);
	look_again(c);
	return true;
}

static void deliver(struct soft_cpu *c)
{
	event_deliver(c);
	c->shadow = c->shadow_ss = false;
	c->trap_dr6 = 0;
	look_again(c);
}

static __attribute__((noinline)) void guest(struct soft_cpu *c)
{
	for (;;) {
		if (c->event.kind)
			deliver(c);
		if (__atomic_load_n(&c->attention, __ATOMIC_RELAXED) && !attend(c))
			return;
		if (c->event.kind || c->activity != ACT_RUN)
			continue;
		if (c->soft->jit)
			jit_run(c);
		interp(c);
	}
}

/* False: something was raised. Nothing else may be in here: plat/jump.h. */
static __attribute__((noinline)) bool try_guest(struct soft_cpu *c)
{
	if (jump_set(&c->jump))
		return false;
	guest(c);
	jump_stay();
	return true;
}

enum run_result soft_run(struct vcpu *v)
{
	struct soft_cpu *c = soft_cpu_of(v);

	current = c;
	world_enter(c);
	while (!try_guest(c)) {
		block_leave(c);
		c->trap_dr6 = 0;
		if (c->delivering.kind && !event_merge(c)) {
			c->event.kind = c->delivering.kind = EV_NONE;
			c->activity = ACT_SHUTDOWN;
			c->result = RUN_SHUTDOWN;
			break;
		}
	}
	fpu_park(c);
	world_leave(c);
	current = NULL;
	return c->result;
}

void soft_kick(struct vcpu *v)
{
	cpu_attend(soft_cpu_of(v), ATT_KICK);
}
