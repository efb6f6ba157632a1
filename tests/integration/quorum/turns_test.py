#!/usr/bin/env python3
"""Quorums of Apache Kafka's nodes and ours in which every node leads once, the voters being changed for it."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from penstock import topics, wait_until  # noqa: E402
from voters_test import BOTH, VotersTest  # noqa: E402


class TurnsTest(VotersTest):
    def make_lead(self, node):
        """The two others lose their votes, the leader last, and get them back."""
        leader = self.leader()
        if leader is node:
            return
        third = next(other for other in self.cluster.running() if other not in (leader, node))
        for other in (third, leader):
            self.remove(other, "--bootstrap-server", node.bootstrap)
        self.expect_voters(node.node_id)
        for other in (third, leader):
            self.promote(other, "--bootstrap-server", node.bootstrap)
        self.expect_voters(1, 2, 3)
        self.assertIs(self.leader(), node)

    def each_leads(self, of_kafka):
        self.start({1: BOTH, 2: BOTH, 3: BOTH}, of_kafka=of_kafka)
        expected = set()
        for node in list(self.cluster.nodes.values()):
            self.make_lead(node)
            expected.add(f"led-by-{node.node_id}")
            topics(node, "--create", "--topic", f"led-by-{node.node_id}", "--partitions", "1")
        for node in self.cluster.running():
            wait_until(lambda: set(topics(node, "--list").stdout.split()) == expected, 60,
                       f"node {node.node_id} has the topics {expected}")

    def test_two_of_kafka_and_one_of_ours(self):
        self.each_leads((1, 2))

    def test_one_of_kafka_and_two_of_ours(self):
        self.each_leads((1,))


if __name__ == "__main__":
    unittest.main()
