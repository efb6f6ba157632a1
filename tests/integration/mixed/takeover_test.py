#!/usr/bin/env python3
"""In a live cluster under load, nodes are stopped as Apache Kafka's and started as ours on the same directory, and back:
after clean stops and after kill -9. PENSTOCK_ROUNDS=4 is the long run."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from penstock import kcat, topics, wait_until  # noqa: E402
from safety import check_acked, wait_isr, wait_replicas_equal  # noqa: E402

ROUNDS = int(os.environ.get("PENSTOCK_ROUNDS", "2"))
TOPIC = "kept"
PARTITIONS = 2


class TakeoverTest(unittest.TestCase):
    def take_over_under_load(self, end):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = Cluster(directory, dict.fromkeys((1, 2, 3), "broker,controller"), of_kafka=(2, 3))
        self.addCleanup(cluster.kill)
        cluster.start()
        topics(cluster.nodes[1], "--create", "--topic", TOPIC, "--partitions", str(PARTITIONS), "--replication-factor",
               "3", "--config", "min.insync.replicas=2", "--config", "segment.bytes=1048576")
        writer = verifiable.Writer(cluster.nodes[1], TOPIC, directory, 500)
        read = []
        try:
            # In each round every node changes hands once; after two each is what it was.
            for _ in range(ROUNDS):
                for number in (1, 2, 3):
                    goal = len(writer.acked) + 300
                    wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged")
                    end(cluster.nodes[number])
                    node = cluster.hand_over(number)
                    node.start()
                    wait_isr(node, TOPIC, {1, 2, 3})
                    # A group goes on where it was, at whichever node its offsets are now.
                    read += self.consume(node, "-c", "100")
        finally:
            writer.stop()
        read += self.consume(node, "-e")
        self.assertEqual((len(read), len(set(read))), (len(writer.acked), len(writer.acked)))
        for node in cluster.nodes.values():
            check_acked(self, node, TOPIC, writer)
        wait_replicas_equal(cluster.nodes.values(), TOPIC, PARTITIONS)

    def consume(self, node, *until):
        return kcat(node, "-G", "readers", "-q", "-X", "auto.offset.reset=earliest", "-f", "%s\n", *until,
                    TOPIC).stdout.split()

    def test_after_clean_stops(self):
        self.take_over_under_load(lambda node: node.stop())

    def test_after_kills(self):
        self.take_over_under_load(lambda node: node.kill())


if __name__ == "__main__":
    unittest.main(verbosity=2)
