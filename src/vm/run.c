/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm/run.c: the vCPU threads, and what makes them stop: pause, reset, power-off, the end.
 *
 * A vCPU thread runs the guest until it is kicked, then looks at @hold and @ending under the run
 * lock and parks while held. The main loop holds, waits until all are parked, does its work and
 * lets go. Requests of the guest (a write to CF9) come on any thread; they set @hold at once, so
 * that the guest does not run on, and are served on the loop.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "plat/time.h"
#include "vm/vm_priv.h"

LOG_MODULE("vm");

static void kick_all(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpus; i++)
		vm->accel->cls->kick(vm->cpu[i].vcpu);
}

/* True when the thread shall go on running the guest. */
static bool wait_until_wanted(struct vm_cpu *c)
{
	struct vm *vm = c->vm;
	bool go;

	mutex_lock(&vm->run_lock);
	while (vm->hold && !vm->ending) {
		if (!c->parked) {
			c->parked = true;
			vm->parked++;
			cond_broadcast(&vm->run_changed);
		}
		cond_wait(&vm->run_changed, &vm->run_lock);
	}
	if (c->parked) {
		c->parked = false;
		vm->parked--;
	}
	go = !vm->ending;
	mutex_unlock(&vm->run_lock);
	return go;
}

/* What the backend says about the last run, a log line for each of its own. */
static void report_failure(struct vm_cpu *c)
{
	struct str text = { 0 };
	char *line, *rest;

	c->vm->accel->cls->explain(c->vcpu, &text);
	log_err("vCPU %u stopped", c->vcpu->index);
	for (line = text.at; line; line = rest) {
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = 0;
		log_err("%s", line);
	}
	str_free(&text);
}

/* A guest may report its crash as often as it likes. The registers are of no use here. */
static void report_crash(struct vm_cpu *c)
{
	struct str text = { 0 };

	c->vm->accel->cls->explain(c->vcpu, &text);
	log_guest("%.*s; it goes on to write its dump", text.at ? (int)strcspn(text.at, "\n") : 0,
		  text.at ? text.at : "");
	str_free(&text);
}

static void vcpu_main(void *arg)
{
	struct vm_cpu *c = arg;
	struct vm *vm = c->vm;

	while (wait_until_wanted(c)) {
		switch (vm->accel->cls->run(c->vcpu)) {
		case RUN_AGAIN: break;
		case RUN_RESET: machine_request(vm->machine, REQUEST_RESET); break;
		case RUN_CRASH: report_crash(c); break;
		case RUN_SHUTDOWN:
		case RUN_ERROR:
			c->failed = true;
			report_failure(c);
			machine_request(vm->machine, REQUEST_CRASH);
			break;
		}
	}
}

static void hold(struct vm *vm)
{
	mutex_lock(&vm->run_lock);
	vm->hold = true;
	mutex_unlock(&vm->run_lock);
	kick_all(vm);
}

static void wait_parked(struct vm *vm)
{
	mutex_lock(&vm->run_lock);
	while (vm->parked < vm->vcpus)
		cond_wait(&vm->run_changed, &vm->run_lock);
	mutex_unlock(&vm->run_lock);
}

static void stop(struct vm *vm)
{
	if (!vm->started)
		return;
	hold(vm);
	wait_parked(vm);
	clock_pause(vm->machine->clock);
	vm->accel->cls->pause(vm->accel);
}

static void go(struct vm *vm)
{
	if (!vm->started)
		return;
	vm->accel->cls->resume(vm->accel);
	clock_resume(vm->machine->clock);
	mutex_lock(&vm->run_lock);
	/* A request that is still to be served holds them, too; serving it brings us here again. */
	vm->hold = __atomic_load_n(&vm->requests, __ATOMIC_ACQUIRE) != 0;
	cond_broadcast(&vm->run_changed);
	mutex_unlock(&vm->run_lock);
	loop_wake(vm->loop); /* timers run again */
}

void vm_pause(struct vm *vm)
{
	vm->paused = vm->started;
	stop(vm);
}

void vm_resume(struct vm *vm)
{
	vm->paused = false;
	go(vm);
}

static int reset_vcpus(struct vm *vm, struct error *err) needs(on_loop)
{
	for (unsigned i = 0; i < vm->vcpus; i++) {
		int rc = vm->accel->cls->vcpu_reset(vm->cpu[i].vcpu, err);

		if (rc < 0)
			return rc;
		vm->cpu[i].failed = false;
	}
	return vm_boot(vm, err);
}

static void end(struct vm *vm, enum vm_end how)
{
	if (vm->over)
		return;
	vm->over = true;
	vm->lost = vm->board_cls->sync(vm->board);
	if (vm->lost < 0)
		log_err("the firmware's variables could not be written: %s", strerror(-vm->lost));
	if (vm->ended)
		vm->ended(vm->ended_arg, how);
}

