#!/usr/bin/env python3
"""KafkaTopics: in any order with their cluster, grown, put right, and gone as their policy says."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import ONE_BROKER, TOPIC, NamespaceTest, condition, kubectl, records, wait_until  # noqa: E402

# How soon the operator looks at topics that nobody told it about.
DRIFT_SECONDS = 45


def topic(name, **spec):
    lines = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return (f"apiVersion: penstock.dev/v1alpha1\nkind: KafkaTopic\nmetadata:\n  name: {name}\n"
            f"spec:\n  clusterRef: {{name: demo}}\n{lines}")


class TopicsTest(NamespaceTest):
    def test_a_topic_may_come_before_its_cluster(self):
        self.apply(TOPIC)
        refused = self.wait_refused("kafkatopic", "test")
        self.assertIn("demo", refused["message"])
        self.apply(ONE_BROKER)
        self.wait_ready("kafkacluster", "demo")
        self.wait_ready("kafkatopic", "test")
        self.assertIn("PartitionCount: 3", self.describe("test"))

    def test_partitions_grow_and_drift_is_put_right(self):
        self.start_cluster()
        self.patch("kafkatopic", "test", {"partitions": 6, "config": {"retention.ms": 3600000}})
        self.wait_ready("kafkatopic", "test")
        described = self.describe("test")
        self.assertIn("PartitionCount: 6", described)
        self.assertIn("retention.ms=3600000", described)
        # Somebody else deletes it in Kafka: it is made again.
        self.topics_tool("--delete", "--topic", "test")
        wait_until(lambda: "PartitionCount: 6" in self.describe("test"), DRIFT_SECONDS, "the topic is made again")
        self.wait_ready("kafkatopic", "test")
        self.assertIn("retention.ms=3600000", self.describe("test"))

    def test_the_older_of_two_resources_for_one_topic_has_it(self):
        self.start_cluster()
        self.apply(topic("again", topicName="test", partitions=9))
        refused = self.wait_refused("kafkatopic", "again")
        self.assertIn("test", refused["message"])
        self.assertIn("PartitionCount: 3", self.describe("test"))
        self.kubectl("delete", "kafkatopic", "again", "--timeout=60s")
        self.assertIn("PartitionCount: 3", self.describe("test"))

    def test_the_deletion_policy_decides(self):
        self.start_cluster()
        self.apply(topic("kept", partitions=1, deletionPolicy="Retain"))
        self.wait_ready("kafkatopic", "kept")
        self.produce(5, topic="kept")
        self.kubectl("delete", "kafkatopic", "kept", "test", "--timeout=60s")
        wait_until(lambda: "PartitionCount" not in self.describe("test"), 30, "the topic is deleted")
        self.assertEqual(self.consume(5, topic="kept"), records(5))
        self.apply(topic("kept", partitions=2))
        self.wait_ready("kafkatopic", "kept")
        self.assertEqual(self.consume(5, topic="kept"), records(5))

    def test_a_topic_made_and_deleted_fast_ends_as_told_last(self):
        self.start_cluster(topic=False)
        for _ in range(10):
            self.apply(TOPIC)
            self.kubectl("delete", "kafkatopic", "test", "--wait=false")
            self.wait_gone("kafkatopic", "test")
        self.apply(TOPIC)
        self.wait_ready("kafkatopic", "test")
        self.assertIn("PartitionCount: 3", self.describe("test"))

    def test_the_last_of_many_changes_wins(self):
        self.start_cluster()
        for i in range(50):
            self.patch("kafkatopic", "test", {"config": {"retention.ms": 3600000 + i % 2}})
        self.wait_ready("kafkatopic", "test")
        self.assertIn("retention.ms=3600001", self.describe("test"))
        now = self.get("kafkatopic", "test")
        self.assertEqual(now["status"]["observedGeneration"], now["metadata"]["generation"])
        self.assertEqual(condition(now, "Ready")["status"], "True")


class DeletionTest(NamespaceTest):
    def test_in_every_order(self):
        for order in (("kafkatopic/test", "kafkacluster/demo"), ("kafkacluster/demo", "kafkatopic/test")):
            with self.subTest(order=order):
                self.start_cluster()
                for thing in order:
                    self.kubectl("delete", thing, "--wait=false")
                for thing in order:
                    self.wait_gone(*thing.split("/"), seconds=180)
                self.wait_gone("pod", "demo-0")

    def test_with_the_namespace(self):
        self.start_cluster()
        kubectl("delete", "namespace", self.namespace, "--timeout=110s")


if __name__ == "__main__":
    unittest.main(verbosity=2)
