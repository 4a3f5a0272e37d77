# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench cpu does: oriel's own CPU and QEMU's TCG in turn, on this machine.

CPU seconds of the whole process, taken when the guest says that a piece of work begins and ends.
"""
import os
import selectors
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import vmm  # noqa: E402

LIMIT_S = 600
TICKS = os.sysconf("SC_CLK_TCK")
BOOT = [("firmware to loader", None, b"BdsDxe: starting Boot"),
        ("loader to userland", b"BdsDxe: starting Boot", b"oriel-guest: userland")]


def cpu_of(pid):
    """CPU seconds of the process and of all its threads, to the nanosecond where the host tells."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        return total / 1e9
    except (OSError, ValueError, IndexError):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def command(who, image, nvram, scratch):
    machine = vmm.Machine(vmm.OVMF, [image], nvram=nvram, memory="1024M")
    if who == "oriel":
        return vmm.Oriel("build/src/cli/oriel", scratch, "soft").command(machine) + [
            "--accel", "soft"]
    return vmm.Qemu(None, scratch, "tcg").command(machine)


def lines_with_cpu(argv, log):
    """Run a monitor; the lines of its console, each with the CPU time used when it came."""
    began = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                          cwd=ROOT) as child, selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        rest = b""
        while True:
            if time.monotonic() - began > LIMIT_S:
                child.kill()
                return
            if not ready.select(1):
                continue
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                return
            cpu = cpu_of(child.pid)
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield cpu, line


def boot(who, argv, log):
    """CPU seconds by piece of work, and the checksums that the guest printed."""
    found, sums, began = {}, {}, {None: 0.0}
    for cpu, line in lines_with_cpu(argv, log):
        for name, first, last in BOOT:
            if last in line and last not in began:
                began[last] = cpu
                found[name] = cpu - began.get(first, 0.0)
        words = line.split()
        if words[:2] == [b"work:", b"begin"]:
            began[words[2]] = cpu
        elif words[:2] == [b"work:", b"end"]:
            found[words[2].decode()] = cpu - began[words[2]]
            sums[words[2].decode()] = words[3].decode()
    print(f"bench: {who}: {len(found)} pieces", file=sys.stderr)
    return found, sums


def native(program):
    """The same pieces on this machine itself, in CPU seconds."""
    found, sums = {}, {}
    began = 0.0
    for cpu, line in lines_with_cpu([program], subprocess.DEVNULL):
        words = line.decode().split()
        if words[1] == "begin":
            began = cpu
        else:
            found[words[2]] = cpu - began
            sums[words[2]] = words[3]
    return found, sums


def measure(image, program, pairs, who):
    runs = {"native": [native(program) for _ in range(max(pairs, 3))]}
    with tempfile.TemporaryDirectory() as scratch, open(scratch + "/log", "wb") as log:
        for n in range(pairs):
            for name in who:
                disk, nvram = f"{scratch}/{name}.img", f"{scratch}/{name}.vars"
                shutil.copyfile(image, disk)
                if not os.path.exists(nvram):
                    shutil.copyfile(vmm.OVMF_VARS, nvram)
                    # The first boot fills the variables; it counts where there is only one.
                argv = command(name, disk, nvram, scratch)
                runs.setdefault(name, []).append(boot(name, argv, log))
        log.flush()
        with open(scratch + "/log", errors="replace", encoding="utf-8") as f:
            sys.stderr.write("".join(line for line in f if "warning" in line.lower()))
    return runs


def table(runs):
    """Medians, and how they compare."""
    middle = {}
    for who, results in runs.items():
        names = {name for found, _ in results for name in found}
        middle[who] = {name: statistics.median(found[name] for found, _ in results if name in found)
                       for name in names}
    order = [name for name, _, _ in BOOT] + list(runs["native"][0][0])
    print(f"{'CPU seconds, medians':22} {'native':>8} {'oriel':>8} {'TCG':>8} {'oriel/TCG':>10} "
          f"{'oriel/native':>13}")
    for name in order:
        own, ours, theirs = (middle.get(who, {}).get(name) for who in ("native", "oriel", "qemu"))
        cell = lambda v: "-" if v is None else f"{v:.3f}"
        ratio = lambda a, b: f"{a / b:.2f}" if a and b else "-"
        print(f"{name:22} {cell(own):>8} {cell(ours):>8} {cell(theirs):>8} {ratio(ours, theirs):>10} "
              f"{ratio(ours, own):>13}")
    for who, results in runs.items():
        for found, sums in results:
            wrong = [name for name, value in sums.items() if value != runs["native"][0][1].get(name)]
            if wrong:
                print(f"{who}: other results than native: {' '.join(wrong)}")
