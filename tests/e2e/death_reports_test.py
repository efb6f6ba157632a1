#!/usr/bin/env python3
"""A broker of three that dies, and by whose word it is fenced: the controllers' own proof where its address refuses, the
operator's where it is silent. Only on a cluster of tests/e2e/cluster: pods are harmed from outside.
"""
import subprocess
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, OPERATOR_NAMESPACE, NamespaceTest, condition, kubectl, wait_until  # noqa: E402
from kubernetes_load import IS_OUR_NODE, BrokerWatch, ctr  # noqa: E402

REFUSES = "broker {} refuses connections where it was reached before: it is dead and fenced"
TOLD = "the process of broker {} has ended; it is fenced"
# How long a broker is silent before it is fenced for that.
SESSION_SECONDS = 9


@unittest.skipUnless(IS_OUR_NODE, "not a cluster of tests/e2e/cluster")
class DeathReportsTest(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)
        self.watch = BrokerWatch(self)
        self.addCleanup(self.watch.stop)
        self.settle()

    def settle(self):
        wait_until(lambda: condition(self.get("kafkacluster", "demo"), "Ready").get("status") == "True" and
                   self.watch.is_whole(3), 120, lambda: f"the cluster is whole: {self.get('kafkacluster', 'demo')['status']}")

    def victim(self):
        """A broker that is not the active controller. It leads a partition: there are three of them."""
        view = wait_until(self.watch.at_controller, 30, "there is an active controller")
        self.controller = view["controllerId"]
        return (self.controller + 1) % 3

    def kill(self, node):
        status = self.get("pod", f"demo-{node}")["status"]["containerStatuses"][0]
        ctr("task", "kill", "-s", "9", status["containerID"].removeprefix("containerd://"))

    def cut(self, node):
        """Takes the pod's network away: from now on it is silent."""
        index = self.in_pod("echo $(</sys/class/net/eth0/iflink)", f"demo-{node}").stdout.strip()
        links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
        name = next(line.split(": ")[1].partition("@")[0] for line in links.splitlines() if line.startswith(f"{index}: "))
        subprocess.run(["ip", "link", "set", name, "down"], check=True)
        return lambda: subprocess.run(["ip", "link", "set", name, "up"], check=True)

    def wait_fenced(self, node, begin):
        """Until the controller has done so after `begin`; how long that took."""
        def is_fenced():
            view = self.watch.at_controller()
            failover = view and view["lastFailover"]
            return failover and failover["brokerId"] == node and failover["atMs"] / 1000 > begin and failover
        failover = wait_until(is_fenced, 60, lambda: f"broker {node} is fenced: {self.watch.at_controller()}")
        return failover["atMs"] / 1000 - begin

    def said(self, text):
        """Whether the controller of before said that."""
        return text in self.kubectl("logs", f"demo-{self.controller}").stdout

    def operator_said(self, node):
        log = kubectl("-n", OPERATOR_NAMESPACE, "logs", "deploy/penstock-operator", "--tail=-1").stdout
        return f"broker {node} of cluster {self.namespace}/demo has ended and is fenced" in log

    def check_status_tells(self, node):
        wait_until(lambda: self.get("kafkacluster", "demo")["status"].get("lastFailover", {}).get("brokerId") == node, 30,
                   "the status has the failover")

    def test_a_killed_broker_is_fenced_because_its_address_refuses(self):
        node = self.victim()
        begin = time.time()
        self.kill(node)
        print(f"killed, its address refuses: other leaders after {self.wait_fenced(node, begin):.2f} s", flush=True)
        self.assertTrue(self.said(REFUSES.format(node)))
        self.check_status_tells(node)
        self.settle()

    def test_a_killed_broker_whose_address_is_silent_is_fenced_by_the_operators_word(self):
        node = self.victim()
        restore = self.cut(node)
        try:
            begin = time.time()
            self.kill(node)
            waited = self.wait_fenced(node, begin)
        finally:
            restore()
        print(f"killed, its address is silent: other leaders after {waited:.2f} s", flush=True)
        self.assertTrue(self.said(TOLD.format(node)))
        self.assertTrue(self.operator_said(node))
        self.assertLess(waited, SESSION_SECONDS)
        self.check_status_tells(node)
        self.settle()

    def test_a_pod_that_is_deleted_by_force_while_it_is_silent_is_fenced_by_the_operators_word(self):
        node = self.victim()
        self.cut(node)  # Its interface goes with the pod.
        begin = time.time()
        self.kubectl("delete", "pod", f"demo-{node}", "--grace-period=0", "--force")
        waited = self.wait_fenced(node, begin)
        print(f"deleted by force, its address is silent: other leaders after {waited:.2f} s", flush=True)
        self.assertTrue(self.said(TOLD.format(node)))
        self.assertTrue(self.operator_said(node))
        self.assertLess(waited, SESSION_SECONDS)
        self.settle()


if __name__ == "__main__":
    unittest.main(verbosity=2)
