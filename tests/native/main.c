/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random instructions on the host's processor and on our own, until a difference is found or time
 * is up. scripts/fuzz-cpu builds and runs it; `--help` tells the options.
 */
#include <cpuid.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "native.h"
#include "plat/time.h"

enum { BATCH = 256, MAX_KINDS = 64, MAX_JOBS = 64, KIND_LEN = 48 };

enum against { AGAINST_OURS, AGAINST_SELF, OURS_ALONE };

struct options {
	struct gen_options gen;
	enum against against;
	enum engine engine;
	u64 seconds, cases, seed, jobs, only;
	const char *save; /* folder for what differs */
	const char *jit;  /* as --cpus jit= */
	char **files;     /* cases to replay */
	unsigned file_count;
	bool verbose, has_only, elsewhere;
};

/* Of one job; shared with the process that started it. */
struct stats {
	u64 cases, different, excused[MAX_EXCUSES], undefined, unstable, timeouts, lost;
	u64 vector[32];
	u32 forms, form_total, saved;
	bool done;
};

struct run {
	const struct options *o;
	struct stats *stats;
	struct forms forms;
	struct native *native;
	struct ours *ours;
	struct result *result; /* of ours */
	char kind[MAX_KINDS][KIND_LEN];
	unsigned kinds;
	unsigned *chosen;
	struct gen_options gen;
};

static double now(void)
{
	return 1e-9 * (double)time_now_ns();
}

/* ---- one difference ---- */

/* Whether what differs in @a and @b, for people, is of the same kind. */
static bool same_kind(const char *a, const char *b)
{
	size_t len = strcspn(a, " ");

	return len == strcspn(b, " ") && !strncmp(a, b, len);
}

/* Run @c alone on both sides: whether they agree. */
static bool agree(struct run *r, const struct ncase *c, char what[WHAT_LEN])
{
	struct result *native = native_result(r->native, 1, 0);
	int excused;

	memcpy(native_case(r->native, 1, 0), c, sizeof(*c));
	native_run(r->native, 1, 1);
	native_wait(r->native, 1);
	if (r->o->against == AGAINST_OURS) {
		ours_run(r->ours, c, r->result, r->o->engine);
	} else {
		memcpy(r->result, native, sizeof(*native));
		native_run(r->native, 1, 1);
		native_wait(r->native, 1);
	}
	return results_equal(c, native, r->result, what, &excused);
}

/* @c differs as @what says: does @try, too? Then it takes its place. */
static bool still(struct run *r, struct ncase *c, const struct ncase *try, const char *what)
{
	char now[WHAT_LEN];

	if (agree(r, try, now) || !same_kind(what, now))
		return false;
	*c = *try;
	return true;
}

/* @c with its instruction @n turned into one that does nothing. */
static void blank(struct ncase *c, unsigned n)
{
	memset(c->code + c->insn_at[n], 0x90, (size_t)(c->insn_at[n + 1u] - c->insn_at[n]));
}

/* Of a row with one instruction left, that one alone. */
static void keep_one(struct run *r, struct ncase *c, const char *what)
{
	unsigned left = 0, which = 0, at;
	struct ncase try = *c;

	for (unsigned n = 0; n < c->insns; n++) {
		if (c->code[c->insn_at[n]] != 0x90) {
			which = n;
			left++;
		}
	}
	if (left != 1 || c->flags & CASE_LOOP)
		return;
	at = c->insn_at[which];
	try.code_len = c->insn_at[which + 1] - at;
	memmove(try.code, c->code + at, try.code_len);
	try.code_at = (u16)(c->code_at + at);
	try.in.rip += at;
	try.insns = 1;
	try.insn_at[0] = 0;
	try.insn_at[1] = (u8)try.code_len;
	try.undefined[0] = c->undefined[which];
	try.undefined[1] = c->undefined[which + 1];
	still(r, c, &try, what);
}

/* The least that still differs: instructions out one by one, then registers and memory. */
static void minimise(struct run *r, struct ncase *c, const char *what)
{
	struct ncase try;

	for (unsigned n = 0; n < c->insns && c->insns > 1; n++) {
		try = *c;
		blank(&try, n);
		if (!reads_undefined(&try))
			still(r, c, &try, what);
	}
	keep_one(r, c, what);
	for (unsigned n = 0; n < 16; n++) {
		try = *c;
		try.in.gpr[n] = 0;
		still(r, c, &try, what);
	}
	for (unsigned n = 0; n < 16; n++) {
		try = *c;
		memset(try.fp + 160 + 16 * n, 0, 16);
		memset(try.fp + 576 + 16 * n, 0, 16);
		still(r, c, &try, what);
	}
	try = *c;
	try.patches = 0;
	still(r, c, &try, what);
}

