/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu/soft/undo.c: what a vCPU writes to memory, so that it can be taken back. For lockstep.c. */
#include <string.h>

#include "cpu/soft/mmu_priv.h"

void undo_begin(struct soft_cpu *c, struct undo *u)
{
	u->entries = u->used = 0;
	u->tags = u->lost = u->device = u->marked = false;
	c->mmu->undo = u;
	tlb_drop_all_writes(c, false);
}

void undo_end(struct soft_cpu *c)
{
	c->mmu->undo = NULL;
}

bool undo_allows_tag(const struct undo *u, const u8 *host)
{
	uintptr_t page = ALIGN_DOWN((uintptr_t)host, (uintptr_t)PAGE);

	if (!u->tags)
		return false;
	for (u32 n = 0; n < u->entries; n++)
		if (ALIGN_DOWN((uintptr_t)u->entry[n].at, (uintptr_t)PAGE) == page)
			return true;
	return false;
}

void undo_note(struct undo *u, void *host, size_t len)
{
	if (undo_allows_tag(u, host)) /* with a tag it would not have come here */
		return;
	if (u->entries == UNDO_ENTRIES || len > UNDO_BYTES - u->used) {
		u->lost = true;
		return;
	}
	u->entry[u->entries++] = (struct undo_entry){ host, (u32)len, u->used };
	memcpy(u->old + u->used, host, len);
	u->used += (u32)len;
}

/* Newest first: what was written twice gets its first value back. */
void undo_take_back(struct undo *u)
{
	for (u32 n = 0; n < u->entries; n++)
		memcpy(u->then + u->entry[n].from, u->entry[n].at, u->entry[n].len);
	for (u32 n = u->entries; n-- > 0;)
		memcpy(u->entry[n].at, u->old + u->entry[n].from, u->entry[n].len);
}

/* Whether one of the first @count entries is about the byte at @at. */
static bool covered(const struct undo *u, u32 count, const u8 *at)
{
	for (u32 n = 0; n < count; n++)
		if (at - u->entry[n].at < (ptrdiff_t)u->entry[n].len && at >= u->entry[n].at)
			return true;
	return false;
}

const u8 *undo_differs(const struct undo *u, u32 before, u8 *was)
{
	for (u32 n = 0; n < u->entries; n++) {
		const struct undo_entry *e = &u->entry[n];
		const u8 *want = n < before ? u->then + e->from : u->old + e->from;

		if (memcmp(e->at, want, e->len) == 0)
			continue;
		for (u32 k = 0; k < e->len; k++) {
			if (e->at[k] == want[k] || (n >= before && covered(u, before, e->at + k)))
				continue;
			*was = want[k];
			return e->at + k;
		}
	}
	return NULL;
}
