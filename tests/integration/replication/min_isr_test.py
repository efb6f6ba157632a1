#!/usr/bin/env python3
"""min.insync.replicas=2 and two of three brokers gone: writes are refused by name, and nothing acknowledged is lost when the
brokers return, in any order. The controller is a process of its own, so that it lives through all of it."""
import itertools
import os
import shutil
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from kafka_wire import Connection, batch, produce  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import check_acked, describe, wait_isr, wait_replicas_equal  # noqa: E402

ROUNDS = int(os.environ.get("PENSTOCK_ROUNDS", "3"))
TOPIC = "strict"
NOT_ENOUGH_REPLICAS = 19
BROKERS = (1, 2, 3)


class MinIsrTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.cluster = Cluster(self.directory, {9: "controller", **dict.fromkeys(BROKERS, "broker")})
        self.addCleanup(self.cluster.kill)
        self.cluster.start()
        topics(self.cluster, "--create", "--topic", TOPIC, "--partitions", "1", "--replication-factor", "3", "--config",
               "min.insync.replicas=2")

    def error_of_produce(self, node, acks):
        with Connection(node.port) as client:
            answer = client.ask(produce(batch(), topic=TOPIC, acks=acks))
        at = 4 + 4 + 2 + len(TOPIC) + 4 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    def test_two_of_three_are_gone(self):
        writer = verifiable.Writer(self.cluster, TOPIC, self.directory, 200)
        orders = list(itertools.permutations(BROKERS))
        try:
            for turn in range(ROUNDS):
                goal = len(writer.acked) + 200
                wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged")
                order = orders[turn * 2 % len(orders)]
                last, *gone = (self.cluster.nodes[number] for number in order)
                for node in gone:
                    node.kill()
                wait_isr(last, TOPIC, {last.node_id})
                wait_until(lambda: self.error_of_produce(last, -1) == NOT_ENOUGH_REPLICAS, 30, "NOT_ENOUGH_REPLICAS")
                self.assertEqual(describe(last, TOPIC)[0][0], last.node_id, "it still leads")
                acked = len(writer.acked)
                if turn % 2:
                    last.kill()
                    gone.append(last)
                for node in gone:
                    node.start()
                # Two are enough. What was acknowledged meanwhile came after them.
                wait_until(lambda: len(writer.acked) >= acked + 100, 60, "records are acknowledged again")
                wait_isr(gone[0], TOPIC, set(BROKERS))
        finally:
            writer.stop()
        check_acked(self, self.cluster, TOPIC, writer)
        wait_replicas_equal([self.cluster.nodes[n] for n in BROKERS], TOPIC, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
