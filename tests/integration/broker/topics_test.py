#!/usr/bin/env python3
"""Topics by Apache Kafka's own tool and by kcat: create, list, describe, grow, configure, delete."""
import re
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402


class Topics(penstock.BrokerTest):
    def test_life_of_a_topic(self):
        created = penstock.topics(self.broker, "--create", "--topic", "t2", "--partitions", "3",
                                  "--replication-factor", "1", "--config", "retention.ms=3600000")
        self.assertIn("Created topic t2.", created.stdout)
        self.assertEqual(penstock.topics(self.broker, "--list").stdout.split(), ["t2"])

        described = penstock.topics(self.broker, "--describe", "--topic", "t2").stdout
        self.assertRegex(described, r"Topic: t2\s+TopicId: \S{22}\s+PartitionCount: 3\s+ReplicationFactor: 1\s+"
                                    r"Configs: .*retention\.ms=3600000")
        self.assertEqual(len(re.findall(r"Leader: 1\s+Replicas: 1\s+Isr: 1", described)), 3)

        penstock.topics(self.broker, "--alter", "--topic", "t2", "--partitions", "5")
        self.assertIn("PartitionCount: 5", penstock.topics(self.broker, "--describe", "--topic", "t2").stdout)

        self.assertIn("5 partitions", penstock.kcat(self.broker, "-L", "-t", "t2").stdout)
        penstock.topics(self.broker, "--delete", "--topic", "t2")
        self.assertEqual(penstock.topics(self.broker, "--list").stdout.split(), [])
        penstock.wait_until(lambda: not list(self.broker.data.glob("t2-[0-9]")), 10, "directories of t2 renamed away")

    def test_refusals_have_kafkas_words(self):
        penstock.topics(self.broker, "--create", "--topic", "a.b")
        for arguments, words in [
            (["--create", "--topic", "a.b"], "Topic 'a.b' already exists."),
            (["--create", "--topic", "a_b"], "collides with existing topic"),
            (["--create", "--topic", "x", "--replication-factor", "2"], "replication factor"),
            (["--create", "--topic", "x", "--config", "retention.ms=abc"], "retention.ms"),
            (["--alter", "--topic", "a.b", "--partitions", "1"], "partition"),
        ]:
            refused = penstock.topics(self.broker, *arguments, check=False)
            self.assertNotEqual(refused.returncode, 0, arguments)
            self.assertIn(words, refused.stdout + refused.stderr, arguments)

    def test_configs_by_kafkas_tool(self):
        penstock.topics(self.broker, "--create", "--topic", "c")
        configs = ["kafka.admin.ConfigCommand", "--bootstrap-server", self.broker.bootstrap]
        penstock.java(*configs, "--alter", "--entity-type", "topics", "--entity-name", "c",
                      "--add-config", "retention.ms=1000,max.message.bytes=2000")
        shown = penstock.java(*configs, "--describe", "--entity-type", "topics", "--entity-name", "c").stdout
        self.assertIn("retention.ms=1000", shown)
        penstock.java(*configs, "--alter", "--entity-type", "topics", "--entity-name", "c",
                      "--delete-config", "retention.ms")
        shown = penstock.java(*configs, "--describe", "--entity-type", "topics", "--entity-name", "c").stdout
        self.assertNotIn("retention.ms=1000", shown)
        self.assertIn("max.message.bytes=2000", shown)

    def test_topics_outlive_a_restart(self):
        penstock.topics(self.broker, "--create", "--topic", "kept", "--partitions", "2")
        before = penstock.topics(self.broker, "--describe").stdout
        self.broker.stop()
        self.broker.start()
        self.assertEqual(penstock.topics(self.broker, "--describe").stdout, before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
