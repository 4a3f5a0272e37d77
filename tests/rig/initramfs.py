# SPDX-License-Identifier: GPL-2.0-or-later
"""Initramfs images made of Debian's stock kernel modules and busybox-static.

Used for the rig itself and for the guests of the end-to-end tests. The archive is written here (cpio
"newc", Documentation/driver-api/early-userspace/buffer-format.rst), so device nodes need no root.
"""

import glob
import hashlib
import os
import stat
import subprocess

BUSYBOX = "/bin/busybox"


class Unavailable(Exception):
    """Something that has to be installed first is missing."""


class Kernel:
    """The newest stock kernel of this machine that has its modules."""

    def __init__(self):
        found = []
        for image in glob.glob("/boot/vmlinuz-*-amd64"):
            release = os.path.basename(image)[len("vmlinuz-"):]
            if os.path.isdir(f"/lib/modules/{release}/kernel"):
                found.append((_version_key(release), release, image))
        if not found:
            raise Unavailable("no kernel in /boot with modules in /lib/modules; "
                              "install linux-image-amd64")
        _, self.release, self.image = max(found)
        about = os.stat(self.image)
        self.identity = f"{self.release} {about.st_size} {about.st_mtime_ns}"

    def modules(self, names):
        """Paths of the modules called names with all they depend on, in loading order."""
        paths = []
        for name in names:
            command = ["/sbin/modprobe", "-S", self.release, "--show-depends", name]
            try:
                shown = subprocess.run(command, capture_output=True, text=True, check=True)
            except FileNotFoundError as why:
                raise Unavailable("no modprobe; install kmod") from why
            except subprocess.CalledProcessError as why:
                raise Unavailable(f"kernel {self.release}: {why.stderr.strip()}") from why
            for line in shown.stdout.splitlines():
                verb, path = line.split()[:2]
                if verb == "insmod" and path not in paths:
                    paths.append(path)
        return paths


class Cpio:
    """A cpio archive in memory. Parent directories are added as needed."""

    def __init__(self):
        self._parts = []
        self._inode = 0
        self._folders = set()

    def folder(self, name):
        parent = os.path.dirname(name)
        if parent:
            self.folder(parent)
        if name not in self._folders:
            self._folders.add(name)
            self._entry(name, stat.S_IFDIR | 0o755, b"")

    def file(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, b"", (major, minor))

    def finish(self):
        self._entry("TRAILER!!!", 0, b"")
        return b"".join(self._parts)

    def _add(self, name, mode, data, device=(0, 0)):
        self.folder(os.path.dirname(name) or ".")
        self._entry(name, mode, data, device)

    def _entry(self, name, mode, data, device=(0, 0)):
        self._inode += 1
        path = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._parts.append(_pad4(header + path) + _pad4(data))


def build(kernel, module_names, init, files=()):
    """The archive: busybox with all its applets, the modules, /modules (their loading order), /init.

    files is a dictionary of more files by name.
    """
    if not os.path.exists(BUSYBOX):
        raise Unavailable(f"no {BUSYBOX}; install busybox-static")
    cpio = Cpio()
    cpio.file("bin/busybox", _read(BUSYBOX), 0o755)
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            cpio.link(f"bin/{applet}", "busybox")
    order = []
    for path in kernel.modules(module_names):
        name = "lib/" + os.path.basename(path)
        cpio.file(name, _read(path))
        order.append("/" + name)
    cpio.file("modules", "".join(f"{name}\n" for name in order).encode())
    cpio.char_device("dev/console", 5, 1)
    cpio.file("init", init, 0o755)
    for name, data in dict(files).items():
        cpio.file(name, data)
    return cpio.finish()


def digest(*parts):
    """A short name for the given strings, byte strings and files (name and content)."""
    sha = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        sha.update(b"%d:" % len(data) + data)
    return sha.hexdigest()[:16]


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _pad4(data):
    return data + b"\0" * (-len(data) % 4)


def _version_key(release):
    return [int(part) if part.isdigit() else 0 for part in release.replace("-", ".").split(".")]
