# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include whom: scripts/layers.txt, src/meson.build and the #include lines agree."""
import os
import re

# The C library. Everything else in <...> belongs to the operating system.
C_HEADERS = {h + ".h" for h in (
    "assert ctype errno float inttypes limits math stdalign stdarg stdatomic stdbool stddef stdint "
    "stdio stdlib string").split()}
CPU_HEADERS = {"cpuid.h", "immintrin.h", "x86intrin.h"}  # compiler intrinsics, for cpu/ only
LOG_HEADERS = {"time.h"}  # base/log.c: messages carry the time, and floods are cut by it
OS_FOLDERS = ("plat", "cpu/kvm", "cpu/whp", "net", "char", "block")
DEVICE_FOLDERS = ("bus/", "dev/", "hv/", "fw/", "core/")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def read_table(tree):
    """folder -> folders it may include, from scripts/layers.txt."""
    file = tree.by_rel["scripts/layers.txt"]
    table = {}
    for n, line in enumerate(file.lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, below = line.partition(":")
        table[name.strip()] = below.split()
        for d in below.split():
            if d not in table:
                tree.say(file, n, "layers", f"{name} names {d}, which has no line above")
    return table


def rank(table):
    """folder -> its height. Lines only name folders above them, so there are no cycles."""
    height = {}
    for name, below in table.items():
        height[name] = 1 + max((height.get(d, 0) for d in below), default=0)
    return height


def check_meson(tree, table):
    """src/meson.build links what layers.txt allows. Backends (cpu/kvm) are part of their parent."""
    meson = tree.by_rel.get("src/meson.build")
    if not meson:
        return
    block = re.search(r"folders = \{(.*?)\n\}", meson.text, re.S)
    linked = {}
    for m in re.finditer(r"'([\w/]+)': \[([^\]]*)\]", block.group(1) if block else ""):
        linked[m.group(1)] = re.findall(r"'([\w/]+)'", m.group(2))
    for name, below in linked.items():
        if sorted(below) != sorted(table.get(name, ["?"])):
            tree.say(meson, 1, "layers", f"{name}: differs from its line in scripts/layers.txt")
    for name in table:
        if name not in linked and os.path.dirname(name) not in linked and name != "cli":
            tree.say(meson, 1, "layers", f"{name}: is in scripts/layers.txt but not here")


def folder_of(path, table):
    """The folder of layers.txt that the src-relative @path belongs to, or ''."""
    path = os.path.dirname(path)
    while path and path not in table:
        path = os.path.dirname(path)
    return path


def check_local(tree, table, f, n, target, own):
    there = folder_of(target, table)
    if not tree.exists("src/" + target):
        tree.say(f, n, "layers", f"{target}: not found; include paths start at src/")
    elif f.rel == "src/base/trace_all.def":
        return  # names of events only, no code
    elif own and there != own and there not in table.get(own, []):
        tree.say(f, n, "layers", f"{own} may not include {there}")
    if target.endswith("_priv.h") and own and there != own:
        tree.say(f, n, "private", f"{target} is private to {there}")


def check_system(tree, f, n, header, own):
    if header in C_HEADERS or own in OS_FOLDERS:
        return
    if header in LOG_HEADERS and f.rel == "src/base/log.c":
        return
    if header in CPU_HEADERS and own.split("/")[0] == "cpu":
        return
    if (own + "/").startswith(DEVICE_FOLDERS):
        tree.say(f, n, "os-header", f"<{header}>: devices know no operating system")
    else:
        tree.say(f, n, "os-header", f"<{header}>: the operating system is spoken to in "
                 + ", ".join(OS_FOLDERS))


def check_order(tree, f, includes):
    """A source file includes its own header first, so that the header is seen to stand alone."""
    own = f.rel[len("src/"):-1] + "h"
    names = [local for _, local, _ in includes]
    if f.rel.endswith(".c") and own in names and names[0] != own:
        tree.say(f, includes[0][0], "include-order", f"{own} comes first")


def check(tree):
    table = read_table(tree)
    check_meson(tree, table)
    for f in tree.under("src/"):
        if not f.rel.endswith((".c", ".h", ".def")):
            continue
        own = folder_of(f.rel[len("src/"):], table)
        if not own:
            tree.say(f, 1, "layers", "its folder has no line in scripts/layers.txt")
        includes = []
        for n, line in enumerate(f.lines, 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            includes.append((n, m.group(1), m.group(2)))
            if m.group(1):
                check_local(tree, table, f, n, m.group(1), own)
            else:
                check_system(tree, f, n, m.group(2), own)
        if includes:
            check_order(tree, f, includes)
    gathered = tree.text("src/base/trace_all.def")
    for f in tree.under("src/"):
        rel = f.rel[len("src/"):]
        if f.name == "trace.def" and f'"{rel}"' not in gathered:
            tree.say(f, 1, "layers", f"src/base/trace_all.def does not include {rel}")
