#!/usr/bin/env python3
"""Three brokers on Kubernetes whose pods go while somebody writes, and more brokers."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, ConsoleWriter, NamespaceTest, condition, records, wait_until  # noqa: E402


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

    def test_pods_go_while_somebody_writes(self):
        writer = ConsoleWriter(self.namespace, "demo-0")
        try:
            wait_until(lambda: writer.count >= 200, 60, "records are written")
            self.go("demo-1")
            self.go("demo-2", "--grace-period=0", "--force")
        finally:
            status, error = writer.stop()
        self.assertEqual(status, 0, error)
        print(f"{writer.count} records")
        self.assertEqual(self.consume(writer.count), records(writer.count))

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
