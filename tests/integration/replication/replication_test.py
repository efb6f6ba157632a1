#!/usr/bin/env python3
"""Three brokers, three replicas, min.insync.replicas=2: leaders die and followers stall, nothing is lost."""
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import check_acked, describe, wait_isr, wait_replicas_equal  # noqa: E402

KILLS = int(os.environ.get("PENSTOCK_KILLS", "2"))
SEED = int(os.environ.get("PENSTOCK_SEED", "1"))
TOPIC = "safe"
PARTITIONS = 1  # Every record goes where the fault is.
LAG_MS = 3000


class ReplicationTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        roles = dict.fromkeys((1, 2, 3), "broker,controller")
        self.cluster = Cluster(self.directory, roles, {"replica.lag.time.max.ms": str(LAG_MS)})
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        topics(self.cluster.nodes[1], "--create", "--topic", TOPIC, "--partitions", str(PARTITIONS),
               "--replication-factor", "3", "--config", "min.insync.replicas=2", "--config", "segment.bytes=1048576")

    def wait_isr(self, members):
        wait_isr(self.cluster.running()[0], TOPIC, members)

    def check(self, writer):
        check_acked(self, self.cluster.nodes[1], TOPIC, writer)
        wait_replicas_equal(self.cluster.nodes.values(), TOPIC, PARTITIONS)

    def test_leaders_die_under_load(self):
        chance = random.Random(SEED)
        writer = verifiable.Writer(self.cluster.nodes[1], TOPIC, self.directory, 500)
        gaps = []
        try:
            for _ in range(KILLS):
                goal = len(writer.acked) + chance.randrange(100, 400)
                wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged")
                victim = self.cluster.nodes[describe(self.cluster.running()[0], TOPIC)[chance.randrange(PARTITIONS)][0]]
                before = time.monotonic()
                victim.kill()
                goal = len(writer.acked) + 200
                wait_until(lambda: len(writer.acked) >= goal, 60, "records are acknowledged again")
                times = [at for at in writer.acked_at if at >= before - 1]
                gaps.append(max(b - a for a, b in zip(times, times[1:])))
                victim.start()
                self.wait_isr({1, 2, 3})
        finally:
            writer.stop()
        print(f"seed {SEED}: longest pauses after kills, in seconds: {[round(gap, 2) for gap in gaps]}")
        self.check(writer)

    def test_a_follower_that_stalls_leaves_the_isr_and_comes_back(self):
        writer = verifiable.Writer(self.cluster.nodes[1], TOPIC, self.directory, 200)
        try:
            wait_until(lambda: len(writer.acked) >= 100, 60, "100 records acknowledged")
            stalled = self.cluster.nodes[3]
            stalled.process.send_signal(signal.SIGSTOP)
            try:
                self.wait_isr({1, 2})
                goal = len(writer.acked) + 100
                wait_until(lambda: len(writer.acked) >= goal, 60, "the others go on")
            finally:
                stalled.process.send_signal(signal.SIGCONT)
            self.wait_isr({1, 2, 3})
        finally:
            writer.stop()
        self.check(writer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
