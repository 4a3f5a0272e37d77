#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""End-to-end tests: firmware and Linux start in a machine of oriel, inside the rig.

Prints one line per test, `ok NAME (seconds)`, `FAIL NAME: why` or `skip NAME: why`; ends with 1 when one
failed. With --vmm qemu the same guests run under QEMU, which shows that the images and expectations hold.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import acpi  # noqa: E402
from vmm import (CRASHED, OVMF, OVMF_SMM, OVMF_VARS, OVMF_VARS_WITH_KEYS, OVMF_WHOLE,  # noqa: E402
                 POWERED_OFF, RESET, SEABIOS, STOPPED, Boot, Failed, Machine, Oriel, Qemu)

HERE = os.path.dirname(os.path.realpath(__file__))
RIG = os.path.join(HERE, "..", "rig", "rig")
VMMS = {"oriel": Oriel, "qemu": Qemu}

# Disks beside make-images' standard set: their kind and the words for the kernel.
DISKS = {
    "bios-line.img": ("bios", "oriel.then=read-line"),
    "esp-entry.img": ("esp", "oriel.nosum oriel.bootentry oriel.then=reboot-once"),
    "esp-button.img": ("esp", "oriel.nosum oriel.then=powerbutton-wait"),
    "esp-acpi.img": ("esp", "oriel.nosum oriel.acpi oriel.dmesg"),
    "esp-shim.img": ("shim", "oriel.nosum"),
}

BOOT_ENTRY = "0E0F"
HYPERV_DETECTED = "Hypervisor detected: Microsoft Hyper-V"
SECOND_DISK_SIZE = 1 << 20
WRITTEN = slice(4096, 4096 + 262144)

tests = []


class Skipped(Exception):
    """This test says nothing about this VMM."""


def test(boots):
    """Marks a test; boots is how many boots of an operating system it takes, for sharing out."""
    def mark(function):
        function.boots = boots
        tests.append(function)
        return function
    return mark


@test(boots=0)
def boot_sector_powers_off(bench):
    with bench.boot(bench.bios("mbr.img")) as guest:
        guest.wait_for("oriel-guest: boot sector")
        guest.finish(POWERED_OFF)


@test(boots=0)
def reset_ends_it_if_asked_for(bench):
    with bench.boot(bench.bios("mbr-reset.img", no_reboot=True)) as guest:
        guest.wait_for("oriel-guest: boot sector")
        guest.finish(RESET)


@test(boots=0)
def reset_starts_again_in_place(bench):
    with bench.boot(bench.bios("mbr-reset.img")) as guest:
        guest.wait_for("oriel-guest: boot sector", times=3)
        guest.stop()
        guest.finish(STOPPED)


@test(boots=0)
def triple_fault_is_told(bench):
    if bench.vmm.name == "qemu":
        raise Skipped("QEMU resets the machine")
    with bench.boot(bench.bios("mbr-crash.img")) as guest:
        guest.wait_for("oriel-guest: boot sector")
        guest.finish(CRASHED)


@test(boots=0)
def hung_guest_can_be_stopped(bench):
    with bench.boot(bench.bios("mbr-hang.img")) as guest:
        guest.wait_for("oriel-guest: boot sector")
        at_most("part of a processor that a halted guest takes", guest.cpu_share(2), 0.1)
        guest.stop()
        guest.finish(STOPPED)


@test(boots=0.5)
def command_of_the_windows_guide_starts_its_firmware(bench):
    """Word for word, in a rig that has less memory than is asked for: it is taken as it is touched."""
    if bench.vmm.name == "qemu":
        raise Skipped("the command is not QEMU's")
    machine = Machine(OVMF_WHOLE, [], words=[
        "--kernel", OVMF_WHOLE, "--disk", f"path={bench.empty_disk()}", "--cpus",
        "boot=1,kvm_hyperv=on", "--memory", "size=4G", "--serial", "tty", "--console", "off",
        "--net", "tap="])
    with bench.boot(machine) as guest:
        guest.wait_for("UEFI Interactive Shell")
        guest.stop()
        guest.finish(STOPPED)
    if "--net has no effect" not in guest.said():
        raise Failed("not a word about the network")


