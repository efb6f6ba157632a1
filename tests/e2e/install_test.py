#!/usr/bin/env python3
"""Every way to install the operator: the chart for all namespaces and for some, and the manifest for its own.

The installation that was there is taken away first and is back afterwards.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import ONE_BROKER, OPERATOR_NAMESPACE, ROOT, NamespaceTest, kubectl, records, wait_until  # noqa: E402

CHART = ROOT / "charts/penstock-operator"
INSTALL = ROOT / "manifests/install.yaml"
HOME = pathlib.Path(os.environ.get("PENSTOCK_NODE_HOME", "/var/lib/penstock-node"))
OPERATOR = "penstock-operator"
KINDS = ("kafkaclusters.penstock.dev", "kafkatopics.penstock.dev")


def helm(*arguments, check=True):
    done = subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True, timeout=240)
    if check and done.returncode != 0:
        raise AssertionError(f"helm {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def remove_kinds():
    """Without an operator nobody else lets topics go."""
    for line in kubectl("get", "kafkatopics", "-A", "--no-headers", check=False).stdout.splitlines():
        namespace, name, *_ = line.split()
        kubectl("-n", namespace, "patch", "kafkatopic", name, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    kubectl("delete", "crd", *KINDS, "--ignore-not-found", "--timeout=60s")


class InstallTest(NamespaceTest):
    """Begins without an operator and without the kinds; `self.system` is a restricted namespace for an operator."""

    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.reinstall)
        kubectl("delete", "deployment", OPERATOR, "-n", OPERATOR_NAMESPACE, "--ignore-not-found", "--timeout=60s")

    @staticmethod
    def reinstall():
        kubectl("apply", "-f", INSTALL)
        kubectl("-n", OPERATOR_NAMESPACE, "rollout", "status", f"deployment/{OPERATOR}", "--timeout=120s", timeout=130)

    def setUp(self):
        super().setUp()
        self.system = f"{self.namespace}-system"
        self.create_namespace(self.system)
        remove_kinds()
        # Before the namespaces are deleted.
        self.addCleanup(remove_kinds)

    def kinds(self):
        return kubectl("get", "crd", *KINDS, "-o", "name", check=False).stdout.split()

    def can(self, verb, resource, namespace):
        """Whether the operator's service account may."""
        done = kubectl("-n", namespace, "auth", "can-i", verb, resource,
                       f"--as=system:serviceaccount:{self.system}:{OPERATOR}", check=False)
        return done.stdout.strip() == "yes"

    def wait_for_operator(self):
        kubectl("-n", self.system, "rollout", "status", f"deployment/{OPERATOR}", "--timeout=60s")

    def check_that_it_leaves_other_namespaces_alone(self):
        self.assertTrue(self.can("create", "statefulsets.apps", self.namespace))
        self.assertFalse(self.can("delete", "persistentvolumeclaims", self.namespace))
        # One by its name, that of the brokers' admin ports; it cannot look for others.
        self.assertFalse(self.can("list", "secrets", self.namespace))
        self.assertFalse(self.can("patch", "secrets", self.namespace))
        other = f"{self.namespace}-other"
        self.create_namespace(other)
        self.addCleanup(remove_kinds)
        self.assertFalse(self.can("list", "pods", other))
        self.assertFalse(self.can("get", "secrets", other))
        kubectl("-n", other, "apply", "-f", "-", stdin=ONE_BROKER)
        self.start_cluster()
        # Younger than this one, and still nobody has looked at it.
        ready = json.loads(kubectl("-n", other, "get", "kcl", "demo", "-o", "json").stdout)["status"]["conditions"][0]
        self.assertEqual((ready["type"], ready["status"], ready["reason"]), ("Ready", "Unknown", "Pending"))


