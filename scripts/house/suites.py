# SPDX-License-Identifier: GPL-2.0-or-later
"""Build and test in every configuration; the last line counts what ran.

    scripts/test                all steps
    scripts/test --quick        GCC build with the style, unit, fuzz and docs suites
    scripts/test --step NAME    one step; may be given again

Steps: gcc, clang, sanitize, threads, no-kvm, windows (under Wine), guest and e2e (both in the rig), e2e-soft.
Each prints one line; what failed is shown with the end of its output, all of it is kept in
build-test/STEP.log. A test program that prints a line "ok NAME" for each of its cases counts as
that many tests, any other as one; the same test in two configurations counts twice. A step that
cannot be built counts as one failure.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.path.join(ROOT, "build-test")
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
THREADS_ENV = {"TSAN_OPTIONS": f"suppressions={ROOT}/tests/tsan.supp"}
# Programs with several threads: the thread sanitizer has nothing to say about the others.
THREADED = ["rcu", "loop", "log", "trace", "char", "char_posix", "map_stress", "clock", "msix", "pflash",
            "virtio", "virtio_blk", "vq", "vm", "vm_faults", "vm_stress", "run", "soft_threads"]
MESON_TEST = ["--no-rebuild", "--logbase", "oriel"]
UNIT, FUZZ = ["--suite", "unit"], ["--suite", "fuzz"]
CASE = re.compile(r"^(ok|not ok|FAIL|skip) (\S.*)$", re.M)


class Step:
    """One configuration: runs commands, keeps their output, counts tests."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = 0
        self.complaints = []
        self.began = time.monotonic()
        self.log = open(os.path.join(LOGS, name + ".log"), "w", encoding="utf-8")

    def run(self, argv, env=None, timeout=900):
        """Exit code and output. A command that does not end in time is ended and fails."""
        self.log.write("$ " + " ".join(argv) + "\n")
        self.log.flush()
        with subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **(env or {})}, text=True,
                              errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True) as child:
            try:
                out, _ = child.communicate(timeout=timeout)
                code = child.returncode
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                out, _ = child.communicate()
                out, code = out + f"\nended after {timeout} s\n", 124
            except BaseException:  # Ctrl-C: nothing of ours stays behind
                os.killpg(child.pid, signal.SIGKILL)
                raise
        self.log.write(out)
        return code, out

    def fail(self, what, output=""):
        self.failed += 1
        self.complaints.append((what, output))

    def count_cases(self, name, ok, skip, output):
        """Count one test program by its exit and the case lines it printed."""
        marks = [m.group(1) for m in CASE.finditer(output)]
        failed = marks.count("not ok") + marks.count("FAIL")
        if skip:
            self.skipped += max(1, marks.count("skip"))
        elif ok and not failed:
            self.passed += marks.count("ok") or (0 if "skip" in marks else 1)
            self.skipped += marks.count("skip")
        else:
            self.passed += marks.count("ok")
            self.skipped += marks.count("skip")
            self.failed += max(1, failed)
            self.complaints.append((name, output))

    def build(self, folder, options, env=None, targets=()):
        """Configure (or reconfigure) and compile @folder, or @targets of it. False: that failed."""
        known = os.path.exists(os.path.join(ROOT, folder, "build.ninja"))
        setup = ["meson", "setup", folder] + options
        code, out = self.run(setup + (["--reconfigure"] if known else []), env)
        if code and os.path.isdir(os.path.join(ROOT, folder)):
            shutil.rmtree(os.path.join(ROOT, folder))  # of another place or version of Meson
            code, out = self.run(setup, env)
        if code == 0:
            code, out = self.run(["ninja", "-C", folder, *targets], env)
        if code:
            self.fail(f"build in {folder}", out)
        return code == 0

    def meson_test(self, folder, choice, env=None):
        """Run the tests of a build folder that @choice, options of meson test, selects."""
        results = os.path.join(ROOT, folder, "meson-logs", "oriel.json")
        if os.path.exists(results):
            os.remove(results)
        code, out = self.run(["meson", "test", "-C", folder, *MESON_TEST, *choice], env)
        self.count_meson(results, code, out)

    def count_meson(self, results, code, out):
        """Count what Meson recorded in the file @results."""
        try:
            with open(results, encoding="utf-8") as f:
                rows = [json.loads(line) for line in f]
        except OSError:
            rows = []
        if not rows:
            return self.fail("meson test ran nothing", out)
        before = self.failed
        for t in rows:
            output = (t.get("stdout") or "") + (t.get("stderr") or "")
            self.count_cases(t["name"], t["result"] in ("OK", "EXPECTEDFAIL"),
                             t["result"] == "SKIP", output)
        if code and self.failed == before:
            self.fail("meson test", out)

    def finish(self):
        self.log.close()
        took = time.monotonic() - self.began
        print(f"{self.name:9} {self.passed:4} passed, {self.failed} failed, {self.skipped} skipped"
              f"  {took:4.0f} s", flush=True)
        for what, output in self.complaints:
            print(f"    failed: {what}")
            for line in output.rstrip().split("\n")[-40:]:
                print("    | " + line)
        sys.stdout.flush()


