#!/usr/bin/env python3
"""What the node does on a bad day. Only on a cluster of tests/e2e/cluster, whose parts can be stopped."""
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import ROOT, NamespaceTest, kcat, records, wait_until  # noqa: E402

CLUSTER = ROOT / "tests/e2e/cluster"
HOME = pathlib.Path(os.environ.get("PENSTOCK_NODE_HOME", "/var/lib/penstock-node"))
# How long the API server is away.
OUTAGE_SECONDS = int(os.environ.get("PENSTOCK_OUTAGE_SECONDS", "120"))


def part(verb, name):
    subprocess.run([CLUSTER, verb, name], check=True, timeout=120, capture_output=True)


@unittest.skipUnless(os.environ.get("KUBECONFIG") == str(HOME / "run/admin.conf"), "not a cluster of tests/e2e/cluster")
class FaultsTest(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster()
        self.produce(50)

    def restarts(self):
        return self.get("pod", "demo-0")["status"]["containerStatuses"][0]["restartCount"]

    def test_a_killed_container_comes_back_with_its_data(self):
        container = self.get("pod", "demo-0")["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        subprocess.run(["ctr", "-a", HOME / "run/containerd.sock", "-n", "k8s.io", "task", "kill", "-s", "9", container],
                       check=True, timeout=30)
        wait_until(lambda: self.restarts() == 1, 60, "the container is restarted")
        self.wait_ready("pod", "demo-0")
        self.assertEqual(self.consume(50), records(50))

    def test_brokers_run_on_without_a_kubelet(self):
        ip = self.get("pod", "demo-0")["status"]["podIP"]
        part("stop", "kubelet")
        try:
            self.assertIn("test", kcat(f"{ip}:9092", "-L"))
        finally:
            part("start", "kubelet")
        # A kubelet that has just started does not know its pods yet.
        wait_until(lambda: self.in_pod(":", check=False).returncode == 0, 60, "the kubelet knows the pod")
        self.assertEqual(self.restarts(), 0)
        self.wait_ready("kafkacluster", "demo")
        self.assertEqual(self.consume(50), records(50))

    def test_clients_do_not_notice_that_the_api_server_is_away(self):
        ip = self.get("pod", "demo-0")["status"]["podIP"]
        part("stop", "apiserver")
        try:
            end = time.monotonic() + OUTAGE_SECONDS
            while time.monotonic() < end:
                self.assertIn('topic "test" with 3 partitions', kcat(f"{ip}:9092", "-L"))
        finally:
            part("start", "apiserver")
        self.assertEqual(self.restarts(), 0)
        # The operator takes up its work by itself.
        self.patch("kafkatopic", "test", {"partitions": 6})
        self.wait_ready("kafkatopic", "test", seconds=120)
        self.assertIn("PartitionCount: 6", self.describe("test"))
        self.assertEqual(self.consume(50), records(50))


if __name__ == "__main__":
    unittest.main(verbosity=2)
