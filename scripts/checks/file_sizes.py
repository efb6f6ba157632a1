#!/usr/bin/env python3
"""A ratchet on file length: no hand-written source grows past the limit unless it is listed with its length.

The list (file_sizes.txt) may only shrink: a listed file that is longer than its line says fails, and one that
has become shorter fails too until the list is lowered (run with --update).
"""
import argparse
import pathlib
import subprocess
import sys

LINES_MAX = 400
SUFFIXES = {".h", ".cc", ".py", ".sh", ".java", ".go"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    source = pathlib.Path(args.source)
    ratchet = source / "scripts" / "checks" / "file_sizes.txt"
    listed = {}
    if ratchet.exists():
        for line in ratchet.read_text().splitlines():
            if line and not line.startswith("#"):
                name, lines = line.rsplit(" ", 1)
                listed[name] = int(lines)
    tracked = subprocess.run(["git", "-C", str(source), "ls-files"], capture_output=True, text=True, check=True)
    long_files = {}
    count = 0
    for name in tracked.stdout.splitlines():
        path = source / name
        if path.suffix in SUFFIXES and path.is_file():
            count += 1
            lines = path.read_text().count("\n")
            if lines > LINES_MAX:
                long_files[name] = lines
    if args.update:
        body = "".join(f"{name} {lines}\n" for name, lines in sorted(long_files.items()))
        ratchet.write_text("# Files over 400 lines, with their length. This list only shrinks.\n" + body)
        return 0
    problems = []
    for name, lines in sorted(long_files.items()):
        if name not in listed:
            problems.append(f"{name}: {lines} lines, the limit is {LINES_MAX}: find the seam")
        elif lines > listed[name]:
            problems.append(f"{name}: grew from {listed[name]} to {lines} lines: find the seam")
    for name, lines in sorted(listed.items()):
        if long_files.get(name, 0) < lines:
            problems.append(f"{name}: is shorter than its {lines} in file_sizes.txt: lower it (--update)")
    for problem in problems:
        print(problem)
    print(f"file sizes: {count} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
