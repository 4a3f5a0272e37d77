/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/types.h: the integer names, attributes and small macros used everywhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 gpa_t; /* guest physical address */
typedef u64 gva_t; /* guest linear address */

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define BIT(n) (1u << (n))
#define BIT64(n) (1ull << (n))

/* @x rounded to a multiple of @a, a power of two. */
#define ALIGN_UP(x, a) (((x) + ((a)-1)) & ~((a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))

/* True when a + b does not fit; *out then holds the wrapped sum. */
#define add_overflow(a, b, out) __builtin_add_overflow(a, b, out)
#define mul_overflow(a, b, out) __builtin_mul_overflow(a, b, out)

#ifdef __MINGW32__
#define PRINTF_LIKE(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#endif
#define MUST_CHECK __attribute__((warn_unused_result))
#define PACKED __attribute__((packed))
#define UNUSED __attribute__((unused))
/* A function that no sanitizer looks into. */
#ifdef __clang__
#define UNWATCHED __attribute__((no_sanitize("address", "undefined", "thread", "coverage")))
#else
#define UNWATCHED __attribute__((no_sanitize("address", "undefined", "thread")))
#endif

/*
 * Thread roles. A role is a compile-time token, not an object: clang's
 * -Wthread-safety proves that a function marked needs(role) is only called
 * where the role is held. GCC sees nothing. See docs/ARCHITECTURE.md, Threads.
 */
#ifdef __clang__
struct __attribute__((capability("role"))) role {
	int token;
};
#define needs(...) __attribute__((requires_capability(__VA_ARGS__)))
#define enters(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define leaves(...) __attribute__((release_capability(__VA_ARGS__)))
#define barred(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define unchecked_roles __attribute__((no_thread_safety_analysis))
#else
struct role {
	int token;
};
#define needs(...)
#define enters(...)
#define leaves(...)
#define barred(...)
#define unchecked_roles
#endif

extern struct role in_machine; /* the machine lock is held: device state may be touched */
extern struct role on_loop;    /* running on the main loop thread */
extern struct role on_vcpu;    /* running on a vCPU thread */