/* Differences of one kind are told once: by the names of instructions and what differs. */
static bool new_kind(struct run *r, const struct ncase *c, const char *what)
{
	char name[32], kind[KIND_LEN];

	case_name(c, name, sizeof(name));
	snprintf(kind, sizeof(kind), "%s %.*s", c->insns > 1 ? "row" : name,
		 (int)strcspn(what, " "), what);
	for (unsigned n = 0; n < r->kinds; n++)
		if (!strcmp(r->kind[n], kind))
			return false;
	if (r->kinds == MAX_KINDS)
		return false;
	memcpy(r->kind[r->kinds++], kind, sizeof(kind));
	return true;
}

static void save(struct run *r, const struct ncase *c, const char *what)
{
	char path[512], name[32];
	FILE *f;

	if (!r->o->save)
		return;
	case_name(c, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s-%u-%u-%u.case", r->o->save, c->insns > 1 ? "row" : name,
		 16u << c->mode, (unsigned)getpid(), r->stats->saved++);
	f = fopen(path, "w");
	if (!f) {
		fprintf(stderr, "fuzz-cpu: %s: %s\n", path, strerror(errno));
		return;
	}
	fprintf(f, "# %s\n", what);
	case_write(f, c);
	fclose(f);
	printf("  kept as %s\n", path);
}

static void difference(struct run *r, const struct ncase *found, u64 seed)
{
	char what[WHAT_LEN], name[32];
	struct ncase c = *found;

	if (agree(r, &c, what)) {
		r->stats->unstable++;
		return;
	}
	r->stats->different++;
	if (r->kinds == MAX_KINDS)
		return;
	minimise(r, &c, what);
	agree(r, &c, what);
	if (!new_kind(r, &c, what))
		return;
	case_name(&c, name, sizeof(name));
	printf("DIFFERENT %s: native %s (seed %llu)\n", c.insns > 1 ? "in a row" : name, what,
	       (unsigned long long)seed);
	report(stdout, &c, native_result(r->native, 1, 0), r->result);
	save(r, &c, what);
	fflush(stdout);
}

/* ---- batches ---- */

static void count(struct run *r, const struct ncase *c, const struct result *native)
{
	struct insn i;

	r->stats->cases++;
	if (native->vector < 32)
		r->stats->vector[native->vector]++;
	r->stats->timeouts += native->vector == VEC_TIMEOUT;
	r->stats->lost += native->vector == VEC_LOST;
	for (unsigned n = 0; n < c->insns; n++) {
		if (decode(&i, c->code + c->insn_at[n], 15, (enum cpu_mode)c->mode) <= 0)
			continue;
		forms_note(&r->forms, &i);
	}
}

static void compare_case(struct run *r, unsigned n, u64 seed, struct result *again)
{
	struct ncase *c = native_case(r->native, 0, n);
	struct result *native = native_result(r->native, 0, n);
	char what[WHAT_LEN];
	int excused;

	count(r, c, native);
	if (r->o->verbose) {
		printf("case %llu\n", (unsigned long long)seed);
		report(stdout, c, native, again ? again : r->result);
	}
	if (again) {
		if (!results_equal(c, native, again, what, &excused)) {
			r->stats->unstable++;
			printf("NOT REPEATABLE: %s (seed %llu)\n", what, (unsigned long long)seed);
			report(stdout, c, native, again);
		}
		return;
	}
	ours_run(r->ours, c, r->result, r->o->engine);
	if (!results_equal(c, native, r->result, what, &excused))
		difference(r, c, seed);
	else if (excused >= 0)
		r->stats->excused[excused]++;
	else if (!results_equal_undefined(c, native, r->result))
		r->stats->undefined++;
}

static void run_batch(struct run *r, u64 seed, unsigned size)
{
	bool self = r->o->against == AGAINST_SELF;

	for (unsigned n = 0; n < size; n++) {
		struct ncase *c = native_case(r->native, 0, n);

		case_make(c, &r->forms, &r->gen, seed + n);
		if (self)
			memcpy(native_case(r->native, 1, n), c, sizeof(*c));
	}
	native_run(r->native, 0, size);
	native_wait(r->native, 0);
	if (self) {
		native_run(r->native, 1, size);
		native_wait(r->native, 1);
	}
	for (unsigned n = 0; n < size; n++)
		compare_case(r, n, seed + n, self ? native_result(r->native, 1, n) : NULL);
}