@test(boots=1)
def bios_disk_boots_linux_and_serial_input_works(bench):
    machine = bench.bios("bios-line.img", cpus=2)
    with bench.full_disk() as full:
        machine.disks += full
        with bench.boot(machine) as guest:
            guest.wait_for("oriel-guest: type a line")
            guest.type("seven windows\n")
            guest.finish(POWERED_OFF)
        equal("guest's trouble with a disk on a full host", guest.facts("vdb write"),
              ["failed"] * len(full))
    equal("line heard", guest.fact("heard"), "seven windows")
    equal("checksum of the disk", guest.fact("sha256 vda"), bench.checksum("bios-line.img"))
    equal("processors", guest.fact("cpus"), "2")


@test(boots=1)
def esp_boots_linux(bench):
    machine = bench.uefi("esp.img")
    machine.disks.append(bench.empty_disk())
    with bench.boot(machine) as guest:
        guest.finish(POWERED_OFF)
    equal("checksum of the disk", guest.fact("sha256 vda"), bench.checksum("esp.img"))
    equal("processors", guest.fact("cpus"), "1")
    equal("random bytes", guest.fact("rng").split()[0], "64")
    unexpected("a Hyper-V identity", [line for line in guest.facts("dmesg") if "Hyper-V" in line])
    unexpected("complaints of the kernel", guest.facts("complaint"))
    if bench.vmm.name == "oriel":
        # Our own CPU keeps decoded code beside.
        most = 8 if bench.vmm.accel == "kvm" else 80
        at_most("bytes of memory beyond the guest's", guest.counter("peak_own_bytes"), most << 20)
    with open(machine.disks[1], "rb") as file:
        written = hashlib.sha256(file.read()[WRITTEN]).hexdigest()
    equal("checksum of what the guest wrote", guest.fact("vdb"), written)


@test(boots=1)
def esp_boots_linux_on_two_processors_with_hyperv(bench):
    if bench.vmm.accel != "kvm":
        raise Skipped("Hyper-V is offered with KVM only")
    with bench.boot(bench.uefi("esp.img", cpus=2, hyperv=True)) as guest:
        guest.finish(POWERED_OFF)
    equal("checksum of the disk", guest.fact("sha256 vda"), bench.checksum("esp.img"))
    equal("processors", guest.fact("cpus"), "2")
    if not any(HYPERV_DETECTED in line for line in guest.facts("dmesg")):
        raise Failed(f"no '{HYPERV_DETECTED}' in {guest.facts('dmesg')}")
    unexpected("complaints of the kernel", guest.facts("complaint"))


@test(boots=1)
def esp_boots_linux_on_four_processors(bench):
    with bench.boot(bench.uefi("esp.img", cpus=4)) as guest:
        guest.finish(POWERED_OFF)
    equal("checksum of the disk", guest.fact("sha256 vda"), bench.checksum("esp.img"))
    equal("processors", guest.fact("cpus"), "4")
    unexpected("complaints of the kernel", guest.facts("complaint"))


@test(boots=3)
def boot_entry_survives_reset_and_restart(bench):
    machine = bench.uefi("esp-entry.img")
    with bench.boot(machine) as guest:
        guest.finish(POWERED_OFF)
    current = guest.facts("efi BootCurrent")
    equal("number of boots", len(current), 2)
    if current[0] == BOOT_ENTRY:
        raise Failed("the entry was there before it was made")
    equal("entry started after the reset", current[1], BOOT_ENTRY)
    machine.disks = [bench.image("esp.img")]
    with bench.boot(machine) as guest:
        guest.finish(POWERED_OFF)
    equal("entry started in the next run", guest.fact("efi BootCurrent"), BOOT_ENTRY)
    equal("first in the boot order", guest.fact("efi BootOrder").split()[0], BOOT_ENTRY)


@test(boots=1)
def power_button_shuts_the_guest_down(bench):
    with bench.boot(bench.uefi("esp-button.img")) as guest:
        guest.wait_for("oriel-guest: waiting for the power button")
        guest.press_power_button()
        guest.wait_for("oriel-guest: power button")
        guest.finish(POWERED_OFF)


@test(boots=1)
def acpi_tables_are_clean(bench):
    with bench.boot(bench.uefi("esp-acpi.img", cpus=2)) as guest:
        guest.finish(POWERED_OFF)
    tables = guest.block("acpi")
    for name in ("APIC", "DSDT", "FACP", "FACS", "MCFG", "WAET"):
        if name not in tables:
            raise Failed(f"no ACPI table {name}; there are {', '.join(sorted(tables))}")
    unexpected("complaints of the kernel", guest.facts("complaint"))
    known_for_warnings = bench.vmm.name == "qemu"
    acpi.check(tables, bench.log("acpi-tables"), code_too=not known_for_warnings)


