#!/usr/bin/env python3
"""What Apache Kafka's own tools ask of a controller: leader elections, features, unregistration."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402


class Administration(penstock.BrokerTest):
    def tool(self, main_class, *arguments, check=True):
        return penstock.java(main_class, "--bootstrap-server", self.broker.bootstrap, *arguments, check=check)

    def test_leader_election(self):
        penstock.topics(self.broker, "--create", "--topic", "orders", "--partitions", "2")
        election = "org.apache.kafka.tools.LeaderElectionCommand"
        done = self.tool(election, "--election-type", "preferred", "--all-topic-partitions")
        self.assertNotIn("Error", done.stdout + done.stderr)
        done = self.tool(election, "--election-type", "preferred", "--topic", "orders", "--partition", "1")
        self.assertIn("Valid replica already elected for partitions orders-1", done.stdout)
        done = self.tool(election, "--election-type", "unclean", "--topic", "none", "--partition", "0", check=False)
        self.assertIn("UnknownTopicOrPartitionException", done.stdout + done.stderr)

    def test_features(self):
        features = "org.apache.kafka.tools.FeatureCommand"

        def level():
            lines = self.tool(features, "describe").stdout.splitlines()
            return next(line for line in lines if "eligible.leader.replicas.version" in line)

        feature = ["--feature", "eligible.leader.replicas.version=0"]
        self.assertIn("SupportedMaxVersion: 1", level())
        self.tool(features, "upgrade", "--feature", "eligible.leader.replicas.version=1")
        self.assertIn("FinalizedVersionLevel: 1", level())
        shown = penstock.java("kafka.admin.ConfigCommand", "--bootstrap-server", self.broker.bootstrap, "--describe",
                              "--entity-type", "brokers", "--entity-default").stdout
        self.assertIn("min.insync.replicas=1", shown)
        self.tool(features, "downgrade", *feature, "--dry-run")
        self.assertIn("FinalizedVersionLevel: 1", level())
        self.tool(features, "downgrade", *feature)
        self.assertIn("FinalizedVersionLevel: 0", level())
        refused = self.tool(features, "upgrade", "--feature", "eligible.leader.replicas.version=2", check=False)
        self.assertNotEqual(refused.returncode, 0)

    def test_unregistration(self):
        refused = penstock.java("org.apache.kafka.tools.ClusterTool", "unregister", "--bootstrap-server",
                                self.broker.bootstrap, "--id", "7", check=False)
        self.assertIn("Broker ID 7 is not currently registered", refused.stdout + refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
