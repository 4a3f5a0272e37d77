# SPDX-License-Identifier: GPL-2.0-or-later
"""The table that scripts/bench cpu prints, from the runs that scripts/house/bench_cpu.py made."""
import math
import statistics

from bench_cpu import BOOT, SETS

MEANS = ("int", "fp", "mem", "sys")


def of(runs, who):
    return [run for run in runs if run["who"] == who]


def figures(runs, who, name):
    """Medians of a row over all boots: CPU of a later run, and what the first one took more."""
    later, more = [], []
    for run in of(runs, who):
        row = run["rows"].get(name)
        if not row:
            continue
        idle = run.get("empty", 0.0)
        middle = statistics.median(one["cpu"] for one in row["later"]) - idle
        if middle <= 0:  # too short to be told from the order to do it
            continue
        later.append(middle)
        more.append(row["first"]["cpu"] - idle - middle)
    return (statistics.median(later), statistics.median(more)) if later else (None, None)


def boot_figure(runs, who, name):
    found = [run["boot"][name] for run in of(runs, who) if run["cpus"] == 1 and name in run["boot"]]
    return statistics.median(found) if found else None


def wall(runs, who, name):
    found = [min(one["wall"] for one in run["rows"][name]["later"]) for run in of(runs, who)
             if name in run["rows"]]
    return statistics.median(found) if found else None


def cell(value, digits=1, scale=1000):
    return "-" if value is None else f"{value * scale:.{digits}f}"


def ratio(a, b):
    return a / b if a and b else None


def short(runs):
    """The runs with letters for those who have long names, and lines that tell which is which."""
    names = {}
    for who in dict.fromkeys(run["who"] for run in runs):
        names[who] = who if len(who) <= 8 else f"oriel-{chr(65 + len(names) - 1)}"
    legend = [f"{name}: {who}" for who, name in names.items() if name != who]
    return [{**run, "who": names[run["who"]]} for run in runs], legend + [""] * bool(legend)


class Columns:
    """Who is compared with whom, and how wide."""

    def __init__(self, runs):
        self.runs = runs
        self.everyone = [w for w in dict.fromkeys(run["who"] for run in runs) if w != "native"]
        self.ours = [w for w in self.everyone if w.startswith("oriel")]
        self.peer = next((w for w in self.everyone if w.startswith("qemu")), None)
        pairs = [(self.peer, w) for w in self.ours] if self.peer else []
        # The first variant of oriel is what the others are compared with.
        pairs += [(self.ours[0], w) for w in self.ours[1:]]
        self.pairs = pairs + [(w, "native") for w in self.ours]

    def heading(self, title):
        cells = [f"{title:19}", f"{'native':>8}"]
        for who in self.everyone:
            cells += [f"{who:>{self.width(who)}}", f"{'first +':>8}"]
        cells += [f"{a}/{b}".rjust(self.width(a, b)) for a, b in self.pairs]
        return " ".join(cells)

    @staticmethod
    def width(*names):
        return max(9, len("/".join(names)))

    def line(self, name, values, more, scale=1000, digits=1):
        cells = [f"{name:19}", f"{cell(values.get('native'), digits, scale):>8}"]
        for who in self.everyone:
            cells += [f"{cell(values.get(who), digits, scale):>{self.width(who)}}",
                      f"{cell(more.get(who), digits, scale):>8}"]
        ratios = [ratio(values.get(a), values.get(b)) for a, b in self.pairs]
        cells += [cell(r, 2, 1).rjust(self.width(*p)) for r, p in zip(ratios, self.pairs)]
        return " ".join(cells), ratios

    def means(self, rows):
        """Geometric means of the ratios of all rows that have them."""
        cells = [f"{'geometric mean':28}"]
        cells += [" " * (self.width(who) + 9) for who in self.everyone]
        for column, pair in zip(zip(*rows), self.pairs):
            values = [r for r in column if r]
            mean = math.exp(sum(map(math.log, values)) / len(values)) if values else None
            cells.append(cell(mean, 2, 1).rjust(self.width(*pair)))
        return " ".join(cells)


def boot_part(columns, out):
    lines = []
    for name, _, _ in BOOT:
        values = {who: boot_figure(columns.runs, who, name) for who in columns.everyone}
        if any(v is not None for v in values.values()):
            lines.append(columns.line(name, values, {}, 1, 2)[0])
    if lines:
        out += [columns.heading("start, CPU s"), *lines, ""]


def set_part(columns, rows, which, out):
    names = [name for kind, name in rows if kind == which]
    if not names:
        return
    out.append(columns.heading(SETS[which] + ", ms"))
    all_ratios = []
    for name in names:
        found = {who: figures(columns.runs, who, name) for who in ["native", *columns.everyone]}
        text, ratios = columns.line(name, {w: f[0] for w, f in found.items()},
                                    {w: f[1] for w, f in found.items()})
        out.append(text)
        all_ratios.append(ratios)
    if which in MEANS and len(names) > 1:
        out.append(columns.means(all_ratios))
    out.append("")


def two_part(columns, rows, out):
    """Work done by two at once against one alone: by time passed and by CPU time."""
    names = [name[:-2] for kind, name in rows if kind == "two" and name.endswith("-2")]
    lines = []
    for name in names:
        for who in ["native", *columns.everyone]:
            walls = [wall(columns.runs, who, f"{name}-{n}") for n in (1, 2)]
            cpus = [figures(columns.runs, who, f"{name}-{n}")[0] for n in (1, 2)]
            if None in walls or None in cpus:
                continue
            # How long the program's own children wait for this machine is not known.
            passed = "-" if who == "native" else f"{2 * walls[0] / walls[1]:.2f}"
            lines.append(f"{name:8} {who:24} {passed:>15} {2 * cpus[0] / cpus[1]:15.2f}")
    if lines:
        out += [f"{'two at once / one':33} {'by time passed':>15} {'per CPU second':>15}", *lines, ""]


def busy_host(columns, out):
    """Say it when the host had other things to do: each tick of a guest's clock takes CPU time."""
    ones = [one for run in columns.runs if run["who"] != "native" for row in run["rows"].values()
            for one in row["later"]]
    delay, wall = (sum(one[key] for one in ones) for key in ("delay", "wall"))
    if delay > wall / 4:
        out.append(f"The host was busy: guests waited {delay:.0f} s for {wall:.0f} s of work. Their "
                   "clocks ticked on,\nand each tick is work of theirs.\n")


def complaints(runs, out):
    """Rows whose result is not the native one, or that said themselves that something is wrong."""
    right = {}
    for run in of(runs, "native"):
        right.update({name: row["sums"] for name, row in run["rows"].items()})
    for run in runs:
        if "failed" in run:
            out.append(f"{run['who']}: {run['failed']}")
        for name, row in run["rows"].items():
            if len(row["sums"]) != 1 or row["sums"] != right.get(name):
                out.append(f"{run['who']}: {name}: another result than natively")
            out += [f"{run['who']}: {name}: {text}" for text in sorted(set(row["wrong"]))]


def table(runs, rows):
    """The text of it all."""
    runs, out = short(runs)
    columns = Columns(runs)
    boot_part(columns, out)
    for which in SETS:
        if which != "two":
            set_part(columns, rows, which, out)
    two_part(columns, rows, out)
    busy_host(columns, out)
    complaints(runs, out)
    return "\n".join(out).rstrip()
