#!/usr/bin/env python3
"""Snapshots of the metadata between Apache Kafka's nodes and ours: made, cleaned up to, sent and taken, both ways."""
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster, quorum, status  # noqa: E402
from penstock import topics, wait_until  # noqa: E402

METADATA = "__cluster_metadata-0"
# Many snapshots, of which the newest alone is kept.
EAGER = {"metadata.log.max.record.bytes.between.snapshots": "1000", "metadata.max.retention.bytes": "1"}
CLEANING_SECONDS = 60


def snapshots(node):
    """The names of the node's snapshots but the bootstrap one, oldest first."""
    return sorted(path.name for path in (node.data / METADATA).glob("*.checkpoint")
                  if not path.name.startswith("0" * 20))


def offset(name):
    return int(name.split("-")[0])


def first_segment(node):
    return min(offset(path.stem) for path in (node.data / METADATA).glob("*.log"))


class SnapshotsTest(unittest.TestCase):
    def start(self, roles, of_kafka, overrides, *started):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        cluster = Cluster(directory, roles, overrides, of_kafka=of_kafka)
        self.addCleanup(cluster.kill)
        for node in started:
            cluster.nodes[node].start(wait=False)
        for node in started:
            cluster.nodes[node].wait_ready()
        return cluster

    def create(self, node, *names):
        for name in names:
            topics(node, "--create", "--topic", name, "--partitions", "10", "--replication-factor", "1")

    def try_create(self, node, name):
        return topics(node, "--create", "--if-not-exists", "--topic", name, "--partitions", "10",
                      "--replication-factor", "1", check=False).returncode == 0

    def wait_cleaned(self, leader, beyond):
        """The log of the leader begins behind offset `beyond`: it has one snapshot left, which is newer."""
        def is_cleaned():
            left = snapshots(leader)
            return len(left) == 1 and offset(left[0]) > beyond and len(list(
                (leader.data / METADATA).glob("*.checkpoint"))) == 1
        wait_until(is_cleaned, 2 * CLEANING_SECONDS + 30, "the leader has cleaned its log")

    def follow_by_snapshots(self, of_kafka):
        """Node 1 leads alone; node 2 is a broker that comes, and later comes back, after the log was cleaned."""
        cluster = self.start({1: "broker,controller", 2: "broker"}, of_kafka, EAGER, 1)
        leader, broker = cluster.nodes[1], cluster.nodes[2]
        self.create(leader, "a", "b", "c")
        topics(leader, "--delete", "--topic", "b")
        self.create(leader, "d")
        wait_until(lambda: snapshots(leader), 30, "the leader has made a snapshot")
        # An empty node.
        broker.start()
        wait_until(lambda: set(topics(broker, "--list").stdout.split()) == {"a", "c", "d"}, 30, "the topics at node 2")
        self.assertGreater(first_segment(broker), 0, "the log of node 2 begins at the snapshot that it was sent")
        topics(broker, "--create", "--topic", "both", "--partitions", "6", "--replication-factor", "2")
        wait_until(lambda: len(list(broker.data.glob("both-*"))) == 6, 30, "node 2 has replicas")
        # It is away, its process as it is, until what comes next in its log is gone at the leader.
        began = first_segment(broker)
        end = max(offset(name) for name in snapshots(leader) + snapshots(broker))
        broker.process.send_signal(signal.SIGSTOP)
        try:
            # A tool gives up when it has asked the one that is away where the controller is.
            for arguments in (("--delete", "--topic", "both"), ("--delete", "--topic", "a")):
                wait_until(lambda: topics(leader, *arguments, "--if-exists", check=False).returncode == 0, 300,
                           "the topic is deleted")
            for name in ("e", "f", "g"):
                wait_until(lambda: self.try_create(leader, name), 300, "the topic is created")
            self.wait_cleaned(leader, end)
        finally:
            broker.process.send_signal(signal.SIGCONT)
        wait_until(lambda: set(topics(broker, "--list").stdout.split()) == {"c", "d", "e", "f", "g"}, 60,
                   "node 2 knows what is left")
        self.assertGreater(first_segment(broker), began, "the log of node 2 begins anew")
        wait_until(lambda: not [path for path in broker.data.glob("both-*") if not path.name.endswith("-delete")], 30,
                   "node 2 has no replicas of topics that no record told it to remove")
        # And it takes part.
        topics(broker, "--create", "--topic", "again", "--partitions", "2", "--replication-factor", "2")
        wait_until(lambda: len(list(broker.data.glob("again-*"))) == 2, 30, "node 2 has replicas")
        broker.stop()
        broker.start()
        self.assertIn("again", topics(broker, "--list").stdout.split())

    def test_a_broker_of_ours_follows_kafka(self):
        self.follow_by_snapshots((1,))

    def test_a_broker_of_kafka_follows_ours(self):
        self.follow_by_snapshots((2,))

    def test_a_voter_of_ours_that_lost_its_disk_comes_back_as_an_observer(self):
        overrides = {**EAGER, "metadata.max.retention.bytes": "104857600"}
        cluster = self.start(dict.fromkeys((1, 2, 3), "broker,controller"), (1,), overrides, 1, 2, 3)
        self.create(cluster.nodes[1], "a", "b", "c", "d")
        found = status(quorum("--bootstrap-server", cluster.nodes[1].bootstrap, "describe", "--status"))
        lost = cluster.nodes[3 if int(found["LeaderId"]) == 2 else 2]
        lost.kill()
        shutil.rmtree(lost.data)
        self.create(cluster.nodes[1], "e")
        lost.format("--no-initial-controllers")
        lost.start()
        wait_until(lambda: {"a", "b", "c", "d", "e"} <= set(topics(lost, "--list").stdout.split()), 60,
                   "the topics at the node that lost its disk")
        self.assertGreater(first_segment(lost), 0)
        rows = quorum("--bootstrap-server", cluster.nodes[1].bootstrap, "describe", "--replication").splitlines()
        self.assertIn(str(lost.node_id), {row.split()[0] for row in rows if row.strip().endswith("Observer")})
        for node in cluster.nodes.values():
            self.assertTrue(snapshots(node), f"node {node.node_id} makes snapshots")


if __name__ == "__main__":
    unittest.main()
