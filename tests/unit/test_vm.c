/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's life on the fake backend: it runs, stops, is reset, and ends in each way there is. */
#include "base/log.h"
#include "kernel_file.h"
#include "vm_rig.h"

static struct vm_rig rig;
static unsigned todo;

static unsigned runs(void)
{
	return __atomic_load_n(&fake.cpu[0]->runs, __ATOMIC_RELAXED);
}

static unsigned resets(unsigned cpu)
{
	return __atomic_load_n(&fake.cpu[cpu]->resets, __ATOMIC_RELAXED);
}

/* Let the main loop work until @cond: a busy host takes its time. */
#define AWAIT(cond)                                                                                \
	do {                                                                                       \
		rig_loop_ms(&rig, 2);                                                              \
	} while (!(cond))

static enum run_result idle(struct fake_cpu *c)
{
	time_sleep_ns(100 * NS_PER_US);
	return RUN_AGAIN;
}

static bool once(void)
{
	return __atomic_exchange_n(&todo, 0, __ATOMIC_ACQ_REL);
}

static void a_machine_runs_pauses_and_ends(void) unchecked_roles
{
	unsigned before;

	rig_begin(&rig, "test_vm", 2);
	rig_start(&rig);
	AWAIT(runs());
	vm_pause(rig.vm);
	vm_pause(rig.vm);
	before = runs();
	time_sleep_ns(5 * NS_PER_MS);
	CHECK_EQ(runs(), before);
	vm_resume(rig.vm);
	rig_loop_ms(&rig, 5);
	vm_quit(rig.vm);
	vm_quit(rig.vm);
	CHECK_EQ(rig.how, VM_QUIT);
	CHECK_EQ(rig.ends, 1);
	rig_end(&rig);
}

static void a_machine_that_never_started_can_be_destroyed(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	rig_create(&rig);
	rig_end(&rig);
}

static void a_running_machine_can_be_destroyed(void) unchecked_roles
{
	for (unsigned i = 0; i < 20; i++) {
		rig_begin(&rig, "test_vm", 4);
		fake.step = i & 1 ? idle : NULL;
		rig_start(&rig);
		rig_end(&rig);
	}
}

static enum run_result cf9_once(struct fake_cpu *c)
{
	if (once())
		io_write_vcpu(fake_machine(c), IO_PORT, 0xcf9, 1, 6);
	return idle(c);
}

static void a_reset_starts_devices_and_processors_anew(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	fake.step = cf9_once;
	todo = 1;
	rig_start(&rig);
	io_write_vcpu(rig.vm->machine, IO_PORT, 0x3ff, 1, 0x77);
	AWAIT(resets(1) == 2);
	CHECK_EQ(rig.ends, 0);
	CHECK_EQ(io_read_vcpu(rig.vm->machine, IO_PORT, 0x3ff, 1), 0);
	AWAIT(runs() > 1);
	vm_quit(rig.vm);
	rig_end(&rig);
}

static void a_paused_machine_stays_paused_over_a_reset(void) unchecked_roles
{
	unsigned before;

	rig_begin(&rig, "test_vm", 2);
	fake.step = idle;
	rig_start(&rig);
	rig_loop_ms(&rig, 5);
	vm_pause(rig.vm);
	before = runs();
	machine_request(rig.vm->machine, REQUEST_RESET);
	AWAIT(resets(0) == 2);
	rig_loop_ms(&rig, 5);
	CHECK_EQ(runs(), before);
	vm_resume(rig.vm);
	AWAIT(runs() > before);
	vm_quit(rig.vm);
	rig_end(&rig);
}

static void without_reboots_a_reset_is_an_end(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	rig.cfg.no_reboot = true;
	fake.step = cf9_once;
	todo = 1;
	rig_start(&rig);
	loop_run(rig.loop);
	CHECK_EQ(rig.how, VM_RESET_ASKED);
	rig_end(&rig);
}

/* All vCPUs ask at once, before the loop has served the first: it is still one reset. */
static enum run_result all_reset(struct fake_cpu *c)
{
	if (resets(c->base.index) == 1)
		io_write_vcpu(fake_machine(c), IO_PORT, 0xcf9, 1, 6);
	return idle(c);
}

static void resets_asked_by_several_processors_are_one(void) unchecked_roles
{
	for (unsigned i = 0; i < 30; i++) {
		rig_begin(&rig, "test_vm", 8);
		fake.step = all_reset;
		rig_start(&rig);
		AWAIT(resets(0) > 1);
		rig_loop_ms(&rig, 5);
		CHECK_EQ(resets(0), 2);
		vm_quit(rig.vm);
		rig_end(&rig);
	}
}

static enum run_result triple_fault(struct fake_cpu *c)
{
	return RUN_SHUTDOWN;
}

static void a_triple_fault_is_a_crash_and_is_told_once(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	fake.step = triple_fault;
	rig_start(&rig);
	loop_run(rig.loop);
	CHECK_EQ(rig.how, VM_CRASHED);
	CHECK_EQ(rig.ends, 1);
	rig_end(&rig);
}

