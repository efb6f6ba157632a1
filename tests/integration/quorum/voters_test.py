#!/usr/bin/env python3
"""Voters that come and go, by Apache Kafka's tools and by themselves, with leaders of both kinds."""
import json
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster, quorum, status  # noqa: E402
from penstock import java, topics, wait_until  # noqa: E402

JOINING = {"controller.quorum.auto.join.enable": "true"}
BOTH = "broker,controller"


def change(*arguments, check=True):
    """kafka-metadata-quorum.sh; what it said."""
    done = java("org.apache.kafka.tools.MetadataQuorumCommand", *arguments, check=check)
    return done.returncode, done.stdout + done.stderr


class VotersTest(unittest.TestCase):
    maxDiff = None

    def start(self, roles, overrides=None, of_kafka=()):
        directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.cluster = Cluster(directory, roles, overrides, of_kafka)
        self.addCleanup(lambda: [node.kill() for node in self.cluster.running()])
        self.cluster.start()

    def add(self, node_id, role, **how):
        node = self.cluster.add(node_id, role, **how)
        node.start()
        return node

    def describe(self):
        """Asked of a broker, which finds the leader; the tool itself asks on where the leader was, for half a minute."""
        brokers = [node.bootstrap for node in self.cluster.running() if "broker" in node.roles]
        controllers = [node.controller for node in self.cluster.running()]
        ask = ("--bootstrap-server", ",".join(brokers)) if brokers else ("--bootstrap-controller", ",".join(controllers))
        return status(quorum(*ask, "describe", "--status"))

    def leader(self):
        def one():
            try:
                return self.cluster.nodes[int(self.describe()["LeaderId"])]
            except (AssertionError, KeyError):
                return None
        return wait_until(one, 90, "the quorum has a leader")

    def voters(self):
        return {(voter["id"], voter["directoryId"]) for voter in json.loads(self.describe()["CurrentVoters"])}

    def expect_voters(self, *node_ids):
        expected = {(node_id, self.cluster.nodes[node_id].directory_id) for node_id in node_ids}

        def are_there():
            try:
                return self.voters() == expected
            except AssertionError:
                return False
        wait_until(are_there, 90, f"the voters are {expected}")

    def move(self, node):
        """It listens elsewhere once it starts again, and the voters say so."""
        node.stop()
        moved = node.properties["listeners"].replace("CONTROLLER://127.0.0.1", "CONTROLLER://localhost")
        node.properties["advertised.listeners"] = moved
        node.write_config()
        node.start(wait=False)

        def is_said():
            try:
                voters = json.loads(self.describe()["CurrentVoters"])
            except AssertionError:
                return False
            return f"CONTROLLER://localhost:{node.controller_port}" in [voter["endpoints"][0] for voter in voters]
        wait_until(is_said, 90, f"voter {node.node_id} is where it says")
        node.wait_ready()

    def insist(self, *arguments):
        """What a person does: again, while another change is under way, the new one has not caught up, or a broker of
        Kafka's has asked whoever led before."""
        def is_done():
            code, said = change(*arguments, check=False)
            again = "TimeoutException" in said or "NotLeaderOrFollowerException" in said
            self.assertTrue(code == 0 or again, said)
            return code == 0
        wait_until(is_done, 120, f"{arguments} is done")

    def promote(self, node, *bootstrap):
        self.insist(*bootstrap, "--command-config", str(node.config), "add-controller")

    def remove(self, node, *bootstrap):
        self.insist(*bootstrap, "remove-controller", "--controller-id", str(node.node_id),
                    "--controller-directory-id", node.directory_id)


