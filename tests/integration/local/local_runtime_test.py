"""penstock-local runs pods as processes that outlive it, and cleans up what is deleted. Driven over plain HTTP."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from penstock import BIN, free_port, wait_until  # noqa: E402

PODS = "/api/v1/namespaces/default/pods"
SETS = "/apis/apps/v1/namespaces/default/statefulsets"
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open(sys.argv[3], 'rb').read())
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


class LocalRuntimeTest(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="penstock-local-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.port = free_port()
        self.service_port = free_port()
        self.process = None
        self.start()
        self.addCleanup(self.stop)

    def start(self):
        with open(self.home / "local.log", "ab") as log:
            self.process = subprocess.Popen([BIN / "penstock-local", "--home", self.home], stdout=log, stderr=log)
        config = self.home / "kubeconfig"
        wait_until(lambda: config.exists() and self.answers(), 20, "the API")

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.process.wait(timeout=60), 0)
            self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()

    @property
    def server(self):
        return re.search(r"http://[0-9.:]+", (self.home / "kubeconfig").read_text()).group()

    def call(self, method, path, body=None, content_type="application/json", headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, {"Content-Type": content_type, **(headers or {})},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def answers(self):
        try:
            return self.call("GET", "/version")[0] == 200
        except OSError:
            return False

    def make_set(self, replicas=1):
        (self.home / "server.py").write_text(SERVER)
        self.call("POST", "/api/v1/namespaces/default/configmaps",
                  {"metadata": {"name": "web"}, "data": {"file": "peer web-0.web.default.svc under /data"}})
        container = {"name": "web", "command": [sys.executable, str(self.home / "server.py")],
                     "args": ["$(POD_IP)", str(self.port), "/etc/web/file"],
                     "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                     "readinessProbe": {"httpGet": {"path": "/", "port": self.port}, "periodSeconds": 1},
                     "volumeMounts": [{"name": "config", "mountPath": "/etc/web"},
                                      {"name": "data", "mountPath": "/data"}]}
        labels = {"app": "web"}
        status, made = self.call("POST", SETS, {
            "metadata": {"name": "web"},
            "spec": {"serviceName": "web", "replicas": replicas, "podManagementPolicy": "Parallel",
                     "updateStrategy": {"type": "OnDelete"}, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [container], "terminationGracePeriodSeconds": 5,
                                           "volumes": [{"name": "config", "configMap": {"name": "web"}}]}},
                     "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}})
        self.assertEqual(status, 201, made)
        self.call("POST", "/api/v1/namespaces/default/services",
                  {"metadata": {"name": "web"},
                   "spec": {"selector": labels, "ports": [{"port": self.service_port, "targetPort": self.port}]}})
        wait_until(lambda: len(self.ready_pids()) == replicas, 30, "pods are ready")

    def pids(self):
        pods = self.call("GET", PODS)[1]["items"]
        return {p["metadata"]["name"]: int(p["metadata"]["annotations"].get("penstock.dev/pid") or 0) for p in pods
                if "annotations" in p["metadata"]}

    def ready_pids(self):
        pods = self.call("GET", PODS)[1]["items"]
        return {p["metadata"]["name"]: int(p["metadata"]["annotations"]["penstock.dev/pid"]) for p in pods
                if p["metadata"].get("annotations", {}).get("penstock.dev/pid")
                and any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"])}

    def fetch(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.service_port}/", timeout=10) as reply:
            return reply.read().decode()

    def test_a_pod_sees_this_machine(self):
        self.make_set()
        volume = self.home / "volumes" / "default" / "data-web-0"
        self.assertEqual(self.fetch(), f"peer 127.0.0.2 under {volume}")
        self.assertTrue(volume.is_dir())

    def test_a_killed_process_comes_back(self):
        self.make_set()
        for _ in range(3):
            before = self.ready_pids()["web-0"]
            os.kill(before, signal.SIGKILL)
            wait_until(lambda: self.ready_pids().get("web-0", before) != before, 60, "another process")
        pod = self.call("GET", PODS + "/web-0")[1]
        self.assertEqual(pod["status"]["containerStatuses"][0]["restartCount"], 3)

    def test_processes_outlive_it_and_are_taken_up_again(self):
        self.make_set(replicas=2)
        before = self.ready_pids()
        self.kill()
        for pid in before.values():
            os.kill(pid, 0)  # Raises when it is gone.
        self.start()
        wait_until(lambda: self.ready_pids() == before, 20, "the same processes")
        self.assertIn("peer", self.fetch())
        # Its end is seen although it is no child of the new one.
        os.kill(before["web-1"], signal.SIGKILL)
        wait_until(lambda: self.ready_pids().get("web-1", before["web-1"]) != before["web-1"], 60, "another process")

    def test_deletion_ends_processes_and_leaves_data(self):
        self.make_set(replicas=2)
        pids = self.ready_pids().values()
        self.assertEqual(self.call("DELETE", SETS + "/web")[0], 200)
        wait_until(lambda: not self.call("GET", PODS)[1]["items"], 20, "the pods are gone")
        for pid in pids:
            self.assertRaises(ProcessLookupError, os.kill, pid, 0)
        self.assertTrue((self.home / "volumes/default/data-web-0").is_dir())
        self.call("DELETE", "/api/v1/namespaces/default/persistentvolumeclaims/data-web-0")
        wait_until(lambda: not (self.home / "volumes/default/data-web-0").exists(), 60, "the volume is gone")

    def test_scale_down_removes_the_highest(self):
        self.make_set(replicas=2)
        status, scale = self.call("PATCH", SETS + "/web/scale", {"spec": {"replicas": 1}},
                                  "application/merge-patch+json")
        self.assertEqual((status, scale["spec"]["replicas"]), (200, 1))
        wait_until(lambda: list(self.pids()) == ["web-0"], 20, "one pod is left")

    def test_invalid_topics_and_foreign_pages_are_refused(self):
        topic = {"apiVersion": "penstock.dev/v1alpha1", "kind": "KafkaTopic", "metadata": {"name": "t"},
                 "spec": {"clusterRef": {"name": "demo"}, "partitions": 0}}
        path = "/apis/penstock.dev/v1alpha1/namespaces/default/kafkatopics"
        status, reply = self.call("POST", path, topic)
        self.assertEqual((status, reply["reason"]), (422, "Invalid"))
        self.assertIn("spec.partitions", reply["message"])
        self.assertEqual(self.call("GET", path, headers={"Origin": "http://example.org"})[0], 403)


if __name__ == "__main__":
    unittest.main()
