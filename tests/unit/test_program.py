#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How a run begins, speaks, listens and ends: test_program.py FAKE_ORIEL.

FAKE_ORIEL is the whole program with a guest written in C (fake_oriel.c), so that it needs no KVM.
"""
import contextlib
import fcntl
import json
import os
import pty
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

ORIEL = os.path.abspath(sys.argv[1])
LINE = b"the guest is here\r\n"
PATIENCE = 30
OFF, ERROR, RESET, CRASHED, STOPPED = 0, 1, 3, 4, 5
EVERY_BYTE = bytes(byte for byte in range(256) if byte != 1)  # Ctrl-A is the terminal's


def command(*more, disk="disk.img", firmware="bios.bin"):
    return [ORIEL, "--firmware", firmware, "--disk", f"path={disk}", "--memory", "size=64M", *more]


class Run:
    """A running oriel. Streams not given are /dev/null, standard error goes to a file."""

    def __init__(self, guest, *more, disk="disk.img", firmware="bios.bin", prepare=None, **streams):
        self.errors = tempfile.TemporaryFile(mode="w+b", dir=".")
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                   "stderr": self.errors, **streams}
        self.process = subprocess.Popen(command(*more, disk=disk, firmware=firmware),
                                        preexec_fn=prepare, env=dict(os.environ, FAKE_GUEST=guest,
                                                                     LC_ALL="C"), **streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.errors.close()

    def said(self):
        # Not read(): the place in the file is shared with the process that writes there.
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def wait_for(self, text):
        until(lambda: text in self.said(), lambda: f"no {text!r} in:\n{self.said()}")
        return self

    def is_up(self):
        return self.wait_for("oriel: a fake\n")

    def send(self, number):
        self.process.send_signal(number)
        return self

    def stop(self, number=signal.SIGTERM):
        self.send(number).wait_for("pressed the guest's power button").send(number)
        return self.ends(STOPPED)

    def ends(self, code):
        found = self.process.wait(PATIENCE)
        assert found == code, f"exit code {found}, not {code}\n{self.said()}"
        return self

    def cpu_share(self, seconds):
        """Part of a processor that it takes while nothing happens."""
        before = self.cpu_time()
        time.sleep(seconds)
        return (self.cpu_time() - before) / seconds

    def cpu_time(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        folder = f"/proc/{self.process.pid}/fd"
        found = {}
        for number in os.listdir(folder):
            try:
                found[int(number)] = os.readlink(f"{folder}/{number}")
            except FileNotFoundError:
                pass  # closed since it was listed
        return found


def until(is_true, why):
    end = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < end, why()
        time.sleep(0.01)


def read_until(source, wanted):
    """Bytes from a descriptor or socket until they end with what is wanted, or there are so many."""
    got = b""
    end = time.monotonic() + PATIENCE
    while not (len(got) >= wanted if isinstance(wanted, int) else got.endswith(wanted)):
        ready = select.select([source], [], [], max(0, end - time.monotonic()))[0]
        chunk = os.read(source if isinstance(source, int) else source.fileno(), 4096) if ready else b""
        assert chunk, f"only {got!r}, not {wanted!r}"
        got += chunk
    return got


def fails(*more, text, disk="disk.img"):
    """One line on standard error that says @text, exit code 1."""
    done = subprocess.run(command(*more, disk=disk), stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=PATIENCE,
                          env=dict(os.environ, FAKE_GUEST="off", LC_ALL="C"))
    assert done.returncode == ERROR and not done.stdout, (done.returncode, done.stdout)
    assert done.stderr.startswith("oriel: error: ") and done.stderr.count("\n") == 1, done.stderr
    assert text in done.stderr, done.stderr


def the_exit_code_tells_how_the_guest_ended():
    Run("off").ends(OFF)
    assert "--no-reboot" in Run("reset", "--no-reboot").ends(RESET).said()
    assert "vcpu0: the test wanted it" in Run("crash").ends(CRASHED).said()
    Run("off", "--serial", "tty", "--stats", "--json").ends(OFF)


def one_signal_presses_the_power_button():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with Run("button") as run:
            run.is_up().send(number).ends(OFF)
        with Run("hang") as run:
            assert "was ended from outside" in run.is_up().stop(number).said()


def a_hang_up_that_is_ignored_ends_nothing():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with Run("button", prepare=ignore) as run:
        run.is_up().send(signal.SIGHUP).send(signal.SIGHUP)
        time.sleep(0.2)
        assert run.process.poll() is None and "power button" not in run.said()
        run.send(signal.SIGTERM).ends(OFF)


def is_expected(number, path):
    if number < 3:
        return path == "/dev/null"
    return path.startswith("anon_inode:") or path.endswith("/disk.img")


def in_the_background_only_its_own_files_are_open():
    for serial in ("tty", "null"):
        with Run("hang", "--serial", serial, "--pid-file", serial + ".pid",
                 stderr=subprocess.DEVNULL) as run:
            until(lambda: os.path.exists(serial + ".pid"), run.descriptors)
            until(lambda: all(is_expected(*item) for item in run.descriptors().items()),
                  run.descriptors)


def no_file_stands_in_for_a_closed_stream():
    for closed in (0, 1, 2):
        pid_file = f"closed{closed}.pid"
        with Run("hang", "--serial", "tty", "--pid-file", pid_file,
                 prepare=lambda: os.close(closed)) as run:
            until(lambda: os.path.exists(pid_file), run.descriptors)
            assert run.descriptors()[closed] == "/dev/null", run.descriptors()


def an_idle_guest_costs_nothing_whatever_stdin_is():
    def close_stdin():
        os.close(0)

    for streams in ({}, {"prepare": close_stdin}, {"stdin": subprocess.PIPE}):
        with Run("hang", "--serial", "tty", **streams) as run:
            if run.process.stdin:
                run.process.stdin.close()
            run.is_up()
            share = run.cpu_share(1)
            assert share < 0.1, f"{share:.0%} with {streams}"
            run.stop()


def output_that_nobody_takes_ends_nothing():
    ends = os.pipe()
    os.close(ends[0])
    with Run("button", "--serial", "tty", stdout=ends[1]) as run:
        os.close(ends[1])
        run.wait_for("output is lost: Broken pipe").send(signal.SIGTERM).ends(OFF)
    with open("/dev/full", "wb") as full:
        with Run("flood", "--serial", "tty", stdout=full) as run:
            assert run.wait_for("No space left").is_up().stop().said().count("No space left") == 1
        with Run("off", "--serial", "tty", "--stats", stdout=full, stderr=full) as run:
            run.ends(OFF)


def a_reader_that_sleeps_holds_up_nothing():
    with Run("flood", "--serial", "tty", stdout=subprocess.PIPE) as run:
        run.wait_for("nobody takes the output").stop()
        assert LINE in run.process.stdout.read()


@contextlib.contextmanager
def terminal(guest, *more):
    """A run in a session of its own on a new terminal: the run, our end, and how it was before."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)

    def take():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    with Run(guest, "--serial", "tty", *more, stdin=theirs, stdout=theirs, prepare=take) as run:
        read_until(ours, LINE)
        yield run, ours
        found = termios.tcgetattr(theirs)
        assert found == before, f"the terminal is not as it was: {found}"
    os.close(ours)
    os.close(theirs)


