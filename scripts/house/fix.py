# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine can mend: the shape of C files, and comments that are too wide."""
import re
import subprocess
import textwrap

COLUMNS, TAB = 100, 8
BLOCK_LINE = re.compile(r"(\s*) \* (\S.*)$")
ONE_LINER = re.compile(r"(\s*)/\* (.*) \*/$")
LIST_ITEM = re.compile(r"(?:[-*] |@\w+:|[-\w]+: )")


def wide(line):
    return len(line.expandtabs(TAB)) > COLUMNS


def fold(indent, text):
    room = COLUMNS - len(indent.expandtabs(TAB)) - len(" * ")
    return [f"{indent} * {line}" for line in textwrap.wrap(
        text, room, break_long_words=False, break_on_hyphens=False)]


def fold_paragraph(lines, n):
    """Fold the paragraph of a block comment that line @n is in, from that line on."""
    indent, end, words = BLOCK_LINE.match(lines[n]).group(1), n, []
    while end < len(lines):
        m = BLOCK_LINE.match(lines[end])
        if not m or m.group(1) != indent or (end > n and LIST_ITEM.match(m.group(2))):
            break
        words.append(m.group(2))
        end += 1
        if m.group(2).endswith((".", ":")) and len(m.group(2)) < COLUMNS * 3 // 4:
            break  # a short last line: a paragraph of its own
    lines[n:end] = fold(indent, " ".join(words))


def fold_comments(text):
    lines = text.split("\n")
    n = 0
    while n < len(lines):
        one = ONE_LINER.match(lines[n])
        if wide(lines[n]) and one:
            indent = one.group(1)
            lines[n:n + 1] = [indent + "/*", *fold(indent, one.group(2)), indent + " */"]
        elif wide(lines[n]) and BLOCK_LINE.match(lines[n]):
            fold_paragraph(lines, n)
        n += 1
    return "\n".join(lines)


def run(tree):
    files = [f for f in tree.under("src/", "tests/", "guest/") if f.is_c]
    for f in files:
        mended = fold_comments(f.text)
        if mended != f.text:
            with open(f.path, "w", encoding="utf-8") as out:
                out.write(mended)
    subprocess.run(["clang-format", "-i", "--style=file"] + [f.path for f in files], check=True)
