"""An API server, a faulty proxy in front of it, and our client behind that.

The API server is penstock-local, or that of the kubeconfig in PENSTOCK_TEST_KUBECONFIG (client_test and
informer_test only; they use ConfigMaps with the label app=a in the namespace default).
"""
import base64
import itertools
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from faulty_proxy import FaultyProxy  # noqa: E402
from penstock import BIN, wait_until  # noqa: E402

PATIENCE = 60


def kubeconfig(server, cluster=None, user=None):
    return json.dumps({
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}]})


class Client:
    """penstock-test-kube: one command in, one answer out; what informers tell is kept in `changes`."""

    def __init__(self, *arguments, env=None):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BIN / "penstock-test-kube", *arguments], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=env)
        self.changes = []
        self._answers = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "informer" in message:
                self.changes.append(message)
            else:
                self._answers[message["id"]].put(message)

    def start(self, op, **fields):
        """A command that is under way; give what comes back to finish()."""
        with self._lock:
            number = next(self._ids)
            self._answers[number] = queue.Queue()
            self.process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
            self.process.stdin.flush()
        return number

    def finish(self, number, timeout=60):
        return self._answers[number].get(timeout=timeout)

    def call(self, op, **fields):
        return self.finish(self.start(op, **fields))

    def ok(self, op, **fields):
        answer = self.call(op, **fields)
        if "ok" not in answer:
            raise AssertionError(f"{op}: {answer}\n{self.log_text()}")
        return answer["ok"]

    def log_text(self):
        self.log.seek(0)
        return self.log.read()[-5000:]

    def stop(self):
        self.process.stdin.close()
        status = self.process.wait(timeout=60)
        text = self.log_text()
        self.log.close()
        self._reader.join()
        self.process.stdout.close()
        if status != 0:
            raise AssertionError(f"the client ended with {status}:\n{text}")


class KubeTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="penstock-kube-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.tls = None
        if "PENSTOCK_TEST_KUBECONFIG" in os.environ:
            self.use_cluster(os.environ["PENSTOCK_TEST_KUBECONFIG"])
        else:
            self.start_local()
        self.proxy = FaultyProxy(("127.0.0.1", self.port), upstream_tls=self.tls).start()
        self.addCleanup(self.proxy.stop)
        self.config = self.home / "proxied"
        self.config.write_text(kubeconfig(f"http://127.0.0.1:{self.proxy.port}"))
        try:
            wait_until(self.serves, PATIENCE, "the API server")
        except AssertionError as error:
            log = self.home / "local.log"
            raise AssertionError(f"{error}; its log: {log.read_text() if log.exists() else ''}") from None

    def start_local(self):
        with open(self.home / "local.log", "ab") as log:
            self.local = subprocess.Popen([BIN / "penstock-local", "--home", self.home], stdout=log, stderr=log)
        self.addCleanup(self.stop_local)
        wait_until((self.home / "kubeconfig").exists, PATIENCE, "the API server's kubeconfig")
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", (self.home / "kubeconfig").read_text())[1])

    def stop_local(self):
        self.local.send_signal(signal.SIGTERM)
        status = self.local.wait(timeout=60)
        self.assertEqual(status, 0, (self.home / "local.log").read_text())

    def use_cluster(self, config):
        """A server on 127.0.0.1 and a client certificate, both as data."""
        text = pathlib.Path(config).read_text()
        self.port = int(re.search(r"https://127\.0\.0\.1:(\d+)", text)[1])
        decoded = {name: base64.b64decode(re.search(name + "-data: *(\\S+)", text)[1]) for name in
                   ("certificate-authority", "client-certificate", "client-key")}
        identity = self.home / "identity.pem"
        identity.write_bytes(decoded["client-certificate"] + b"\n" + decoded["client-key"])
        self.tls = ssl.create_default_context(cadata=decoded["certificate-authority"].decode())
        self.tls.load_cert_chain(identity)
        self.addCleanup(self.server, "DELETE", "/api/v1/namespaces/default/configmaps?labelSelector=app%3Da")

    def serves(self):
        try:
            return self.server("GET", "/version")
        except OSError:
            return None

    def client(self, *arguments):
        client = Client("--kubeconfig", self.config, *arguments)
        self.addCleanup(client.stop)
        return client

    def server(self, method, path, body=None, content_type="application/json"):
        """The API server itself, not through the proxy."""
        request = urllib.request.Request(f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}",
                                         None if body is None else json.dumps(body).encode(),
                                         {"Content-Type": content_type}, method=method)
        with urllib.request.urlopen(request, timeout=10, context=self.tls) as reply:
            return json.load(reply)

    def put(self, name, value="1", namespace="default"):
        """A ConfigMap, created or changed; its version."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "a"}},
                "data": {"value": value}}
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}?fieldManager=test&force=true"
        return self.server("PATCH", path, body, "application/apply-patch+yaml")["metadata"]["resourceVersion"]

    def stored(self, namespace="default"):
        items = self.server("GET", f"/api/v1/namespaces/{namespace}/configmaps?labelSelector=app%3Da")["items"]
        return {f"{namespace}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}