/* Ours without the host: for sanitizers, which the cases' memory is in the way of. */
static void run_alone(struct run *r, u64 seed, unsigned size)
{
	struct ncase c;

	for (unsigned n = 0; n < size; n++) {
		case_make(&c, &r->forms, &r->gen, seed + n);
		ours_run(r->ours, &c, r->result, r->o->engine);
		count(r, &c, r->result);
	}
}

static void choose_forms(struct run *r)
{
	r->chosen = calloc(r->forms.count, sizeof(*r->chosen));
	r->gen = r->o->gen;
	if (!r->gen.form || !r->chosen)
		return;
	for (unsigned n = 0; n < r->forms.count; n++) {
		char name[64];

		form_name(&r->forms.at[n], name, sizeof(name));
		if (!strcmp(r->gen.form, name))
			r->chosen[r->gen.chosen_count++] = n;
	}
	r->gen.chosen = r->chosen;
}

static int open_run(struct run *r, const struct options *o, struct stats *s)
{
	memset(r, 0, sizeof(*r));
	r->o = o;
	r->stats = s;
	r->result = calloc(1, sizeof(*r->result));
	if (!r->result || forms_create(&r->forms) ||
	    (o->against != OURS_ALONE && native_create(&r->native, BATCH))) {
		fprintf(stderr, "fuzz-cpu: cannot run instructions here\n");
		return 77;
	}
	if (o->against != AGAINST_SELF &&
	    ours_create(&r->ours, &r->forms, o->engine == ENGINE_JIT ? o->jit : "off"))
		return 1;
	choose_forms(r);
	for (unsigned mode = CPU_16; mode <= CPU_64; mode++)
		if (!r->native || native_modes(r->native, (enum cpu_mode)mode))
			r->gen.modes |= BIT(mode);
	if (r->gen.mode >= 0 && !(r->gen.modes & BIT(r->gen.mode))) {
		fprintf(stderr, "fuzz-cpu: the kernel does not let such code run\n");
		return 77;
	}
	if (r->gen.form && !r->gen.chosen_count) {
		fprintf(stderr, "fuzz-cpu: no instruction is called %s\n", r->gen.form);
		return 2;
	}
	s->form_total = r->forms.count;
	return 0;
}

static void close_run(struct run *r)
{
	for (unsigned n = 0; n < r->forms.count; n++)
		r->stats->forms += r->forms.seen[r->forms.at[n].seen] > 0;
	if (r->o->verbose && !r->o->file_count)
		for (unsigned n = 0; n < r->forms.count; n++) {
			char name[64];

			form_name(&r->forms.at[n], name, sizeof(name));
			if (!r->forms.seen[r->forms.at[n].seen])
				printf("never: %s, encoding %u map %u opcode %02x row %u\n", name,
				       r->forms.at[n].encoding, r->forms.at[n].map,
				       r->forms.at[n].opcode, r->forms.at[n].row);
		}
	native_destroy(r->native);
	ours_destroy(r->ours);
	forms_destroy(&r->forms);
	free(r->chosen);
	free(r->result);
}

static int job(const struct options *o, unsigned number, struct stats *s)
{
	double end = now() + (double)o->seconds;
	u64 seed = o->seed * 0x9e3779b97f4a7c15ull + ((u64)number << 48);
	struct run r;
	int rc = open_run(&r, o, s);

	if (rc)
		return rc;
	if (o->has_only && r.native) {
		run_batch(&r, o->only, 1);
		save(&r, native_case(r.native, 0, 0), "asked for");
	} else {
		while ((!o->seconds || now() < end) && (!o->cases || s->cases < o->cases)) {
			if (o->against == OURS_ALONE)
				run_alone(&r, seed, BATCH);
			else
				run_batch(&r, seed, BATCH);
			seed += BATCH;
		}
	}
	close_run(&r);
	s->done = true;
	return s->different || (o->against == AGAINST_SELF && s->unstable) ? 1 : 0;
}

/* ---- jobs ---- */

/* The excuses have been tried on AMD's family 1A (Zen 5) alone. SDM 2A and APM 3, CPUID */
static bool tried_here(void)
{
	u32 a = 0, b = 0, c = 0, d = 0;

	if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx)
		return false;
	__get_cpuid(1, &a, &b, &c, &d);
	return (a >> 8 & 15) + (a >> 20 & 255) == 0x1a;
}

static struct stats sum_of(const struct stats *s, unsigned jobs)
{
	struct stats all = { .form_total = s->form_total };

