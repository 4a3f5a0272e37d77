/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers at the edges: integers, floating point of all formats, selectors, control words. */
#include <string.h>

#include "native.h"

u64 rng_next(struct rng *r)
{
	u64 z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

unsigned below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) * n >> 32);
}

u64 edge_value(struct rng *r)
{
	u64 v = rng_next(r);
	unsigned bit = v >> 32 & 63;

	switch (v >> 40 & 15) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return v & 15;
	case 3: return BIT64(bit);
	case 4: return BIT64(bit) - 1;
	case 5: return ~BIT64(bit);
	case 6: return v & 0xff;
	case 7: return (u64)(s64)(s8)v;
	case 8: return v & 0xffff;
	case 9: return v & 0xffffffff;
	case 10: return (u64)(s64)(s32)v;
	case 11: return (v & 0xff) * 0x0101010101010101ull;
	case 12: return 0x8000000080008080ull >> (bit & 3);
	default: return rng_next(r);
	}
}

static u32 edge_float(struct rng *r)
{
	u32 v = (u32)rng_next(r), sign = v & BIT(31);

	switch (below(r, 12)) {
	case 0: return sign;
	case 1: return sign | 0x7f800000;
	case 2: return sign | 0x7fc00000 | (v & 0xffff);
	case 3: return sign | 0x7f800001 | (v & 0xffff);
	case 4: return sign | (v & 0x7fffff);
	case 5: return sign | 0x7f7fffff;
	case 6: return sign | 0x00800000 | (v & 1);
	case 7: return sign | 0x3f800000;
	case 8: return sign | (0x3f800000 + (v & 0xfffffff));
	case 9: return sign | (0x4b000000 + (v & 0x8ffffff));
	default: return v;
	}
}

static u64 edge_double(struct rng *r)
{
	u64 v = rng_next(r), sign = v & BIT64(63);

	switch (below(r, 13)) {
	case 0: return sign;
	case 1: return sign | 0x7ff0000000000000ull;
	case 2: return sign | 0x7ff8000000000000ull | (v & 0xffffffff);
	case 3: return sign | 0x7ff0000000000001ull | (v & 0xffffffff);
	case 4: return sign | (v & 0xfffffffffffffull);
	case 5: return sign | 0x7fefffffffffffffull;
	case 6: return sign | 0x0010000000000000ull | (v & 1);
	case 7: return sign | 0x3ff0000000000000ull;
	case 8: return sign | (0x3ff0000000000000ull + (v & 0x1ffffffffffffffull));
	case 9: return sign | (0x41d0000000000000ull + (v & 0x3fffffffffffffull));
	case 10: return sign | (0x4330000000000000ull + (v & 0x1fffffffffffffull));
	case 11: return sign | (0x3690000000000000ull + (v & 0x4fffffffffffffull));
	default: return v;
	}
}

/* Also what no processor makes: pseudo-denormals, unnormals, pseudo-infinities. SDM 1 8.2.2 */
void edge_x87(struct rng *r, u8 out[10])
{
	u64 v = rng_next(r), mantissa = v;
	u16 sign = (u16)(rng_next(r) & 0x8000), exponent = (u16)(v >> 17 & 0x7fff);

	switch (below(r, 14)) {
	case 0: mantissa = exponent = 0; break;
	case 1:
		mantissa = BIT64(63);
		exponent = 0x7fff;
		break;
	case 2:
		mantissa |= 3ull << 62;
		exponent = 0x7fff;
		break;
	case 3:
		mantissa = BIT64(63) | (v & 0xffff) | 1;
		exponent = 0x7fff;
		break;
	case 4:
		mantissa &= ~BIT64(63);
		exponent = 0;
		break;
	case 5:
		mantissa = BIT64(63) | (v & 1);
		exponent = v & 2 ? 1 : 0;
		break;
	case 6:
		mantissa = BIT64(63);
		exponent = 0x3fff;
		break;
	case 7:
	case 8:
	case 9:
		mantissa |= BIT64(63);
		exponent = (u16)(0x3ff0 + (v & 0x7f));
		break;
	case 10:
		mantissa = ~0ull;
		exponent = 0x7ffe;
		break;
	case 11: mantissa |= BIT64(63); break;
	case 12:
		mantissa = BIT64(63) | v << 40;
		exponent = (u16)(0x3ffe + (v & 3));
		break;
	default: break;
	}
	exponent |= sign;
	memcpy(out, &mantissa, 8);
	memcpy(out + 8, &exponent, 2);
}

