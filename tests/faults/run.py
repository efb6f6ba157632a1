#!/usr/bin/env python3
"""Faults on three real brokers under load, and a checker of every acknowledged record.

    tests/faults/run.py --fault F1 --episodes 20 [--seed 7] [--writers java,go] [--record]
    tests/faults/run.py --list

An episode does harm and takes it back; then records must be acknowledged again and every replica be in sync within
60 seconds. At the end of a run each acknowledged record must be where its producer was told, once, and the replicas
be equal byte by byte. --record adds the run to docs/faults.tsv and writes the table in docs/faults.md anew.

Writers are Java's VerifiableProducer and a franz-go producer (needs Go), each with a topic of its own: three replicas,
min.insync.replicas=2, acks=all, idempotent. Root is needed for F6 to F8 (network namespaces) and F14 (tmpfs).
"""
import argparse
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import report  # noqa: E402
from catalogue import CATALOGUE  # noqa: E402
from world import World  # noqa: E402


def run(fault, episodes, seed, writers):
    directory = tempfile.mkdtemp(prefix="penstock-faults-")
    recovered, pauses = [], []
    is_good = False
    try:
        with World(directory, fault.needs, seed, writers) as world:
            for episode in range(episodes):
                begin = time.monotonic()
                fault.run(world)
                recovered.append(world.wait_recovered())
                pauses.append(world.longest_pause(begin))
                print(f"{fault.name} seed {seed} episode {episode + 1}: recovered in {recovered[-1]:.1f} s, longest "
                      f"pause {pauses[-1]:.1f} s", flush=True)
            world.stop_writers()
            lost, doubled, failed = world.verdict()
            is_good = True
            acked = sum(len(writer.acked) for writer in world.writers.values())
            print(f"{fault.name}: {acked} acknowledged, {len(lost)} lost, {len(doubled)} doubled, {len(failed)} failed; "
                  f"{world.notes}", flush=True)
            for what, some in (("lost", lost), ("doubled", doubled), ("failed", failed)):
                if some:
                    is_good = False
                    print(f"  {what}: {some[:5]}", flush=True)
            return report.Run(fault.name, episodes, seed, "+".join(writers), acked, len(lost), len(doubled), len(failed),
                              max(recovered), statistics.median(pauses), max(pauses))
    finally:
        if is_good:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            print(f"what is left of it is in {directory}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", default="F1", help="one, several with commas, or all")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writers", default="java,go")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        for fault in CATALOGUE.values():
            print(f"{fault.name:4} {fault.what}")
        return 0
    names = list(CATALOGUE) if args.fault == "all" else args.fault.split(",")
    is_good = True
    for name in names:
        try:
            done = run(CATALOGUE[name], args.episodes, args.seed, args.writers.split(","))
        except AssertionError as error:
            print(f"{name} failed: {error}", flush=True)
            is_good = False
            continue
        is_good = is_good and done.is_good
        if args.record:
            report.record(done)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
