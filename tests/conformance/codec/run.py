#!/usr/bin/env python3
"""Compares our codec with Kafka's own message classes, in both directions and for every message and version.

    run.py --ours build/x/tests/conformance_codec --kafka-libs build/kafka-libs [--seed N]

Needs a JDK, and the jars that tests/support/kafka/pom.xml copies.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--kafka-libs", required=True)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--rounds", default="10")
    args = parser.parse_args()
    libs = pathlib.Path(args.kafka_libs)
    if not list(libs.glob("kafka-clients-*.jar")):
        sys.exit(f"no Kafka jars in {libs}; run\n  mvn -q -f tests/support/kafka/pom.xml dependency:copy-dependencies "
                 f"-DoutputDirectory={libs.absolute()}")
    source = pathlib.Path(__file__).parent / "java" / "CodecOracle.java"
    print(f"seed {args.seed}")
    with tempfile.TemporaryDirectory(prefix="penstock-codec-") as work:
        subprocess.run(["javac", "-nowarn", "-cp", f"{libs}/*", "-d", work, str(source)], check=True)

        def oracle(*arguments):
            subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-cp", f"{work}:{libs}/*", "CodecOracle", *arguments],
                           check=True)

        def ours(*arguments):
            subprocess.run([args.ours, *arguments], check=True)

        oracle("facts", f"{work}/facts")
        ours("facts", f"{work}/facts")
        oracle("generate", str(libs), f"{work}/kafka", args.seed, args.rounds)
        ours("check", f"{work}/kafka")
        ours("produce", f"{work}/ours", args.seed)
        oracle("verify", str(libs), f"{work}/ours")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed: {error}")
