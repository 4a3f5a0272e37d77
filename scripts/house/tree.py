# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the project as the checks see them, and the list of breaches found.

A breach may be excused in the place where it is, by a comment that names the rule and says why:
    /* check: long-function, one case per opcode */
on the line itself or on one of the three lines above it (rule long-file: anywhere in the file).
An excuse that excuses nothing is a breach too, so excuses do not outlive their cause.
"""
import os
import re

SKIP_DIRS = {".git", "__pycache__"}
EXCUSE = re.compile(r"check: ([a-z-]+), \S")
COMMENT_OR_STRING = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """The match with everything but its line ends and quotes replaced by spaces; // stays."""
    text = match.group(0)
    body = re.sub(r"[^\n]", " ", text)
    if text[0] in "\"'":
        return text[0] + body[1:-1] + text[-1]
    return "//" + body[2:] if text.startswith("//") else body


class File:
    def __init__(self, root, rel):
        self.rel = rel
        self.path = os.path.join(root, rel)
        self.name = os.path.basename(rel)
        with open(self.path, "rb") as f:
            raw = f.read()
        try:
            self.text = raw.decode("utf-8") if b"\0" not in raw else None
        except UnicodeDecodeError:
            self.text = None
        self.executable = os.access(self.path, os.X_OK)
        self.lines = self.text.split("\n") if self.text is not None else []
        self.is_c = rel.endswith((".c", ".h")) and self.text is not None
        self.excuses = {}  # (line, rule) -> used
        for n, line in enumerate(self.lines, 1):
            for m in EXCUSE.finditer(line):
                self.excuses[n, m.group(1)] = False
        self._code = None

    @property
    def code(self):
        """Lines without comments (of // the mark stays) and without what is in quotes."""
        if self._code is None:
            self._code = COMMENT_OR_STRING.sub(blank, self.text).split("\n")
        return self._code


class Tree:
    def __init__(self, root):
        self.root = root
        self.bad = []
        self.files = []
        for folder, dirs, names in os.walk(root):
            dirs[:] = sorted(d for d in dirs if d not in SKIP_DIRS and not d.startswith("build"))
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name != ".git" and os.path.isfile(path):
                    self.files.append(File(root, os.path.relpath(path, root)))
        self.by_rel = {f.rel: f for f in self.files}

    def under(self, *prefixes):
        return [f for f in self.files if f.rel.startswith(prefixes)]

    def exists(self, rel):
        return rel in self.by_rel or os.path.isdir(os.path.join(self.root, rel))

    def text(self, rel):
        f = self.by_rel.get(rel)
        return f.text if f else ""

    def say(self, file, line, rule, text):
        """Report a breach of @rule at @line, unless it is excused there."""
        for (at, name) in file.excuses:
            if name == rule and (rule == "long-file" or line - 3 <= at <= line):
                file.excuses[at, name] = True
                return
        self.bad.append((file.rel, line, rule, text))

    def report_unused_excuses(self):
        for f in self.files:
            if f.rel.startswith(("scripts/house/", "docs/")):
                continue  # they speak about excuses
            for (line, rule), used in f.excuses.items():
                if not used:
                    self.bad.append((f.rel, line, "excuse", f"excuses no breach of {rule}"))
