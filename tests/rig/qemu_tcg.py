# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of QEMU's program and of its TCG accelerator module that does right by nested guests.

Two faults of QEMU 7.2 are mended, one byte each:

The module: a CR8 write of a nested guest, done while a virtual interrupt is pending, calls
tcg_handle_interrupt() without the lock that function asserts, and QEMU aborts. OVMF does that on every
boot. The copy skips the assertion: `test al,al; jne` after the lock query becomes `test al,al; jmp`.

The program: an interrupt of the host ends a nested guest between STI and the next instruction, as it
may; but VMRUN then does not load the interrupt shadow that the exit has stored (APM 2, 15.5.1 and
15.21.5), and so an interrupt of the guest comes before a HLT that was to wait for it. The copy lets
interrupts wait for the shadow's end: in x86_cpu_pending_interrupt() the jump of "V_INTR_MASKING and
the host's IF" goes to where HF_INHIBIT_IRQ is looked at, and not behind it.
"""

import os
import shutil
import struct

import initramfs

PROGRAM = "qemu-system-x86_64"
MODULE = "accel-tcg-x86_64.so"
FOLDERS = ("/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib/qemu", "/usr/lib64/qemu")

LOCKED = b"tcg_handle_interrupt"
LOCKED_BEFORE = b"\x84\xc0\x75"
LOCKED_AFTER = b"\x84\xc0\xeb"
LOCKED_REACH = 32

PENDING = b"x86_cpu_pending_interrupt"
PENDING_BEFORE = b"\x83\xe6\x0a\x83\xfe\x0a\x74\x17"  # and esi,VINTR|HIF; cmp; je to "it is taken"
PENDING_AFTER = b"\x83\xe6\x0a\x83\xfe\x0a\x74\x0e"
PENDING_REACH = 256
INHIBIT = (b"\xf6\x80", b"\x08\x75")  # test byte [rax+hflags],INHIBIT; jne: where the jump goes now

SHT_DYNSYM = 11


class NotMended(Exception):
    """This QEMU is not the one whose faults are known."""


def mended(cache):
    """The mended program, and a folder for QEMU_MODULE_DIR; made in folder cache if not there yet."""
    path, program, module = originals()
    folder = os.path.join(cache, f"qemu-{initramfs.digest(program, module)}")
    copy = os.path.join(folder, "bin", PROGRAM)
    if not os.path.exists(copy):
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        # QEMU looks for firmware and modules beside the folder it is started from.
        for name in ("share", "lib"):
            link = os.path.join(folder, name)
            if not os.path.islink(link):
                os.symlink(os.path.join(os.path.dirname(os.path.dirname(path)), name), link)
        _write(os.path.join(folder, MODULE), mend_module(module))
        _write(copy, mend_program(program))
    return copy, folder


def originals():
    """The program's path, and the bytes of program and module."""
    path = shutil.which(PROGRAM)
    if not path:
        raise NotMended(f"no {PROGRAM}; install qemu-system-x86")
    path = os.path.realpath(path)
    for folder in FOLDERS:
        module = os.path.join(folder, MODULE)
        if os.path.exists(module):
            return path, _read(path), _read(module)
    raise NotMended(f"no {MODULE} in {', '.join(FOLDERS)}; install qemu-system-x86")


def mend_module(data):
    """The module's bytes with the assertion skipped."""
    start = _function_offset(data, LOCKED, MODULE)
    place = data.find(LOCKED_BEFORE, start, start + LOCKED_REACH)
    if place < 0:
        raise NotMended(f"{MODULE}: {LOCKED.decode()} does not begin as expected; "
                        "this QEMU needs its own look at the nested CR8 fault")
    return data[:place] + LOCKED_AFTER + data[place + len(LOCKED_AFTER):]


def mend_program(data):
    """The program's bytes with interrupts that wait for the end of the interrupt shadow."""
    start = _function_offset(data, PENDING, PROGRAM)
    place = data.find(PENDING_BEFORE, start, start + PENDING_REACH)
    target = place + len(PENDING_AFTER) + PENDING_AFTER[-1]
    if place < 0 or (data[target:target + 2], data[target + 6:target + 8]) != INHIBIT:
        raise NotMended(f"{PROGRAM}: {PENDING.decode()} is not as expected; "
                        "this QEMU needs its own look at the nested guest's interrupt shadow")
    return data[:place] + PENDING_AFTER + data[place + len(PENDING_AFTER):]


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _write(path, data):
    """Whole or not at all: another rig may be about to start it."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def _function_offset(data, function, where):
    """File offset of a function of file where, by the dynamic symbols (ELF-64 specification, 3 and 4)."""
    sections = _sections(data, where)
    for kind, _, offset, size, strings, _ in sections:
        if kind != SHT_DYNSYM:
            continue
        names = sections[strings][2]
        for symbol in range(offset, offset + size, 24):
            name, _, _, section, value = struct.unpack_from("<IBBHQ", data, symbol)
            if data.startswith(function + b"\0", names + name) and section:
                _, address, file_offset, _, _, _ = sections[section]
                return value - address + file_offset
    raise NotMended(f"{where}: no function {function.decode()}")


def _sections(data, where):
    """(type, address, offset, size, link, info) of each section."""
    if data[:5] != b"\x7fELF\x02":
        raise NotMended(f"{where}: not a 64-bit ELF file")
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    return [struct.unpack_from("<4x I 8x QQQ II", data, table + i * size) for i in range(count)]