def a_terminal_is_as_it_was_after_every_end():
    for guest, code in (("off", OFF), ("reset", RESET), ("crash", CRASHED)):
        with terminal(guest, "--no-reboot") as (run, _):
            run.ends(code)
    with terminal("hang") as (run, _):
        run.is_up().stop()
    for number in (signal.SIGQUIT, signal.SIGABRT, signal.SIGALRM):
        with terminal("hang") as (run, _):
            run.is_up().send(number).process.wait(PATIENCE)
            assert run.process.returncode != OFF


def a_terminal_passes_every_byte_both_ways():
    with terminal("echo") as (run, ours):
        os.write(ours, EVERY_BYTE)
        assert read_until(ours, len(EVERY_BYTE)) == EVERY_BYTE
        os.write(ours, b"\x1b\t\x03\x04\x1a\x1c\x11\x13\x7f")  # Esc, Tab, Ctrl-C D Z \ Q S, Del
        assert read_until(ours, 9) == b"\x1b\t\x03\x04\x1a\x1c\x11\x13\x7f"
        os.write(ours, b"\x01\x01a\x01b")
        assert read_until(ours, 4) == b"\x01a\x01b"
        os.write(ours, b"\x01x")
        run.ends(STOPPED)


def a_hang_up_of_the_terminal_presses_the_power_button():
    ours, theirs = pty.openpty()

    def take():
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    with Run("button", "--serial", "tty", stdin=theirs, stdout=theirs, prepare=take) as run:
        read_until(ours, LINE)
        os.close(theirs)
        os.close(ours)
        run.ends(OFF)


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    until(lambda: client.connect_ex(path) == 0, lambda: f"cannot connect to {path}")
    return client


