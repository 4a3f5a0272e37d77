# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for C files: first lines, sizes, forbidden calls, state, form. Why: docs/CONVENTIONS.md."""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

SPDX = "/* SPDX-License-Identifier: GPL-2.0-or-later */"
FILE_MAX, HEADER_MAX, FUNCTION_MAX, COLUMNS, TAB = 800, 200, 60, 100, 8
DEVICES = ("src/bus/", "src/dev/", "src/hv/", "src/fw/", "src/core/")
GUEST_VALUES = DEVICES + ("src/mem/", "src/machine/")
OS_PARTS = ("src/plat/", "src/cpu/kvm/", "src/cpu/whp/")

CALL = r"(?<![\w.>])(?:%s)\s*\("
# pattern, reason, files where it is allowed (prefixes)
FORBIDDEN = [
    (CALL % "strcpy|strncpy|strcat|strncat|sprintf|vsprintf|gets|strtok|alloca",
     "cannot be bounded: base/str.h, snprintf or memcpy", ()),
    (CALL % "atoi|atol|atoll|strto[u]?ll?|strtod|sscanf|fscanf|scanf",
     "does not tell an error from a number: parse_u64 or parse_size",
     ("src/base/", "src/plat/")),
    (CALL % "time|gettimeofday|clock_gettime|clock|localtime|gmtime|mktime|sleep|usleep|nanosleep",
     "devices use core/clock.h, host code plat/time.h", ("src/plat/", "src/base/log.c")),
    (CALL % "exit|_exit|abort|quick_exit",
     "return an error; only cli/ ends the process", ("src/cli/", "src/base/", "tests/")),
    (CALL % "malloc|calloc|realloc|strdup|strndup|asprintf|vasprintf",
     "xcalloc, try_alloc, xstrdup or xasprintf: they say what happens when memory is short",
     ("src/base/", "src/plat/", "tests/")),
    (CALL % "printf|vprintf|puts|putchar|perror",
     "the library is silent: fill struct error, or log_*()", ("src/cli/", "tests/")),
    (CALL % "fprintf|fputs|vfprintf",
     "the library is silent: fill struct error, or log_*()", ("src/cli/", "src/base/", "tests/")),
    (CALL % "rand|srand|random|srandom", "random_bytes() of plat/map.h", ()),
    (CALL % "system|popen", "no shell is run from here", ()),
    (CALL % "getenv|setenv", "options come as a struct; only cli/ and the log read the environment",
     ("src/cli/", "src/base/log.c", "tests/")),
    (r"\(\s*(?:const\s+)?struct\s+\w+\s*\*\s*\)\s*(?:\w+->)*(?:buf|bytes|data|p|ptr|pkt)\b",
     "do not cast bytes to a struct: struct reader or le32_at()", ()),
    (r"\btypedef\s+(?:struct|union|enum)\b", "types are spelled struct thing, not a typedef", ()),
    (r"\b(?:TODO|FIXME|XXX|HACK)\b", "a gap is a line of docs/gaps.md", ()),
]
FORBIDDEN = [(re.compile(p), why, where) for p, why, where in FORBIDDEN]
PLAIN_LONG = re.compile(r"(?<!long )\blong\b(?! long)")
PERCENT_LONG = re.compile(r"%[-#0 +]*[0-9*]*(?:\.[0-9*]+)?l[diuxX]")
CONDITIONAL = re.compile(r"\s*#\s*(?:if|ifdef|ifndef|elif)\b")
MARK = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
STATIC_LOCAL = re.compile(r"\s+static\s+(?!inline\b)([^=;[]*)")
# Process-wide by nature: log levels, trace switch, role tokens; threads and signals of the host.
STATE_OWNERS = ("src/base/log.c", "src/base/trace.c", "src/base/roles.c", "src/plat/")


def check_opening(tree, f):
    if f.lines[0] != SPDX:
        tree.say(f, 1, "opening", f"the first line is {SPDX}")
    m = re.match(r"/\*\s*(?:\n \* ?)?(.*?)\*/", "\n".join(f.lines[1:40]), re.S)
    if not m or len(m.group(1).split()) < 3:
        tree.say(f, 2, "opening", "a comment of one sentence or more says what the file is")
    else:
        named = re.match(r"([\w/.-]+\.[ch]):", m.group(1))
        if named and named.group(1) not in f.rel:
            tree.say(f, 2, "opening", f"the comment speaks of {named.group(1)}")
    if f.rel.endswith(".h") and "#pragma once" not in f.lines[:40]:
        tree.say(f, 1, "opening", "#pragma once follows the file comment")


def check_lines(tree, f):
    limit = HEADER_MAX if f.rel.endswith(".h") else FILE_MAX
    if len(f.lines) - 1 > limit:
        tree.say(f, len(f.lines), "long-file", f"longer than {limit} lines")
    in_src = f.rel.startswith("src/")
    conditional_ok = (f.rel.startswith(OS_PARTS + ("tests/", "guest/"))
                      or f.name.endswith("_list.c") or f.rel == "src/base/types.h")
    for n, (line, code) in enumerate(zip(f.lines, f.code), 1):
        if len(line.expandtabs(TAB)) > COLUMNS:
            tree.say(f, n, "long-line", f"longer than {COLUMNS} columns")
        if "//" in code:
            tree.say(f, n, "comment", "comments are /* */")
        for pattern, why, where in FORBIDDEN:
            if not f.rel.startswith(where) and pattern.search(code):
                tree.say(f, n, "forbidden", f"{pattern.search(code).group(0).strip()}: {why}")
        if MARK.search(line) and not MARK.search(code):
            tree.say(f, n, "forbidden", "a gap is a line of docs/gaps.md")
        if f.rel.startswith(GUEST_VALUES) and PLAIN_LONG.search(code):
            tree.say(f, n, "forbidden", "long: 32 bits on Windows; use u32 or u64")
        if in_src and not f.rel.startswith(OS_PARTS) and PERCENT_LONG.search(line):
            tree.say(f, n, "forbidden", "%l: 32 bits on Windows; use %llx with a cast, or %zu")
        local = STATIC_LOCAL.match(code)
        if (local and in_src and f.rel.endswith(".c") and not f.rel.startswith(STATE_OWNERS)
                and not is_constant(local.group(1))):
            tree.say(f, n, "state", "mutable static variable; two machines would share it")
        if in_src and not conditional_ok and CONDITIONAL.match(code):
            tree.say(f, n, "conditional", "#if belongs to plat/, a backend or a *_list.c")


