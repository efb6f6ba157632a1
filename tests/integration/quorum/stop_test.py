#!/usr/bin/env python3
"""Clusters of three that stop as a whole, together or one after another: the last has no majority to ask any more, and
waits for none. What was acknowledged is there when they are started again."""
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import check_acked, wait_isr, wait_replicas_equal  # noqa: E402

TOPIC = "safe"
LEADS_ALONE_SECONDS = 45  # One and a half fetch time-outs: so long a leader does not see that it has lost the others.
SILENCE_SECONDS = 5       # A broker that hears of no controller waits so long for one.


class StopTest(unittest.TestCase):
    maxDiff = None

    def start_cluster(self, roles=None, overrides=None):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.cluster = Cluster(directory, roles or dict.fromkeys((1, 2, 3), "broker,controller"), {
            "controller.quorum.fetch.timeout.ms": str(LEADS_ALONE_SECONDS * 1000 * 2 // 3), **(overrides or {})})
        self.addCleanup(self.cluster.kill)
        self.cluster.start()

    def seconds_to_stop(self, nodes):
        begin = time.monotonic()
        for node in nodes:
            node.process.terminate()
        for node in nodes:
            node.stop()
        took = time.monotonic() - begin
        print(f"nodes {[node.node_id for node in nodes]} stopped within {took:.2f} s", flush=True)
        return took

    def test_together_under_load(self):
        self.start_cluster()
        topics(self.cluster.nodes[1], "--create", "--topic", TOPIC, "--partitions", "3", "--replication-factor", "3",
               "--config", "min.insync.replicas=2")
        writer = verifiable.Writer(self.cluster.nodes[1], TOPIC, self.cluster.directory, 500)
        try:
            for _ in range(3):
                wait_until(lambda goal=len(writer.acked) + 300: len(writer.acked) >= goal, 60,
                           "records are acknowledged")
                self.assertLess(self.seconds_to_stop(list(self.cluster.nodes.values())), LEADS_ALONE_SECONDS / 3)
                self.cluster.start()
        finally:
            writer.stop()
        check_acked(self, self.cluster.nodes[1], TOPIC, writer)
        wait_isr(self.cluster.nodes[1], TOPIC, {1, 2, 3})
        wait_replicas_equal(self.cluster.nodes.values(), TOPIC, 3)

    def test_one_after_another_where_nobody_leads_at_the_end(self):
        self.start_cluster(overrides={"penstock.stop.wait.max.ms": "0"})
        self.seconds_to_stop([self.cluster.leader()])
        self.seconds_to_stop([self.cluster.leader()])
        last, = self.cluster.running()
        self.assertLess(self.seconds_to_stop([last]), SILENCE_SECONDS)
        self.assertIn("the controllers are gone", last.log_tail())

    def test_a_leader_whose_others_were_killed(self):
        self.start_cluster()
        leader = self.cluster.leader()
        for node in self.cluster.running():
            if node is not leader:
                node.kill()
        self.assertLess(self.seconds_to_stop([leader]), LEADS_ALONE_SECONDS / 3)

    def test_brokers_whose_controllers_stop_with_them(self):
        self.start_cluster({**dict.fromkeys((1, 2, 3), "controller"), **dict.fromkeys((11, 12, 13), "broker")})
        nodes = list(self.cluster.nodes.values())
        self.assertLess(self.seconds_to_stop(nodes), SILENCE_SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
