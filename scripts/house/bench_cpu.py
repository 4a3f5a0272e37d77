# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench cpu does: oriel's own CPU and QEMU's TCG in turn, on this machine.

A row is prepared and run in a guest by tests/bench/work.c, which waits for each order. What counts is
the CPU time of the monitor's whole process, all threads, taken while the guest waits before a run and
when its answer is there. docs/benchmarks.md tells why, and what the table says.
"""
import os
import re
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

LIMIT_S = 600  # for a boot, and for each answer
SETTLE_S = 0.01  # until a guest that has answered waits for the next order
BOOT = [("firmware to loader", None, b"BdsDxe: starting Boot"),
        ("kernel to init", b"BdsDxe: starting Boot", b"oriel-guest: userland")]
SETS = {"int": "programs", "small": "small loops", "fp": "floating, SIMD",
        "mem": "memory", "sys": "system events", "two": "two processors"}
# QEMU's largest processor, with the vectors and the depth of page tables that oriel's has by default.
QEMU_CPU = "max,la57=off,avx=off,avx2=off,f16c=off,fma=off,bmi1=off,bmi2=off,abm=off"


class Failed(Exception):
    """A guest did not answer."""


class Guest:
    """A monitor that runs, or the program itself; its lines, and its CPU time when they came."""

    def __init__(self, argv, log):
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=log, cwd=ROOT)
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.child.stdout, selectors.EVENT_READ)
        self.rest = b""
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ready.close()
        if self.child.poll() is None:
            self.child.kill()
        for pipe in (self.child.stdin, self.child.stdout):
            try:
                pipe.close()
            except OSError:
                pass
        self.child.wait()

    def cpu(self):
        """CPU seconds of the process with all threads that it has or had: its CPU-time clock."""
        return time.clock_gettime((~self.child.pid << 3) | 2)

    def delays(self):
        """The longest that each thread was ready and had to wait for a processor, in seconds."""
        found = {}
        base = f"/proc/{self.child.pid}/task"
        for task in os.listdir(base):
            try:
                with open(f"{base}/{task}/schedstat", encoding="ascii") as f:
                    found[task] = int(f.read().split()[1]) / 1e9
            except (OSError, ValueError, IndexError):
                pass
        return found

    def say(self, text):
        try:
            self.child.stdin.write(text.encode() + b"\n")
            self.child.stdin.flush()
        except OSError as why:
            raise Failed(f"it is gone before '{text}'") from why

    def line(self):
        """The next line and the CPU time at that moment."""
        began = time.monotonic()
        while not self.lines:
            if time.monotonic() - began > LIMIT_S:
                raise Failed(f"no answer within {LIMIT_S} s")
            if not self.ready.select(1):
                continue
            data = os.read(self.child.stdout.fileno(), 65536)
            if not data:
                raise Failed("it ended")
            cpu = self.cpu()
            *whole, self.rest = (self.rest + data).split(b"\n")
            self.lines += [(line.strip(b"\r"), cpu) for line in whole]
        return self.lines.pop(0)

    def answer(self, kind, wrong=None):
        """The words of the next line "work: KIND ...", and the CPU time; complaints go to @wrong."""
        while True:
            line, cpu = self.line()
            words = line.decode(errors="replace").partition("work: ")[2].split()
            if words[:1] == ["wrong"] and wrong is not None:
                wrong.append(" ".join(words[1:]))
            if words[:1] == [kind]:
                return words[1:], cpu

    def boot(self):
        """Until the program waits: CPU seconds of each part of the start."""
        found, began = {}, {None: 0.0}
        while True:
            line, cpu = self.line()
            for name, first, last in BOOT:
                if last in line and last not in began:
                    began[last] = cpu
                    found[name] = cpu - began.get(first, 0.0)
            if b"work: waiting" in line:
                return found

    def once(self, wrong, own_time):
        """One run: its CPU seconds, its wall time without waiting for the host, its checksum."""
        time.sleep(SETTLE_S)
        before, waited, began = self.cpu(), self.delays(), time.monotonic()
        self.say("run")
        words, after = self.answer("done", wrong)
        wall, now = time.monotonic() - began, self.delays()
        delay = max([now[t] - waited.get(t, 0.0) for t in now], default=0.0)
        return {"cpu": int(words[1]) / 1e6 if own_time else after - before,
                "wall": wall - delay, "delay": delay, "sum": words[0]}

    def row(self, name, scale, later, own_time=False):
        """A row's first run and the later ones."""
        wrong = []
        self.say(f"prepare {name} {scale}")
        self.answer("ready", wrong)
        runs = [self.once(wrong, own_time) for _ in range(1 + later)]
        sums = sorted({run.pop("sum") for run in runs})
        return {"first": runs[0], "later": runs[1:], "sums": sums, "wrong": wrong}


