#!/usr/bin/env python3
"""Controllers of one kind and brokers of the other: what an administrator and clients do works, and the death of the
active controller and of a broker under load loses nothing."""
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import Cluster, quorum, status  # noqa: E402
from penstock import java, kcat, topics, wait_until  # noqa: E402
from safety import check_acked, describe, wait_and_tell, wait_isr, wait_replicas_equal  # noqa: E402

TOPIC = "ruled"
PARTITIONS = 3
CONTROLLERS, BROKERS = (1, 2, 3), (4, 5)


class RolesTest(unittest.TestCase):
    def start(self, of_kafka):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        roles = {**dict.fromkeys(CONTROLLERS, "controller"), **dict.fromkeys(BROKERS, "broker")}
        self.cluster = Cluster(self.directory, roles, {"offsets.topic.replication.factor": "2"}, of_kafka)
        self.addCleanup(self.cluster.kill)
        self.cluster.start()
        self.one, self.other = (self.cluster.nodes[node] for node in BROKERS)

    def active_controller(self):
        found = status(quorum("--bootstrap-server", self.one.bootstrap, "describe", "--status"))
        return self.cluster.nodes[int(found["LeaderId"])]

    def administer(self):
        """Each call goes from a broker to a controller of the other kind."""
        topics(self.one, "--create", "--topic", TOPIC, "--partitions", "2", "--replication-factor", "2", "--config",
               "min.insync.replicas=1")
        topics(self.other, "--alter", "--topic", TOPIC, "--partitions", str(PARTITIONS))
        topics(self.other, "--create", "--topic", "gone", "--partitions", "1", "--replication-factor", "1")
        topics(self.one, "--delete", "--topic", "gone")
        for node in (self.one, self.other):
            wait_and_tell(lambda: len(describe(node, TOPIC)) == PARTITIONS, 30, lambda: describe(node, TOPIC))
            wait_until(lambda: topics(node, "--list").stdout.split() == [TOPIC], 30, "a topic is gone")
        configs = ("--bootstrap-server", self.one.bootstrap, "--entity-type", "topics", "--entity-name", TOPIC)
        java("kafka.admin.ConfigCommand", *configs, "--alter", "--add-config", "segment.bytes=1048576")
        wait_until(lambda: "segment.bytes=1048576" in java("kafka.admin.ConfigCommand", *configs, "--describe").stdout,
                   30, "a config that was altered")
        found = quorum("--bootstrap-server", self.other.bootstrap, "describe", "--replication")
        for node in (*CONTROLLERS, *BROKERS):
            self.assertIn(f"\n{node} ", found.replace("\t", " "))

    def consume_in_a_group(self, count):
        """Reads in a group, twice: the second time there is nothing left."""
        for expected in (count, 0):
            read = kcat(self.one, "-G", "readers", "-q", "-X", "auto.offset.reset=earliest", "-e", "-f", "%s\n", TOPIC)
            self.assertEqual(len(read.stdout.split()), expected)

    def rule(self, of_kafka):
        self.start(of_kafka)
        self.administer()
        writer = verifiable.Writer(self.one, TOPIC, self.directory, 500)
        try:
            self.wait_acked(writer, 200)
            controller = self.active_controller()
            controller.kill()
            # What needs a controller works again, with the other kind of node as its client.
            wait_until(lambda: topics(self.one, "--create", "--topic", "later", "--partitions", "1",
                                      "--replication-factor", "2", check=False).returncode == 0, 60, "a new controller")
            self.wait_acked(writer, 200)
            self.other.kill()
            wait_isr(self.one, TOPIC, {self.one.node_id})
            self.wait_acked(writer, 200)
            controller.start()
            self.other.start()
            wait_isr(self.one, TOPIC, set(BROKERS))
            # A clean stop moves the leaders away first.
            self.one.stop()
            self.assertEqual({leader for leader, _ in describe(self.other, TOPIC).values()}, {self.other.node_id})
            self.wait_acked(writer, 200)
            self.one.start()
            wait_isr(self.other, TOPIC, set(BROKERS))
        finally:
            writer.stop()
        check_acked(self, self.one, TOPIC, writer)
        wait_replicas_equal((self.one, self.other), TOPIC, PARTITIONS)
        self.consume_in_a_group(len(writer.acked))

    def wait_acked(self, writer, more):
        goal = len(writer.acked) + more
        wait_until(lambda: len(writer.acked) >= goal, 60, f"{more} more records acknowledged")

    def test_our_brokers_under_controllers_of_kafka(self):
        self.rule(CONTROLLERS)

    def test_brokers_of_kafka_under_our_controllers(self):
        self.rule(BROKERS)


if __name__ == "__main__":
    unittest.main(verbosity=2)