class OursTest(VotersTest):
    def test_a_fourth_comes_a_follower_and_the_leader_go(self):
        self.start({1: BOTH, 2: BOTH, 3: BOTH})
        fourth = self.add(4, BOTH)
        self.expect_voters(1, 2, 3)
        _, said = change("--bootstrap-controller", self.leader().controller, "remove-controller", "--controller-id", "4",
                         "--controller-directory-id", fourth.directory_id, check=False)
        self.assertIn("VoterNotFoundException", said)
        follower = next(node for node in self.cluster.running() if node not in (self.leader(), fourth))
        self.promote(fourth, "--bootstrap-server", follower.bootstrap)
        self.expect_voters(1, 2, 3, 4)
        _, said = change("--bootstrap-server", fourth.bootstrap, "--command-config", str(fourth.config),
                         "add-controller", check=False)
        self.assertIn("DuplicateVoterException", said)

        self.remove(follower, "--bootstrap-server", follower.bootstrap)
        left = {1, 2, 3, 4} - {follower.node_id}
        self.expect_voters(*left)
        topics(follower, "--create", "--topic", "first", "--partitions", "1")

        leader = self.leader()
        self.remove(leader, "--bootstrap-controller", leader.controller)
        left -= {leader.node_id}
        self.expect_voters(*left)
        self.assertIn(self.leader().node_id, left)
        topics(leader, "--create", "--topic", "second", "--partitions", "1")
        for node in self.cluster.running():
            wait_until(lambda: set(topics(node, "--list").stdout.split()) == {"first", "second"}, 30, "both topics")
        # The new one leads when the last of the old voters stops.
        old = next(node for node in self.cluster.running() if node.node_id in left - {4})
        self.remove(old, "--bootstrap-server", fourth.bootstrap)
        self.expect_voters(4)
        topics(old, "--create", "--topic", "third", "--partitions", "1")

    def test_a_voter_whose_disk_is_lost_joins_again_by_itself_and_counts(self):
        self.start({1: BOTH, 2: BOTH, 3: BOTH}, JOINING)
        leader = self.leader()
        lost, other = [node for node in self.cluster.running() if node is not leader]
        topics(leader, "--create", "--topic", "kept", "--partitions", "1", "--replication-factor", "1")
        lost.kill()
        self.cluster.wipe(lost)
        lost.start()
        self.expect_voters(1, 2, 3)
        # Without another one it is needed for a majority.
        other.kill()
        topics(leader, "--create", "--topic", "decided", "--partitions", "1", "--replication-factor", "1")
        wait_until(lambda: {"kept", "decided"} <= set(topics(lost, "--list").stdout.split()), 30, "both topics")

    def test_a_voter_that_listens_elsewhere_says_so(self):
        self.start({1: "controller", 2: "controller", 3: "controller"})
        for node in [self.leader(), next(n for n in self.cluster.running() if n is not self.leader())]:
            self.move(node)


class MixedTest(VotersTest):
    """One more node, of the other kind, joins three; it is wiped and joins by itself."""

    def come_and_go(self, of_kafka, newcomer_of_kafka):
        self.start({1: BOTH, 2: "controller", 3: "controller"}, of_kafka=of_kafka)
        fourth = self.add(4, BOTH, of_kafka=newcomer_of_kafka)
        self.promote(fourth, "--bootstrap-server", self.cluster.nodes[1].bootstrap)
        self.expect_voters(1, 2, 3, 4)

        fourth.kill()
        self.cluster.wipe(fourth)
        fourth.properties.update(JOINING)
        fourth.write_config()
        fourth.start(wait=False)
        self.expect_voters(1, 2, 3, 4)
        fourth.wait_ready()
        self.move(fourth)

        # A follower goes, then the leader, both asked for at the newcomer. One of the first three stays: Kafka's
        # observers look for the quorum nowhere but at their bootstrap servers.
        follower = next(node for node in self.cluster.running() if node not in (self.leader(), fourth))
        self.remove(follower, "--bootstrap-server", fourth.bootstrap)
        left = {1, 2, 3, 4} - {follower.node_id}
        self.expect_voters(*left)
        leader = self.leader()
        if leader is not fourth:
            self.remove(leader, "--bootstrap-server", fourth.bootstrap)
            left -= {leader.node_id}
            self.expect_voters(*left)
        self.assertIn(self.leader().node_id, left)
        topics(self.cluster.nodes[1], "--create", "--topic", "decided", "--partitions", "1")
        wait_until(lambda: "decided" in topics(fourth, "--list").stdout.split(), 30, "the topic")

    def test_ours_joins_three_of_kafka(self):
        self.come_and_go((1, 2, 3), newcomer_of_kafka=False)

    def test_kafka_joins_three_of_ours(self):
        self.come_and_go((), newcomer_of_kafka=True)


if __name__ == "__main__":
    unittest.main()
