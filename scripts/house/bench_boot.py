# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench boot-kvm runs where KVM is: oriel and QEMU in turn, a line of JSON each.

Usage: bench_boot.py IMAGE PAIRS on|off (the Hyper-V interface)
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

CODE, VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
RAM_MIB = 1024
MARKS = {"loader": b"BdsDxe: starting Boot", "userland": b"oriel-guest: userland"}
LIMIT_S = 280
TICKS = os.sysconf("SC_CLK_TCK")
ENLIGHTENMENTS = ("hv_relaxed,hv_vapic,hv_spinlocks=0xfff,hv_vpindex,hv_runtime,hv_time,hv_synic,"
                  "hv_stimer,hv_frequencies,hv_tlbflush,hv_ipi")


def oriel(image, nvram, hyperv):
    return ["build/src/cli/oriel", "--accel", "kvm", "--firmware", CODE, "--nvram", nvram,
            "--disk", f"path={image}", "--cpus", f"boot=1,kvm_hyperv={hyperv}",
            "--memory", f"size={RAM_MIB}M", "--serial", "tty"]


def qemu(image, nvram, hyperv):
    cpu = "host" + ("," + ENLIGHTENMENTS if hyperv == "on" else "")
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,accel=kvm,memory-backend=ram", "-cpu", cpu, "-smp", "1",
            "-m", f"{RAM_MIB}M",
            "-object", f"memory-backend-memfd,id=ram,size={RAM_MIB}M,share=on",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={nvram}",
            "-drive", f"if=none,id=disk,format=raw,file={image}",
            "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
            "-device", "virtio-rng-pci,disable-legacy=on", "-serial", "stdio"]


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
        print(f"{who}: ended with {child.returncode} before {', '.join(waited)}")
        with open(log.name, errors="replace") as f:
            print(f.read()[-2000:])
        print(seen[-500:].decode(errors="replace"))
    return run


def main():
    image, pairs, hyperv = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if not os.path.isdir("/sys/kernel/debug/kvm"):
        subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"],
                       stderr=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as scratch, open(scratch + "/log", "wb") as log:
        machines = {}
        for who, command in (("oriel", oriel), ("qemu", qemu)):
            disk, nvram = f"{scratch}/{who}.img", f"{scratch}/{who}.vars"
            shutil.copyfile(image, disk)
            shutil.copyfile(VARS, nvram)
            machines[who] = command(disk, nvram, hyperv)
        for n in range(pairs + 1):
            for who, argv in machines.items():
                run = boot(who, argv, log)
                if n:  # the first boot fills the UEFI variables
                    print(json.dumps(run), flush=True)


main()
