#!/usr/bin/env python3
"""Fails when a tracked C++ file is not as clang-format writes it."""
import argparse
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clang-format", required=True)
    parser.add_argument("--source", required=True)
    args = parser.parse_args()
    tracked = subprocess.run(["git", "-C", args.source, "ls-files", "*.h", "*.cc"],
                             capture_output=True, text=True, check=True).stdout.split()
    if not tracked:
        return 0
    done = subprocess.run([args.clang_format, "--dry-run", "--Werror", *tracked], cwd=args.source)
    print(f"format: {len(tracked)} files")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
