# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts a guest under oriel, or under QEMU as a known-good stand-in, and watches its serial port."""

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

# Exit codes of oriel; QEMU's endings are mapped to them.
POWERED_OFF = 0
FAILED = 1
RESET = 3
CRASHED = 4
STOPPED = 5

OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
OVMF_SMM = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
OVMF_VARS_WITH_KEYS = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
OVMF_WHOLE = "/usr/share/ovmf/OVMF.fd"  # code and variables in one file
SEABIOS = "/usr/share/seabios/bios-256k.bin"

# Without kvm=off Linux would prefer KVM's own identity, which QEMU offers beside Hyper-V's.
HYPERV_OF_QEMU = ("kvm=off,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-synic,hv-stimer,hv-frequencies,"
                  "hv-spinlocks=0x1fff")
ESCAPES = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]")
PREFIX = "oriel-guest: "


class Failed(Exception):
    """The guest or its monitor did not do what was expected."""


@dataclasses.dataclass
class Machine:
    """What to start. nvram is None for a BIOS; disks are paths, the first is booted."""

    firmware: str
    disks: list
    nvram: str = None
    cpus: int = 1
    memory: str = "512M"
    hyperv: bool = False
    no_reboot: bool = False
    words: list = None  # the whole command line of oriel instead


class Oriel:
    name = "oriel"

    def __init__(self, program, _scratch, accel):
        self.program = program
        self.accel = accel

    def command(self, machine):
        if machine.words:
            return [self.program, *machine.words]
        words = [self.program, "--kernel", machine.firmware]
        if machine.nvram:
            words += ["--nvram", machine.nvram]
        words += ["--disk", *(f"path={path}" for path in machine.disks)]
        hyperv = "on" if machine.hyperv else "off"
        words += ["--cpus", f"boot={machine.cpus},kvm_hyperv={hyperv}",
                  "--memory", f"size={machine.memory}", "--rng", "src=/dev/urandom",
                  "--serial", "tty", "--console", "off", "--stats"]
        if machine.no_reboot:
            words.append("--no-reboot")
        return words

    def started(self, _process):
        pass

    def press_power_button(self, process):
        process.send_signal(signal.SIGTERM)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)

    def exit_code(self, code):
        return code


class Qemu:
    name = "qemu"

    def __init__(self, _program, scratch, accel):
        self.accel = accel
        self.socket_path = os.path.join(scratch, "qmp")
        self.qmp = None

    def command(self, machine):
        cpu = "host" if self.accel == "kvm" else "max"
        if machine.hyperv:
            cpu += "," + HYPERV_OF_QEMU
        words = ["qemu-system-x86_64", "-machine", f"q35,accel={self.accel}", "-cpu", cpu,
                 "-smp", str(machine.cpus), "-m", machine.memory, "-nodefaults",
                 "-no-user-config", "-display", "none", "-net", "none", "-serial", "stdio",
                 "-device", "virtio-rng-pci", "-qmp", f"unix:{self.socket_path},server=on,wait=off"]
        if machine.nvram:
            words += ["-drive", f"if=pflash,format=raw,readonly=on,file={machine.firmware}",
                      "-drive", f"if=pflash,format=raw,file={machine.nvram}"]
            if machine.firmware == OVMF_SMM:
                words += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        else:
            words += ["-bios", machine.firmware]
        for number, path in enumerate(machine.disks):
            words += ["-drive", f"file={path},format=raw,if=none,id=disk{number}",
                      "-device", f"virtio-blk-pci,drive=disk{number}"]
        if machine.no_reboot:
            words.append("-no-reboot")
        return words

    def started(self, process):
        deadline = time.monotonic() + 20
        self.qmp = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.qmp.connect(self.socket_path)
                break
            except OSError as why:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"qemu: no answer on its control socket: {why}") from why
                time.sleep(0.05)
        self._send("qmp_capabilities")

    def press_power_button(self, _process):
        self._send("system_powerdown")

    def stop(self, process):
        process.send_signal(signal.SIGTERM)

    def exit_code(self, code):
        """Why it ended, in oriel's codes, from the events it has sent."""
        with self.qmp.makefile() as lines:
            events = [json.loads(line) for line in lines]
        reasons = [event["data"]["reason"] for event in events if event.get("event") == "SHUTDOWN"]
        endings = {"guest-shutdown": POWERED_OFF, "guest-reset": RESET, "host-signal": STOPPED}
        return endings.get(reasons[-1] if reasons else None, code or FAILED)

    def _send(self, command):
        self.qmp.sendall(json.dumps({"execute": command}).encode() + b"\n")