	for (unsigned j = 0; j < jobs; j++) {
		all.cases += s[j].cases;
		all.different += s[j].different;
		for (unsigned n = 0; n < MAX_EXCUSES; n++)
			all.excused[n] += s[j].excused[n];
		all.undefined += s[j].undefined;
		all.unstable += s[j].unstable;
		all.timeouts += s[j].timeouts;
		all.lost += s[j].lost;
		all.forms = MAX(all.forms, s[j].forms);
		for (unsigned n = 0; n < 32; n++)
			all.vector[n] += s[j].vector[n];
	}
	return all;
}

static void print_summary(const struct stats *s, unsigned jobs, double took)
{
	static const char *const names[32] = { "DE", "DB", "NMI", "BP", "OF", "BR", "UD",
					       "NM", "DF", NULL,  "TS", "NP", "SS", "GP",
					       "PF", NULL, "MF",  "AC", "MC", "XM" };
	struct stats all = sum_of(s, jobs);

	printf("%llu cases in %.0f s, %.0f/s; %u of %u forms; %llu differ, %llu in undefined flags "
	       "alone, %llu not repeatable, %llu without end, %llu lost\n",
	       (unsigned long long)all.cases, took, (double)all.cases / took, all.forms,
	       all.form_total, (unsigned long long)all.different, (unsigned long long)all.undefined,
	       (unsigned long long)all.unstable, (unsigned long long)all.timeouts,
	       (unsigned long long)all.lost);
	for (unsigned n = 0; excuse_reason(n); n++)
		if (all.excused[n])
			printf("excused %llu: %s\n", (unsigned long long)all.excused[n],
			       excuse_reason(n));
	printf("ended by");
	for (unsigned n = 0; n < 32; n++)
		if (all.vector[n] && names[n])
			printf(" #%s %llu", names[n], (unsigned long long)all.vector[n]);
	printf("\n");
}

static int run_jobs(const struct options *o)
{
	size_t size = sizeof(struct stats) * MAX_JOBS;
	struct stats *s =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double began = now(), told = began;
	unsigned running = 0;
	int rc = 0;

	if (s == MAP_FAILED)
		return 1;
	fflush(NULL);
	for (unsigned j = 0; j < o->jobs; j++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			exit(job(o, j, &s[j]));
		}
		running += pid > 0;
	}
	while (running) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0) {
			running--;
			rc = MAX(rc, WIFEXITED(status) ? WEXITSTATUS(status) : 1);
			continue;
		}
		poll(NULL, 0, 50);
		if (now() - told >= 60) {
			struct stats all = sum_of(s, (unsigned)o->jobs);

			told = now();
			printf("%5.0f s: %llu cases, %llu differ\n", told - began,
			       (unsigned long long)all.cases, (unsigned long long)all.different);
			fflush(stdout);
		}
	}
	if (rc != 77 && rc != 2) {
		print_summary(s, (unsigned)o->jobs, now() - began);
		if (rc == 1 && o->elsewhere && !tried_here()) {
			printf("what differs may be the maker's: not tried on this processor\n");
			rc = 77;
		}
		printf("%s %s\n",
		       rc == 77 ? "skip"
		       : rc     ? "not ok"
				: "ok",
		       o->against == AGAINST_SELF ? "the_host_gives_the_same_twice"
		       : o->against == OURS_ALONE ? "our_own_cpu_ends_every_case"
						  : "our_own_cpu_does_as_the_host_does");
	}
	munmap(s, size);
	return rc;
}

/* ---- replay ---- */

static int replay(const struct options *o)
{
	struct stats s = { 0 };
	struct run r;
	int rc = open_run(&r, o, &s);

	if (rc)
		return rc;
	for (unsigned n = 0; n < o->file_count; n++) {
		const char *base = strrchr(o->files[n], '/');
		FILE *f = fopen(o->files[n], "r");
		char what[WHAT_LEN];
		struct ncase c;
		bool ok;

		if (!f || !case_read(f, &c)) {
			printf("not ok %s: cannot be read\n", o->files[n]);
			rc = 1;
			if (f)
				fclose(f);
			continue;
		}
		fclose(f);
		ok = !native_modes(r.native, (enum cpu_mode)c.mode) || agree(&r, &c, what);
		base = base ? base + 1 : o->files[n];
		printf("%s %s%s%s\n", ok ? "ok" : "not ok", base, ok ? "" : ": native ",
		       ok ? "" : what);
		if (!ok || o->verbose)
			report(stdout, &c, native_result(r.native, 1, 0), r.result);
		rc |= !ok;
	}
	close_run(&r);
	return rc && o->elsewhere && !tried_here() ? 77 : rc;
}

