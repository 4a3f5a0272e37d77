# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of QEMU's TCG accelerator module that survives nested guests.

In QEMU 7.2 a CR8 write of a nested guest, done while a virtual interrupt is pending, calls
tcg_handle_interrupt() without the lock that function asserts, and QEMU aborts. OVMF does that on every
boot. The copy skips the assertion: `test al,al; jne` after the lock query becomes `test al,al; jmp`.
"""

import os
import struct

import initramfs

MODULE = "accel-tcg-x86_64.so"
FOLDERS = ("/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib/qemu", "/usr/lib64/qemu")
FUNCTION = b"tcg_handle_interrupt"
BEFORE = b"\x84\xc0\x75"
AFTER = b"\x84\xc0\xeb"
REACH = 32

SHT_DYNSYM = 11


class NotMended(Exception):
    """This QEMU is not the one whose fault is known."""


def mended_modules(cache):
    """A folder for QEMU_MODULE_DIR with the mended module; made in folder cache if not there yet."""
    data = original()
    folder = os.path.join(cache, f"qemu-{initramfs.digest(data)}")
    path = os.path.join(folder, MODULE)
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        with open(path + ".new", "wb") as file:
            file.write(mend(data))
        os.rename(path + ".new", path)
    return folder


def mend(data):
    """The module's bytes with the assertion skipped."""
    start = _function_offset(data)
    place = data.find(BEFORE, start, start + REACH)
    if place < 0:
        raise NotMended(f"{MODULE}: {FUNCTION.decode()} does not begin as expected; "
                        "this QEMU needs its own look at the nested CR8 fault")
    return data[:place] + AFTER + data[place + len(AFTER):]


def original():
    for folder in FOLDERS:
        path = os.path.join(folder, MODULE)
        if os.path.exists(path):
            with open(path, "rb") as file:
                return file.read()
    raise NotMended(f"no {MODULE} in {', '.join(FOLDERS)}; install qemu-system-x86")


def _function_offset(data):
    """File offset of FUNCTION, from the dynamic symbols (ELF-64 specification, 3 and 4)."""
    sections = _sections(data)
    for kind, _, offset, size, strings, _ in sections:
        if kind != SHT_DYNSYM:
            continue
        names = sections[strings][2]
        for symbol in range(offset, offset + size, 24):
            name, _, _, section, value = struct.unpack_from("<IBBHQ", data, symbol)
            if data.startswith(FUNCTION + b"\0", names + name) and section:
                _, address, file_offset, _, _, _ = sections[section]
                return value - address + file_offset
    raise NotMended(f"{MODULE}: no function {FUNCTION.decode()}")


def _sections(data):
    """(type, address, offset, size, link, info) of each section."""
    if data[:5] != b"\x7fELF\x02":
        raise NotMended(f"{MODULE}: not a 64-bit ELF file")
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    return [struct.unpack_from("<4x I 8x QQQ II", data, table + i * size) for i in range(count)]
