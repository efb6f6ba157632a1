"""Runs accumulate in docs/faults.tsv; the table in docs/faults.md is made from it."""
import collections
import dataclasses
import subprocess

from catalogue import CATALOGUE
from world import ROOT

TSV = ROOT / "docs" / "faults.tsv"
PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- runs -->", "<!-- end of runs -->"


@dataclasses.dataclass
class Run:
    fault: str
    episodes: int
    seed: int
    writers: str
    acked: int
    lost: int
    doubled: int
    failed: int
    recovered_max: float
    pause_median: float
    pause_max: float

    @property
    def is_good(self):
        return self.lost == self.doubled == self.failed == 0


COLUMNS = ["commit", *(field.name for field in dataclasses.fields(Run))]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def commit():
    """What is checked out; with a + when more has changed than what is written here."""
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def record(run):
    if not TSV.exists():
        TSV.write_text("\t".join(COLUMNS) + "\n")
    values = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in dataclasses.astuple(run)]
    with open(TSV, "a") as file:
        file.write("\t".join([commit(), *values]) + "\n")
    write_table()


def write_table():
    """One line for each fault: the sums of its runs."""
    rows = collections.defaultdict(list)
    header, *lines = TSV.read_text().splitlines()
    for line in lines:
        row = dict(zip(header.split("\t"), line.split("\t")))
        rows[row["fault"]].append(row)
    table = ["| fault | what | runs, episodes | acknowledged | lost | doubled | failed | recovered, at most "
             "| longest pause: median, at most |", "|---|---|---|---|---|---|---|---|---|"]
    for name, fault in sorted(CATALOGUE.items(), key=lambda item: order(item[0])):
        if name in rows:
            table.append(f"| {name} | {fault.what} | {line_of(rows[name])} |")
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + "\n".join([BEGIN, *table, END]) + rest.split(END)[1])


def order(name):
    return int("".join(c for c in name if c.isdigit())), name


def line_of(runs):
    total = {key: sum(int(run[key]) for run in runs) for key in ("episodes", "acked", "lost", "doubled", "failed")}
    most = {key: max(float(run[key]) for run in runs) for key in ("recovered_max", "pause_max")}
    medians = sorted(float(run["pause_median"]) for run in runs)
    return (f"{len(runs)}, {total['episodes']} | {total['acked']:,} | {total['lost']} | {total['doubled']} "
            f"| {total['failed']} | {most['recovered_max']:.1f} s | {medians[len(medians) // 2]:.1f} s, "
            f"{most['pause_max']:.1f} s")
