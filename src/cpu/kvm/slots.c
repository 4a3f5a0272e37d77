/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu/kvm/slots.c: guest memory as KVM's memory slots, and dirty pages.
 *
 * KVM cannot change the size of a slot: cutting a hole into RAM means to remove its slot and add
 * two. A vCPU that runs in between would find nothing there. So the first change makes all other
 * vCPUs leave the guest, and each waits at the gate for the machine lock, which the changing
 * thread holds until its new map is complete.
 */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cpu/kvm/kvm_priv.h"

LOG_MODULE("kvm");

enum { PAGE = 4096, VIEW_SHIFT = 16 };

static int set_slot(struct kvm *k, enum mem_view view, unsigned i, bool dirty)
{
	const struct kvm_slot *s = &k->slot[view][i];
	struct kvm_userspace_memory_region arg = {
		.slot = (u32)view << VIEW_SHIFT | i,
		.guest_phys_addr = s->at,
		.memory_size = s->len,
		.userspace_addr = (u64)(uintptr_t)s->host,
	};

	if (s->len && s->region->kind != REGION_RAM)
		arg.flags |= KVM_MEM_READONLY;
	if (s->len && dirty)
		arg.flags |= KVM_MEM_LOG_DIRTY_PAGES;
	return kvm_ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &arg);
}

static struct kvm_slot *find_slot(struct kvm *k, enum mem_view view, const struct mem_range *r)
{
	for (unsigned i = 0; i < KVM_VIEW_SLOTS; i++) {
		struct kvm_slot *s = &k->slot[view][i];

		if (s->len == r->len && s->at == r->at && s->host == r->host)
			return s;
	}
	return NULL;
}

static bool view_used(const struct kvm *k, enum mem_view view)
{
	return view == VIEW_NORMAL || k->base.cfg.smm;
}

static int slot_add(void *arg, enum mem_view view, const struct mem_range *r)
{
	struct kvm *k = arg;
	unsigned i = 0, most = MIN(k->host.max_slots, (unsigned)KVM_VIEW_SLOTS);
	int rc;

	if (!view_used(k, view) || !r->host)
		return 0;
	while (i < most && k->slot[view][i].len)
		i++;
	if (i == most)
		return -ENOSPC;
	k->slot[view][i] = (struct kvm_slot){ r->at, r->len, r->host, r->region };
	rc = set_slot(k, view, i, r->region->dirty_logged);
	if (rc < 0)
		k->slot[view][i] = (struct kvm_slot){ 0 };
	return rc;
}