void edge_bytes(struct rng *r, u8 *out, size_t len)
{
	unsigned kind = below(r, 12);

	for (size_t at = 0; at < len; at += 16) {
		u8 chunk[16];
		u32 f;
		u64 v;

		switch (kind) {
		case 0:
		case 1:
			for (unsigned n = 0; n < 16; n += 4) {
				f = edge_float(r);
				memcpy(chunk + n, &f, 4);
			}
			break;
		case 2:
		case 3:
			v = edge_double(r);
			memcpy(chunk, &v, 8);
			v = edge_double(r);
			memcpy(chunk + 8, &v, 8);
			break;
		case 4:
			edge_x87(r, chunk);
			memset(chunk + 10, 0, 6);
			break;
		case 5:
			v = rng_next(r) & 0x8080808080808080ull;
			memcpy(chunk, &v, 8);
			memcpy(chunk + 8, &v, 8);
			break;
		case 6: memset(chunk, 0, 16); break;
		case 7:
			v = rng_next(r) & 0x99f9999999999999ull;
			memcpy(chunk, &v, 8);
			memcpy(chunk + 8, &v, 8);
			break;
		default:
			v = edge_value(r);
			memcpy(chunk, &v, 8);
			v = edge_value(r);
			memcpy(chunk + 8, &v, 8);
		}
		memcpy(out + at, chunk, len - at < 16 ? len - at : 16);
	}
}

/* Bits 16 and up are reserved (17 is not, on AMD: nobody is told). SDM 1 10.2.3 */
u32 edge_mxcsr(struct rng *r)
{
	u32 v = (u32)rng_next(r) & 0xffff;

	if (!one_in(r, 4))
		v |= 0x1f80;
	if (!one_in(r, 4))
		v &= ~0x8040u;
	if (one_in(r, 2))
		v &= ~0x3fu;
	return one_in(r, 3) ? 0x1f80 : v;
}

/*
 * XSAVE area with x87, SSE and AVX. FIP and FDP are 0: makers differ. Exceptions that wait (status
 * bits that are not masked) make ES; now and then.
 */
void edge_fp_state(struct rng *r, u8 fp[FP_SIZE])
{
	u16 fcw = (u16)(0x40 | (rng_next(r) & 0xf00)), fsw = (u16)(rng_next(r) & 0x7f00);
	u32 mxcsr = edge_mxcsr(r), mask = 0xffff;
	u64 bv = 7;

	memset(fp, 0, FP_SIZE);
	fcw |= one_in(r, 4) ? (u16)(rng_next(r) & 0x3f) : 0x3f;
	if (one_in(r, 2))
		fcw = (u16)((fcw & ~0xf00) | 0x300);
	if (one_in(r, 2))
		fsw |= (u16)(rng_next(r) & 0x7f);
	if (!one_in(r, 16))
		fsw &= (u16) ~(~fcw & 0x3f);
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080;
	memcpy(fp, &fcw, 2);
	memcpy(fp + 2, &fsw, 2);
	fp[4] = one_in(r, 2) ? 0xff : one_in(r, 4) ? 0 : (u8)rng_next(r);
	memcpy(fp + 24, &mxcsr, 4);
	memcpy(fp + 28, &mask, 4);
	for (unsigned n = 0; n < 8; n++)
		edge_x87(r, fp + 32 + 16 * n);
	for (unsigned n = 0; n < 16; n++) {
		edge_bytes(r, fp + 160 + 16 * n, 16);
		edge_bytes(r, fp + 576 + 16 * n, 16);
	}
	memcpy(fp + 512, &bv, 8);
}

u16 edge_selector(struct rng *r)
{
	static const u16 gdt[] = { 0,    1,    2,    3,    0x10, 0x18,  0x20, 0x23,
				   0x28, 0x29, 0x2b, 0x30, 0x33, 0x40,  0x48, 0x50,
				   0x60, 0x63, 0x6b, 0x73, 0x83, 0xfff8 };

	switch (below(r, 6)) {
	case 0: return (u16)rng_next(r);
	case 1:
	case 2: return gdt[below(r, ARRAY_LEN(gdt))];
	case 3: return one_in(r, 2) ? 0 : SEL_DATA;
	default: return (u16)(below(r, LDT_COUNT + 2) << 3 | 4 | (one_in(r, 4) ? below(r, 4) : 3));
	}
}