/* ---- options ---- */

static void usage(FILE *f)
{
	fputs("fuzz-cpu [OPTION...] [FILE.case...]\n"
	      "  --seconds N     run this long (20)\n"
	      "  --cases N       or so many cases\n"
	      "  --seed N        where to begin (from the clock); printed with what differs\n"
	      "  --case N        the one case of this number, in full\n"
	      "  --form NAME     this instruction alone: vaddps, lock, ...\n"
	      "  --mode 64|32|16 code of this mode alone\n"
	      "  --engine exec|loop|jit  the reference, one by one; or run(), events delivered\n"
	      "                  (loop); or that with translated code\n"
	      "  --jit WORDS     how it is translated, as --cpus jit= (on+heat=0)\n"
	      "  --own           only code that changes itself\n"
	      "  --wrong, --align bytes that are no instruction; with EFLAGS.AC set\n"
	      "  --rows, --single    several instructions in a row alone; none of those\n"
	      "  --jobs N        processes (1)\n"
	      "  --save FOLDER   keep what differs there\n"
	      "  --self          the host against itself: what is not repeatable\n"
	      "  --alone         ours without the host: for sanitizers\n"
	      "  --elsewhere     a difference is no failure on processors it was not tried on\n"
	      "  --verbose       print every case\n"
	      "With files: run those cases, nothing random.\n",
	      f);
}

static bool number_option(struct options *o, const char *name, const char *value)
{
	u64 *where = !strcmp(name, "--seconds") ? &o->seconds
		     : !strcmp(name, "--cases") ? &o->cases
		     : !strcmp(name, "--seed")  ? &o->seed
		     : !strcmp(name, "--jobs")  ? &o->jobs
		     : !strcmp(name, "--case")  ? &o->only
						: NULL;

	if (where == &o->only)
		o->has_only = o->verbose = true;
	return where && value && !parse_u64(where, value);
}

static bool word_option(struct options *o, const char *name, const char *value)
{
	if (!strcmp(name, "--self"))
		o->against = AGAINST_SELF;
	else if (!strcmp(name, "--alone"))
		o->against = OURS_ALONE;
	else if (!strcmp(name, "--elsewhere"))
		o->elsewhere = true;
	else if (!strcmp(name, "--verbose"))
		o->verbose = true;
	else if (!strcmp(name, "--rows"))
		o->gen.sequences = true;
	else if (!strcmp(name, "--wrong"))
		o->gen.wrong = true;
	else if (!strcmp(name, "--align"))
		o->gen.align = true;
	else if (!strcmp(name, "--own"))
		o->gen.own = true;
	else if (!strcmp(name, "--single"))
		o->gen.single = true;
	else
		return false;
	return true;
}

static bool text_option(struct options *o, const char *name, const char *value)
{
	if (!value)
		return false;
	if (!strcmp(name, "--form"))
		o->gen.form = value;
	else if (!strcmp(name, "--save"))
		o->save = value;
	else if (!strcmp(name, "--jit"))
		o->jit = value;
	else if (!strcmp(name, "--engine"))
		o->engine = !strcmp(value, "exec")  ? ENGINE_EXEC
			    : !strcmp(value, "jit") ? ENGINE_JIT
						    : ENGINE_LOOP;
	else if (!strcmp(name, "--mode"))
		o->gen.mode = !strcmp(value, "64")   ? CPU_64
			      : !strcmp(value, "32") ? CPU_32
						     : CPU_16;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {
		.gen.mode = -1, .seconds = 20, .jobs = 1, .engine = ENGINE_LOOP, .jit = "on+heat=0"
	};
	int at = 1;

	o.seed = time_now_ns();
	while (at < argc && !strncmp(argv[at], "--", 2)) {
		if (!strcmp(argv[at], "--help")) {
			usage(stdout);
			return 0;
		}
		if (word_option(&o, argv[at], NULL)) {
			at++;
		} else if (number_option(&o, argv[at], argv[at + 1]) ||
			   text_option(&o, argv[at], argv[at + 1])) {
			at += 2;
		} else {
			usage(stderr);
			return 2;
		}
	}
	if (o.jobs < 1 || o.jobs > MAX_JOBS) {
		fprintf(stderr, "fuzz-cpu: 1 to %u jobs\n", MAX_JOBS);
		return 2;
	}
	o.files = argv + at;
	o.file_count = (unsigned)(argc - at);
	return o.file_count ? replay(&o) : run_jobs(&o);
}
