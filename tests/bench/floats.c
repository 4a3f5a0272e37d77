/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/floats.c: floating point and vectors, with SSE2 alone and x87. Square roots and the
 * four operations are exact, so every processor must find the same bits.
 */
#include <emmintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

static u64 bits_of(double d)
{
	u64 u;

	memcpy(&u, &d, sizeof(u));
	return u;
}

struct body {
	double x[3], v[3], mass;
};

static const struct body planets[] = {
	{ { 0, 0, 0 }, { 0, 0, 0 }, 39.5 },
	{ { 4.84, -1.16, -0.10 }, { 0.61, 2.81, -0.025 }, 0.038 },
	{ { 8.34, 4.12, -0.40 }, { -1.01, 1.82, 0.0084 }, 0.011 },
	{ { 12.9, -15.1, -0.22 }, { 1.08, 0.87, -0.011 }, 0.0017 },
	{ { 15.4, -25.9, 0.18 }, { 0.98, 0.59, -0.035 }, 0.002 },
};
enum { BODIES = sizeof(planets) / sizeof(planets[0]) };

static void attract(struct body *a, struct body *b, double dt)
{
	double d[3], square = 0, f;

	for (int k = 0; k < 3; k++) {
		d[k] = a->x[k] - b->x[k];
		square += d[k] * d[k];
	}
	f = dt / (square * sqrt(square));
	for (int k = 0; k < 3; k++) {
		a->v[k] -= d[k] * b->mass * f;
		b->v[k] += d[k] * a->mass * f;
	}
}

static u64 nbody(u64 n)
{
	struct body b[BODIES];

	memcpy(b, planets, sizeof(b));
	for (u64 i = 0; i < n * 1000; i++) {
		for (int j = 0; j < BODIES; j++)
			for (int k = j + 1; k < BODIES; k++)
				attract(&b[j], &b[k], 0.001);
		for (int j = 0; j < BODIES; j++)
			for (int k = 0; k < 3; k++)
				b[j].x[k] += 0.001 * b[j].v[k];
	}
	return bits_of(b[0].x[0] + b[1].x[1] + b[4].v[2]);
}

enum { SIDE = 64 };

/* Two doubles at a time. */
static u64 matrix(u64 n)
{
	static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
	u64 sum = 0;

	for (int i = 0; i < SIDE * SIDE; i++) {
		a[i / SIDE][i % SIDE] = i % 7 + 0.25;
		b[i / SIDE][i % SIDE] = i % 11 - 0.5;
	}
	for (u64 r = 0; r < n; r++) {
		a[r % SIDE][0] += 1;
		for (int i = 0; i < SIDE; i++) {
			for (int j = 0; j < SIDE; j += 4) {
				__m128d low = _mm_setzero_pd(), high = _mm_setzero_pd();

				for (int k = 0; k < SIDE; k++) {
					__m128d x = _mm_set1_pd(a[i][k]);

					low = _mm_add_pd(low,
							 _mm_mul_pd(x, _mm_loadu_pd(&b[k][j])));
					high = _mm_add_pd(
						high, _mm_mul_pd(x, _mm_loadu_pd(&b[k][j + 2])));
				}
				_mm_storeu_pd(&c[i][j], low);
				_mm_storeu_pd(&c[i][j + 2], high);
			}
		}
		sum += bits_of(c[r % SIDE][r / SIDE % SIDE]);
	}
	return sum;
}

enum { POINTS = 1024 };
static double root[POINTS / 2][2]; /* of unity: cosine, sine */

/* By halving angles: square roots are exact, a library's cosine need not be. */
static void fft_prepare(void)
{
	root[0][0] = 1;
	root[0][1] = 0;
	for (int step = POINTS / 4; step; step /= 2) {
		double c = step == POINTS / 4 ? 0 : sqrt((1 + root[step * 2][0]) / 2);

		root[step][0] = c;
		root[step][1] = step == POINTS / 4 ? 1 : root[step * 2][1] / (2 * c);
		for (int i = step * 3; i < POINTS / 2; i += step * 2) {
			const double *p = root[i - step], *q = root[step];

			root[i][0] = p[0] * q[0] - p[1] * q[1];
			root[i][1] = p[0] * q[1] + p[1] * q[0];
		}
	}
}

static void fft(double v[POINTS][2], double sign)
{
	for (u32 i = 1, j = 0; i < POINTS; i++) {
		u32 bit = POINTS / 2;

		for (; j & bit; bit /= 2)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			for (int k = 0; k < 2; k++) {
				double t = v[i][k];

				v[i][k] = v[j][k];
				v[j][k] = t;
			}
		}
	}
	for (u32 half = 1; half < POINTS; half *= 2) {
		for (u32 at = 0; at < POINTS; at += half * 2) {
			for (u32 k = 0; k < half; k++) {
				const double *w = root[k * (POINTS / 2 / half)];
				double *a = v[at + k], *b = v[at + k + half];
				double re = b[0] * w[0] - sign * b[1] * w[1];
				double im = b[1] * w[0] + sign * b[0] * w[1];

				b[0] = a[0] - re;
				b[1] = a[1] - im;
				a[0] += re;
				a[1] += im;
			}
		}
	}
}

