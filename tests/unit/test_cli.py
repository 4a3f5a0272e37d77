#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the program prints and how it ends: test_cli.py ORIEL. Starts no guest."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ORIEL = os.path.abspath(sys.argv[1])
GUIDE = ("--kernel ./FV/OVMF.fd --disk path=./windows-disk.qcow --cpus boot=1,kvm_hyperv=on "
         "--memory size=4G --serial tty --console off --net tap=").split()
VERBS = ("run", "doctor", "help", "version", "completion")


def oriel(*args, **env):
    return subprocess.run([ORIEL, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, env=dict(os.environ, LC_ALL="C", **env))


def check(done, code, out=None, err=None):
    what = f"{' '.join(done.args[1:])}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == code, what
    assert out is None or out in done.stdout, what
    assert err is None or err in done.stderr, what
    return done


def fails(line, text):
    """One line on standard error that says @text, nothing else, exit code 1."""
    done = check(oriel(*line.split()), 1, err=text)
    assert done.stdout == "" and done.stderr.startswith("oriel: error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def no_arguments_print_a_short_help_with_three_examples():
    done = check(oriel(), 0, "Verbs:")
    assert done.stdout.count("\n  oriel ") == 3 and done.stderr == ""
    assert len(done.stdout.split("\n")) < 30
    for verb in VERBS:
        assert f"\n  {verb}" in done.stdout
    assert oriel("--help").stdout == oriel("help").stdout == done.stdout


def the_version_has_the_form_of_cloud_hypervisor():
    for args in (["--version"], ["-V"], ["version"], ["run", "--version"], ["--json", "-V"]):
        done = check(oriel(*args), 0, "oriel v")
        assert done.stdout.count("\n") == 1


def every_verb_and_option_has_help():
    for verb in VERBS[:2] + VERBS[3:]:
        check(oriel(verb, "--help"), 0, f"oriel {verb}")
        assert oriel("help", verb).stdout == oriel(verb, "-h").stdout
    listing = check(oriel("help", "options"), 0, "--firmware FILE").stdout
    names = [line.split()[0].rstrip(",") for line in listing.split("\n") if line.startswith("  -")]
    assert len(names) > 60
    for name in names:
        check(oriel("help", name), 0, name)
    assert max(map(len, listing.split("\n"))) <= 120
    check(oriel("help", "exit-codes"), 0, "5  it was ended from outside")
    check(oriel("help", "disk"), 0, "queue_size=N  (default 128)")
    fails("help dsik", "did you mean disk")


def mistakes_get_one_line_that_says_what_to_do():
    fails("frobnicate", "oriel help lists them")
    fails("rum", 'did you mean "run"')
    fails("windows.img", "--disk path=windows.img")
    fails("run windows.img", "--disk path=windows.img")
    fails("--memry size=4G", "did you mean --memory")
    fails("--memory 4G", "did you mean size=4G")
    fails("--memory size=1000 --disk path=a", "at least 64M")
    fails("--memory size=1073741825 --disk path=a", "the nearest below is 1024M")
    fails("--cpus boot=0 --disk path=a", "1 to 240")
    fails("--disk path=a path=a", "given twice")
    fails("--kernel a --firmware b", "exclude each other")
    fails("--serial tty", "there is nothing to start")
    fails("--balloon size=1G", "--balloon is not supported")
    fails("--console tty", "use --serial tty")
    fails("doctor --xml", "takes --json")
    fails("doctor --json again", 'not "again"')
    fails("version 2", 'version takes nothing, not "2"')
    fails("help disk net", 'not also "net"')
    fails("completion bash zsh", "one shell at a time")
    fails("--memory size=1025G --disk path=a", "more than the 1024G")
    fails("--memory size=1G --memory size=2G --disk path=a", "--memory is given twice")
    fails("--serial tty --serial null --disk path=a", "--serial is given twice")
    fails("--serial tty --serial2 tty --disk path=a", "both want the terminal")
    fails("--firmware= --disk path=a", "--firmware needs a value")
    fails("--firmware", "--firmware needs a value, for example")
    fails("--disk path=", "which image is the disk?")
    fails("--disk path=a,readonly", "readonly=on|off")
    fails("--disk path=a,readonly=maybe", "neither on nor off")
    fails("--disk a.img", "did you mean path=a.img?")
    fails("--disk path=a path=a", "is given twice")
    fails("--disk path=a --nvram a", "--nvram and --disk both use a")
    fails("--disk path=a --log-file a", "--disk and --log-file both use a")
    fails("--cpus boot=1,boot=2 --disk path=a", '"boot" is given twice')
    fails("--cpus boot=1,,hyperv=on --disk path=a", "nothing between two commas")
    fails("--net tap=,mac=zz --disk path=a", "for example 52:54:00:12:34:56")
    fails("--accel whp --disk path=a --firmware /nowhere", "/nowhere: cannot open")
    fails("completion ksh", "bash, zsh or fish")
    fails("completion", "bash, zsh or fish")
    fails("--log-file /nowhere/at/all --disk path=a", "--log-file /nowhere/at/all")


def the_command_of_the_windows_guide_is_understood():
    done = check(oriel(*GUIDE, "--dry-run"), 0, "Hyper-V interface      on",
                 "warning: --net has no effect")
    assert "./windows-disk.qcow" in done.stdout and "4 GiB" in done.stdout
    assert done.stderr.count("\n") == 1
    assert oriel("run", *GUIDE, "--dry-run").stdout == done.stdout


def what_cannot_be_opened_is_named(folder):
    disk = folder + "/disk.img"
    for name, size in (("disk.img", 1 << 20), ("empty.img", 0), ("odd.img", 1000001)):
        with open(f"{folder}/{name}", "wb") as f:
            f.truncate(size)
    os.mkfifo(folder + "/pipe")
    os.link(disk, folder + "/link.img")
    bios = f"--firmware {folder}/bios --serial off --disk path="
    with open(folder + "/bios", "wb") as f:
        f.write(bytes((256 << 10) - 16) + b"\xea\x5b\xe0\x00\xf0" + bytes(11))
    fails(f"{bios}{folder}/none.img", "none.img: cannot open: No such file or directory; check")
    fails(f"{bios}{folder}/empty.img", "it is empty (0 bytes); make a disk with")
    fails(f"{bios}{folder}/odd.img", "is not a multiple of 512")
    fails(f"{bios}{folder}", "this is a directory; name a file")
    fails(f"{bios}{folder}/pipe", "this is a pipe; name a file")
    fails(f"{bios}/dev/null", "this is a character device; name a file")
    fails(f"{bios}{disk} path={folder}/link.img", "are one file; two disks in one image")
    fails(f"--firmware {folder}/pipe --serial off --disk path={disk}", "this is a pipe")
    fails(f"--firmware {folder} --serial off --disk path={disk}", "this is a directory")
    fails(f"--firmware {folder}/empty.img --serial off --disk path={disk}", "(0 bytes) is neither")
    with open(folder + "/text", "wb") as f:
        f.write(b"not firmware")
    fails(f"--firmware {folder}/none.fd --disk path={disk} --serial off", f"{folder}/none.fd")
    fails(f"--firmware {folder}/text --disk path={disk} --serial off", "(12 bytes) is neither")
    fails(f"--kernel {folder}/text --disk path={disk} --serial off", "--kernel: ")
    done = check(oriel("--disk", "path=" + disk, "--serial", "off", ORIEL_FIRMWARE_DIR=folder), 1,
                 err=f"there is no firmware in {folder}")
    assert "ovmf" in done.stderr
    done = check(oriel("--disk", "path=" + disk, ORIEL_LOG="info,kvm=debgu"), 1,
                 err="ORIEL_LOG=info,kvm=debgu: levels are error, warning, info and debug")
    assert done.stderr.count("\n") == 1


def without_rights_it_says_which(folder):
    if os.getuid() != 0:
        return  # nobody to become
    os.chmod(folder, 0o755)
    shutil.copy(ORIEL, folder + "/oriel")

    def as_nobody(disk, text, *words):
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   folder + "/oriel", "--firmware", folder + "/bios", "--serial", "off", *words,
                   "--disk", "path=" + disk]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60)
        check(done, 1, "", text)
        assert done.stderr.count("\n") == 1, done.stderr

    os.chmod(folder + "/disk.img", 0o644)
    as_nobody(folder + "/disk.img", "may be read but not written; make it writable, or add readonly=on")
    os.mkdir(folder + "/closed", 0o700)
    as_nobody(folder + "/closed/disk.img", "Permission denied; change its permissions")
    if all(b["name"] != "kvm" for b in json.loads(oriel("doctor", "--json").stdout)["backends"]):
        return
    kvm = "--accel", "kvm"
    if not os.path.exists("/dev/kvm"):
        as_nobody(folder + "/disk.img,readonly=on", "there is no /dev/kvm", *kvm)
    elif not os.stat("/dev/kvm").st_mode & 0o006:
        as_nobody(folder + "/disk.img,readonly=on",
                  "no permission to open /dev/kvm; join its group", *kvm)