@test(boots=1)
def secure_boot_refuses_what_nobody_signed(bench):
    for firmware in (OVMF, OVMF_SMM):
        machine = bench.uefi("efi-mark.img", firmware=firmware, variables=OVMF_VARS_WITH_KEYS)
        with bench.boot(machine) as guest:
            guest.wait_for("Access Denied")
            guest.wait_for("No bootable option or device was found")
            unexpected("a line of the refused loader", guest.lines_with("efi-mark"))
            guest.stop()
            guest.finish(STOPPED)


@test(boots=2)
def secure_boot_starts_debian_by_shim(bench):
    machine = bench.uefi("esp-shim.img", firmware=OVMF_SMM, variables=OVMF_VARS_WITH_KEYS)
    with bench.boot(machine) as guest:
        guest.finish(POWERED_OFF)
    for text in ("secureboot: Secure boot enabled", "Kernel is locked down from EFI Secure Boot"):
        if not any(text in line for line in guest.facts("dmesg")):
            raise Failed(f"no '{text}' in {guest.facts('dmesg')}")
    unexpected("complaints of the kernel", guest.facts("complaint"))


@test(boots=1)
def smm_keeps_the_variables_from_others_also_after_a_reset(bench):
    with bench.boot(bench.uefi("efi-flash.img")) as guest:
        guest.wait_for("efi-flash: the variables are changed")
        guest.finish(POWERED_OFF)
    with bench.boot(bench.uefi("efi-flash.img", firmware=OVMF_SMM)) as guest:
        guest.wait_for("efi-flash: the variables are safe", times=2)
        guest.finish(POWERED_OFF)
    unexpected("a change of the variables", guest.lines_with("changed"))


@test(boots=1)
def smm_firmware_starts_with_two_processors(bench):
    with bench.boot(bench.uefi("efi-mark.img", firmware=OVMF_SMM, cpus=2)) as guest:
        guest.wait_for("efi-mark: boot loader")
        guest.finish(POWERED_OFF)


def equal(what, found, expected):
    if found != expected:
        raise Failed(f"{what}: {found}, expected {expected}")


def at_most(what, found, most):
    if not 0 <= found <= most:
        raise Failed(f"{what}: {found}, expected at most {most}")


def unexpected(what, found):
    if found:
        raise Failed(f"{what}: {found}")


class Bench:
    """What a test works with: a VMM, copies of the images, a folder for its logs."""

    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.vmm = VMMS[options.vmm](options.oriel, scratch, options.accel)
        self.test_name = ""
        self.boots = 0

    def begin(self, test_name):
        self.test_name = test_name
        self.boots = 0

    def bios(self, disk, **more):
        return Machine(SEABIOS, [self.image(disk)], **more)

    def uefi(self, disk, firmware=OVMF, variables=OVMF_VARS, **more):
        nvram = os.path.join(self.scratch, f"{self.test_name}.vars")
        shutil.copyfile(variables, nvram)
        return Machine(firmware, [self.image(disk)], nvram=nvram, **more)

    def boot(self, machine):
        self.boots += 1
        return Boot(self.vmm, machine, self.log(f"boot{self.boots}"), self.options.boot_timeout)

    def image(self, name):
        """A copy that guests may write; made once, so a guest that did write is found out."""
        copy = os.path.join(self.scratch, name)
        if not os.path.exists(copy):
            subprocess.run(["cp", "--sparse=always", os.path.join(self.options.images, name), copy],
                           check=True)
        return copy

    def empty_disk(self):
        path = os.path.join(self.scratch, "empty.img")
        with open(path, "wb") as file:
            file.truncate(SECOND_DISK_SIZE)
        return path

    @contextlib.contextmanager
    def full_disk(self):
        """A list of one disk whose file cannot grow beyond 64 KiB; none where we cannot mount, and
        for QEMU, which stops its guest then."""
        folder = os.path.join(self.scratch, "full")
        if not self.options.here or self.vmm.name == "qemu":
            yield []
            return
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=True)
        try:
            path = os.path.join(folder, "disk.img")
            with open(path, "wb") as file:
                file.truncate(SECOND_DISK_SIZE)
            yield [path]
        finally:
            subprocess.run(["umount", folder], check=True)

    def checksum(self, name):
        with open(os.path.join(self.options.images, name + ".sha256")) as file:
            return file.read().strip()

    def log(self, name):
        return os.path.join(self.options.out, f"{self.test_name}-{name}")