def ctags(tree, files, kinds):
    """(file, kind, line, end, name) of each definition."""
    out = subprocess.run(
        ["ctags", "-f", "-", "--languages=C", "--langmap=C:.c.h", f"--kinds-C={kinds}",
         "--fields=neK", "--sort=no", "-L", "-"],
        input="\n".join(f.path for f in files), text=True, capture_output=True, check=True).stdout
    by_path = {f.path: f for f in files}
    for row in out.splitlines():
        parts = row.split("\t")
        fields = dict(x.split(":", 1) for x in parts[3:] if ":" in x)
        kind = next(x for x in parts[3:] if ":" not in x)
        line = int(fields["line"])
        yield by_path[parts[1]], kind, line, int(fields.get("end", line)), parts[0]


def is_constant(declaration):
    """True when the object cannot change: const after the last star, or with no star at all."""
    head, star, tail = declaration.rpartition("*")
    return re.search(r"\bconst\b", tail if star else head + tail) is not None


def check_state(tree, f, line, name):
    if not f.rel.startswith("src/") or f.rel.startswith(STATE_OWNERS) or f.rel.endswith(".h"):
        return
    start = line - 1
    while start > 0 and not re.match(r"[A-Za-z]", f.code[start]):
        start -= 1  # up to the line that begins the declaration: it has no indent
    text = " ".join(f.code[start:line])
    declaration = re.split(r"\{|\b" + re.escape(name) + r"\b", text)[0]
    shared = "_Thread_local" not in declaration and "extern" not in declaration
    if shared and not is_constant(declaration):
        tree.say(f, line, "state", f"{name}: mutable file-scope state; two machines would share it")


def check_definitions(tree, files):
    for f, kind, line, end, name in ctags(tree, files, "fvp"):
        if kind == "function" and end - line >= FUNCTION_MAX and f.rel.endswith(".c"):
            tree.say(f, line, "long-function", f"{name}() is longer than {FUNCTION_MAX} lines")
        elif kind == "variable":
            check_state(tree, f, line, name)
        if f.name.endswith("_abi.h") and kind in ("function", "prototype"):
            tree.say(f, line, "abi", f"{name}(): an _abi.h holds layouts only")
        if kind == "prototype" and f.rel.startswith("src/") and f.rel.endswith(".h"):
            check_documented(tree, f, line, name)


def check_documented(tree, f, line, name):
    """A public function has a comment: its own, one in or above its paragraph, or by name."""
    if f.name.endswith("_priv.h") or re.search(r"_(?:init|finish|create|destroy|free)$", name):
        return
    if re.search(r"(?:/\*|^ \*).*\b%s\b" % name, f.text, re.M):
        return
    top = line - 1
    while top > 0 and f.lines[top - 1].strip():
        top -= 1
    bottom = line
    while bottom < len(f.lines) and f.lines[bottom].strip():
        bottom += 1
    paragraph = f.lines[top:bottom]
    above = f.lines[max(top - 2, 0):top]
    if not any("*/" in x for x in paragraph + above) and "struct" not in "".join(above):
        tree.say(f, line, "undocumented", f"{name}(): say what it does, returns and takes")


def check_device_classes(tree, f):
    """Every device class says how it is saved and reset: CONVENTIONS 7."""
    if not f.rel.startswith("src/"):
        return
    text = "\n".join(f.code)
    for m in re.finditer(r"\bconst struct device_class (\w+) = \{(.*?)\n\};", text, re.S):
        line = text[:m.start()].count("\n") + 1
        for member in ("name", "fields", "reset", "destroy"):
            if not re.search(r"\.%s\s*=" % member, m.group(2)):
                tree.say(f, line, "device", f"{m.group(1)} has no .{member}")


def clang_format(paths):
    done = subprocess.run(["clang-format", "--dry-run", "--style=file"] + paths,
                          text=True, capture_output=True)
    return re.findall(r"^(.+?):(\d+):\d+: warning: .*clang-formatted", done.stderr, re.M)


def check_format(tree, files):
    paths = [f.path for f in files]
    jobs = os.cpu_count() or 1
    parts = [paths[i::2 * jobs] for i in range(2 * jobs) if paths[i::2 * jobs]]
    seen = set()
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(clang_format, parts):
            for path, line in found:
                if path not in seen:
                    seen.add(path)
                    rel = os.path.relpath(path, tree.root)
                    tree.say(tree.by_rel[rel], int(line), "format",
                             "scripts/check --fix formats it")


def check(tree):
    files = [f for f in tree.under("src/", "tests/", "guest/") if f.is_c]
    for f in files:
        check_opening(tree, f)
        check_lines(tree, f)
        check_device_classes(tree, f)
    if files:
        check_definitions(tree, files)
        check_format(tree, files)
