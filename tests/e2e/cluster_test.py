#!/usr/bin/env python3
"""Ten lines become a Kafka: what kubectl sees, what it leaves alone, what outlives it."""
import json
import re
import sys
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, OPERATOR_NAMESPACE, ROOT, TOPIC, NamespaceTest, kubectl, records, wait_until  # noqa: E402

OPERATOR_RSS_KIB_MAX = 30 * 1024
PODS_READY_SECONDS_MAX = 90


def fields_without_description(schema, path):
    if path and not schema.get("description"):
        yield path
    for name, field in schema.get("properties", {}).items():
        yield from fields_without_description(field, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict) and schema[inner].get("properties"):
            for name, field in schema[inner]["properties"].items():
                yield from fields_without_description(field, f"{path}[].{name}")


def condition_of(thing, kind):
    return any(each["type"] == kind and each["status"] == "True" for each in thing["status"]["conditions"])


class ClusterTest(NamespaceTest):
    def test_ten_lines_are_a_cluster_that_kubectl_understands(self):
        self.assertLessEqual(len(CLUSTER.strip().splitlines()), 10)
        started = time.monotonic()
        self.apply(CLUSTER)
        self.wait_ready("kafkacluster", "demo", PODS_READY_SECONDS_MAX)
        pods = self.items("pod", "-l", "penstock.dev/cluster=demo")
        self.assertEqual([pod["metadata"]["name"] for pod in pods if condition_of(pod, "Ready")],
                         ["demo-0", "demo-1", "demo-2"])
        print(f"three brokers are ready {time.monotonic() - started:.1f} s after the ten lines")
        self.apply(TOPIC)
        self.wait_ready("kafkatopic", "test")
        table = self.kubectl("get", "kcl").stdout
        self.assertRegex(table, r"demo +True +3 +3 ")
        # What somebody applied is not changed behind his back.
        self.assertEqual(self.kubectl("diff", "-f", str(ROOT / "manifests/examples/cluster.yaml")).stdout, "")
        for _ in range(2):
            self.apply(CLUSTER, "--server-side", "--field-manager=e2e", "--force-conflicts")
            self.apply(CLUSTER, "--server-side", "--field-manager=e2e")
        self.assertRegex(self.describe("test"), r"(?s)ReplicationFactor: 3.*min.insync.replicas=2")

    def test_a_change_is_ready_only_when_it_is_done(self):
        """Not because the last generation was."""
        self.start_cluster()
        self.patch("kafkacluster", "demo", {"topicDefaults": {"partitions": 2}})
        self.wait_ready("kafkacluster", "demo")
        cluster = self.get("kafkacluster", "demo")
        self.assertEqual(cluster["status"]["observedGeneration"], cluster["metadata"]["generation"])
        self.assertIn("num.partitions=2", self.in_pod("echo \"$(</etc/penstock/server.properties)\"").stdout)

    def test_nothing_is_written_when_nothing_changes(self):
        self.start_cluster()

        def versions():
            kinds = "kafkacluster,kafkatopic,statefulset,service,configmap,serviceaccount,poddisruptionbudget"
            return {f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
                    for item in self.items(kinds)}
        settled = wait_until(lambda: (lambda a, b: a if a == b else None)(versions(), versions()), 30, "it settles")
        # Each of these makes the operator look at everything once more.
        self.kubectl("annotate", "kafkacluster", "demo", "e2e/touched=1")
        self.kubectl("annotate", "kafkatopic", "test", "e2e/touched=1")
        self.produce(10)
        self.assertEqual(self.consume(10), records(10))
        now = versions()
        for name in ("KafkaCluster/demo", "KafkaTopic/test"):
            settled.pop(name), now.pop(name)
        self.assertEqual(now, settled)

    def test_data_outlives_its_pod_without_an_operator(self):
        self.start_cluster()
        self.produce(100)
        kubectl("-n", OPERATOR_NAMESPACE, "scale", "deployment/penstock-operator", "--replicas=0")
        try:
            kubectl("-n", OPERATOR_NAMESPACE, "wait", "--for=delete", "pod", "-l",
                    "app.kubernetes.io/name=penstock-operator", "--timeout=60s")
            self.kubectl("delete", "pod", "demo-0", "--wait=false")
            before = self.get("pod", "demo-0")["metadata"]["uid"]
            wait_until(lambda: (self.get("pod", "demo-0") or {"metadata": {"uid": before}})["metadata"]["uid"] != before,
                       60, "a new pod")
            self.wait_ready("pod", "demo-0")
            self.assertEqual(self.consume(100), records(100))
        finally:
            kubectl("-n", OPERATOR_NAMESPACE, "scale", "deployment/penstock-operator", "--replicas=1")
        kubectl("-n", OPERATOR_NAMESPACE, "rollout", "status", "deployment/penstock-operator", "--timeout=60s")
        self.patch("kafkatopic", "test", {"partitions": 6})
        self.wait_ready("kafkatopic", "test")
        self.assertIn("PartitionCount: 6", self.describe("test"))

    def test_volumes_stay_unless_the_resource_asks(self):
        self.start_cluster()
        self.produce(10)
        cluster_id = self.get("kafkacluster", "demo")["status"]["clusterId"]
        self.kubectl("delete", "kafkacluster", "demo", "--timeout=60s")
        self.wait_gone("statefulset", "demo")
        self.assertEqual([claim["metadata"]["name"] for claim in self.items("pvc")], ["data-demo-0"])
        # Made again, it takes up what is there.
        self.wait_gone("pod", "demo-0")
        self.start_cluster()
        self.assertEqual(self.get("kafkacluster", "demo")["status"]["clusterId"], cluster_id)
        self.assertEqual(self.consume(10), records(10))

    def test_the_operator_is_small(self):
        self.start_cluster()
        out = kubectl("-n", OPERATOR_NAMESPACE, "exec", "deploy/penstock-operator", "--", "bash", "-c",
                      "while read -r line; do echo \"$line\"; done </proc/1/status").stdout
        rss_kib = int(re.search(r"VmRSS:\s+(\d+) kB", out)[1])
        print(f"operator: {rss_kib} KiB RSS")
        self.assertLessEqual(rss_kib, OPERATOR_RSS_KIB_MAX)


class SchemaTest(unittest.TestCase):
    def test_kubectl_explains_every_field(self):
        for kind in ("kafkaclusters", "kafkatopics"):
            crd = json.loads(kubectl("get", "crd", f"{kind}.penstock.dev", "-o", "json").stdout)
            self.assertLess(len(json.dumps(crd["spec"])), 200_000)
            for version in crd["spec"]["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                schema["properties"] = {name: schema["properties"][name] for name in ("spec", "status")}
                self.assertEqual(list(fields_without_description(schema, "")), [])
            for field in ("spec", "status"):
                explained = kubectl("explain", f"{kind}.{field}", "--recursive").stdout
                self.assertNotIn("<no description>", explained)


if __name__ == "__main__":
    unittest.main(verbosity=2)
