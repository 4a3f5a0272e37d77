#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel that starts without firmware: kernel.py ORIEL KERNEL multiboot|pvh.

The guest resets the machine once. Skipped (77) where nothing can run a guest.
"""
import os
import subprocess
import sys
import tempfile

ORIEL, KERNEL, PROTOCOL = sys.argv[1:]
DONE = 0x10 << 1 | 1
SAYS = {
    "multiboot": f"Multiboot, command line: {KERNEL} one two=3\nloader: oriel\n",
    "pvh": "PVH, command line: one two=3\n",
}

if subprocess.run([ORIEL, "doctor"], stdout=subprocess.DEVNULL).returncode:
    sys.exit(77)
with tempfile.TemporaryDirectory() as folder:
    module = os.path.join(folder, "module")
    with open(module, "w", encoding="ascii") as file:
        file.write("these are the module's bytes")
    done = subprocess.run(
        [ORIEL, "--kernel", KERNEL, "--initramfs", module, "--cmdline", "one two=3", "--memory",
         "size=64M", "--cpus", "boot=2", "--serial", "tty", "--test-devices", "--no-rng"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
wanted = SAYS[PROTOCOL] + "module: these are the module's bytes\nACPI: RSD PTR , FACP\n"
if done.stdout.replace("\r", "") != wanted * 2 or done.returncode != DONE:
    print(f"exit code {done.returncode}, not {DONE}; said:\n{done.stdout}\n{done.stderr}"
          f"\nnot twice:\n{wanted}")
    sys.exit(1)
