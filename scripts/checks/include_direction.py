#!/usr/bin/env python3
"""Fails when a source file includes a module that its CMake call does not list.

The edges come from the build (cmake/PenstockModule.cmake writes module-edges.txt), so the rule stands in one
place: the DEPS of penstock_module(). A dependency is transitive only where it is listed.
"""
import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
ROOTS = ("base", "kafka", "broker", "operator", "cli")


def module_of(path, modules):
    """The longest module that is a prefix of the path's folder."""
    folder = str(pathlib.PurePosixPath(path).parent)
    while folder not in (".", ""):
        if folder in modules:
            return folder
        folder = str(pathlib.PurePosixPath(folder).parent)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--edges", required=True)
    parser.add_argument("--source", required=True)
    args = parser.parse_args()
    edges = {}
    for line in pathlib.Path(args.edges).read_text().split():
        name, _, deps = line.partition(":")
        edges[name] = {d for d in deps.split(",") if d}
    source = pathlib.Path(args.source)
    problems = []
    files = [p for root in ROOTS for p in (source / root).rglob("*") if p.suffix in (".h", ".cc")]
    for path in files:
        relative = path.relative_to(source).as_posix()
        own = module_of(relative, edges)
        if own is None:
            problems.append(f"{relative}: belongs to no module")
            continue
        for include in INCLUDE.findall(path.read_text()):
            if include.startswith("kafka/messages/"):
                target = "kafka" if "kafka" in edges else None
            else:
                target = module_of(include, edges)
            if target is None or target == own:
                continue
            if target not in edges[own]:
                problems.append(f"{relative}: includes {include}, but {own} may not use {target}")
    cycles = find_cycle(edges)
    if cycles:
        problems.append("module cycle: " + " -> ".join(cycles))
    for problem in problems:
        print(problem)
    print(f"include direction: {len(files)} files, {len(edges)} modules, {len(problems)} problems")
    return 1 if problems else 0


def find_cycle(edges):
    state = {}

    def visit(node, trail):
        state[node] = 1
        for dep in sorted(edges.get(node, ())):
            if state.get(dep) == 1:
                return trail + [node, dep]
            if dep not in state:
                found = visit(dep, trail + [node])
                if found:
                    return found
        state[node] = 2
        return None

    for node in sorted(edges):
        if node not in state:
            found = visit(node, [])
            if found:
                return found
    return None


if __name__ == "__main__":
    sys.exit(main())
