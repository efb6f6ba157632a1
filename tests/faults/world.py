"""The three brokers, two topics and their writers that a fault meets, and what must be true after it."""
import dataclasses
import pathlib
import random
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import penstock  # noqa: E402
import safety  # noqa: E402
import verifiable  # noqa: E402
from cluster import Cluster  # noqa: E402
from network import Network  # noqa: E402

PARTITIONS = 2
RECORDS_PER_SECOND = 150
RECOVERY_SECONDS_MAX = 60
START_SECONDS_MAX = 180  # A busy machine is slow to start a JVM.
TMPFS_MB = 96
GO = shutil.which("go") or "/usr/local/go/bin/go"


def built(name, sources, command):
    """build/faults/NAME, made anew when a source is newer."""
    path = ROOT / "build" / "faults" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or any(source.stat().st_mtime > path.stat().st_mtime for source in sources):
        subprocess.run([*command, "-o", path], check=True, cwd=sources[0].parent)
    return path


def shim():
    source = ROOT / "tests" / "faults" / "shim.c"
    return built("shim.so", [source], ["clang-19", "-O1", "-shared", "-fPIC", source])


class GoWriter(verifiable.Writer):
    """franz-go instead of Java's client."""

    def command(self, name, broker, *arguments):
        folder = ROOT / "tests" / "faults" / "writer"
        program = built("writer", [folder / "main.go", folder / "go.mod"], [GO, "build"])
        options = dict(zip(arguments[::2], arguments[1::2]))
        return [program, "-bootstrap-server", broker.bootstrap, "-topic", options["--topic"], "-throughput",
                options["--throughput"]]


WRITERS = {"java": verifiable.Writer, "go": GoWriter}


@dataclasses.dataclass
class Needs:
    """What a fault needs of the world."""
    network: bool = False
    tmpfs: bool = False
    shim: bool = False
    topic_config: dict = dataclasses.field(default_factory=dict)
    overrides: dict = dataclasses.field(default_factory=dict)


