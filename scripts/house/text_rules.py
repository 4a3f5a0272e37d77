# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules for everything that is text: scripts, build files, documents, test registration."""
import os
import re

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(r"`((?:src|scripts|tests|docs|guest|packaging|web)/[\w./-]*\w/?)`")
# A path that exists on one developer's machine only.
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:work|root|home)/")
SCRIPT_COLUMNS = 110  # C has 100; scripts hold longer command lines and messages
SPDX = "SPDX-License-Identifier: GPL-2.0-or-later"


def check_text(tree, f):
    if f.rel == "LICENSE":
        return
    if f.text and not f.text.endswith("\n"):
        tree.say(f, len(f.lines), "whitespace", "the last line does not end")
    for n, line in enumerate(f.lines, 1):
        if line != line.rstrip():
            tree.say(f, n, "whitespace", "white space at the end of the line")
        if MACHINE_PATH.search(line):
            tree.say(f, n, "machine-path", "a path of one machine: say it relative to the project")


def check_script(tree, f):
    shebang = f.lines[0].startswith("#!")
    python = f.rel.endswith(".py") or (shebang and "python" in f.lines[0])
    if not shebang and not python:
        return
    if not any(SPDX in line for line in f.lines[:3]):
        tree.say(f, 2, "opening", f"a script begins with # {SPDX}")
    if shebang and not f.executable:
        tree.say(f, 1, "script", "has #! but is not executable")
    if not shebang and f.executable:
        tree.say(f, 1, "script", "is executable but has no #!")
    if python:
        try:
            compile(f.text, f.rel, "exec")
        except SyntaxError as e:
            tree.say(f, e.lineno or 1, "script", f"python: {e.msg}")
        if not re.search(r'^(?:#.*\n)*"""', f.text):
            tree.say(f, 3, "opening", "a docstring says what the script is for")
    elif not re.search(r"^(?:set -[a-z]*e|\s*cd .*&&)", f.text, re.M):
        tree.say(f, 3, "script", "a shell script says set -e")
    for n, line in enumerate(f.lines, 1):
        if len(line.expandtabs(8)) > SCRIPT_COLUMNS:
            tree.say(f, n, "long-line", f"longer than {SCRIPT_COLUMNS} columns")


def slug(heading):
    """The anchor that Markdown viewers give a heading."""
    text = re.sub(r"[`*_]|\[|\]\([^)]*\)", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(file):
    fenced = False
    for line in file.lines:
        if line.startswith("```"):
            fenced = not fenced
        m = re.match(r"#+ (.*)", line)
        if m and not fenced:
            yield slug(m.group(1))


def check_link(tree, f, n, target):
    if re.match(r"[a-z]+:", target):
        return
    path, _, anchor = target.partition("#")
    rel = os.path.normpath(os.path.join(os.path.dirname(f.rel), path)) if path else f.rel
    if not tree.exists(rel):
        tree.say(f, n, "link", f"{target}: there is no {rel}")
    elif anchor and rel in tree.by_rel and anchor not in anchors(tree.by_rel[rel]):
        tree.say(f, n, "link", f"{target}: {rel} has no such heading")


def check_document(tree, f):
    for n, line in enumerate(f.lines, 1):
        for m in LINK.finditer(line):
            check_link(tree, f, n, m.group(1) or m.group(2))
        for m in NAMED_PATH.finditer(line):
            if not re.search(r"NAME|FOLDER|DIR", m.group(1)) and not tree.exists(
                    m.group(1).rstrip("/")):
                tree.say(f, n, "link", f"there is no {m.group(1)}")


def check_named_tests(tree):
    """The tests that tests/README.md names exist."""
    page = tree.by_rel.get("tests/README.md")
    code = "\n".join(f.text for f in tree.under("tests/") if f is not page and f.text)
    for n, line in enumerate(page.lines if page else [], 1):
        for name in re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", line):
            if not re.search(r"\b%s\b" % name, code):
                tree.say(page, n, "link", f"there is no test {name}")


def check_citations(tree, f):
    """Documents that comments cite are there."""
    for n, line in enumerate(f.lines, 1):
        for m in re.finditer(r"([\w./-]+\.md)\b", line):
            here = os.path.normpath(os.path.join(os.path.dirname(f.rel), m.group(1)))
            if not any(tree.exists(p) for p in (m.group(1), "docs/" + m.group(1), here)):
                tree.say(f, n, "link", f"there is no {m.group(1)}")


def check_def(tree, f):
    """A .def holds names for macros, so that any folder may read it."""
    for n, line in enumerate(f.lines, 1):
        if line.strip() and not re.match(r"/\*| \*|[A-Z_]+\(|#include \"[\w/]+\.def\"|\t", line):
            tree.say(f, n, "def", "only comments and NAME(...) lines")


def check_registered(tree):
    """Build files name every source, unit test and fuzz target; fuzz targets have seeds."""
    for f in tree.under("src/"):
        if not f.rel.endswith(".c"):
            continue
        folder, named = os.path.dirname(f.rel), False
        while folder and not named:
            text = tree.text(folder + "/meson.build") or ""
            named = f.name in text or f"'{f.name[:-2]}'" in text
            folder = os.path.dirname(folder)
        if not named:
            tree.say(f, 1, "registered", "no meson.build names it")
    for kind in ("unit/test", "fuzz/fuzz"):
        where, prefix = kind.split("/")
        meson = tree.text(f"tests/{where}/meson.build") or ""
        for f in tree.under(f"tests/{kind}_"):
            name = f.name[len(prefix) + 1:-2]
            if f.rel.endswith(".c") and f"'{name}'" not in meson:
                tree.say(f, 1, "registered", f"tests/{where}/meson.build does not name it")
            if where == "fuzz" and not tree.under(f"tests/fuzz/corpus/{name}/"):
                tree.say(f, 1, "registered", f"no seeds in tests/fuzz/corpus/{name}")


def check(tree):
    for f in tree.files:
        if f.text is None or f.rel.startswith("tests/fuzz/corpus/"):
            continue
        check_text(tree, f)
        if f.text and not f.is_c:
            check_script(tree, f)
        if f.is_c and not f.rel.startswith("scripts/"):
            check_citations(tree, f)
        if f.rel.endswith(".md"):
            check_document(tree, f)
        if f.rel.endswith(".def"):
            check_def(tree, f)
    check_registered(tree)
    check_named_tests(tree)
