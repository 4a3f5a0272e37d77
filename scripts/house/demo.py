#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""demo.py COMMAND...: run a guest, show what it says and when it gets where, then sum up.

The guest is the one of tests/e2e: its lines "oriel-guest: WHAT ..." are facts that it reads of its
machine. The command's output is the guest's first serial port; its messages come as they are.
"""
import os
import re
import resource
import subprocess
import sys
import time

ESCAPES = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]")
# What a line tells about how far the guest is. The first match counts.
STAGES = [
    ("UEFI firmware speaks", re.compile(r"BdsDxe|UEFI|Start PXE|BIOS")),
    ("boot loader started", re.compile(r"BdsDxe: starting|systemd-boot|Booting")),
    ("kernel runs", re.compile(r"Linux version|EFI stub|\[ +0\.0")),
    ("first process runs", re.compile(r"oriel-guest: userland")),
    ("guest is done", re.compile(r"oriel-guest: done")),
]
FACTS = [
    ("firmware", re.compile(r"oriel-guest: dmesg .*?(EFI v.*)")),
    ("machine", re.compile(r"oriel-guest: dmesg .*?(SMBIOS.*)")),
    ("hypervisor", re.compile(r"oriel-guest: dmesg .*?Hypervisor detected: (.*)")),
    ("processors", re.compile(r"oriel-guest: cpus (.*)")),
    ("memory", re.compile(r"oriel-guest: memory (.*)")),
    ("clock", re.compile(r"oriel-guest: clocksource (.*)")),
    ("boot entry", re.compile(r"oriel-guest: efi BootCurrent (.*)")),
    ("disk's SHA-256", re.compile(r"oriel-guest: sha256 vda (.*)")),
]
DEVICE = re.compile(r"oriel-guest: pci (\S+) (\S+) (\S+)")
KINDS = {"0600": "host bridge", "0601": "ISA bridge", "0c05": "SMBus", "0100": "disk (virtio)",
         "0180": "storage", "0108": "NVMe", "0106": "SATA", "0200": "network", "0300": "display",
         "0604": "PCI bridge", "00ff": "entropy (virtio)", "1000": "entropy (virtio)"}


def watch(child, begin):
    """Print lines with their time as they come; what was recognised in them."""
    stages, facts, devices = [], {}, []
    for raw in child.stdout:
        now = time.monotonic() - begin
        line = ESCAPES.sub("", raw.decode("utf-8", "replace")).strip()
        if not line:
            continue
        print(f"{now:7.2f}  {line}", flush=True)
        # Stages come in their order: whoever tells of a later one has passed the earlier.
        for n in range(len(stages), len(STAGES)):
            if STAGES[n][1].search(line):
                stages.append((STAGES[n][0], now))
                break
        for name, pattern in FACTS:
            found = pattern.search(line)
            if found and name not in facts:
                facts[name] = found[1].strip()
        found = DEVICE.search(line)
        if found:
            kind = KINDS.get(found[3][:4], "class " + found[3][:4])
            devices.append(f"{found[1]} {found[2]} {kind}")
    return stages, facts, devices


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    command = sys.argv[1:]
    print("demo: " + " ".join(command), flush=True)
    begin = time.monotonic()
    built = cpu_of_children()  # the shell that became this program built oriel
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        try:
            stages, facts, devices = watch(child, begin)
            code = child.wait()
        except KeyboardInterrupt:
            child.terminate()
            code = child.wait()
            sys.exit(f"demo: interrupted; oriel ended with {code}")
    wall = time.monotonic() - begin
    print("\ndemo: what was seen")
    for name, at in stages:
        print(f"  {at:7.2f} s  {name}")
    print(f"  {wall:7.2f} s  oriel ended with exit code {code}; "
          f"{cpu_of_children() - built:.2f} s of CPU")
    print("demo: what the guest says of its machine")
    for name, value in facts.items():
        print(f"  {name:15} {value}")
    for device in devices:
        print(f"  device          {device}")
    whole = code == 0 and any(name == "guest is done" for name, _ in stages)
    print("demo: " + ("all of it worked" if whole else "the guest did not get to its end"))
    sys.exit(code if code else 0 if whole else 1)


if os.name != "posix":
    sys.exit("demo: this needs a POSIX system")
main()