class World:
    """Use as a context. Faults draw from `chance` alone, so a seed is a run (as far as real processes have one)."""

    def __init__(self, directory, needs, seed, writers):
        self.directory = pathlib.Path(directory)
        self.needs, self.chance = needs, random.Random(seed)
        self.writer_kinds = writers
        self.network = None
        self.writers = {}
        self.mounts = []
        self.notes = {}  # What a fault wants counted, by text.

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _build(self):
        if self.needs.network:
            self.network = Network(3, self.chance.randrange(1 << 30))
        self.topics = list(self.writer_kinds)
        overrides = {"replica.lag.time.max.ms": "5000", **self.needs.overrides}
        if self.needs.tmpfs:
            for node in (1, 2, 3):
                self._mount(self.directory / str(node) / "data")
        self.cluster = Cluster(self.directory, dict.fromkeys((1, 2, 3), "broker,controller"), overrides,
                               hosts=self.network and self.network.hosts)
        for node in self.cluster.nodes.values():
            if self.network:
                node.launcher = self.network.launcher(node.node_id)
            if self.needs.shim:
                node.shim_control = self.directory / f"shim-{node.node_id}"
                node.shim_journal = self.directory / f"journal-{node.node_id}"
                # What format wrote, it has flushed.
                node.shim_journal.write_text("".join(f"{path.stat().st_size} {path}\n" for path in
                                                     node.data.rglob("*") if path.is_file()))
                node.environment = {"LD_PRELOAD": str(shim()), "FAULT_SHIM_CONTROL": str(node.shim_control),
                                    "FAULT_SHIM_JOURNAL": str(node.shim_journal)}
        self.cluster.start()
        config = {"min.insync.replicas": "2", "segment.bytes": "1048576", **self.needs.topic_config}
        for topic in self.topics:
            penstock.topics(self.cluster, "--create", "--topic", topic, "--partitions", str(PARTITIONS),
                            "--replication-factor", "3", *(a for k, v in config.items() for a in ("--config", f"{k}={v}")))
        for topic in self.topics:
            # Its keys spread Java's records; otherwise a few go to one partition for long.
            self.writers[topic] = WRITERS[topic](self.cluster, topic, self.directory, RECORDS_PER_SECOND,
                                                 "--repeating-keys", "20")
        self.wait_acked(100, START_SECONDS_MAX)

    def _mount(self, path):
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={TMPFS_MB}m", "none", path], check=True)
        self.mounts.append(path)

    def close(self):
        for writer in self.writers.values():
            if writer.process.poll() is None:
                writer.kill()
        if hasattr(self, "cluster"):
            self.cluster.kill()
        for path in self.mounts:
            subprocess.run(["umount", path], check=False)
        if self.network:
            self.network.close()

    # What faults draw.

    @property
    def nodes(self):
        return list(self.cluster.nodes.values())

    def any_node(self):
        return self.chance.choice(self.nodes)

    def leader(self):
        """The leader of a partition that is drawn."""
        topic, partition = self.chance.choice(self.topics), self.chance.randrange(PARTITIONS)
        leaders = []

        def found():
            leaders[:] = [safety.describe(self.cluster, topic).get(partition, (-1,))[0]]
            return leaders[0] in self.cluster.nodes
        penstock.wait_until(found, RECOVERY_SECONDS_MAX, f"{topic}-{partition} has a leader")
        return self.cluster.nodes[leaders[0]]

    def follower(self):
        leader = self.leader()
        return self.chance.choice([node for node in self.nodes if node is not leader])

    def replica(self, node):
        """A directory of one of the node's replicas."""
        topic, partition = self.chance.choice(self.topics), self.chance.randrange(PARTITIONS)
        return node.data / f"{topic}-{partition}"

    def change_metadata(self):
        """Has the controller write a record."""
        penstock.java("kafka.admin.ConfigCommand", "--bootstrap-server", self.cluster.bootstrap, "--entity-type", "topics",
                      "--entity-name", self.topics[0], "--alter", "--add-config",
                      f"file.delete.delay.ms={self.chance.randrange(1000, 100000)}", check=False)

    def sleep(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    def count(self, what):
        self.notes[what] = self.notes.get(what, 0) + 1

    # What is expected.

    def wait_acked(self, more, seconds=RECOVERY_SECONDS_MAX):
        """Each writer has `more` further records acknowledged."""
        goals = {topic: len(writer.acked) + more for topic, writer in self.writers.items()}
        safety.wait_and_tell(lambda: all(len(self.writers[t].acked) >= goal for t, goal in goals.items()), seconds,
                             lambda: f"{more} more records acknowledged; " + "; ".join(
                                 f"{t}: {len(self.writers[t].acked)} of {goal}" for t, goal in goals.items()))

    def wait_recovered(self):
        """After healing: how long until records are acknowledged and every replica is in sync, in seconds."""
        begin = time.monotonic()
        self.wait_acked(30)
        for topic in self.topics:
            left = RECOVERY_SECONDS_MAX - (time.monotonic() - begin)
            safety.wait_isr(self.cluster, topic, set(self.cluster.nodes), max(left, 1))
        return time.monotonic() - begin

    def longest_pause(self, since):
        """The longest time without an acknowledged record of a topic since then."""
        longest = 0.0
        for writer in self.writers.values():
            at = [since, *(t for t in list(writer.acked_at) if t >= since)]
            longest = max([longest, *(b - a for a, b in zip(at, at[1:]))])
        return longest

    def stop_writers(self):
        for writer in self.writers.values():
            writer.stop()

    def verdict(self):
        """Lost, doubled and failed records over all writers; that replicas are not equal raises."""
        lost, doubled, failed = [], [], []
        for topic, writer in self.writers.items():
            topic_lost, topic_doubled = safety.lost_and_doubled(self.cluster, topic, writer.acked)
            lost += topic_lost
            doubled += topic_doubled
            failed += writer.failed
        for topic in self.topics:
            safety.wait_replicas_equal(self.nodes, topic, PARTITIONS)
        return lost, doubled, failed
