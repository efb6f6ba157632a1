"""A cluster on the local runtime, as the quickstart runs it: at localhost:9092, so nothing else may listen there."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from penstock import BIN, run, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 60


class LocalClusterTest(unittest.TestCase):
    """manifests/quickstart.yaml in a home of its own; `self.manifests` is kept applied."""
    maxDiff = None
    changes = ()  # What is first applied differs from the manifest by these: (text, other text).
    bootstrap = "localhost:9092"  # So that it can stand for a broker where one is asked.

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="penstock-quickstart-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.manifests = self.home / "manifests"
        self.manifests.mkdir()
        self.cluster_text, self.topic_text = (ROOT / "manifests" / "quickstart.yaml").read_text().split("---\n")
        self.cluster_file, self.topic_file = self.manifests / "cluster.yaml", self.manifests / "topic.yaml"
        for path, text in ((self.cluster_file, self.cluster_text), (self.topic_file, self.topic_text)):
            for old, new in self.changes:
                text = text.replace(old, new)
            path.write_text(text)
        self.processes = {}
        self.addCleanup(self.stop)
        self.start_local()
        self.start_operator()
        self.wait_ready()

    def start(self, name, *arguments):
        with open(self.home / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen([BIN / name, *map(str, arguments)], stdout=log, stderr=log)

    def start_local(self):
        self.start("penstock-local", "--home", self.home, "--manifests", self.manifests)
        wait_until(lambda: (self.home / "kubeconfig").exists(), 20, "penstock-local serves")

    def start_operator(self):
        self.start("penstock-operator", "--kubeconfig", self.home / "kubeconfig", "--health", "127.0.0.1:0")

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self):
        for name in ("penstock-operator", "penstock-local"):
            if name in self.processes:
                self.processes[name].send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            self.assertEqual(process.wait(timeout=90), 0, name)

    def logs(self):
        paths = [*self.home.glob("*.log"), *self.home.glob("logs/*.log")]
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-2000:]}" for p in paths)

    def status(self):
        done = run([BIN / "penstock", "status", "--kubeconfig", self.home / "kubeconfig", "-o", "json"], check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"clusters": [], "topics": []}

    def is_ready(self):
        status = self.status()
        return (status["clusters"] and status["topics"]
                and all(i["ready"] for i in status["clusters"] + status["topics"]))

    def wait_ready(self, seconds=READY_SECONDS):
        try:
            wait_until(self.is_ready, seconds, "cluster and topic are ready")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.status()}\n{self.logs()}") from None

    def brokers(self):
        return {broker["id"]: broker for broker in self.status()["clusters"][0]["brokers"]}

    def kill_broker(self, node):
        """By its process; penstock-local starts another. Gives the id of the one that was."""
        pid = self.brokers()[node]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, node, pid):
        def is_back():
            broker = self.brokers()[node]
            return broker["ready"] and broker["pid"] != pid
        wait_until(is_back, READY_SECONDS, f"another broker {node}")

    def write(self, path, text):
        """A manifest at once: a file that is empty for a moment would delete what was in it."""
        new = self.home / "new.yaml"
        new.write_text(text)
        os.replace(new, path)
