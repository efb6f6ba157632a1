#!/usr/bin/env python3
"""Three brokers on Kubernetes whose pods go while somebody writes, and more brokers."""
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, NamespaceTest, condition, records, wait_until  # noqa: E402


class Writer:
    """The console producer in a pod, fed one record after the other. It ends with an error if any was not
    acknowledged by all replicas in sync."""

    def __init__(self, namespace, pod):
        self.process = subprocess.Popen(
            ["kubectl", "-n", namespace, "exec", "-i", pod, "--", "kafka-console-producer.sh", "--topic", "test",
             "--producer-property", "acks=all"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.count = 0
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self):
        while not self.is_stopping.wait(0.005):
            self.process.stdin.write(f"record-{self.count}\n")
            self.process.stdin.flush()
            self.count += 1

    def stop(self):
        self.is_stopping.set()
        self.thread.join()
        self.process.stdin.close()
        error = self.process.stderr.read()
        status = self.process.wait(120)
        self.process.stderr.close()
        return status, error


class BrokersTest(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)

    def uids(self):
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.items("pod", "-l", "penstock.dev/cluster=demo")}

    def go(self, pod, *how):
        """Deletes a pod; waits until the next one of that name is ready and all replicas are in sync."""
        uid = self.uids()[pod]
        self.kubectl("delete", "pod", pod, *how)
        wait_until(lambda: self.uids().get(pod, uid) != uid, 90, f"a new {pod}")
        self.wait_ready("pod", pod, seconds=120)
        wait_until(lambda: "Topic: " not in self.topics_tool("--describe", "--under-replicated-partitions"), 90,
                   "all replicas are in sync")

    def test_pods_go_while_somebody_writes(self):
        writer = Writer(self.namespace, "demo-0")
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