static u64 fft_run(u64 n)
{
	static double v[POINTS][2];
	u64 sum = 0;

	for (u64 r = 0; r < n; r++) {
		for (u32 i = 0; i < POINTS; i++) {
			v[i][0] = (double)((i * 37 + r) % 101);
			v[i][1] = 0;
		}
		fft(v, 1);
		sum += bits_of(v[r % POINTS][0]);
		fft(v, -1);
		for (u32 i = 0; i < POINTS; i++)
			if (fabs(v[i][0] / POINTS - (double)((i * 37 + r) % 101)) > 1e-6) {
				wrong("fft: there and back is another place");
				return 0;
			}
	}
	return sum;
}

static u64 x87(u64 n)
{
	long double x = 0.5L, y = 0, step = 1e-4L;

	for (u64 i = 0; i < n * 10000; i++) {
		x = x * 3.5L * (1.0L - x) + 0.01L;
		y += step / (1.0L + x * x);
	}
	return bits_of((double)x) ^ bits_of((double)(y * sqrtl(y)));
}

/* How long points stay near 0, four at a time, in single precision. */
static u64 mandelbrot(u64 n)
{
	__m128 four = _mm_set1_ps(4), sum = _mm_setzero_ps(), one = _mm_set1_ps(1);
	float out[4];

	for (u64 p = 0; p < n * 16; p++) {
		float at = (float)(p % 1024) / 512 - 1.5f;
		__m128 cx = _mm_setr_ps(at, at + 0.1f, at + 0.2f, at + 0.3f);
		__m128 cy = _mm_set1_ps((float)(p % 61) / 61), x = cx, y = cy;

		for (int i = 0; i < 100; i++) {
			__m128 xx = _mm_mul_ps(x, x), yy = _mm_mul_ps(y, y);
			__m128 near = _mm_cmple_ps(_mm_add_ps(xx, yy), four);

			if (!_mm_movemask_ps(near))
				break;
			sum = _mm_add_ps(sum, _mm_and_ps(near, one));
			y = _mm_mul_ps(x, y);
			y = _mm_add_ps(_mm_add_ps(y, y), cy);
			x = _mm_add_ps(_mm_sub_ps(xx, yy), cx);
		}
	}
	_mm_storeu_ps(out, sum);
	return sum_of(out, sizeof(out));
}

enum { PIXELS = 16384 };
static u8 over[PIXELS], under[PIXELS], blended[PIXELS];

static void blend_prepare(void)
{
	make_text(over, PIXELS, 1);
	make_text(under, PIXELS, 2);
}

/* Bytes weighed and added, 16 at a time, and how far they are from what they were. */
static u64 blend(u64 n)
{
	__m128i zero = _mm_setzero_si128(), far = zero;
	u64 out[2];

	for (u64 r = 0; r < n * 4; r++) {
		__m128i wa = _mm_set1_epi16((short)(r & 0xff)),
			wb = _mm_sub_epi16(_mm_set1_epi16(256), wa);

		for (u32 i = 0; i < PIXELS; i += 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(over + i));
			__m128i b = _mm_loadu_si128((const __m128i *)(under + i));
			__m128i l = _mm_add_epi16(_mm_mullo_epi16(_mm_unpacklo_epi8(a, zero), wa),
						  _mm_mullo_epi16(_mm_unpacklo_epi8(b, zero), wb));
			__m128i h = _mm_add_epi16(_mm_mullo_epi16(_mm_unpackhi_epi8(a, zero), wa),
						  _mm_mullo_epi16(_mm_unpackhi_epi8(b, zero), wb));
			__m128i mixed =
				_mm_packus_epi16(_mm_srli_epi16(l, 8), _mm_srli_epi16(h, 8));

			_mm_storeu_si128((__m128i *)(blended + i), mixed);
			far = _mm_add_epi64(far, _mm_sad_epu8(mixed, b));
		}
	}
	_mm_storeu_si128((__m128i *)out, far);
	return out[0] + out[1] + sum_of(blended, PIXELS);
}

static char prose[PIXELS + 1];

static void strings_prepare(void)
{
	make_text((u8 *)prose, PIXELS, 3);
}

/* What the C library does with vectors: lengths, comparisons, searches. */
static u64 strings(u64 n)
{
	static char copied[PIXELS + 1];
	u64 sum = 0;

	for (u64 r = 0; r < n * 4; r++) {
		const char *at = prose;

		memcpy(copied, prose, sizeof(prose));
		copied[r % PIXELS] ^= 1;
		KEEP_MEMORY();
		sum += strlen(copied) + (u64)(memcmp(copied, prose, PIXELS) > 0);
		for (u32 words = 0; words < 256 && (at = strchr(at, ' ')); words++)
			sum += (u8) * ++at;
		sum += (u64)((const char *)memchr(copied, '\n', PIXELS) - copied);
		sum += (u64)(strrchr(copied, 'e') - copied) + strcspn(copied, "\n");
	}
	return sum;
}

const struct row float_rows[] = {
	{ "fp", "nbody", 500, NULL, nbody },
	{ "fp", "matrix", 700, NULL, matrix },
	{ "fp", "fft", 1400, fft_prepare, fft_run },
	{ "fp", "x87", 450, NULL, x87 },
	{ "fp", "mandelbrot", 9000, NULL, mandelbrot },
	{ "fp", "blend", 6000, blend_prepare, blend },
	{ "fp", "strings", 4000, strings_prepare, strings },
	{ 0 },
};
