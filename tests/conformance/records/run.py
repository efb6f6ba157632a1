#!/usr/bin/env python3
"""Has Kafka's classes read the record batches that we write."""
import argparse
import pathlib
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--kafka-libs", required=True)
    args = parser.parse_args()
    if not list(pathlib.Path(args.kafka_libs).glob("kafka-clients-*.jar")):
        print(f"no kafka-clients jar in {args.kafka_libs}; scripts/test copies it there")
        return 1
    reader = pathlib.Path(__file__).parent / "ReadBatches.java"
    ours = subprocess.Popen([args.ours], stdout=subprocess.PIPE)
    java = subprocess.run(["java", "-Xshare:auto", "-cp", f"{args.kafka_libs}/*", str(reader)], stdin=ours.stdout)
    ours.stdout.close()
    return java.returncode or ours.wait()


if __name__ == "__main__":
    sys.exit(main())