/* True while a vCPU other than the caller's is in the guest. */
static bool others_inside(struct kvm *k)
{
	const struct kvm_vcpu *me = kvm_current_vcpu();

	for (unsigned i = 0; i < k->base.cfg.count; i++) {
		struct kvm_vcpu *v = __atomic_load_n(&k->vcpu[i], __ATOMIC_ACQUIRE);

		if (v && v != me && __atomic_load_n(&v->in_guest, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}

/*
 * The caller holds the machine lock and waits for other threads here, but only for them to leave
 * KVM_RUN, for which they need no lock of ours.
 */
static void empty_guest(struct kvm *k)
{
	__atomic_store_n(&k->hold, 1, __ATOMIC_SEQ_CST);
	if (!others_inside(k))
		return;
	mutex_lock(&k->gate);
	while (others_inside(k)) {
		for (unsigned i = 0; i < k->base.cfg.count; i++)
			if (k->vcpu[i] && k->vcpu[i] != kvm_current_vcpu())
				kvm_vcpu_wake(k->vcpu[i]);
		cond_wait_ns(&k->left, &k->gate, NS_PER_MS);
	}
	mutex_unlock(&k->gate);
}

void kvm_enter_gate(struct kvm_vcpu *v)
{
	struct kvm *k = v->kvm;

	for (;;) {
		__atomic_store_n(&v->in_guest, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&k->hold, __ATOMIC_SEQ_CST))
			return;
		kvm_leave_gate(v);
		machine_lock(k->base.machine);
		__atomic_store_n(&k->hold, 0, __ATOMIC_SEQ_CST);
		machine_unlock(k->base.machine);
	}
}

void kvm_leave_gate(struct kvm_vcpu *v)
{
	struct kvm *k = v->kvm;

	__atomic_store_n(&v->in_guest, 0, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&k->hold, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&k->gate);
	cond_broadcast(&k->left);
	mutex_unlock(&k->gate);
}

static void fetch_slot(struct kvm *k, enum mem_view view, unsigned i)
{
	const struct kvm_slot *s = &k->slot[view][i];
	u64 first = (u64)(s->host - s->region->host) / PAGE, words = (s->len / PAGE + 63) / 64;
	struct kvm_dirty_log arg = { .slot = (u32)view << VIEW_SHIFT | i };
	u64 *bits = xcalloc((size_t)words, sizeof(u64));
	int rc;

	arg.dirty_bitmap = bits;
	rc = kvm_ioctl(k->vm, KVM_GET_DIRTY_LOG, &arg);
	if (rc < 0)
		log_err("reading the dirty pages of %s failed: %s", s->region->name, strerror(-rc));
	for (u64 w = 0; w < words && rc >= 0; w++) {
		for (u64 left = bits[w]; left; left &= left - 1) {
			u64 page = first + w * 64 + (unsigned)__builtin_ctzll(left);

			__atomic_fetch_or(&s->region->dirty[page / 64], BIT64(page % 64),
					  __ATOMIC_RELEASE);
		}
	}
	free(bits);
}

static void slot_remove(void *arg, enum mem_view view, const struct mem_range *r)
{
	struct kvm *k = arg;
	struct kvm_slot *s = view_used(k, view) ? find_slot(k, view, r) : NULL;
	int rc;

	if (!s)
		return;
	empty_guest(k);
	/* What KVM has logged goes with the slot. */
	if (r->region->dirty_logged)
		fetch_slot(k, view, (unsigned)(s - k->slot[view]));
	s->len = 0;
	rc = set_slot(k, view, (unsigned)(s - k->slot[view]), false);
	if (rc < 0)
		log_err("removing %s from the guest failed: %s", r->region->name, strerror(-rc));
	*s = (struct kvm_slot){ 0 };
}

static int slot_log_dirty(void *arg, enum mem_view view, const struct mem_range *r, bool on)
{
	struct kvm *k = arg;
	struct kvm_slot *s = view_used(k, view) ? find_slot(k, view, r) : NULL;

	if (!s)
		return 0;
	if (!on)
		fetch_slot(k, view, (unsigned)(s - k->slot[view]));
	return set_slot(k, view, (unsigned)(s - k->slot[view]), on);
}

/* Code in System Management Mode writes through slots of its own, so look at those too. */
static void slot_sync_dirty(void *arg, const struct mem_range *r)
{
	struct kvm *k = arg;

	if (!r->region->dirty)
		return;
	for (unsigned view = 0; view < N_VIEWS; view++)
		for (unsigned i = 0; i < KVM_VIEW_SLOTS; i++)
			if (k->slot[view][i].len && k->slot[view][i].region == r->region)
				fetch_slot(k, (enum mem_view)view, i);
}

int kvm_slots_init(struct kvm *k, struct error *err)
{
	int rc;

	k->listener = (struct mem_listener){
		.add = slot_add,
		.remove = slot_remove,
		.log_dirty = slot_log_dirty,
		.sync_dirty = slot_sync_dirty,
		.arg = k,
	};
	rc = mem_listen(k->base.machine->mem, &k->listener, err);
	k->listening = rc == 0;
	return rc;
}

void kvm_slots_finish(struct kvm *k)
{
	if (k->listening)
		mem_unlisten(k->base.machine->mem, &k->listener);
	k->listening = false;
}
