#!/usr/bin/env python3
"""Metadata quorums of Apache Kafka's nodes and ours together: each leads in turn, all agree on what was decided."""
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster, quorum, status  # noqa: E402
from penstock import topics, wait_until  # noqa: E402


class MixedTest(unittest.TestCase):
    def start(self, of_kafka):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = Cluster(directory, {node: "broker,controller" for node in (1, 2, 3)},
                          {"metadata.log.max.record.bytes.between.snapshots": "2000"}, of_kafka=of_kafka)
        self.addCleanup(cluster.kill)
        for node in cluster.nodes.values():
            node.start(wait=False)
        for node in cluster.nodes.values():
            node.wait_ready()
        return cluster

    def leader(self, cluster):
        found = status(quorum("--bootstrap-server", cluster.running()[0].bootstrap, "describe", "--status"))
        return cluster.nodes[int(found["LeaderId"])]

    def lead_in_turn(self, of_kafka):
        cluster = self.start(of_kafka)
        expected, led = set(), set()
        # Whoever leads stops and comes back until one of each kind has led.
        for turn in range(8):
            leader = self.leader(cluster)
            led.add(type(leader).__name__)
            for node in cluster.running():
                topics(node, "--create", "--topic", f"turn{turn}-at{node.node_id}", "--partitions", "2",
                       "--replication-factor", "2")
                expected.add(f"turn{turn}-at{node.node_id}")
            for node in cluster.running():
                wait_until(lambda: set(topics(node, "--list").stdout.split()) == expected, 30,
                           f"node {node.node_id} has the topics {expected}")
            if led == {"Node", "KafkaNode"}:
                return
            leader.stop()
            leader.start()
        self.fail(f"only {led} led")

    def test_two_of_kafka_and_one_of_ours(self):
        self.lead_in_turn((1, 2))

    def test_one_of_kafka_and_two_of_ours(self):
        self.lead_in_turn((1,))


if __name__ == "__main__":
    unittest.main()
