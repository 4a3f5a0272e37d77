# SPDX-License-Identifier: GPL-2.0-or-later
"""A small tree with one breach of every rule: what scripts/check --self-test looks at.

Each file says which rules it breaks. What the checks find must be exactly that: nothing missing,
nothing more.
"""
import os
import shutil
import tempfile

SPDX = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
HERE = os.path.dirname(os.path.abspath(__file__))


def c(body, about="A planted file of the self-test.", include=""):
    return SPDX + f"/* {about} */\n" + include + body


def h(body, about="A planted header of the self-test."):
    return SPDX + f"/* {about} */\n#pragma once\n\n" + body


def function(name, lines):
    return f"int {name}(int a)\n{{\n" + "\ta++;\n" * (lines - 4) + "\treturn a;\n}\n"


LAYERS = "base:\nplat: base\ncore: base plat\ndev/one: base core\nblock: base plat\ncli: base\n"
MESON = """folders = {
    'base': [],
    'plat': ['base'],
    'core': ['base', 'plat'],
    'dev/one': ['base', 'core'],
    'block': ['base'],
}
"""
CLASS = "static const struct device_class one = {\n\t.name = \"one\",\n\t.reset = reset,\n};\n"

# path: (content, rules it must break)
PLANTED = {
    # The good: nothing may be found in these.
    "src/base/types.h": (h("#ifdef __clang__\n#endif\n/* Ready. */\nint base_ready(void);\n"), ()),
    "src/base/trace_all.def": (SPDX + '#include "core/trace.def"\n', ()),
    "src/core/trace.def": (SPDX + 'TRACE(one, "at %llx")\n', ()),
    "src/core/good.c": (c('#include <string.h>\n\n#include "base/types.h"\n\n'
                          "static const char *const names[] = { \"a//b\", \"strcpy(\" };\n\n"
                          "long long count(struct clock *c)\n{\n\treturn c->time(names[0]);\n}\n"),
                        ()),
    "src/core/excused.c": (c("/* check: long-function, the table of the self-test */\n"
                             + function("excused", 70)), ()),
    "src/core/constant.c": (c("static const struct named {\n\tint a;\n} table[] = {\n\t{ 1 },\n"
                              "};\n\nint f(void)\n{\n\tstatic int (*const how[])(void) = { f };"
                              "\n\n\treturn how[0]() + table[0].a;\n}\n"), ()),
    "src/plat/posix.c": (c("#include <unistd.h>\n"), ()),
    "scripts/good": ("#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\nset -e\n", ()),
    "docs/good.md": ("# A page\n\n[up](../README.md) [here](#a-page) `src/base/types.h`\n", ()),
    "README.md": ("# House\n\n[page](docs/good.md#a-page)\n", ()),
    # The bad, one rule each where that is possible.
    "src/meson.build": (MESON, ("layers",)),
    "src/core/meson.build": ("'good.c' 'excused.c' 'up.c' 'os.c' 'call.c' 'print.c' 'state.c'\n"
                             "'static.c' 'long.c' 'wide.c' 'slashes.c' 'mark.c' 'ifdef.c'\n"
                             "'function.c' 'file.c' 'format.c' 'nospdx.c' 'silent.c' 'cast.c'\n"
                             "'type.c' 'excuse.c' 'missing.c' 'wrong.c' 'own.c' 'clock.c'\n"
                             "'cite.c' 'constant.c' 'table.c'\n", ()),
    "src/dev/one/meson.build": ("'device.c' 'priv.c'\n", ()),
    "src/plat/meson.build": ("'posix.c'\n", ()),
    "src/core/own.h": (h("struct own;\n"), ()),
    "src/core/own_priv.h": (h("struct own;\n"), ()),
    "src/core/own.c": (c('#include "base/types.h"\n#include "core/own.h"\n'),
                       ("include-order", "format")),
    "src/core/up.c": (c('#include "dev/one/one.h"\n'), ("layers",)),
    "src/core/missing.c": (c('#include "core/nowhere.h"\n'), ("layers",)),
    "src/dev/one/one.h": (h("struct one;\n"), ()),
    "src/dev/one/priv.c": (c('#include "core/own_priv.h"\n'), ("private",)),
    "src/dev/one/device.c": (c(CLASS), ("device",)),
    "src/dev/one/trace.def": (SPDX + 'TRACE(two, "at %llx")\nint two;\n', ("def", "layers")),
    "src/core/os.c": (c("#include <sys/mman.h>\n"), ("os-header",)),
    "src/core/clock.c": (c("u64 f(void)\n{\n\treturn time(NULL);\n}\n"), ("forbidden",)),
    "src/core/call.c": (c("void f(char *a)\n{\n\tstrcpy(a, \"\");\n}\n"), ("forbidden",)),
    "src/core/print.c": (c("void f(u32 a)\n{\n\tlog_err(\"%lx\", a);\n}\n"), ("forbidden",)),
    "src/core/cast.c": (c("struct a *f(u8 *buf)\n{\n\treturn (struct a *)buf;\n}\n"),
                        ("forbidden",)),
    "src/core/type.c": (c("typedef struct a a;\n"), ("forbidden",)),
    "src/core/long.c": (c("unsigned long f(void);\n"), ("forbidden",)),
    "src/core/mark.c": (c("/* TO" "DO: later */\n"), ("forbidden",)),
    "src/core/state.c": (c("static const char *name = \"a\";\n"), ("state",)),
    "src/core/table.c": (c("static struct named {\n\tint a;\n} table[1];\n"), ("state",)),
    "src/core/static.c": (c("int f(void)\n{\n\tstatic int n;\n\n\treturn n++;\n}\n"), ("state",)),
    "src/core/wide.c": (c("/* " + "wide " * 20 + "*/\n"), ("long-line",)),
    "src/core/slashes.c": (c("int f(void); // scratch\n"), ("comment",)),
    "src/core/ifdef.c": (c("#ifdef __linux__\n#endif\n"), ("conditional",)),
    "src/core/function.c": (c(function("f", 61)), ("long-function",)),
    "src/core/file.c": (c("int f(void);\n" * 800), ("long-file",)),
    "src/core/format.c": (c("int  f( void );\n"), ("format",)),
    "src/core/nospdx.c": ("/* No licence on its first line. */\n", ("opening",)),
    "src/core/silent.c": (SPDX + "int f(void);\n", ("opening",)),
    "src/core/wrong.c": (c("int f(void);\n", about="core/right.c: not the name of this file"),
                         ("opening",)),
    "src/core/cite.c": (c("/* nowhere.md 4 */\nint cite(void); /* good.md */\n"), ("link",)),
    "src/core/excuse.c": (c("/* check: state, there is none */\n"), ("excuse",)),
    "src/core/unnamed.c": (c("int f(void);\n"), ("registered",)),
    "src/core/once.h": (SPDX + "/* No guard against a second inclusion. */\n", ("opening",)),
    "src/core/tall.h": (h("struct a;\n" * 200), ("long-file",)),
    "src/core/dumb.h": (h("struct a {\n\tint b;\n};\n\nint a_open(struct a *a);\n\n"
                          "int a_spin(struct a *a);\n"), ("undocumented",)),
    "src/core/one_abi.h": (h("/* Layout. */\nint one_size(void);\n"), ("abi",)),
    "tests/README.md": ("# Tests\n\n`there_is_no_such_test`\n", ("link",)),
    "tests/unit/meson.build": ("unit_tests = {}\n", ()),
    "tests/unit/test_lost.c": (c("int main(void);\n"), ("registered",)),
    "tests/fuzz/meson.build": ("fuzz_targets = {'bare': 'core'}\n", ()),
    "tests/fuzz/fuzz_bare.c": (c("int main(void);\n"), ("registered",)),
    "scripts/nospdx": ("#!/bin/sh\nset -e\n", ("opening",)),
    "scripts/brave": ("#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\nls\n", ("script",)),
    "scripts/broken.py": ('# SPDX-License-Identifier: GPL-2.0-or-later\n"""Broken."""\nif\n',
                          ("script",)),
    "scripts/mute.py": ("# SPDX-License-Identifier: GPL-2.0-or-later\nimport os\n", ("opening",)),
    "docs/links.md": ("# Links\n\n[a](gone.md) [b](good.md#nothing) `scripts/gone`\n", ("link",)),
    "docs/here.md": ("# Here\n\nSee /ho" "me/me/oriel.\n", ("machine-path",)),
    "docs/spaces.md": ("# Spaces \n", ("whitespace",)),
    "docs/end.md": ("# No line end", ("whitespace",)),
}


def plant(root):
    planted = dict(PLANTED)
    planted["scripts/layers.txt"] = (LAYERS, ())
    for rel, (content, _) in planted.items():
        path = os.path.join(root, rel)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        if content.startswith("#!"):
            os.chmod(path, 0o755)
    shutil.copy(os.path.join(HERE, "../../.clang-format"), root)
    return {(rel, rule) for rel, (_, rules) in planted.items() for rule in rules}


def run(breaches):
    """0 when @breaches(root) finds exactly what was planted."""
    root = tempfile.mkdtemp(prefix="oriel-check-")
    try:
        wanted = plant(root)
        found = {(rel, rule) for rel, _, rule, _ in breaches(root)}
    finally:
        shutil.rmtree(root)
    for rel, rule in sorted(wanted - found):
        print(f"not ok: the breach of {rule} in {rel} was not found")
    for rel, rule in sorted(found - wanted):
        print(f"not ok: {rel} was said to break {rule}")
    if wanted != found:
        return 1
    for rule in sorted({rule for _, rule in wanted}):
        print(f"ok check_finds_{rule.replace('-', '_')}")
    return 0