def the_doctor_speaks_to_people_and_programs(folder):
    done = oriel("doctor", "--json")
    found = json.loads(done.stdout)
    usable = [b for b in found["backends"] if b["usable"]]
    assert found["ok"] == bool(usable and found["firmware"]["uefi"])
    assert done.returncode == (0 if found["ok"] else 1)
    assert found["cpus"] >= 1 and found["memory"] > 1 << 20
    assert all(b["detail"] for b in found["backends"])
    done = check(oriel("doctor"), done.returncode, "Firmware")
    for backend in found["backends"]:
        assert f" {backend['name']} " in done.stdout and backend["detail"] in done.stdout
    check(oriel("doctor", ORIEL_FIRMWARE_DIR=folder + "/none"), 1, "install Debian's package ovmf")


def complete(script, *words):
    """What bash offers after these words, the last of them unfinished."""
    line = " ".join(f"'{w}'" for w in words)
    done = subprocess.run(
        ["bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
         "_oriel 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\""],
        capture_output=True, text=True, check=True)
    return done.stdout.split()


def shells_complete_what_the_table_knows(folder):
    scripts = {}
    for shell in ("bash", "zsh", "fish"):
        scripts[shell] = f"{folder}/completion.{shell}"
        with open(scripts[shell], "w", encoding="utf-8") as f:
            f.write(check(oriel("completion", shell), 0, "disk").stdout)
        if shutil.which(shell):
            subprocess.run([shell, "-n", scripts[shell]], check=True)
    if not shutil.which("bash"):
        return
    bash = scripts["bash"]
    assert complete(bash, "oriel", "do") == ["doctor"]
    assert complete(bash, "oriel", "--firm") == ["--firmware"]
    assert "--balloon" not in complete(bash, "oriel", "--b")
    assert "path=" in complete(bash, "oriel", "--disk", "p")
    assert "readonly=" in complete(bash, "oriel", "run", "--disk", "path", "=", "a", "r")
    assert complete(bash, "oriel", "--serial", "t") == ["tty"]
    assert bash in complete(bash, "oriel", "--disk", "path", "=", folder + "/completion.b")
    assert bash in complete(bash, "oriel", "--firmware", folder + "/completion.b")


def main():
    with tempfile.TemporaryDirectory(prefix="oriel-cli-") as folder:
        for test in (no_arguments_print_a_short_help_with_three_examples,
                     the_version_has_the_form_of_cloud_hypervisor,
                     every_verb_and_option_has_help,
                     mistakes_get_one_line_that_says_what_to_do,
                     the_command_of_the_windows_guide_is_understood):
            test()
            print("ok", test.__name__, flush=True)
        for test in (what_cannot_be_opened_is_named,
                     without_rights_it_says_which,
                     the_doctor_speaks_to_people_and_programs,
                     shells_complete_what_the_table_knows):
            test(folder)
            print("ok", test.__name__, flush=True)


main()