class Monitor:
    """How to start one of those who are compared: oriel[@PROGRAM][:KEY=VALUE..] or qemu[:...]."""

    def __init__(self, text):
        head, *self.keys = text.split(":")
        self.label = text
        self.kind, _, self.program = head.partition("@")
        if self.kind not in ("oriel", "qemu"):
            raise ValueError(f"--who {text}: neither oriel nor qemu")

    def command(self, image, nvram, scratch, cpus):
        machine = vmm.Machine(vmm.OVMF, [image], nvram=nvram, memory="1024M", cpus=cpus)
        if self.kind == "oriel":
            program = self.program or "build/src/cli/oriel"
            words = vmm.Oriel(program, scratch, "soft").command(machine) + ["--accel", "soft"]
            words[words.index("--cpus") + 1] += "".join("," + key for key in self.keys)
        else:
            words = vmm.Qemu(None, scratch, "tcg").command(machine)
            words[words.index("-cpu") + 1] = ",".join([QEMU_CPU, *self.keys])
        return words


def counters(text):
    """What --stats printed."""
    return {m[1]: int(m[2]) for m in re.finditer(r"^([a-z]\w+) +(\d+)$", text, re.M)}


def one_boot(argv, log, names, scale, later):
    """Start a guest and have it run the rows of these names."""
    result = {"boot": {}, "rows": {}}
    with open(log, "wb") as errors, Guest(argv, errors) as guest:
        try:
            result["boot"] = guest.boot()
            empty = guest.row("empty", scale, 5)
            result["empty"] = statistics.median(run["cpu"] for run in empty["later"])
            for name in names:
                result["rows"][name] = guest.row(name, scale, later)
            guest.say("quit")
            while True:
                guest.line()
        except Failed as why:
            if len(result["rows"]) < len(names):
                result["failed"] = str(why)
    with open(log, errors="replace", encoding="utf-8") as f:
        text = f.read()
    result["counters"] = counters(text)
    if "failed" in result:
        sys.stderr.write(text[-2000:])
    return result


def native(program, names, scale, later):
    """The same rows on this machine itself; what they take is what the kernel says they took."""
    result = {"boot": {}, "rows": {}, "empty": 0.0}
    with Guest([program], subprocess.DEVNULL) as guest:
        for name in names:
            result["rows"][name] = guest.row(name, scale, later, own_time=True)
    return result


def all_rows(program):
    """(set, name) of each row that the program has."""
    out = subprocess.run([program, "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [tuple(line.split()[2:]) for line in out.splitlines() if line.startswith("work: row ")]


def choose(rows, wanted):
    """Those of @rows that are named, themselves or by their set, in their own order."""
    rows = [row for row in rows if row[0] != "none"]
    if not wanted:
        return rows
    known = {word for row in rows for word in row}
    for word in wanted:
        if word not in known:
            raise ValueError(f"--rows {word}: no such row and no such set")
    return [row for row in rows if row[0] in wanted or row[1] in wanted]


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure(image, program, monitors, rows, scale, later, pairs):
    """All runs, in the order in which they happened."""
    singles = [name for of, name in rows if of != "two"]
    doubles = [name for of, name in rows if of == "two"]
    runs = [{"who": "native", "cpus": 1, **native(program, singles + doubles, scale, later + 1)}]
    with tempfile.TemporaryDirectory() as scratch:
        for pair in range(pairs):
            for number, monitor in enumerate(monitors):
                for cpus, names in ((1, singles), (2, doubles)):
                    if not names and (cpus == 2 or doubles):
                        continue
                    disk, nvram = f"{scratch}/disk.img", f"{scratch}/{number}.vars"
                    shutil.copyfile(image, disk)
                    if not os.path.exists(nvram):  # the first boot fills it
                        shutil.copyfile(vmm.OVMF_VARS, nvram)
                    argv = monitor.command(disk, nvram, scratch, cpus)
                    run = one_boot(argv, f"{scratch}/log", names, scale, later)
                    runs.append({"who": monitor.label, "cpus": cpus, **run})
                    say(f"pair {pair + 1}, {monitor.label}, {cpus} processor{'s' * (cpus - 1)}: "
                        f"{len(run['rows'])} rows{', ' + run['failed'] if 'failed' in run else ''}")
    return runs
