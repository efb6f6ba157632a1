"""The whole line on one machine: a manifest becomes a Kafka that kcat writes to and reads from, and stays one.

Uses localhost:9092, as people do, so nothing else may listen there.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from penstock import BIN, run, wait_until  # noqa: E402

BOOTSTRAP = "localhost:9092"


class QuickstartTest(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="penstock-quickstart-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.manifests = self.home / "manifests"
        self.manifests.mkdir()
        cluster, topic = (ROOT / "manifests" / "quickstart.yaml").read_text().split("---\n")
        (self.manifests / "cluster.yaml").write_text(cluster)
        self.topic_text = topic
        self.topic_file = self.manifests / "topic.yaml"
        self.topic_file.write_text(topic)
        self.processes = {}
        self.addCleanup(self.stop)
        self.start_local()
        self.start_operator()
        wait_until(self.is_ready, 60, f"cluster and topic are ready; see\n{self.logs()}")

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
            self.assertEqual(process.wait(timeout=60), 0, name)

    def logs(self):
        return "\n".join(p.read_text(errors="replace")[-2000:] for p in self.home.glob("*.log"))

    def status(self):
        done = run([BIN / "penstock", "status", "--kubeconfig", self.home / "kubeconfig", "-o", "json"], check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"clusters": [], "topics": []}

    def is_ready(self):
        status = self.status()
        return (status["clusters"] and status["topics"]
                and all(i["ready"] for i in status["clusters"] + status["topics"]))

    def broker(self):
        return self.status()["clusters"][0]["brokers"][0]

    def produce(self, *lines):
        run(["kcat", "-b", BOOTSTRAP, "-t", "test", "-P"], input_text="\n".join(lines) + "\n")

    def consume(self, bootstrap=BOOTSTRAP):
        return sorted(run(["kcat", "-b", bootstrap, "-t", "test", "-C", "-e", "-q"]).stdout.split())

    def partitions(self):
        listed = json.loads(run(["kcat", "-b", BOOTSTRAP, "-L", "-J", "-t", "test"]).stdout)
        return len(listed["topics"][0]["partitions"])

    def test_records_come_back_whatever_dies(self):
        self.produce("a", "b", "c")
        self.assertEqual(self.consume(), ["a", "b", "c"])
        self.assertEqual(self.status()["clusters"][0]["bootstrapServers"], BOOTSTRAP)
        before = self.broker()
        os.kill(before["pid"], signal.SIGKILL)
        wait_until(lambda: self.broker()["ready"] and self.broker()["pid"] != before["pid"], 30, "another broker")
        self.assertEqual(self.consume(), ["a", "b", "c"])
        before = self.broker()
        self.kill("penstock-operator")
        self.kill("penstock-local")
        self.assertEqual(self.consume(before["address"]), ["a", "b", "c"])
        self.start_local()
        self.start_operator()
        wait_until(self.is_ready, 30, "all is ready again")
        self.assertEqual(self.broker()["pid"], before["pid"])
        self.produce("d")
        self.assertEqual(self.consume(), ["a", "b", "c", "d"])

    def test_manifests_are_kept_applied(self):
        self.assertEqual(self.partitions(), 3)
        self.topic_file.write_text(self.topic_text.replace("partitions: 3", "partitions: many"))
        log = self.home / "penstock-local.log"
        wait_until(lambda: "topic.yaml: document 1, line" in log.read_text(), 60, "the mistake is named")
        self.assertIn("spec.partitions", log.read_text())
        self.assertEqual(self.partitions(), 3)
        self.topic_file.write_text(self.topic_text.replace("partitions: 3", "partitions: 6"))
        wait_until(lambda: self.partitions() == 6, 60, "six partitions")
        self.topic_file.unlink()
        wait_until(lambda: not self.status()["topics"], 60, "the topic's resource is gone")
        listed = json.loads(run(["kcat", "-b", BOOTSTRAP, "-L", "-J"]).stdout)
        self.assertNotIn("test", [t["topic"] for t in listed["topics"]])


if __name__ == "__main__":
    unittest.main()