@unittest.skipUnless(shutil.which("helm"), "there is no helm")
class ChartTest(InstallTest):
    def install(self, *arguments):
        helm("upgrade", "--install", OPERATOR, CHART, "-n", self.system, "--wait", "--timeout=120s", *arguments)
        self.addCleanup(helm, "uninstall", OPERATOR, "-n", self.system, "--ignore-not-found", "--wait")

    def test_values_are_checked(self):
        helm("lint", "--strict", CHART)
        every = {"replicaCount": 2, "image": {"digest": "sha256:" + "0" * 64}, "watchNamespaces": ["a", "b"],
                 "podDisruptionBudget": {"create": True}, "imagePullSecrets": [{"name": "registry"}],
                 "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}], "priorityClassName": "high",
                 "affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 1}],
                 "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"}, "extraEnv": [{"name": "A", "value": "b"}],
                 "serviceAccount": {"annotations": {"a": "b"}}, "fullnameOverride": "other", "logLevel": "debug"}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as values:
            json.dump(every, values)
            values.flush()
            helm("lint", "--strict", CHART, "-f", values.name)
            rendered = helm("template", "x", CHART, "-f", values.name, "--kube-version=1.34.0").stdout
        self.assertIn("localhost/penstock@sha256:0", rendered)
        self.assertIn("--namespace=a,b", rendered)
        self.assertNotIn("ClusterRole", rendered)
        for wrong in ("replicaCounts=2", "image.tga=dev", "logLevel=loud", "watchNamespaces={A}"):
            refused = helm("template", "x", CHART, "--kube-version=1.34.0", "--set", wrong, check=False)
            self.assertNotEqual(refused.returncode, 0, wrong)
            self.assertIn("schema", refused.stderr)

    def test_installed_upgraded_and_uninstalled(self):
        self.install()
        self.assertIn("kubectl -n default port-forward", helm("get", "notes", OPERATOR, "-n", self.system).stdout)
        self.start_cluster()
        self.produce(10)
        self.install("--set", "replicaCount=2", "--set", "podDisruptionBudget.create=true")
        deployment = json.loads(kubectl("-n", self.system, "get", "deployment", OPERATOR, "-o", "json").stdout)
        self.assertEqual(deployment["status"]["readyReplicas"], 2)
        self.patch("kafkatopic", "test", {"partitions": 6})
        self.wait_ready("kafkatopic", "test")
        helm("uninstall", OPERATOR, "-n", self.system, "--wait")
        # The resources and what they run stay, and the next release takes them up.
        self.assertEqual(len(self.kinds()), 2)
        self.assertEqual(self.consume(10), records(10))
        self.install()
        self.patch("kafkatopic", "test", {"config": {"retention.ms": 3600000}})
        self.wait_ready("kafkatopic", "test")
        self.assertIn("retention.ms=3600000", self.describe("test"))
        self.kubectl("delete", "kafkatopic/test", "kafkacluster/demo", "--timeout=60s")

    def test_for_some_namespaces(self):
        kubectl("apply", "-f", ROOT / "crds")
        self.install("--set", "crds.create=false", "--set", f"watchNamespaces={{{self.namespace},{self.system}}}")
        self.check_that_it_leaves_other_namespaces_alone()


class NamespacedTest(InstallTest):
    def test_the_manifest_for_its_own_namespace(self):
        kubectl("apply", "-f", ROOT / "crds")
        self.system = self.namespace
        manifest = (ROOT / "manifests/install-namespaced.yaml").read_text().replace("penstock-system", self.namespace)
        self.assertNotIn("kind: ClusterRole", manifest)
        kubectl("apply", "-f", "-", stdin=manifest)
        self.wait_for_operator()
        self.check_that_it_leaves_other_namespaces_alone()


@unittest.skipUnless((HOME / "run/logs/audit.log").exists(), "not a cluster of tests/e2e/cluster")
class RightsTest(NamespaceTest):
    def refusals(self):
        """What the operator asked for and had no right to."""
        refused = set()
        for line in (HOME / "run/logs/audit.log").read_text().splitlines():
            event = json.loads(line)
            if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid":
                refused.add((event["verb"], event["requestURI"].partition("?")[0]))
        return refused

    def test_no_right_is_missing(self):
        self.start_cluster()
        self.patch("kafkacluster", "demo", {"config": {"log.retention.hours": 24}})
        self.wait_ready("kafkacluster", "demo")
        self.patch("kafkatopic", "test", {"partitions": 6})
        self.wait_ready("kafkatopic", "test")
        self.kubectl("delete", "kafkatopic/test", "kafkacluster/demo", "--timeout=60s")
        wait_until(lambda: not self.items("statefulset"), 60, "the cluster is gone")
        self.assertEqual(self.refusals(), set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
