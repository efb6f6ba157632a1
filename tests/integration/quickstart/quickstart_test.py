#!/usr/bin/env python3
"""The whole line on one machine: a manifest becomes a Kafka that kcat writes to and reads from, and stays one."""
import json
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from local_cluster import LocalClusterTest  # noqa: E402
from penstock import run, wait_until  # noqa: E402

BOOTSTRAP = LocalClusterTest.bootstrap


class QuickstartTest(LocalClusterTest):
    def produce(self, *lines):
        run(["kcat", "-b", BOOTSTRAP, "-t", "test", "-P", "-X", "acks=all"], input_text="\n".join(lines) + "\n")

    def consume(self, bootstrap=BOOTSTRAP):
        return sorted(run(["kcat", "-b", bootstrap, "-t", "test", "-C", "-e", "-q"]).stdout.split())

    def partitions(self):
        listed = json.loads(run(["kcat", "-b", BOOTSTRAP, "-L", "-J", "-t", "test"]).stdout)
        return len(listed["topics"][0]["partitions"])

    def test_records_come_back_whatever_dies(self):
        self.produce("a", "b", "c")
        self.assertEqual(self.consume(), ["a", "b", "c"])
        self.assertEqual(self.status()["clusters"][0]["bootstrapServers"], BOOTSTRAP)
        self.wait_restarted(0, self.kill_broker(0))
        self.assertEqual(self.consume(), ["a", "b", "c"])
        before = self.brokers()
        self.kill("penstock-operator")
        self.kill("penstock-local")
        # Nothing listens on localhost:9092 now; the brokers serve on.
        self.assertEqual(self.consume(before[0]["address"]), ["a", "b", "c"])
        self.start_local()
        self.start_operator()
        self.wait_ready()
        self.assertEqual({i: b["pid"] for i, b in self.brokers().items()}, {i: b["pid"] for i, b in before.items()})
        self.produce("d")
        self.assertEqual(self.consume(), ["a", "b", "c", "d"])

    def test_manifests_are_kept_applied(self):
        self.assertEqual(self.partitions(), 3)
        self.write(self.topic_file, self.topic_text.replace("partitions: 3", "partitions: many"))
        log = self.home / "penstock-local.log"
        wait_until(lambda: "topic.yaml: document 1, line" in log.read_text(), 60, "the mistake is named")
        self.assertIn("spec.partitions", log.read_text())
        self.assertEqual(self.partitions(), 3)
        self.write(self.topic_file, self.topic_text.replace("partitions: 3", "partitions: 6"))
        wait_until(lambda: self.partitions() == 6, 60, "six partitions")
        self.topic_file.unlink()
        wait_until(lambda: not self.status()["topics"], 60, "the topic's resource is gone")
        listed = json.loads(run(["kcat", "-b", BOOTSTRAP, "-L", "-J"]).stdout)
        self.assertNotIn("test", [t["topic"] for t in listed["topics"]])


if __name__ == "__main__":
    unittest.main()
