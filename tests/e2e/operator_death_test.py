#!/usr/bin/env python3
"""The operator is killed after its first, second, third ... write of everything that it does: it ends the same.

It runs beside the cluster, as a process behind a proxy that counts; the installed one is at 0 replicas meanwhile.
"""
import base64
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from faulty_proxy import Cut, FaultyProxy, LoseAnswer, Reset  # noqa: E402
from kubernetes import (ONE_BROKER, OPERATOR_NAMESPACE, ROOT, TOPIC, NamespaceTest, condition, free_port,  # noqa: E402
                        kubectl, wait_until)

BIN = pathlib.Path(os.environ.get("PENSTOCK_BIN", ROOT / "build/release/bin")).resolve()
CHILDREN = "configmap,secret,service,serviceaccount,statefulset,poddisruptionbudget,pod,persistentvolumeclaim"
# What the namespace has by itself.
NOT_OURS = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
PHASE_SECONDS = 90
# No phase may need as many writes: the operator would be writing again and again.
WRITES_MAX = 40


def kubeconfig_data(name):
    config = json.loads(kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json").stdout)
    entry = {**config["clusters"][0]["cluster"], **config["users"][0]["user"]}
    return base64.b64decode(entry[name]) if name.endswith("-data") else entry[name]


class KillingProxy(FaultyProxy):
    """Counts writes, events and leases aside. The last that is allowed is done but not answered; then nothing is."""

    def allow(self, writes):
        """`writes`: None for any number."""
        self.writes, self.left, self.last, self.is_over = [], writes, None, threading.Event()

    def _fault_for(self, request):
        if self.left == 0:
            return Cut()
        path = request.target.partition("?")[0]
        if request.method == "GET" or re.search(r"/(events|leases)(/|$)", path):
            return None
        self.writes.append(f"{request.method} {path}")
        if self.left is None:
            return None
        self.left -= 1
        if self.left > 0:
            return None
        self.last = request
        return LoseAnswer()

    async def _answer(self, request, reader, writer):
        try:
            return await super()._answer(request, reader, writer)
        except Reset:
            if request is self.last:
                self.is_over.set()
            raise


class OperatorDeathTest(NamespaceTest):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(kubectl, "-n", OPERATOR_NAMESPACE, "scale", "deployment/penstock-operator", "--replicas=1")
        kubectl("-n", OPERATOR_NAMESPACE, "scale", "deployment/penstock-operator", "--replicas=0")
        kubectl("-n", OPERATOR_NAMESPACE, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=penstock-operator",
                "--timeout=60s")
        server = re.fullmatch(r"https://([^:/]+):(\d+)", kubeconfig_data("server"))
        tls = ssl.create_default_context(cadata=kubeconfig_data("certificate-authority-data").decode())
        with tempfile.NamedTemporaryFile() as identity:
            identity.write(kubeconfig_data("client-certificate-data") + b"\n" + kubeconfig_data("client-key-data"))
            identity.flush()
            tls.load_cert_chain(identity.name)
        cls.proxy = KillingProxy((server[1], int(server[2])), upstream_tls=tls)
        cls.proxy.allow(None)
        cls.proxy.start()
        cls.addClassCleanup(cls.proxy.stop)
        cls.config = tempfile.NamedTemporaryFile("w", suffix=".json")
        cls.addClassCleanup(cls.config.close)
        json.dump({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                   "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{cls.proxy.port}"}}],
                   "users": [{"name": "u", "user": {}}]}, cls.config)
        cls.config.flush()

    def setUp(self):
        super().setUp()
        self.operator = None
        self.log = tempfile.TemporaryFile("w+")
        self.addCleanup(self.log.close)
        self.addCleanup(self.kill)

    def create_namespace(self, name):
        """Deleted without waiting: the finalizers need an operator, and that is back only at the end."""
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        self.addCleanup(kubectl, "delete", "namespace", name, "--ignore-not-found", "--wait=false")

    def start(self, writes=None):
        self.proxy.allow(writes)
        self.health_port = free_port()
        self.operator = subprocess.Popen(
            [BIN / "penstock-operator", "--kubeconfig", self.config.name, "--namespace", self.namespace,
             "--health", f"127.0.0.1:{self.health_port}"], stdout=self.log, stderr=self.log)

    def kill(self):
        if self.operator:
            self.operator.kill()
            self.operator.wait()
            self.operator = None

    def log_tail(self):
        self.log.seek(0)
        return self.log.read()[-3000:]

    def has_passed(self):
        """Whether the operator that runs has been over the cluster and over the topic."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as reply:
                text = reply.read().decode()
        except OSError:
            return False
        found = re.findall(r'reconcile_total{controller="(\w+)",result="(?:success|requeue_after)"} [1-9]', text)
        return len(set(found)) == 2

    def finish_despite_a_kill(self, writes, goal, what):
        """Whether the operator came as far as that many writes, and was killed there."""
        self.start(writes)
        wait_until(lambda: self.proxy.is_over.is_set() or goal(), PHASE_SECONDS, f"{what}: {self.log_tail()}")
        was_killed = self.proxy.is_over.is_set()
        self.kill()
        if was_killed:
            self.start()
            wait_until(goal, PHASE_SECONDS, f"{what} after a kill at write {writes}: {self.log_tail()}")
            self.kill()
        return was_killed

    def is_ready(self, partitions):
        topic = self.get("kafkatopic", "test")
        return (topic["status"].get("partitions") == partitions and
                all(condition(thing, "Ready").get("status") == "True"
                    for thing in (topic, self.get("kafkacluster", "demo"))))

    def children(self):
        return {f"{item['kind']}/{item['metadata']['name']}" for item in self.items(CHILDREN)} - NOT_OURS

    def check_that_a_pass_writes_nothing(self):
        self.start()
        wait_until(self.has_passed, 30, "a pass over each")
        self.kill()
        self.assertEqual(self.proxy.writes, [])

    def check_identity(self):
        expected = self.get("configmap", "demo-identity")["data"]["clusterId"]
        self.assertEqual(self.get("kafkacluster", "demo")["status"]["clusterId"], expected)
        self.assertIn(expected, self.get("pvc", "data-demo-0")["metadata"]["annotations"].values())

    def live_once(self, writes):
        """A cluster and its topic made, changed and deleted, with a kill in each phase; whether there was one."""
        self.apply(ONE_BROKER)
        self.apply(TOPIC)
        killed = [self.finish_despite_a_kill(writes, lambda: self.is_ready(3), "ready")]
        self.check_that_a_pass_writes_nothing()
        self.check_identity()
        children = self.children()
        self.patch("kafkatopic", "test", {"partitions": 6, "config": {"retention.ms": 3600000}})
        killed.append(self.finish_despite_a_kill(writes, lambda: self.is_ready(6), "six partitions"))
        self.check_that_a_pass_writes_nothing()
        self.assertRegex(self.describe("test"), r"PartitionCount: 6.*retention\.ms=3600000")
        self.kubectl("delete", "kafkatopic", "test", "--wait=false")
        killed.append(self.finish_despite_a_kill(writes, lambda: self.get("kafkatopic", "test") is None, "topic deleted"))
        self.assertNotIn("PartitionCount", self.describe("test"))
        self.assertEqual(self.children(), children)
        self.kubectl("delete", "kafkacluster", "demo", "--wait=false")
        kept = {"PersistentVolumeClaim/data-demo-0"}
        killed.append(self.finish_despite_a_kill(writes, lambda: self.children() == kept, "cluster deleted"))
        return children, any(killed)

    def test_every_write_may_be_the_last(self):
        expected, _ = self.live_once(WRITES_MAX)
        for writes in range(1, WRITES_MAX):
            # Another namespace: nothing of the round before is there.
            self.namespace = f"{self.namespace.partition('-k')[0]}-k{writes}"
            self.create_namespace(self.namespace)
            children, was_killed = self.live_once(writes)
            self.assertEqual(children, expected)
            if not was_killed:
                print(f"killed after each of {writes - 1} writes")
                return
        self.fail(f"there is no end of writes: {self.proxy.writes}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
