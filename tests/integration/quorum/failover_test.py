#!/usr/bin/env python3
"""Three brokers under load: one that is killed is replaced at once, not when its session ends, and is back at once when it
is started again."""
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from leader_mover import LeaderMover  # noqa: E402
from penstock import topics, wait_until  # noqa: E402
from safety import check_acked, wait_isr, wait_replicas_equal  # noqa: E402

TOPIC = "safe"
SESSION_SECONDS = 30  # Nothing below may wait for it, however busy the machine is.


class FailoverTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.cluster = Cluster(self.directory, dict.fromkeys((1, 2, 3), "broker,controller"), {
            "broker.session.timeout.ms": str(SESSION_SECONDS * 1000),
            "controller.quorum.fetch.timeout.ms": str(SESSION_SECONDS * 1000),
            "replica.lag.time.max.ms": str(SESSION_SECONDS * 1000)})
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        topics(self.cluster.nodes[1], "--create", "--topic", TOPIC, "--partitions", "1", "--replication-factor", "3",
               "--config", "min.insync.replicas=2")
        self.mover = LeaderMover(self.cluster.nodes[1].bootstrap)
        self.addCleanup(self.mover.stop)

    def lead(self, node):
        others = [id for id in self.cluster.nodes if id != node.node_id]
        self.mover.move(self.cluster.nodes[1], TOPIC, 0, [node.node_id, *others])

    def kill_and_restart(self, node, writer):
        wait_until(lambda goal=len(writer.acked) + 100: len(writer.acked) >= goal, 60, "records are acknowledged")
        begin = time.monotonic()
        node.kill()
        wait_until(lambda goal=len(writer.acked) + 200: len(writer.acked) >= goal, 60, "records are acknowledged again")
        served = time.monotonic() - begin
        node.start()
        ready = time.monotonic() - begin
        print(f"records again after at most {served:.1f} s, node {node.node_id} back after {ready - served:.1f} s")
        wait_isr(self.cluster.nodes[1], TOPIC, {1, 2, 3})
        self.assertLess(ready, SESSION_SECONDS)

    def test_killed_brokers_are_replaced_and_come_back_at_once(self):
        writer = verifiable.Writer(self.cluster.nodes[1], TOPIC, self.directory, 500)
        try:
            controller = self.cluster.leader()
            others = [node for node in self.cluster.nodes.values() if node is not controller]
            self.lead(others[0])
            self.kill_and_restart(others[0], writer)
            self.lead(others[0])
            self.kill_and_restart(others[1], writer)
            controller = self.cluster.leader()
            self.lead(controller)
            self.kill_and_restart(controller, writer)
        finally:
            writer.stop()
        check_acked(self, self.cluster.nodes[1], TOPIC, writer)
        wait_replicas_equal(self.cluster.nodes.values(), TOPIC, 1)

    def test_all_of_them_killed_and_started_serve_without_waiting_for_sessions(self):
        self.cluster.kill()
        begin = time.monotonic()
        self.cluster.start()
        self.assertLess(time.monotonic() - begin, SESSION_SECONDS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
