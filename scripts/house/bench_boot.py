# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench boot-kvm runs where KVM is: oriel and QEMU in turn, a line of JSON each.

Usage: bench_boot.py IMAGE PAIRS HYPERV [WHO]
HYPERV is on or off, WHO is oriel, qemu or both (oriel,qemu).
"""
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import vmm  # noqa: E402

RAM_MIB = 1024
MARKS = {"loader": b"BdsDxe: starting Boot", "userland": b"oriel-guest: userland"}
LIMIT_S = 280
TICKS = os.sysconf("SC_CLK_TCK")


def command(who, image, nvram, hyperv, scratch):
    """The command line that starts the same machine under oriel or under QEMU."""
    machine = vmm.Machine(vmm.OVMF, [image], nvram=nvram, memory=f"{RAM_MIB}M",
                          hyperv=hyperv == "on")
    if who == "oriel":
        return vmm.Oriel("build/src/cli/oriel", scratch, "kvm").command(machine)
    # A file for the guest's memory, as oriel has it, so that it can be told from QEMU's own.
    return vmm.Qemu(None, scratch, "kvm").command(machine) + [
        "-object", f"memory-backend-memfd,id=ram,size={RAM_MIB}M,share=on",
        "-machine", "memory-backend=ram"]


def kvm_counts():
    """KVM's exit counters of the only machine there is, {} without debugfs."""
    base = "/sys/kernel/debug/kvm"
    counts = {}
    for name in ("exits", "io_exits", "mmio_exits"):
        try:
            with open(f"{base}/{name}", encoding="ascii") as f:
                counts[name] = int(f.read())
        except (OSError, ValueError):
            pass
    return counts


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_beside_ram(pid):
    """MiB that the process holds, without the mappings as large as the guest's RAM."""
    total, size = 0, 0
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as f:
        for line in f:
            m = re.match(r"(Size|Rss): +(\d+) kB", line)
            if m and m.group(1) == "Size":
                size = int(m.group(2))
            elif m and size < RAM_MIB * 1024 // 4:
                total += int(m.group(2))
    return total / 1024


def note(run, mark, pid, began, before):
    run[mark + "_wall"] = time.monotonic() - began
    run[mark + "_cpu"] = cpu_seconds(pid)
    for name, count in kvm_counts().items():
        run[f"{mark}_{name}"] = count - before.get(name, 0)
    run["memory"] = max(run.get("memory", 0), memory_beside_ram(pid))


def boot(who, argv, log):
    """Run one machine to its end and note the times at which the marks appear on its console."""
    run = {"who": who}
    before = kvm_counts()
    began = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=log) as child, selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        seen, waited = b"", dict(MARKS)
        while time.monotonic() - began < LIMIT_S:
            if not ready.select(1):
                continue
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                break
            seen += data
            for mark in [m for m, text in waited.items() if text in seen]:
                del waited[mark]
                note(run, mark, child.pid, began, before)
        child.terminate() if waited else None
    run["end_wall"] = time.monotonic() - began
    run["code"] = child.returncode
    if waited:
        log.flush()
        print(f"{who}: ended with {child.returncode} before {', '.join(waited)}", flush=True)
        with open(log.name, errors="replace") as f:
            print(f.read()[-2000:], flush=True)
        print(seen[-500:].decode(errors="replace"), flush=True)
    return run


def main():
    image, pairs, hyperv = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    chosen = (sys.argv[4] if len(sys.argv) > 4 else "oriel,qemu").split(",")
    if not os.path.isdir("/sys/kernel/debug/kvm"):
        subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"],
                       stderr=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as scratch, open(scratch + "/log", "wb") as log:
        machines = {}
        for who in chosen:
            disk, nvram = f"{scratch}/{who}.img", f"{scratch}/{who}.vars"
            shutil.copyfile(image, disk)
            shutil.copyfile(vmm.OVMF_VARS, nvram)
            machines[who] = command(who, disk, nvram, hyperv, scratch)
        for n in range(pairs + 1):
            for who, argv in machines.items():
                run = boot(who, argv, log)
                if n:  # the first boot fills the UEFI variables
                    print(json.dumps(run), flush=True)


main()
