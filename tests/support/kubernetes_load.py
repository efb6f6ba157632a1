"""A producer inside a cluster of tests/e2e/cluster that tells when each record was acknowledged, and a watch over the
brokers' own view meanwhile.

The pod of the producer has this machine's Java and Kafka's jars: no image of a JVM is made. So it lives in a namespace
that allows host paths, beside the brokers'.
"""
import base64
import collections
import glob
import json
import os
import pathlib
import subprocess
import threading
import time
import urllib.request

from kubernetes import ROOT, kubectl, wait_until

HOME = pathlib.Path(os.environ.get("PENSTOCK_NODE_HOME", "/var/lib/penstock-node"))
IS_OUR_NODE = os.environ.get("KUBECONFIG") == str(HOME / "run/admin.conf")
os.environ.setdefault("PENSTOCK_KAFKA_LIBS", str(ROOT / "build/kafka-libs"))
import penstock  # noqa: E402
import verifiable  # noqa: E402

HAS_JAVA = (penstock.KAFKA_LIBS / ".complete").exists()
RECORDS_PER_SECOND = 200
ADMIN_PORT = 9644
# What a JVM of this machine reads; mounted where it is here.
JAVA_PATHS = ["/usr", "/etc/alternatives", *glob.glob("/etc/java-*"), str(penstock.KAFKA_LIBS), str(ROOT / "tests/support")]
# Links of this machine into /usr, which the image does not have.
JAVA_LINKS = {"/lib": "/usr/lib", "/lib64": "/usr/lib64"}


def ctr(*arguments):
    subprocess.run(["ctr", "-a", HOME / "run/containerd.sock", "-n", "k8s.io", *arguments], check=True, timeout=30)


def client_pod(directory):
    paths = {path: path for path in [*JAVA_PATHS, str(directory)]} | JAVA_LINKS
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "client", "image": "localhost/node-helper:1", "imagePullPolicy": "IfNotPresent",
                "env": [{"name": "PATH", "value": "/usr/bin:/bin"}],
                "volumeMounts": [{"name": f"v{i}", "mountPath": path, "readOnly": True} for i, path in enumerate(paths)]}],
            "volumes": [{"name": f"v{i}", "hostPath": {"path": path}} for i, path in enumerate(paths.values())]}})


class PodWriter(verifiable.Writer):
    """verifiable.Writer in that pod, with its client's default settings but for keys: these go round, so that every
    partition gets its share all the time."""
    settings = "retries=2147483647\nenable.idempotence=true\nacks=all\n"

    def __init__(self, namespace, bootstrap, topic, directory):
        self.namespace = namespace
        self.bootstrap = bootstrap
        self.times = collections.defaultdict(list)  # By partition: when, in seconds since 1970 by the client's clock.
        super().__init__(self, topic, directory, RECORDS_PER_SECOND, "--repeating-keys", "100")

    def exec(self, *command):
        return ["kubectl", "-n", self.namespace, "exec", "-i", "client", "--", *command]

    def command(self, name, broker, *arguments):
        words = super().command(name, broker, *arguments)
        words[1:1] = [f"-Dorg.slf4j.simpleLogger.{setting}" for setting in (
            "log.org.apache.kafka.clients=info", "showDateTime=true", "dateTimeFormat=HH:mm:ss.SSS")]
        return self.exec("sh", "-c", 'echo $$ >/writer.pid; exec "$@" 2>/writer.log', "sh", *words)

    def log_tail(self, lines):
        """What the client said last of itself."""
        return subprocess.run(self.exec("tail", "-n", str(lines), "/writer.log"), capture_output=True, text=True, timeout=60).stdout

    def heard(self, event):
        super().heard(event)
        if event["name"] == "producer_send_success":
            self.times[event["partition"]].append(event["timestamp"] / 1000)

    def stop(self, seconds=150):
        """The tool gets the signal, kubectl ends with it."""
        self.is_stopping = True
        subprocess.run(self.exec("sh", "-c", "kill $(cat /writer.pid)"), check=True, timeout=60)
        self._wait(seconds)

    def wait_more(self, count, partitions, seconds=120):
        """Until each partition has that many more."""
        goals = {partition: len(self.times[partition]) + count for partition in range(partitions)}
        wait_until(lambda: all(len(self.times[partition]) >= goal for partition, goal in goals.items()), seconds,
                   f"{count} more records are acknowledged in each of {partitions} partitions")

    def longest_pause(self, begin):
        """The longest time since then between two acknowledgements of one partition."""
        return max(after - before for times in self.times.values()
                   for before, after in zip(times, times[1:]) if after > begin)


class BrokerWatch:
    """Asks all brokers for their view of the cluster, again and again: GET /v1/cluster."""

    def __init__(self, test, cluster="demo"):
        self.test, self.cluster = test, cluster
        secret = json.loads(test.kubectl("get", "secret", f"{cluster}-admin", "-o", "json").stdout)
        self.token = base64.b64decode(secret["data"]["token"]).decode().strip()
        self.below_min_isr = []  # (when, pod, how many).
        self.looks = 0
        self.addresses = {}
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self._find, self._watch)]
        for thread in self.threads:
            thread.start()

    def _find(self):
        while not self.is_over.wait(0.5):
            pods = json.loads(self.test.kubectl("get", "pod", "-l", f"penstock.dev/cluster={self.cluster}", "-o", "json").stdout)
            self.addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods["items"]
                              if pod["status"].get("podIP")}

    def _watch(self):
        while not self.is_over.wait(0.05):
            for pod, address in list(self.addresses.items()):
                view = self.ask(address)
                if view is None:
                    continue
                self.looks += 1
                if view["underMinIsrPartitions"]:
                    self.below_min_isr.append((time.time(), pod, view["underMinIsrPartitions"]))

    def ask(self, address):
        """The view of the broker there, or None."""
        request = urllib.request.Request(f"http://{address}:{ADMIN_PORT}/v1/cluster",
                                         headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=1) as reply:
                return json.load(reply)
        except OSError:
            return None

    def at_controller(self):
        """The view of the active controller, or None while there is none."""
        for address in list(self.addresses.values()):
            view = self.ask(address)
            if view and view["isActiveController"]:
                return view
        return None

    def is_whole(self, brokers):
        """Whether just as many brokers are in service and all replicas are in sync."""
        view = self.at_controller()
        return (view and len(view["brokers"]) == brokers and view["underReplicatedPartitions"] == 0 and
                not any(broker["fenced"] or broker["inControlledShutdown"] for broker in view["brokers"]))

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def make_client(test, directory):
    """The namespace that the client has, with the pod in it."""
    namespace = f"{test.namespace}-client"
    kubectl("create", "namespace", namespace)
    test.addCleanup(kubectl, "delete", "namespace", namespace, "--ignore-not-found", "--timeout=110s")
    kubectl("-n", namespace, "apply", "-f", "-", stdin=client_pod(directory))
    kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    return namespace