def clients_of_a_socket_come_and_go():
    with Run("echo", "--serial", "socket=com1.sock") as run:
        for number in range(3):
            with connect("com1.sock") as client:
                if number == 0:
                    read_until(client, LINE)
                client.sendall(bytes(range(256)) * 4)
                assert read_until(client, 1024) == bytes(range(256)) * 4
        with connect("com1.sock") as rude:
            rude.sendall(b"x" * 16)
        with connect("com1.sock") as first, connect("com1.sock") as second:
            read_until(first, b"x" * 16)
            first.sendall(b"first")
            second.sendall(b"second")
            assert read_until(first, 5) == b"first"
            first.close()
            assert read_until(second, 6) == b"second"
        run.stop()
    assert not os.path.exists("com1.sock")


def readers_of_a_pty_come_and_go():
    with Run("echo", "--serial", "pty") as run:
        name = run.is_up().said().split("--serial: pty ")[1].split("\n")[0]
        for number in range(3):
            fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
            if number == 0:
                read_until(fd, LINE)
            os.write(fd, bytes(range(256)))
            assert read_until(fd, 256) == bytes(range(256))
            os.close(fd)
        run.stop()


def what_a_killed_run_left_is_in_nobodys_way():
    more = ("--serial", "socket=old.sock", "--pid-file", "old.pid")
    with Run("hang", *more) as run:
        run.is_up().send(signal.SIGKILL).process.wait()
    assert os.path.exists("old.sock") and os.path.exists("old.pid")
    with Run("button", *more) as run:
        run.is_up()
        with open("old.pid", encoding="ascii") as file:
            assert int(file.read()) == run.process.pid
        run.send(signal.SIGTERM).ends(OFF)
    assert not os.path.exists("old.sock") and not os.path.exists("old.pid")


def a_disk_and_a_socket_belong_to_one_run():
    with Run("hang", "--serial", "socket=one.sock") as run:
        run.is_up()
        fails(text="disk.img: it is in use by another program")
        fails(disk="./disk.img,readonly=on", text="it is in use by another program")
        fails("--serial", "socket=one.sock", disk="other.img", text="another program listens there")
        Run("off", disk="other.img").ends(OFF)
        run.stop()
    with Run("hang", disk="disk.img,readonly=on") as run:
        run.is_up()
        Run("off", disk="disk.img,readonly=on").ends(OFF)
        fails(text="in use")


def what_cannot_be_written_is_told_before_the_guest_starts():
    os.mkdir("folder")
    for more in (("--serial", "file=folder"), ("--serial", "file=none/x"), ("--pid-file", "none/x"),
                 ("--serial", "socket=none/x"), ("--serial", "socket=other.img"),
                 ("--trace-file", "none/x"), ("--log-file", "none/x"),
                 ("--debug-console", "file=x,iobase=0x3f8", "--serial", "null"),
                 ("--debug-console", "file=x,iobase=0xcfc")):
        fails(*more, text=more[1].split("=")[-1] if "iobase" not in more[1] else "is taken")
    assert os.path.getsize("other.img") == 1 << 20


def run_uefi(guest, *more, disk="disk.img", prepare=None):
    return subprocess.run(command(*more, disk=disk, firmware="CODE.fd"), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, preexec_fn=prepare,
                          env=dict(os.environ, FAKE_GUEST=guest, LC_ALL="C"))


def a_start_that_fails_says_one_line_and_leaves_nothing():
    for more, text in ((["--serial", "file=none/x"], "none/x"), (["--cpus", "boot=9"], "at most 8")):
        done = run_uefi("off", "--nvram", "new.nvram", *more)
        assert done.returncode == ERROR and text in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert not os.path.exists("new.nvram")
    done = run_uefi("off", "--nvram", "new.nvram")
    assert done.returncode == OFF and os.path.getsize("new.nvram") == VARS, done.stderr
    assert "warning: no --serial is given" in done.stderr


def a_variable_file_belongs_to_one_run():
    with Run("hang", "--nvram", "one.nvram", firmware="CODE.fd") as run:
        run.is_up()
        done = run_uefi("off", "--nvram", "./one.nvram", disk="other.img")
        assert done.returncode == ERROR and "one.nvram is in use" in done.stderr, done.stderr
        run.stop()
    assert run_uefi("off", "--nvram", "one.nvram").returncode == OFF
    done = run_uefi("off", "--nvram", "other.img")
    assert "other.img has 1048576 bytes, but the variables of CODE.fd have 131072" in done.stderr
    done = run_uefi("off", "--nvram", "./disk.img")
    assert "./disk.img and --disk disk.img are one file" in done.stderr, done.stderr


