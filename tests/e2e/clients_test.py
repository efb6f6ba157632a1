#!/usr/bin/env python3
"""What people type: kcat through a port-forward, Kafka's tools in the pod."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, NamespaceTest, kcat, records, wait_until  # noqa: E402


class ClientsTest(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)

    def test_kcat_through_a_port_for_each_broker(self):
        with self.port_forward(3) as address:
            kcat(address, "-P", "-t", "test", "-K:", "-H", "source=e2e", stdin="a:1\nb:2\n")
            read = kcat(address, "-C", "-t", "test", "-e", "-q", "-f", "%k=%s %h\n")
            self.assertEqual(sorted(read.split("\n")[:-1]), ["a=1 source=e2e", "b=2 source=e2e"])
            listed = kcat(address, "-L")
            self.assertIn('topic "test" with 3 partitions', listed)
            for i in range(3):
                self.assertIn(f"broker {i} at localhost:{9092 + i}", listed)
            # The forward of a pod that went away is there again with the pod.
            self.kubectl("delete", "pod", "demo-1")
            self.wait_ready("kafkacluster", "demo")
            wait_until(lambda: "broker 1 at" in kcat("localhost:9093", "-L", check=False), 60, "the port of demo-1")

    def test_the_tools_in_the_pod(self):
        listed = self.in_pod("unset JMX_PORT && /opt/kafka/bin/kafka-topics.sh --create --topic t3 --partitions 3 "
                             "--replication-factor 3 && /opt/kafka/bin/kafka-topics.sh --list").stdout
        self.assertIn("t3\n", listed)
        self.assertIn("test\n", listed)
        self.produce(20, topic="t3")
        self.assertEqual(self.consume(20, topic="t3"), records(20))


if __name__ == "__main__":
    unittest.main(verbosity=2)
