#!/usr/bin/env python3
"""How long a producer waits when a broker is killed: from kill -9 to the next acknowledged record.

    tests/faults/failover.py [--kafka] [--episodes 20] [--cases leader,leader+controller,follower] [--seed 1]

Three combined nodes (broker and controller), one topic of one partition with three replicas and min.insync.replicas=2;
Java's VerifiableProducer writes 200 records a second, idempotent, acks=all, everything else as the client has it by
default. Cases are taken in turn; each episode puts the leadership where it wants it, kills, measures, and starts the
node again: until it serves, and until it is in sync. In the end each acknowledged record must be where its producer
was told, once, and the replicas be equal byte by byte. --kafka does the same to Apache Kafka.
"""
import argparse
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import verifiable  # noqa: E402
from cluster import Cluster, quorum, status  # noqa: E402
from leader_mover import LeaderMover  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import describe, lost_and_doubled, wait_isr, wait_replicas_equal  # noqa: E402

TOPIC = "failover"
RECORDS_PER_SECOND = 200
ACKED_AFTER = 200  # Records, before a node is started again.
CASES = ("leader", "leader+controller", "follower")


class Writer(verifiable.Writer):
    """With the client's default settings, and with the time of each acknowledgement as the client has it."""
    # Without this the tool itself would set no retries.
    settings = "retries=2147483647\nenable.idempotence=true\nacks=all\n"

    def __init__(self, *arguments):
        self.times = []  # Seconds since 1970.
        super().__init__(*arguments)

    def heard(self, event):
        super().heard(event)
        if event["name"] == "producer_send_success":
            self.times.append(event["timestamp"] / 1000)

    def wait_more(self, count, seconds=120):
        goal = len(self.acked) + count
        wait_until(lambda: len(self.acked) >= goal, seconds, f"{goal} records acknowledged")

    def next_acked(self, killed_at):
        """How long after the kill the longest pause around it ended."""
        times = [at for at in self.times if at > killed_at - 1]
        gaps = [(after - before, after) for before, after in zip(times, times[1:]) if after > killed_at]
        return max(gaps)[1] - killed_at


class Bench:
    def __init__(self, directory, is_kafka, seed):
        self.chance = random.Random(seed)
        self.is_kafka = is_kafka
        roles = dict.fromkeys((1, 2, 3), "broker,controller")
        self.cluster = Cluster(directory, roles, of_kafka=set(roles) if is_kafka else ())
        self.cluster.start()
        first = self.cluster.nodes[1]
        topics(first, "--create", "--topic", TOPIC, "--partitions", "1", "--replication-factor", "3", "--config",
               "min.insync.replicas=2")
        self.mover = LeaderMover(first.bootstrap)
        self.writer = Writer(first, TOPIC, directory, RECORDS_PER_SECOND)
        self.writer.wait_more(ACKED_AFTER)

    def controller(self):
        if not self.is_kafka:
            return self.cluster.leader().node_id
        return int(status(quorum("--bootstrap-server", self.cluster.nodes[1].bootstrap, "describe", "--status"))["LeaderId"])

    def place(self, case):
        """Puts the leader of the partition where the case has it; returns who is to be killed."""
        controller = self.controller()
        others = [node for node in self.cluster.nodes if node != controller]
        self.chance.shuffle(others)
        leader = controller if case == "leader+controller" else others[0]
        order = [leader, *(node for node in self.cluster.nodes if node != leader)]
        self.mover.move(self.cluster.nodes[1], TOPIC, 0, order)
        return others[1] if case == "follower" else leader

    def episode(self, case):
        wait_isr(self.cluster.nodes[1], TOPIC, set(self.cluster.nodes), 120)
        victim = self.cluster.nodes[self.place(case)]
        self.writer.wait_more(ACKED_AFTER + self.chance.randrange(ACKED_AFTER))
        killed_at = time.time()
        victim.kill()
        self.writer.wait_more(ACKED_AFTER)
        waited = self.writer.next_acked(killed_at)
        begin = time.monotonic()
        victim.start()
        ready = time.monotonic() - begin
        wait_isr(self.cluster.nodes[1], TOPIC, set(self.cluster.nodes), 120)
        in_sync = time.monotonic() - begin
        return waited, ready, in_sync

    def finish(self):
        self.writer.stop()
        lost, doubled = lost_and_doubled(self.cluster.nodes[1], TOPIC, self.writer.acked)
        wait_replicas_equal(self.cluster.nodes.values(), TOPIC, 1)
        print(f"{len(self.writer.acked)} acknowledged, {len(lost)} lost, {len(doubled)} doubled, "
              f"{len(self.writer.failed)} failed", flush=True)
        return not (lost or doubled or self.writer.failed)

    def close(self):
        if self.writer.process.poll() is None:
            self.writer.kill()
        self.mover.stop()
        self.cluster.stop()


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def row(case, results):
    waited, ready, in_sync = zip(*results)
    return (f"| {case} | {len(waited)} | {statistics.median(waited):.2f} | {percentile(waited, 0.95):.2f} | {max(waited):.2f} "
            f"| {statistics.median(ready):.1f} | {max(ready):.1f} | {max(in_sync):.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--episodes", type=int, default=20, help="of each case")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cases = arguments.cases.split(",")
    directory = tempfile.mkdtemp(prefix="penstock-failover-")
    results = {case: [] for case in cases}
    bench = Bench(directory, arguments.kafka, arguments.seed)
    try:
        for number in range(arguments.episodes):
            for case in cases:
                waited, ready, in_sync = bench.episode(case)
                results[case].append((waited, ready, in_sync))
                print(f"{number + 1} {case}: next acknowledged after {waited:.3f} s; restarted: serves after {ready:.1f} s, "
                      f"in sync after {in_sync:.1f} s", flush=True)
        is_good = bench.finish()
    finally:
        bench.close()
    print("| killed | episodes | p50 s | p95 s | max s | restart p50 s | restart max s | in sync max s |")
    print("|---|---|---|---|---|---|---|---|")
    for case in cases:
        print(row(case, results[case]))
    if is_good:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if is_good else f"what is left of it is in {directory}"


if __name__ == "__main__":
    sys.exit(main())