def variables_are_in_their_file_at_the_end():
    done = run_uefi("flash", "--nvram", "kept.nvram")
    assert done.returncode == OFF, done.stderr
    with open("kept.nvram", "rb") as file:
        content = file.read()
    assert len(content) == VARS and content[32 << 10] == content[96 << 10] == 0x42
    assert content[64 << 10] == 0xff


def variables_that_cannot_be_written_are_told_and_hold_up_nothing():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))

    shutil.copyfile("VARS.fd", "half.nvram")
    done = run_uefi("flash", "--nvram", "half.nvram", prepare=limit)
    assert "the variable store cannot be written (File too large)" in done.stderr, done.stderr
    assert done.returncode == ERROR, done.returncode
    with open("half.nvram", "rb") as file:
        content = file.read()
    assert content[32 << 10] == 0x42 and content[96 << 10] == 0xff


def a_limit_on_file_sizes_is_an_error_and_no_death():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = run_uefi("off", "--nvram", "big.nvram", prepare=limit)
    assert done.returncode == ERROR and "big.nvram cannot be written: File too large" in done.stderr
    assert not os.path.exists("big.nvram")
    with Run("flood", "--serial", "file=flood.txt", prepare=limit) as run:
        run.wait_for("output is lost: File too large").stop()
    assert os.path.getsize("flood.txt") == 4096


def counters_are_for_people_and_for_programs():
    said = Run("off", "--stats").ends(OFF).said()
    assert "\npeak_own_bytes " in said and "\nexits " in said
    said = Run("off", "--stats", "--json").ends(OFF).said()
    found = json.loads(said.strip().split("\n")[-1])
    assert 1 << 20 < found["peak_own_bytes"] <= found["peak_rss_bytes"] + (1 << 20), found
    assert found["wall_us"] > 0


VARS = 128 << 10
CODE = (1 << 20) - VARS


def volume(size, variables):
    """A firmware volume with a good header. UEFI PI 1.7 volume 3, 3.2.1."""
    guid = "8d2bf1ff96768b4ca9852747075b4f50" if variables else "77" * 16
    head = bytearray(16) + bytes.fromhex(guid) + size.to_bytes(8, "little") + b"_FVH" + bytes(28)
    head[48] = 72
    head[55] = 2
    total = sum(int.from_bytes(head[i:i + 2], "little") for i in range(0, 72, 2))
    head[50:52] = (-total & 0xffff).to_bytes(2, "little")
    body = bytearray((b"\xff" if variables else b"\x5a") * (size - 72))
    if not variables:
        body[-16:-11] = b"\x90\x90\xe9\x5b\xff"
    return bytes(head + body)


def make_files():
    bios = bytearray(256 << 10)
    bios[-16:-11] = b"\xea\x5b\xe0\x00\xf0"
    for name, content in (("bios.bin", bios), ("disk.img", bytes(1 << 20)),
                          ("other.img", bytes(1 << 20)), ("CODE.fd", volume(CODE, False)),
                          ("VARS.fd", volume(VARS, True))):
        with open(name, "wb") as file:
            file.write(content)


def main():
    folder = tempfile.mkdtemp(prefix="oriel-run-")
    os.chdir(folder)
    make_files()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        for test in (the_exit_code_tells_how_the_guest_ended,
                     one_signal_presses_the_power_button,
                     a_hang_up_that_is_ignored_ends_nothing,
                     in_the_background_only_its_own_files_are_open,
                     no_file_stands_in_for_a_closed_stream,
                     an_idle_guest_costs_nothing_whatever_stdin_is,
                     output_that_nobody_takes_ends_nothing,
                     a_reader_that_sleeps_holds_up_nothing,
                     a_terminal_is_as_it_was_after_every_end,
                     a_terminal_passes_every_byte_both_ways,
                     a_hang_up_of_the_terminal_presses_the_power_button,
                     clients_of_a_socket_come_and_go,
                     readers_of_a_pty_come_and_go,
                     what_a_killed_run_left_is_in_nobodys_way,
                     a_disk_and_a_socket_belong_to_one_run,
                     what_cannot_be_written_is_told_before_the_guest_starts,
                     a_start_that_fails_says_one_line_and_leaves_nothing,
                     a_variable_file_belongs_to_one_run,
                     variables_are_in_their_file_at_the_end,
                     variables_that_cannot_be_written_are_told_and_hold_up_nothing,
                     a_limit_on_file_sizes_is_an_error_and_no_death,
                     counters_are_for_people_and_for_programs):
            begin = time.monotonic()
            test()
            print("ok", test.__name__, f"({time.monotonic() - begin:.1f} s)", flush=True)
    finally:
        shutil.rmtree(folder)


main()