def gcc(step):
    if step.build("build", [], {"CC": "gcc"}):
        step.meson_test("build", [], {"ORIEL_TEST_ACCEL": "soft"})


def clang(step):
    if step.build("build-clang", [], {"CC": "clang"}):
        step.meson_test("build-clang", UNIT + FUZZ)


def sanitize(step):
    options = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
    if step.build("build-sanitize", options, {"CC": "clang"}):
        step.meson_test("build-sanitize", UNIT + FUZZ, SANITIZER_ENV)


def threads(step):
    options = ["-Db_sanitize=thread", "-Db_lundef=false"]
    if step.build("build-threads", options, {"CC": "clang"},
                  [f"tests/unit/test_{name}" for name in THREADED]):
        step.meson_test("build-threads", THREADED, THREADS_ENV)


def no_kvm(step):
    if step.build("build-no-kvm", ["-Dkvm=disabled"], {"CC": "gcc"}):
        step.meson_test("build-no-kvm", UNIT)


def windows(step):
    wine = os.path.join(LOGS, "cross-wine.txt")  # needs a whole path: made here
    with open(wine, "w", encoding="utf-8") as f:
        f.write(f"[binaries]\nexe_wrapper = '{os.path.join(ROOT, 'scripts', 'wine')}'\n")
    options = ["--cross-file", "scripts/cross-mingw.txt", "--cross-file", wine]
    if not step.build("build-windows", options):
        return
    step.meson_test("build-windows", UNIT)
    exe = next((os.path.join(d, f) for d, _, fs in os.walk(os.path.join(ROOT, "build-windows"))
                for f in fs if f == "oriel.exe"), None)
    if not exe:
        return step.fail("oriel.exe was not built")
    # Wine has no hypervisor to offer, so the doctor's verdict is 1; that it speaks is what counts.
    for argument, codes, wanted in (("--version", [0], r"^oriel v\d+\."),
                                    ("doctor", [0, 1], r"^What can run a guest")):
        code, out = step.run(["scripts/wine", exe, argument])
        step.count_cases(f"oriel.exe {argument}",
                         code in codes and re.search(wanted, out, re.M), False, out)


def guest(step):
    """The guest suite where KVM is real: in the rig, which forgets all but what is copied out."""
    if not step.build("build", [], {"CC": "gcc"}):
        return
    out_folder = os.path.join(LOGS, "guest")
    shutil.rmtree(out_folder, ignore_errors=True)
    command = " ".join(["meson", "test", "-C", "build", *MESON_TEST, "--suite", "guest",
                        "--num-processes", "1", "--timeout-multiplier", "4"])
    code, out = step.run(["tests/rig/rig", "--out", out_folder, "--", "sh", "-c",
                          command + "; code=$?; cp build/meson-logs/oriel.json $RIG_OUT;"
                          " exit $code"])
    step.count_meson(os.path.join(out_folder, "oriel.json"), code, out)


def e2e(step):
    program = "tests/e2e/e2e.py"
    if not os.path.exists(os.path.join(ROOT, program)):
        return step.fail(f"{program} is not there")
    if step.build("build", [], {"CC": "gcc"}):
        code, out = step.run(["python3", "-B", program, "--oriel", "build/src/cli/oriel",
                              "--jobs", str(min(2, os.cpu_count() or 1)), "--boot-timeout", "240"])
        step.count_cases(program, code == 0, False, out)


# On our own CPU, which needs no rig: firmware of each kind, one to four processors, SMM.
ON_SOFT = ["bios_disk", "esp_boots_linux_on_four", "boot_sector", "triple_fault", "hung_guest",
           "secure_boot_starts", "smm_firmware"]


def e2e_soft(step):
    program = "tests/e2e/e2e.py"
    if step.build("build", [], {"CC": "gcc"}):
        code, out = step.run(["python3", "-B", program, "--oriel", "build/src/cli/oriel", "--no-rig",
                              "--boot-timeout", "240", *ON_SOFT])
        step.count_cases(program, code == 0, False, out)


STEPS = {"gcc": gcc, "clang": clang, "sanitize": sanitize, "threads": threads, "no-kvm": no_kvm,
         "windows": windows, "guest": guest, "e2e": e2e, "e2e-soft": e2e_soft}


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/test", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--step", action="append", choices=list(STEPS), metavar="NAME",
                        help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = args.step or (["gcc"] if args.quick else list(STEPS))
    os.makedirs(LOGS, exist_ok=True)
    steps = []
    for name in names:
        step = Step(name)
        steps.append(step)
        STEPS[name](step)
        step.finish()
    totals = [sum(getattr(s, k) for s in steps) for k in ("passed", "failed", "skipped")]
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


sys.exit(main())