int vm_lost(const struct vm *vm)
{
	return vm->lost;
}

u32 vm_exit_value(const struct vm *vm)
{
	return __atomic_load_n(&vm->machine->exit_value, __ATOMIC_ACQUIRE);
}

void vm_reset(struct vm *vm)
{
	struct error err = { 0 };

	stop(vm);
	machine_lock(vm->machine);
	device_reset_all(vm->machine, RESET_WARM);
	machine_unlock(vm->machine);
	if (reset_vcpus(vm, &err) < 0) {
		log_err("reset: %s", err.msg);
		end(vm, VM_CRASHED);
		return;
	}
	log_info("the machine was reset");
	if (!vm->paused)
		go(vm);
}

void vm_power_button(struct vm *vm)
{
	machine_lock(vm->machine);
	vm->board_cls->power_button(vm->board);
	machine_unlock(vm->machine);
}

void vm_quit(struct vm *vm)
{
	stop(vm);
	end(vm, VM_QUIT);
}

/*
 * [on_loop] A power-off wins over a reset, a crash over both, a suite that says that it is done
 * over all. They are looked at when all vCPUs have stopped: what one of them asked for on its way
 * must not be asked of the machine that follows.
 */
static void serve_requests(struct job *job) unchecked_roles
{
	struct vm *vm = container_of(job, struct vm, request_job);
	u32 bits;

	if (!__atomic_load_n(&vm->requests, __ATOMIC_ACQUIRE) || vm->over)
		return;
	stop(vm);
	bits = __atomic_exchange_n(&vm->requests, 0, __ATOMIC_ACQ_REL);
	if (bits & BIT(REQUEST_EXIT))
		end(vm, VM_TEST_DONE);
	else if (bits & BIT(REQUEST_CRASH))
		end(vm, VM_CRASHED);
	else if (bits & BIT(REQUEST_POWEROFF))
		end(vm, VM_POWERED_OFF);
	else if (vm->no_reboot)
		end(vm, VM_RESET_ASKED);
	else
		vm_reset(vm);
}

void vm_request(void *arg, enum machine_request what)
{
	struct vm *vm = arg;

	__atomic_fetch_or(&vm->requests, BIT(what), __ATOMIC_ACQ_REL);
	if (vm->started)
		hold(vm);
	loop_post(vm->loop, &vm->request_job);
}

/* The loop asks how long it may sleep: fire what is due first. */
static u64 run_timers(void *arg)
{
	struct vm *vm = arg;
	u64 ns;

	machine_lock(vm->machine);
	ns = clock_run_due(vm->machine->clock);
	machine_unlock(vm->machine);
	return ns;
}

static void timer_is_earlier(void *arg)
{
	struct vm *vm = arg;

	loop_wake(vm->loop);
}

void vm_run_init(struct vm *vm)
{
	mutex_init(&vm->run_lock);
	cond_init(&vm->run_changed);
	vm->hold = true;
	vm->request_job.fn = serve_requests;
}

int vm_start(struct vm *vm, void (*ended)(void *arg, enum vm_end how), void *arg, struct error *err)
{
	int rc = reset_vcpus(vm, err);

	if (rc < 0)
		return rc;
	vm->ended = ended;
	vm->ended_arg = arg;
	clock_on_earlier(vm->machine->clock, timer_is_earlier, vm);
	loop_set_timeout(vm->loop, run_timers, vm);
	for (unsigned i = 0; i < vm->vcpus; i++) {
		struct vm_cpu *c = &vm->cpu[i];
		char *name = xasprintf("vcpu%u", i);

		rc = thread_start(&c->thread, name, vcpu_main, c, err);
		free(name);
		if (rc < 0)
			return rc;
		__atomic_store_n(&c->vcpu->thread, c->thread, __ATOMIC_RELEASE);
	}
	vm->started = true;
	vm->started_ns = time_now_ns();
	wait_parked(vm);
	go(vm);
	return 0;
}

void vm_run_finish(struct vm *vm)
{
	loop_set_timeout(vm->loop, NULL, NULL);
	/*
	 * First all park: one that still runs may ask for something, and kick one that has ended.
	 */
	stop(vm);
	loop_unpost(vm->loop, &vm->request_job);
	mutex_lock(&vm->run_lock);
	vm->ending = true;
	cond_broadcast(&vm->run_changed);
	mutex_unlock(&vm->run_lock);
	for (unsigned i = 0; i < vm->vcpus; i++) {
		if (!vm->cpu[i].thread)
			continue;
		__atomic_store_n(&vm->cpu[i].vcpu->thread, NULL, __ATOMIC_RELEASE);
		thread_join(vm->cpu[i].thread);
		vm->cpu[i].thread = NULL;
	}
	vm->started = false;
	cond_finish(&vm->run_changed);
	mutex_finish(&vm->run_lock);
}
