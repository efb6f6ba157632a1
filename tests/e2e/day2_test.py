#!/usr/bin/env python3
"""Three brokers on Kubernetes that are changed while a producer in the cluster writes with acks=all."""
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, ConsoleWriter, NamespaceTest, condition, records, wait_until  # noqa: E402

SECONDS = 240
# A pod that no roll restarts, with the image's tools in it.
CLIENT = """
apiVersion: v1
kind: Pod
metadata:
  name: client
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: client
    image: localhost/penstock:dev
    imagePullPolicy: IfNotPresent
    command: [bash, -c, "while :; do read -rt 3600 <> <(:) || :; done"]
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


class Day2Test(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)
        self.apply(CLIENT)
        self.wait_ready("pod", "client")
        self.below_min_isr = []

    def wait_done(self, what):
        """Until the cluster is as its resource asks."""
        started = time.monotonic()

        def is_done():
            cluster = self.get("kafkacluster", "demo")
            count = cluster["status"].get("underMinISRPartitions", 0)
            if count:
                self.below_min_isr.append(count)
            return condition(cluster, "Ready").get("status") == "True"
        try:
            wait_until(is_done, SECONDS, what)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.get('kafkacluster', 'demo')['status']}") from None
        print(f"{what}: {time.monotonic() - started:.1f} s", flush=True)

    def test_a_changed_configuration_and_a_fourth_broker_that_comes_and_goes(self):
        before = self.uids()
        writer = ConsoleWriter(self.namespace, "client", "--bootstrap-server", "demo-bootstrap:9092")
        try:
            wait_until(lambda: writer.count >= 200, 60, "records are written")
            self.patch("kafkacluster", "demo", {"config": {"log.retention.hours": 48}})
            self.wait_done("three brokers restarted")
            after = self.uids()
            self.assertEqual([name for name, uid in before.items() if after[name] == uid], [])
            self.patch("kafkacluster", "demo", {"replicas": 4})
            self.wait_done("from three to four brokers")
            self.topics_tool("--create", "--topic", "more", "--partitions", "12", "--replication-factor", "3")
            self.patch("kafkacluster", "demo", {"replicas": 3})
            self.wait_done("from four to three brokers")
            self.assertEqual(set(self.uids()), set(before))
        finally:
            status, error = writer.stop()
        self.assertEqual(status, 0, error)
        self.assertEqual(self.below_min_isr, [])
        print(f"{writer.count} records", flush=True)
        self.assertEqual(self.consume(writer.count), records(writer.count))

    def voters(self):
        return set(self.get("kafkacluster", "demo")["status"]["voters"])

    def test_three_brokers_become_one_and_three_again(self):
        writer = ConsoleWriter(self.namespace, "client", "--bootstrap-server", "demo-bootstrap:9092")
        try:
            wait_until(lambda: writer.count >= 200, 60, "records are written")
            self.patch("kafkacluster", "demo", {"replicas": 1})
            wait_until(lambda: condition(self.get("kafkacluster", "demo"), "Ready").get("reason") == "ScaleDownRefused", 60,
                       "a refusal")
            self.patch("kafkatopic", "test", {"replicationFactor": 1, "minInSyncReplicas": 1})
            self.wait_done("from three brokers to one")
            self.assertEqual(set(self.uids()), {"demo-0"})
            wait_until(lambda: self.voters() == {0}, 60, "one voter")
            self.patch("kafkacluster", "demo", {"replicas": 3})
            self.wait_done("from one broker to three")
            wait_until(lambda: self.voters() == {0, 1, 2}, 60, "three voters")
        finally:
            status, error = writer.stop()
        self.assertEqual(status, 0, error)
        print(f"{writer.count} records", flush=True)
        self.assertEqual(self.consume(writer.count), records(writer.count))


if __name__ == "__main__":
    unittest.main(verbosity=2)
