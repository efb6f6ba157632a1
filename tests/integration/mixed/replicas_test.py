#!/usr/bin/env python3
"""A partition with replicas at Apache Kafka's brokers and at ours: leadership goes back and forth under load, nothing is
lost, and the replicas end equal byte by byte. PENSTOCK_MOVES=20 is the long run."""
import os
import random
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from leader_mover import LeaderMover  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import check_acked, wait_isr, wait_replicas_equal  # noqa: E402

MOVES = int(os.environ.get("PENSTOCK_MOVES", "6"))
SEED = int(os.environ.get("PENSTOCK_SEED", "1"))
TOPIC = "both"
PARTITIONS = 2


class ReplicasTest(unittest.TestCase):
    def move_under_load(self, of_kafka):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = Cluster(directory, dict.fromkeys((1, 2, 3), "broker,controller"), of_kafka=of_kafka)
        self.addCleanup(cluster.kill)
        cluster.start()
        topics(cluster.nodes[1], "--create", "--topic", TOPIC, "--partitions", str(PARTITIONS), "--replication-factor",
               "3", "--config", "min.insync.replicas=2", "--config", "segment.bytes=1048576")
        chance = random.Random(SEED)
        mover = LeaderMover(cluster.nodes[1].bootstrap)
        self.addCleanup(mover.stop)
        writer = verifiable.Writer(cluster.nodes[1], TOPIC, directory, 1000)
        try:
            for turn in range(MOVES):
                # Kafka's and ours in turn; which one of several, and which partition, is drawn.
                wants_kafka = turn % 2 == 0
                first = chance.choice([n for n in cluster.nodes if (n in of_kafka) == wants_kafka])
                others = [n for n in cluster.nodes if n != first]
                chance.shuffle(others)
                for partition in range(PARTITIONS):
                    mover.move(cluster.nodes[1], TOPIC, partition, [first, *others])
                goal = len(writer.acked) + chance.randrange(100, 600)
                wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged with leader {first}")
        finally:
            writer.stop()
        wait_isr(cluster.nodes[1], TOPIC, {1, 2, 3})
        for node in cluster.nodes.values():
            check_acked(self, node, TOPIC, writer)
        wait_replicas_equal(cluster.nodes.values(), TOPIC, PARTITIONS)

    def test_two_replicas_at_kafka_and_one_at_ours(self):
        self.move_under_load((1, 2))

    def test_one_replica_at_kafka_and_two_at_ours(self):
        self.move_under_load((1,))


if __name__ == "__main__":
    unittest.main(verbosity=2)
