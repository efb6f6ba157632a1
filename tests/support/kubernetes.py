"""Talks to a Kubernetes through kubectl, for tests/e2e: namespaces of a test's own, waits, port-forwards.

The cluster is $KUBECONFIG's; Penstock's operator runs in it (tests/e2e/run sees to both).
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest
import uuid

from ports import free_port  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("PENSTOCK_BIN", ROOT / "build/release/bin"))
OPERATOR_NAMESPACE = "penstock-system"
READY_SECONDS = 60
# What one call may take on a busy machine.
CALL_SECONDS = 120
CLUSTER = (ROOT / "manifests/examples/cluster.yaml").read_text()
# What does not need three of them is tried with one: this machine is small.
ONE_BROKER = CLUSTER.replace("replicas: 3", "replicas: 1")
TOPIC = (ROOT / "manifests/examples/topic.yaml").read_text()


def kubectl(*arguments, stdin=None, check=True, timeout=CALL_SECONDS):
    done = subprocess.run(["kubectl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait_until(condition, seconds, what):
    """Polls until `condition` returns something true, and returns it. `what`: a text, or what makes it when it fails."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.2)


def condition(thing, kind):
    """The condition of that kind, if it is of the current generation."""
    for each in thing.get("status", {}).get("conditions", []):
        if each["type"] == kind and each.get("observedGeneration") == thing["metadata"]["generation"]:
            return each
    return {}


def kcat(address, *arguments, stdin=None, check=True):
    return subprocess.run(["kcat", "-b", address, *arguments], input=stdin, capture_output=True, text=True, check=check,
                          timeout=CALL_SECONDS).stdout


class NamespaceTest(unittest.TestCase):
    """Each test has a namespace that enforces the `restricted` Pod Security Standard."""

    def setUp(self):
        self.namespace = f"e2e-{uuid.uuid4().hex[:8]}"
        self.create_namespace(self.namespace)

    def create_namespace(self, name):
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        self.addCleanup(kubectl, "delete", "namespace", name, "--ignore-not-found", "--timeout=110s")

    # kubectl in the test's namespace.
    def kubectl(self, *arguments, **options):
        return kubectl("-n", self.namespace, *arguments, **options)

    def apply(self, manifest, *arguments, **options):
        return self.kubectl("apply", *arguments, "-f", "-", stdin=manifest, **options)

    def get(self, kind, name):
        """The object, or None."""
        done = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def items(self, kind, *arguments):
        return json.loads(self.kubectl("get", kind, "-o", "json", *arguments).stdout)["items"]

    def uids(self):
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.items("pod", "-l", "penstock.dev/cluster=demo")}

    def patch(self, kind, name, spec):
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def wait_ready(self, kind, name, seconds=READY_SECONDS):
        """True of the current generation only, as kubectl wait has it."""
        self.kubectl("wait", "--for=condition=Ready", f"{kind}/{name}", f"--timeout={seconds}s", timeout=seconds + 10)

    def wait_refused(self, kind, name, seconds=READY_SECONDS):
        """The Ready condition once it is False for the current generation."""
        def refused():
            ready = condition(self.get(kind, name), "Ready")
            return ready if ready.get("status") == "False" else None
        return wait_until(refused, seconds, f"{kind}/{name} is not Ready")

    def wait_gone(self, kind, name, seconds=READY_SECONDS):
        wait_until(lambda: self.get(kind, name) is None, seconds, f"{kind}/{name} is gone")

    def start_cluster(self, topic=True, manifest=ONE_BROKER):
        """A cluster as manifests/examples has it, and its topic `test`."""
        self.apply(manifest)
        if topic:
            self.apply(TOPIC)
        self.wait_ready("kafkacluster", "demo")
        if topic:
            self.wait_ready("kafkatopic", "test")

    def in_pod(self, command, pod="demo-0", stdin=None, check=True):
        return self.kubectl("exec", *(["-i"] if stdin is not None else []), pod, "--", "bash", "-c", command, stdin=stdin,
                            check=check)

    def topics_tool(self, *arguments):
        return self.in_pod(" ".join(["/opt/kafka/bin/kafka-topics.sh", *arguments])).stdout

    def describe(self, topic):
        """What kafka-topics.sh says of it, or nothing when it is not there."""
        return self.in_pod(f"/opt/kafka/bin/kafka-topics.sh --describe --topic {topic}", check=False).stdout

    @contextlib.contextmanager
    def port_forward(self, brokers):
        """As a person types it; gives the address on this side."""
        command = [BIN / "penstock", "port-forward", "demo", "-n", self.namespace]
        with open(os.devnull, "w") as nothing:
            process = subprocess.Popen(command, stdout=nothing, stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            def answer():
                if process.poll() is not None:
                    raise AssertionError(f"port-forward ended: {process.stderr.read()}")
                with contextlib.suppress(OSError):
                    for port in range(9092, 9092 + brokers):
                        socket.create_connection(("127.0.0.1", port), 1).close()
                    return True
                return False
            wait_until(answer, 20, "port-forward listens")
            yield "localhost:9092"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
            process.stderr.close()

    def produce(self, count, topic="test", first=0):
        """By the console producer in the pod, which waits until every record is acknowledged."""
        self.in_pod(f"/opt/kafka/bin/kafka-console-producer.sh --topic {topic}",
                    stdin="".join(f"record-{i}\n" for i in range(first, first + count)))

    def consume(self, count, topic="test"):
        """The records, sorted; fails when there are fewer."""
        out = self.in_pod(f"/opt/kafka/bin/kafka-console-consumer.sh --topic {topic} --from-beginning "
                          f"--max-messages {count} --timeout-ms 30000").stdout
        return sorted(out.split(), key=lambda record: int(record.rpartition("-")[2]))


def records(count):
    return [f"record-{i}" for i in range(count)]