def run_here(options, chosen):
    failed = 0
    os.makedirs(options.out, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="oriel-e2e-") as scratch:
        bench = Bench(options, scratch)
        for function in chosen:
            name = function.__name__
            bench.begin(name)
            begin = time.monotonic()
            try:
                function(bench)
                result = f"ok {name} ({time.monotonic() - begin:.1f} s)"
            except Skipped as why:
                result = f"skip {name}: {why}"
            except Failed as why:
                result = f"FAIL {name}: {why}"
                failed += 1
            print(result, flush=True)
    return failed


def share_out(chosen, jobs):
    """The names of the tests in so many lists of about the same length in time."""
    shares = [[] for _ in range(jobs)]
    for function in sorted(chosen, key=lambda function: -function.boots):
        min(shares, key=lambda share: sum(one.boots + 0.1 for one in share)).append(function)
    return [[one.__name__ for one in chosen if one in share] for share in shares]


def run_in_rigs(options, chosen):
    rigs = []
    for names in share_out(chosen, options.jobs):
        if names:
            command = [RIG, "--timeout", str(options.timeout), "--out", options.out, "--cpus",
                       str(options.rig_cpus), "--", "python3", os.path.realpath(__file__), "--here",
                       "--vmm", options.vmm, "--oriel", options.oriel, "--images", options.images,
                       "--boot-timeout", str(options.boot_timeout), "--out", "/run/rig/out", *names]
            rigs.append(subprocess.Popen(command))
    try:
        codes = [rig.wait() for rig in rigs]
    finally:
        for rig in rigs:
            rig.terminate()
    for code in codes:
        if code > 1:
            print(f"FAIL rig: it ended with {code}", flush=True)
    return sum(1 for code in codes if code)


def prepare_images(folder, cache):
    """Build the disks and write down their checksums, which is slow inside the rig."""
    tool = [os.path.join(HERE, "make-images"), folder]
    if cache:
        tool += ["--cache", cache]
    subprocess.run(tool, check=True)
    for name, (kind, words) in DISKS.items():
        subprocess.run([*tool, "--kind", kind, "--name", name, "--append", words], check=True)
    for name in os.listdir(folder):
        if name.endswith(".img"):
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()
            with open(path + ".sha256", "w") as file:
                file.write(checksum + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("names", nargs="*", metavar="TEST", help="tests to run, or parts of their names")
    add("--list", action="store_true", help="print the names of all tests")
    add("--vmm", choices=VMMS, default="oriel")
    add("--oriel", default="oriel", metavar="PROGRAM", help="the oriel to test")
    add("--no-rig", action="store_true", help="run on this machine, not in the rig")
    add("--jobs", type=int, default=1, metavar="N", help="share the tests out to N rigs")
    add("--rig-cpus", type=int, default=1, metavar="N")
    add("--out", metavar="DIR", help="keep the logs here (default: a temporary folder, kept on failure)")
    add("--images", metavar="DIR", help="where to build the disks (default: a temporary folder)")
    add("--cache", metavar="DIR", help="where built parts are kept")
    add("--timeout", type=int, default=1800, metavar="S", help="for a whole rig (default: 1800)")
    add("--boot-timeout", type=int, default=300, metavar="S", help="for one guest (default: 300)")
    add("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.accel = "kvm" if options.here else "tcg"
    if os.sep in options.oriel:
        options.oriel = os.path.realpath(options.oriel)
    return options


def choose(names):
    exact = {function.__name__ for function in tests} & set(names)
    return [function for function in tests
            if not names or function.__name__ in exact or
            any(name in function.__name__ for name in names if name not in exact)]


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse()
    chosen = choose(options.names)
    if options.list or not chosen:
        print("\n".join(function.__name__ for function in tests))
        return 0 if options.list else 1
    if options.here:
        return 1 if run_here(options, chosen) else 0
    keep = options.out
    logs = options.out = os.path.realpath(keep or tempfile.mkdtemp(prefix="oriel-e2e-logs-"))
    with tempfile.TemporaryDirectory(prefix="oriel-e2e-") as images:
        options.images = os.path.realpath(options.images or images)
        prepare_images(options.images, options.cache)
        run = run_here if options.no_rig else run_in_rigs
        failed = run(options, chosen)
    if failed:
        print(f"e2e: what the guests said is in {logs}", file=sys.stderr)
    elif keep is None:
        shutil.rmtree(logs)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
