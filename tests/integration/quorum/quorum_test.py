#!/usr/bin/env python3
"""A metadata quorum of several nodes over the real wire, as Apache Kafka's tools see it."""
import json
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster, quorum, status  # noqa: E402
from penstock import topics, wait_until  # noqa: E402


class QuorumTest(unittest.TestCase):
    maxDiff = None
    roles = {1: "broker,controller", 2: "broker,controller", 3: "broker,controller"}

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.cluster = Cluster(self.directory, self.roles)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()


class CombinedNodesTest(QuorumTest):
    def check_status(self, *bootstrap):
        found = status(quorum(*bootstrap, "describe", "--status"))
        leader = self.cluster.leader()
        self.assertEqual(found["LeaderId"], str(leader.node_id))
        voters = json.loads(found["CurrentVoters"])
        self.assertEqual({voter["id"] for voter in voters}, {1, 2, 3})
        by_id = {voter["id"]: voter for voter in voters}
        for node in self.cluster.nodes.values():
            self.assertEqual(by_id[node.node_id]["directoryId"], node.directory_id)
            self.assertEqual(by_id[node.node_id]["endpoints"], [f"CONTROLLER://127.0.0.1:{node.controller_port}"])
        return found

    def test_three_nodes_lead_in_turn_and_all_know_what_was_decided(self):
        leader = self.cluster.leader()
        followers = [node for node in self.cluster.running() if node is not leader]
        # Asked of a node that does not lead: it passes the request on.
        topics(followers[0], "--create", "--topic", "first", "--partitions", "2")
        self.check_status("--bootstrap-server", followers[1].bootstrap)
        self.check_status("--bootstrap-controller", followers[0].controller)
        rows = quorum("--bootstrap-server", leader.bootstrap, "describe", "--replication").splitlines()
        lags = {row.split()[0]: (row.split()[3], row.split()[-1]) for row in rows[1:] if row.strip()}
        self.assertEqual(set(lags), {"1", "2", "3"})
        self.assertEqual(lags[str(leader.node_id)][1], "Leader")

        leader.kill()
        new_leader = self.cluster.leader()
        self.assertIsNot(new_leader, leader)
        for node in self.cluster.running():
            self.assertIn("first", topics(node, "--list").stdout.split())
        topics(new_leader, "--create", "--topic", "second", "--partitions", "1")

        leader.start()
        wait_until(lambda: "second" in topics(leader, "--list").stdout.split(), 30, "the old leader catches up")
        new_leader.stop()  # A clean stop hands the leadership over.
        newest = self.cluster.leader()
        self.assertIsNot(newest, new_leader)
        topics(newest, "--create", "--topic", "third", "--partitions", "1")
        new_leader.start()
        self.assertEqual(set(topics(new_leader, "--list").stdout.split()), {"first", "second", "third"})

    def test_a_minority_decides_nothing_and_all_of_them_come_back(self):
        leader = self.cluster.leader()
        topics(leader, "--create", "--topic", "kept", "--partitions", "1")
        for node in self.cluster.running():
            if node is not leader:
                node.kill()
        wait_until(lambda: not leader.is_active_controller(), 30, "a leader without a majority gives up")
        for node in self.cluster.nodes.values():
            if node.process is None:
                node.start(wait=False)
        for node in self.cluster.nodes.values():
            node.wait_ready()
        self.assertIn("kept", topics(self.cluster.leader(), "--list").stdout.split())


class SeparateRolesTest(QuorumTest):
    roles = {1: "controller", 2: "controller", 3: "controller", 4: "broker", 5: "broker"}

    def test_brokers_follow_controllers_that_come_and_go(self):
        brokers = [self.cluster.nodes[4], self.cluster.nodes[5]]
        topics(brokers[0], "--create", "--topic", "first", "--partitions", "4")
        leader = self.cluster.leader()
        rows = quorum("--bootstrap-server", brokers[0].bootstrap, "describe", "--replication")
        observers = {row.split()[0] for row in rows.splitlines() if row.strip().endswith("Observer")}
        self.assertEqual(observers, {"4", "5"})
        leader.kill()
        self.assertIsNot(self.cluster.leader(), leader)
        topics(brokers[1], "--create", "--topic", "second", "--partitions", "1")
        for broker in brokers:
            wait_until(lambda: set(topics(broker, "--list").stdout.split()) == {"first", "second"}, 30, "both topics")
        brokers[0].stop()
        brokers[0].start()
        self.assertEqual(set(topics(brokers[0], "--list").stdout.split()), {"first", "second"})


if __name__ == "__main__":
    unittest.main()
