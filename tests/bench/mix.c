/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/mix.c: what benchmarks of small processors are made of: a linked list that is
 * searched, reversed and sorted, matrices of 16-bit numbers, a state machine over text, and a CRC
 * of it all.
 */
#include <string.h>

#include "work.h"

enum { NODES = 200, SIDE = 24, TEXT = 1024 };

struct node {
	struct node *next;
	u16 key, value;
};

struct mix_state {
	struct node node[NODES];
	u16 a[SIDE][SIDE], b[SIDE][SIDE];
	u32 c[SIDE][SIDE];
	char text[TEXT];
};

static u16 crc16(u16 crc, u32 value, int bits)
{
	for (int i = 0; i < bits; i++, value >>= 1)
		crc = (u16)((crc >> 1) ^ ((crc ^ value) & 1 ? 0xa001 : 0));
	return crc;
}

static struct node *reverse(struct node *list)
{
	struct node *done = NULL;

	while (list) {
		struct node *next = list->next;

		list->next = done;
		done = list;
		list = next;
	}
	return done;
}

static struct node *merge(struct node *a, struct node *b)
{
	struct node head, *last = &head;

	while (a && b) {
		struct node **smaller = a->key <= b->key ? &a : &b;

		last->next = *smaller;
		last = *smaller;
		*smaller = last->next;
	}
	last->next = a ? a : b;
	return head.next;
}

static struct node *sort(struct node *list)
{
	struct node *slow = list, *fast = list ? list->next : NULL, *half;

	if (!fast)
		return list;
	while (fast && fast->next) {
		slow = slow->next;
		fast = fast->next->next;
	}
	half = slow->next;
	slow->next = NULL;
	return merge(sort(list), sort(half));
}

static u16 lists(struct mix_state *m, u32 seed, u16 crc)
{
	struct node *list = NULL;

	for (u32 i = 0; i < NODES; i++) {
		m->node[i].key = (u16)next_random(&seed);
		m->node[i].value = (u16)i;
		m->node[i].next = list;
		list = &m->node[i];
	}
	for (u32 k = 0; k < 8; k++) {
		u16 wanted = (u16)(next_random(&seed) % NODES);

		for (struct node *n = list; n; n = n->next) {
			if (n->value == wanted) {
				crc = crc16(crc, n->key, 16);
				break;
			}
		}
		list = reverse(list);
	}
	list = sort(list);
	for (struct node *n = list; n && n->next; n = n->next)
		if (n->key > n->next->key)
			wrong("mix: the list is not in order");
	return crc16(crc, list ? list->key : 0, 16);
}

static u16 matrices(struct mix_state *m, u32 seed, u16 crc)
{
	u32 trace = 0;

	for (u32 i = 0; i < SIDE * SIDE; i++) {
		m->a[i / SIDE][i % SIDE] = (u16)next_random(&seed);
		m->b[i / SIDE][i % SIDE] = (u16)(next_random(&seed) & 0xff);
	}
	for (u32 i = 0; i < SIDE; i++) {
		for (u32 j = 0; j < SIDE; j++) {
			u32 sum = 0;

			for (u32 k = 0; k < SIDE; k++)
				sum += (u32)m->a[i][k] * m->b[k][j];
			m->c[i][j] = (sum >> 2 & 0xf) * (sum >> 5 & 0x7f);
		}
		trace += m->c[i][i];
	}
	return crc16(crc, trace, 32);
}

enum kind { START, SIGN, INT, POINT, FRACTION, EXPONENT, INVALID, KINDS };

static enum kind step(enum kind k, char c)
{
	int digit = c >= '0' && c <= '9';

	switch (k) {
	case START: return digit ? INT : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
	case SIGN: return digit ? INT : c == '.' ? POINT : INVALID;
	case INT: return digit ? INT : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID;
	case POINT: return digit ? FRACTION : INVALID;
	case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
	case EXPONENT: return digit || c == '-' ? EXPONENT : INVALID;
	default: return INVALID;
	}
}

static u16 states(struct mix_state *m, u32 seed, u16 crc)
{
	static const char letters[] = "0123456789012345678901234,,,,+-..eex";
	u32 seen[KINDS] = { 0 };
	enum kind k = START;

	for (u32 i = 0; i < TEXT; i++)
		m->text[i] = letters[next_random(&seed) % (sizeof(letters) - 1)];
	for (u32 i = 0; i < TEXT; i++) {
		if (m->text[i] == ',') {
			seen[k]++;
			k = START;
		} else {
			k = step(k, m->text[i]);
		}
	}
	for (u32 i = 0; i < KINDS; i++)
		crc = crc16(crc, seen[i], 16);
	return crc;
}

u64 mix(u64 count)
{
	static struct mix_state m;
	u16 crc = 0xffff;

	for (u64 i = 0; i < count; i++) {
		u32 seed = (u32)i;

		KEEP(seed);
		crc = lists(&m, seed, crc);
		crc = matrices(&m, seed, crc);
		crc = states(&m, seed, crc);
	}
	return crc;
}