static void a_processor_that_cannot_be_reset_is_a_crash(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	fake.step = cf9_once;
	todo = 1;
	rig_start(&rig);
	fake.reset_fails = true;
	loop_run(rig.loop);
	CHECK_EQ(rig.how, VM_CRASHED);
	rig_end(&rig);
}

static enum run_result crash_msr(struct fake_cpu *c)
{
	time_sleep_ns(50 * NS_PER_US);
	return RUN_CRASH;
}

/* The guest may say so as often as it likes; the log must not grow with it. */
static void a_reported_crash_ends_nothing_and_fills_no_log(void) unchecked_roles
{
	struct file_info info;
	struct file *f;

	file_remove("test_vm_log.txt");
	CHECK(log_to_file("test_vm_log.txt") == 0);
	rig_begin(&rig, "test_vm", 1);
	fake.step = crash_msr;
	rig_start(&rig);
	AWAIT(runs() > 200);
	vm_quit(rig.vm);
	CHECK_EQ(rig.how, VM_QUIT);
	rig_end(&rig);
	CHECK(log_to_file(NULL) == 0);
	CHECK(file_open(&f, "test_vm_log.txt", FILE_READ, NULL) == 0);
	CHECK(file_info(f, &info) == 0);
	CHECK(info.size > 0 && info.size < 12000);
	file_close(f);
}

static enum run_result soft_off(struct fake_cpu *c)
{
	struct machine *m = fake_machine(c);

	/* PMBASE 600h, enabled, then SLP_EN with type 0 in PM1_CNT. */
	io_write_vcpu(m, IO_PORT, 0xcf8, 4, 0x8000f840);
	io_write_vcpu(m, IO_PORT, 0xcfc, 4, 0x601);
	io_write_vcpu(m, IO_PORT, 0xcf8, 4, 0x8000f844);
	io_write_vcpu(m, IO_PORT, 0xcfc, 1, 0x80);
	io_write_vcpu(m, IO_PORT, 0x604, 2, 0x2000);
	return RUN_AGAIN;
}

static void power_off_by_the_guest_is_the_good_end(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	fake.step = soft_off;
	rig_start(&rig);
	loop_run(rig.loop);
	CHECK_EQ(rig.how, VM_POWERED_OFF);
	rig_end(&rig);
}

/* A request is on its way to the loop when the machine goes; the loop lives on. */
static void a_late_request_finds_no_machine_and_no_harm(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	rig_start(&rig);
	machine_request(rig.vm->machine, REQUEST_RESET);
	vm_quit(rig.vm);
	vm_destroy(rig.vm);
	rig.vm = NULL;
	rig_loop_ms(&rig, 5);
	rig_end(&rig);
}

/* RTC: 1024 interrupts a second, from a timer that a vCPU has armed. */
static enum run_result rtc_once(struct fake_cpu *c)
{
	struct machine *m = fake_machine(c);

	if (once()) {
		io_write_vcpu(m, IO_PORT, 0x70, 1, 0x0b);
		io_write_vcpu(m, IO_PORT, 0x71, 1, 0x42);
	}
	io_write_vcpu(m, IO_PORT, 0x70, 1, 0x0c);
	io_read_vcpu(m, IO_PORT, 0x71, 1);
	return idle(c);
}

static void timers_armed_by_a_processor_wake_the_loop(void) unchecked_roles
{
	struct machine *m;

	rig_begin(&rig, "test_vm", 1);
	fake.step = rtc_once;
	rig_start(&rig);
	m = rig.vm->machine;
	/* ISA line 8 is pin 8 of the I/O APIC: let it send. */
	io_write_vcpu(m, IO_MMIO, 0xfec00000, 4, 0x20);
	io_write_vcpu(m, IO_MMIO, 0xfec00010, 4, 0x38);
	rig_loop_ms(&rig, 5);
	CHECK_EQ(__atomic_load_n(&fake.msis, __ATOMIC_RELAXED), 0);
	__atomic_store_n(&todo, 1, __ATOMIC_RELEASE);
	AWAIT(__atomic_load_n(&fake.msis, __ATOMIC_RELAXED) > 20);
	vm_quit(rig.vm);
	rig_end(&rig);
}

static void a_disk_may_not_have_the_name_of_another_device(void) unchecked_roles
{
	static const char *const taken[] = { "rtc",    "com1",     "flash", "smi",
					     "fw_cfg", "debugcon", "rng0" };

	for (unsigned i = 0; i < ARRAY_LEN(taken); i++) {
		rig_begin(&rig, "test_vm", 1);
		rig.cfg.debugcon.kind = CHR_NULL;
		rig.cfg.smm = TOGGLE_ON;
		free(rig.cfg.disk[1].id);
		rig.cfg.disk[1].id = xstrdup(taken[i]);
		CHECK(vm_create(&rig.vm, &rig.cfg, rig.loop, &rig.err) < 0);
		CHECK(strstr(rig.err.msg, taken[i]) && strstr(rig.err.msg, "already"));
		rig_end(&rig);
	}
}

