#!/usr/bin/env python3
"""Three brokers on Kubernetes: one more, and one whose volume is lost."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, NamespaceTest, condition, records, wait_until  # noqa: E402


class BrokersTest(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)

    def go(self, pod, *how):
        """Deletes a pod; waits until the next one of that name is ready and all replicas are in sync."""
        uid = self.uids()[pod]
        self.kubectl("delete", "pod", pod, *how)
        wait_until(lambda: self.uids().get(pod, uid) != uid, 90, f"a new {pod}")
        self.wait_ready("pod", pod, seconds=120)
        wait_until(lambda: "Topic: " not in self.topics_tool("--describe", "--under-replicated-partitions"), 90,
                   "all replicas are in sync")

    def test_a_fourth_broker_and_a_volume_that_is_lost(self):
        self.produce(50)
        before = self.uids()
        self.kubectl("scale", "kafkacluster/demo", "--replicas=4")
        wait_until(lambda: (self.get("kafkacluster", "demo")["status"].get("readyReplicas") == 4 and
                            condition(self.get("kafkacluster", "demo"), "Ready").get("status") == "True"), 90, "four are ready")
        self.assertEqual({name: uid for name, uid in self.uids().items() if name in before}, before)
        self.topics_tool("--create", "--topic", "wide", "--replication-factor", "4")
        self.assertIn("ReplicationFactor: 4", self.describe("wide"))
        self.kubectl("delete", "pvc", "data-demo-2", "--wait=false")
        self.go("demo-2")
        self.assertEqual(self.consume(50), records(50))


if __name__ == "__main__":
    unittest.main(verbosity=2)
