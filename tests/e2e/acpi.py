# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks ACPI tables read in a guest with iasl, the reference compiler."""

import base64
import os
import re
import subprocess

from vmm import Failed

# Parts of the header that the compiler may set anew: checksum, and its own name and version.
HEADER = 36
CHECKSUM = 9
COMPILER = 28
DEFINITION_BLOCKS = ("DSDT", "SSDT")


def check(tables, folder, code_too=True):
    """tables: lines of base64 by name. Each must disassemble and compile without a warning, and
    those without code must come out as they went in. Code is not compiled again if not code_too."""
    os.makedirs(folder, exist_ok=True)
    for name, lines in sorted(tables.items()):
        data = base64.b64decode("".join(lines))
        path = os.path.join(folder, f"{name}.dat")
        with open(path, "wb") as file:
            file.write(data)
        check_sum(name, data)
        check_table(name, path, data, code_too)


def check_sum(name, data):
    if not name.startswith("FACS") and sum(data) % 256:
        raise Failed(f"ACPI table {name}: its bytes sum to {sum(data) % 256}, not 0")


def check_table(name, path, data, code_too):
    base = path[:-len(".dat")]
    shown = iasl("-d", path)
    complain(name, "disassembling", shown)
    has_code = name.startswith(DEFINITION_BLOCKS)
    if has_code and not code_too:
        return
    compiled = iasl("-oa", "-p", base, f"{base}.dsl")
    complain(name, "compiling", compiled)
    if not has_code:
        with open(f"{base}.aml", "rb") as file:
            if comparable(file.read()) != comparable(data):
                raise Failed(f"ACPI table {name}: what iasl makes of its own text differs")


def iasl(*arguments):
    try:
        done = subprocess.run(["iasl", *arguments], capture_output=True, text=True)
    except FileNotFoundError as why:
        raise Failed("no iasl; install acpica-tools") from why
    return f"{done.stdout}{done.stderr}\nexit {done.returncode}"


def complain(name, action, text):
    for line in text.splitlines():
        if re.search(r"\b(Error|Warning)\b(?!s)|\*\*\*|[1-9][0-9]* (Errors|Warnings)", line):
            raise Failed(f"ACPI table {name}: {action}: {line.strip()}")
    if not text.endswith("exit 0"):
        raise Failed(f"ACPI table {name}: {action}: iasl failed: {text[-200:]}")


def comparable(data):
    return data[:CHECKSUM] + b"?" + data[CHECKSUM + 1:COMPILER] + data[HEADER:]