class Boot:
    """One run of a VMM. Everything the guest prints is kept in log, with the times of its lines."""

    def __init__(self, vmm, machine, log, timeout):
        self.vmm = vmm
        self.begin = time.monotonic()
        self.deadline = self.begin + timeout
        self.lines = []
        self.times = []
        self.ended = False
        self.changed = threading.Condition()
        self.errors = log + ".stderr"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(vmm.command(machine), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors)
        threading.Thread(target=self._read, args=(log + ".serial",), daemon=True).start()

    def __enter__(self):
        try:
            self.vmm.started(self.process)
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait_for(self, text, times=1):
        """Until the guest has printed lines with text so many times; the seconds that took."""
        with self.changed:
            while True:
                found = [when for line, when in zip(self.lines, self.times) if text in line]
                if len(found) >= times:
                    return found[times - 1] - self.begin
                if self.ended:
                    raise Failed(f"the guest ended without printing '{text}'{self.last_words()}")
                if not self.changed.wait(self.deadline - time.monotonic()):
                    raise Failed(f"no '{text}' in time{self.last_words()}")

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def press_power_button(self):
        self.vmm.press_power_button(self.process)

    def stop(self):
        self.vmm.stop(self.process)

    def finish(self, expected):
        """Wait for the end, which must be with the exit code expected."""
        try:
            code = self.process.wait(max(0.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired as why:
            raise Failed(f"did not end in time{self.last_words()}") from why
        with self.changed:
            self.changed.wait_for(lambda: self.ended, 5)
        code = self.vmm.exit_code(code)
        if code != expected:
            raise Failed(f"ended with {code}, expected {expected}{self.last_words()}")

    def lines_with(self, text):
        return [line for line in self.lines if text in line]

    def cpu_share(self, seconds):
        """Part of one processor that the VMM takes in so many seconds."""
        before = self._cpu_time()
        time.sleep(seconds)
        return (self._cpu_time() - before) / seconds

    def _cpu_time(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def said(self):
        """What the VMM itself said."""
        with open(self.errors, errors="replace") as file:
            return file.read()

    def counter(self, name):
        """One of --stats, after the end."""
        for line in self.said().split("\n"):
            if line.startswith(name + " "):
                return int(line.split()[1])
        raise Failed(f"no counter {name}")

    def facts(self, name):
        """What the guest said after `oriel-guest: NAME`, one string per line."""
        start = f"{PREFIX}{name} "
        lines = [f"{line} " for line in self.lines]
        return [line.split(start, 1)[1].strip() for line in lines if start in line]

    def fact(self, name):
        found = self.facts(name)
        if not found:
            raise Failed(f"the guest said nothing about '{name}'{self.last_words()}")
        return found[-1]

    def block(self, name):
        """The lines between `oriel-guest: NAME BEGIN` and END, or those of `NAME BEGIN x` by x."""
        blocks = {}
        current = None
        for line in self.lines:
            mark = re.search(rf"{PREFIX}{name} (BEGIN|END) ?(.*)", line)
            if mark:
                current = mark[2] if mark[1] == "BEGIN" else None
                if current is not None:
                    blocks[current] = []
            elif current is not None:
                blocks[current].append(line)
        return blocks

    def last_words(self):
        """The last line of the guest and of its monitor, to end a message with."""
        errors = self.said().split("\n")
        said = [("guest", line) for line in self.lines[-1:]]
        said += [("monitor", line) for line in errors if line.strip()][-2:]
        return "".join(f"; {who}: {line.strip()[:200]}" for who, line in said)

    def _read(self, path):
        rest = b""
        with open(path, "wb", buffering=0) as log:
            while data := self.process.stdout.read1(1 << 16):
                log.write(data)
                *lines, rest = (rest + data).split(b"\n")
                with self.changed:
                    now = time.monotonic()
                    for line in lines:
                        self.lines.append(ESCAPES.sub(b"", line).decode(errors="replace").strip())
                        self.times.append(now)
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()