static void memory_beyond_the_backend_is_an_error(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 1);
	rig.cfg.memory = GIB(3);
	fake.map_fails = true;
	CHECK(vm_create(&rig.vm, &rig.cfg, rig.loop, &rig.err) < 0);
	CHECK(strstr(rig.err.msg, "ram-high"));
	rig_end(&rig);
}

static void save(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	CHECK(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static void give_kernel(void)
{
	static struct kernel_file f;

	kfile_begin(&f, false, 0x100010);
	kfile_multiboot(&f, KFILE_TEXT, 0);
	kfile_phdr(&f, 1, KFILE_TEXT, 0x1000, 0x100000, 0x100000, 0x3000);
	save("test_vm_kernel", f.at, f.len);
	save("test_vm_module", "module", 6);
	free(rig.cfg.firmware);
	free(rig.cfg.nvram);
	rig.cfg.firmware = rig.cfg.nvram = NULL;
	rig.cfg.kernel = xstrdup("test_vm_kernel");
	rig.cfg.initramfs = xstrdup("test_vm_module");
	rig.cfg.cmdline = xstrdup("and more");
}

/* What Multiboot says of the first processor's registers, and a BIOS leaves in all of them. */
static void check_entry(void)
{
	const struct cpu_state *s = &fake.cpu[0]->state;
	struct mem *m = rig.vm->machine->mem;
	char text[32] = "";
	u8 info[88], pm[4];

	CHECK_EQ(s->rip, 0x100010);
	CHECK_EQ(s->gpr[0], 0x2badb002);
	CHECK_EQ(s->cr0, 0x11);
	CHECK_EQ(s->rflags, 2);
	CHECK_EQ(s->cs.attr, 0xc09b);
	CHECK(s->cs.limit == ~0u && s->ss.limit == ~0u && s->gs.attr == 0xc093 && !s->ds.base);
	CHECK_EQ(s->tr.limit, 0x67);
	CHECK(mem_read(m, s->gpr[3], info, sizeof(info)) == 0);
	CHECK(mem_read(m, le32_at(info + 16), text, sizeof(text) - 1) == 0);
	CHECK(!strcmp(text, "test_vm_kernel and more"));
	CHECK_EQ(fake.cpu[1]->state.rip, 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(fake.cpu[i]->state.msr[2].value, 0x806);
	CHECK_EQ(le32_at(fake.cpu[0]->state.lapic + 0x350), 0x700);
	machine_lock(rig.vm->machine);
	io_write(rig.vm->machine, IO_PORT, 0xcf8, 4, 0x8000f840);
	put_le32(pm, (u32)io_read(rig.vm->machine, IO_PORT, 0xcfc, 4));
	machine_unlock(rig.vm->machine);
	CHECK_EQ(le32_at(pm), 0x601);
}

static void a_kernel_without_firmware_begins_by_its_protocol(void) unchecked_roles
{
	rig_begin(&rig, "test_vm", 2);
	give_kernel();
	rig_start(&rig);
	check_entry();
	vm_pause(rig.vm);
	CHECK(mem_write(rig.vm->machine->mem, 0x100000, "gone", 4) == 0);
	vm_reset(rig.vm);
	check_entry();
	vm_quit(rig.vm);
	rig_end(&rig);
	remove("test_vm_kernel");
	remove("test_vm_module");
}

static void a_kernel_that_can_not_be_started_is_an_error(void) unchecked_roles
{
	static const char text[] =
		"\177ELF and nothing that would follow, for more than fifty bytes";

	rig_begin(&rig, "test_vm", 1);
	give_kernel();
	save("test_vm_kernel", text, sizeof(text));
	CHECK(vm_create(&rig.vm, &rig.cfg, rig.loop, &rig.err) < 0);
	CHECK(strstr(rig.err.msg, "--kernel test_vm_kernel: "));
	rig.vm = NULL;
	rig_end(&rig);
	remove("test_vm_kernel");
	remove("test_vm_module");
}

int main(void)
{
	RUN(a_machine_runs_pauses_and_ends);
	RUN(a_machine_that_never_started_can_be_destroyed);
	RUN(a_running_machine_can_be_destroyed);
	RUN(a_reset_starts_devices_and_processors_anew);
	RUN(a_paused_machine_stays_paused_over_a_reset);
	RUN(without_reboots_a_reset_is_an_end);
	RUN(resets_asked_by_several_processors_are_one);
	RUN(a_triple_fault_is_a_crash_and_is_told_once);
	RUN(a_processor_that_cannot_be_reset_is_a_crash);
	RUN(a_reported_crash_ends_nothing_and_fills_no_log);
	RUN(power_off_by_the_guest_is_the_good_end);
	RUN(a_late_request_finds_no_machine_and_no_harm);
	RUN(a_disk_may_not_have_the_name_of_another_device);
	RUN(memory_beyond_the_backend_is_an_error);
	RUN(a_kernel_without_firmware_begins_by_its_protocol);
	RUN(a_kernel_that_can_not_be_started_is_an_error);
	RUN(timers_armed_by_a_processor_wake_the_loop);
	return 0;
}
