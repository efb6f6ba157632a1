#!/usr/bin/env python3
"""Every write of the operator is its last: each one is killed after its first, and the next goes on. It ends the same.

What an operator leaves behind after any number of writes is in the API alone, so this is each of these states once. It runs beside the cluster, as a process behind a proxy that counts; the installed one is at 0 replicas meanwhile.
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
import time
import unittest
import urllib.request

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from faulty_proxy import Cut, FaultyProxy, LoseAnswer, Reset  # noqa: E402
from kubernetes import (CLUSTER, OPERATOR_NAMESPACE, ROOT, TOPIC, NamespaceTest, condition, free_port,  # noqa: E402
                        kubectl, wait_until)

BIN = pathlib.Path(os.environ.get("PENSTOCK_BIN", ROOT / "build/release/bin")).resolve()
CHILDREN = "configmap,secret,service,serviceaccount,statefulset,poddisruptionbudget,pod,persistentvolumeclaim"
# What the namespace has by itself.
NOT_OURS = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}
PHASE_SECONDS = 180
# No phase may need as many writes: the operator would be writing again and again.
WRITES_MAX = 80


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

    def finish(self, goal, what, dies):
        """Until the goal is reached: by one operator, or by many, each of which is killed after its first write. Returns
        after how many writes one was killed."""
        if not dies:
            self.start()
            wait_until(goal, PHASE_SECONDS, lambda: f"{what}: {self.log_tail()}")
            self.kill()
            return 0
        written = []
        end = time.monotonic() + PHASE_SECONDS
        while not goal():
            self.start(writes=1)
            wait_until(lambda: self.proxy.is_over.is_set() or goal(), max(end - time.monotonic(), 1),
                       lambda: f"{what} after {written}: {self.log_tail()}")
            self.kill()
            written += self.proxy.writes
            self.assertLess(len(written), WRITES_MAX, f"{what}: there is no end of writes: {written}")
        return len(written)

    def is_ready(self, partitions):
        topic = self.get("kafkatopic", "test")
        return (topic["status"].get("partitions") == partitions and
                all(condition(thing, "Ready").get("status") == "True"
                    for thing in (topic, self.get("kafkacluster", "demo"))))

    def children(self):
        return {f"{item['kind']}/{item['metadata']['name']}" for item in self.items(CHILDREN)} - NOT_OURS

    def check_that_a_pass_writes_nothing(self):
        """Once the brokers have nothing new to tell."""
        def is_silent():
            self.start()
            wait_until(self.has_passed, 60, "a pass over each")
            self.kill()
            return not self.proxy.writes
        wait_until(is_silent, 60, lambda: f"a pass writes nothing, but {self.proxy.writes}")

    def check_identity(self):
        expected = self.get("configmap", "demo-identity")["data"]["clusterId"]
        self.assertEqual(self.get("kafkacluster", "demo")["status"]["clusterId"], expected)
        self.assertIn(expected, self.get("pvc", "data-demo-0")["metadata"]["annotations"].values())

    def live(self, dies):
        """A cluster and its topic made, changed and deleted. Returns what there was, and how many operators died."""
        self.apply(CLUSTER)
        self.apply(TOPIC)
        deaths = {"made": self.finish(lambda: self.is_ready(3), "made", dies)}
        self.check_that_a_pass_writes_nothing()
        self.check_identity()
        children = self.children()
        self.patch("kafkatopic", "test", {"partitions": 6, "config": {"retention.ms": 3600000}})
        deaths["changed"] = self.finish(lambda: self.is_ready(6), "six partitions", dies)
        self.check_that_a_pass_writes_nothing()
        self.assertRegex(self.describe("test"), r"PartitionCount: 6.*retention\.ms=3600000")
        self.kubectl("delete", "kafkatopic", "test", "--wait=false")
        deaths["topic deleted"] = self.finish(lambda: self.get("kafkatopic", "test") is None, "topic deleted", dies)
        self.assertNotIn("PartitionCount", self.describe("test"))
        self.assertEqual(self.children(), children)
        self.kubectl("delete", "kafkacluster", "demo", "--wait=false")
        kept = {f"PersistentVolumeClaim/data-demo-{i}" for i in range(3)}
        deaths["cluster deleted"] = self.finish(lambda: self.children() == kept, "cluster deleted", dies)
        return children, deaths

    def test_every_write_may_be_the_last(self):
        begin = time.monotonic()
        expected, _ = self.live(dies=False)
        whole = time.monotonic()
        # Another namespace: nothing of the round before is there.
        self.namespace += "-dies"
        self.create_namespace(self.namespace)
        children, deaths = self.live(dies=True)
        self.assertEqual(children, expected)
        print(f"killed after each write: {deaths}; {time.monotonic() - whole:.0f} s, without kills {whole - begin:.0f} s")
        made = [child for child in children if not child.startswith(("Pod/", "PersistentVolumeClaim/"))]
        self.assertGreaterEqual(deaths["made"], len(made), made)


if __name__ == "__main__":
    unittest.main(verbosity=2)
