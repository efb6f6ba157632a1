"""Clusters of several nodes, each with its own process, directory and ports on 127.0.0.1."""
import base64
import pathlib
import shutil
import subprocess
import urllib.error
import uuid

from penstock import BIN, CLUSTER_ID, KAFKA_LIBS, Broker, free_port, java, metrics, wait_until

READY_SECONDS = 60


def directory_id():
    """A random id as Kafka prints it; one that begins with a dash would look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


class Node(Broker):
    """One node of a cluster; `roles` as in process.roles. Not formatted until format() is called."""

    def __init__(self, directory, node_id, roles, bootstrap_controllers, overrides=None, controller_port=None,
                 host="127.0.0.1"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.node_id, self.roles, self.host = node_id, roles, host
        self.port, self.admin_port = free_port(), free_port()
        self.controller_port = controller_port or free_port()
        self.directory_id = directory_id()
        self.process = None
        self.log_path = self.directory / "broker.log"
        self.data = self.directory / "data"
        listeners = []
        if "broker" in roles:
            listeners.append(f"PLAINTEXT://{host}:{self.port}")
        if "controller" in roles:
            listeners.append(f"CONTROLLER://{host}:{self.controller_port}")
        self.properties = {
            "process.roles": roles,
            "node.id": str(node_id),
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(listeners),
            "controller.quorum.bootstrap.servers": ",".join(bootstrap_controllers),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data),
            "penstock.admin.listener": f"{host}:{self.admin_port}",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "5",
            **(overrides or {}),
        }
        self.config = self.directory / "server.properties"
        self.write_config()

    def write_config(self):
        self.config.write_text("".join(f"{k}={v}\n" for k, v in self.properties.items()))

    @property
    def controller(self):
        return f"{self.host}:{self.controller_port}"

    @property
    def voter(self):
        return f"{self.node_id}@{self.controller}:{self.directory_id}"

    def format(self, *how):
        subprocess.run([BIN / "penstock-broker", "format", "--config", self.config, "--cluster-id", CLUSTER_ID, *how],
                       check=True, capture_output=True)

    def wait_ready(self):
        wait_until(self.is_ready, READY_SECONDS, f"node {self.node_id} ready; its log:\n{self.log_tail()}")

    def is_active_controller(self):
        """Whether its own metrics say that it leads the metadata quorum."""
        try:
            return metrics(self)["penstock_active_controller"] == 1
        except (urllib.error.URLError, OSError):
            return False


class Cluster:
    """`roles` by node id: {1: "broker,controller", 4: "broker"}; the controllers are the first voters. Nodes in
    `of_kafka` are run by Apache Kafka. `hosts` by node id: addresses other than 127.0.0.1."""

    def __init__(self, directory, roles, overrides=None, of_kafka=(), hosts=None):
        self.directory = directory
        hosts = {**dict.fromkeys(roles, "127.0.0.1"), **(hosts or {})}
        ports = {node: free_port() for node, role in roles.items() if "controller" in role}
        bootstrap = [f"{hosts[node]}:{port}" for node, port in ports.items()]
        self.nodes = {}
        for node, role in roles.items():
            kind = KafkaNode if node in of_kafka else Node
            self.nodes[node] = kind(pathlib.Path(directory) / str(node), node, role, bootstrap, overrides,
                                    ports.get(node), hosts[node])
        self.voters = ",".join(node.voter for node in self.controllers())
        for node in self.nodes.values():
            self.format(node)

    def format(self, node):
        node.format(*(["--initial-controllers", self.voters] if "controller" in node.roles else []))

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.nodes.values() if "broker" in node.roles)

    def add(self, node_id, role, overrides=None, of_kafka=False):
        """One more node, which begins as an observer of the quorum."""
        kind = KafkaNode if of_kafka else Node
        bootstrap = [node.controller for node in self.controllers()]
        node = kind(pathlib.Path(self.directory) / str(node_id), node_id, role, bootstrap, overrides)
        node.format("--no-initial-controllers", "--directory-id", node.directory_id)
        self.nodes[node_id] = node
        return node

    def wipe(self, node):
        """The disk of a node that is down is lost: it comes back as another replica."""
        shutil.rmtree(node.data)
        node.directory_id = directory_id()
        node.format("--no-initial-controllers", "--directory-id", node.directory_id)

    def controllers(self):
        return [node for node in self.nodes.values() if "controller" in node.roles]

    def hand_over(self, node_id):
        """From now on the node, which does not run, is run by the other program, on the same directory and ports."""
        node = self.nodes[node_id]
        successor = object.__new__(Node if isinstance(node, KafkaNode) else KafkaNode)
        vars(successor).update(vars(node))
        self.nodes[node_id] = successor
        return successor

    def running(self):
        return [node for node in self.nodes.values() if node.process is not None]

    def start(self):
        for node in self.nodes.values():
            node.start(wait=False)
        for node in self.nodes.values():
            node.wait_ready()
        return self

    def stop(self):
        """All together, as pods of a deleted cluster: those that go last have nobody to ask."""
        for node in self.running():
            node.process.terminate()
        for node in self.running():
            node.stop()

    def kill(self):
        """Ends whatever still runs, when a test is over."""
        for node in self.running():
            node.process.kill()
            node.process.wait()
            node.process = None

    def leader(self, seconds=30):
        def one():
            leaders = [node for node in self.running() if node.is_active_controller()]
            return leaders[0] if len(leaders) == 1 else None
        return wait_until(one, seconds, "one node leads the metadata quorum")


def quorum(*arguments, **options):
    """Apache Kafka's kafka-metadata-quorum.sh."""
    return java("org.apache.kafka.tools.MetadataQuorumCommand", *arguments, **options).stdout


def status(text):
    """`describe --status` as a dictionary."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


class KafkaNode(Node):
    """The same node, run by Apache Kafka."""
    jvm = ("-Xmx320m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info")

    def start(self, wait=True):
        self.started_at = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["java", *self.jvm, "-cp", f"{KAFKA_LIBS}/*", "kafka.Kafka", self.config], stdout=log, stderr=log)
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        self.check_running()
        with open(self.log_path, "rb") as log:
            log.seek(self.started_at)
            return b"Kafka Server started" in log.read()

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
