#!/usr/bin/env python3
"""What Apache Kafka's own tools ask of a controller: leader elections, features, unregistration."""
import json
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

    def json_file(self, name, content):
        path = self.broker.directory / name
        path.write_text(json.dumps(content))
        return path

    def test_reassignment(self):
        penstock.topics(self.broker, "--create", "--topic", "orders")
        reassign = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
        plan = {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1]}]}
        path = self.json_file("plan.json", plan)
        done = self.tool(reassign, "--reassignment-json-file", path, "--execute")
        self.assertIn("Successfully started partition reassignment", done.stdout)
        done = self.tool(reassign, "--reassignment-json-file", path, "--verify")
        self.assertIn("Reassignment of partition orders-0 is completed", done.stdout)
        self.assertIn("No partition reassignments found", self.tool(reassign, "--list").stdout)
        plan["partitions"][0]["replicas"] = [1, 9]
        refused = self.tool(reassign, "--reassignment-json-file", self.json_file("wrong.json", plan), "--execute",
                            check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("9", refused.stdout + refused.stderr)

    def test_log_directories(self):
        penstock.topics(self.broker, "--create", "--topic", "orders", "--partitions", "2")
        penstock.kcat(self.broker, "-P", "-t", "orders", "-p", "1", input_text="a record\n")
        shown = self.tool("org.apache.kafka.tools.LogDirsCommand", "--describe", "--topic-list", "orders").stdout
        described = json.loads(next(line for line in shown.splitlines() if line.startswith("{")))
        directory = described["brokers"][0]["logDirs"][0]
        self.assertEqual(directory["logDir"], str(self.broker.data))
        sizes = {row["partition"]: row["size"] for row in directory["partitions"]}
        self.assertEqual(sizes.keys(), {"orders-0", "orders-1"})
        self.assertEqual(sizes["orders-0"], 0)
        log = self.broker.data / "orders-1" / "00000000000000000000.log"
        self.assertEqual(sizes["orders-1"], log.stat().st_size)

    def test_features(self):
        features = "org.apache.kafka.tools.FeatureCommand"

        def level():
            lines = self.tool(features, "describe").stdout.splitlines()
            return next(line for line in lines if "eligible.leader.replicas.version" in line)

        feature = ["--feature", "eligible.leader.replicas.version=0"]
        self.assertRegex(level(), r"SupportedMaxVersion: 1.*FinalizedVersionLevel: 1")
        shown = penstock.java("kafka.admin.ConfigCommand", "--bootstrap-server", self.broker.bootstrap, "--describe",
                              "--entity-type", "brokers", "--entity-default").stdout
        self.assertIn("min.insync.replicas=1", shown)
        self.tool(features, "downgrade", *feature, "--dry-run")
        self.assertIn("FinalizedVersionLevel: 1", level())
        self.tool(features, "downgrade", *feature)
        self.assertIn("FinalizedVersionLevel: 0", level())
        self.tool(features, "upgrade", "--feature", "eligible.leader.replicas.version=1")
        self.assertIn("FinalizedVersionLevel: 1", level())
        refused = self.tool(features, "upgrade", "--feature", "eligible.leader.replicas.version=2", check=False)
        self.assertNotEqual(refused.returncode, 0)

    def test_unregistration(self):
        refused = penstock.java("org.apache.kafka.tools.ClusterTool", "unregister", "--bootstrap-server",
                                self.broker.bootstrap, "--id", "7", check=False)
        self.assertIn("Broker ID 7 is not currently registered", refused.stdout + refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
