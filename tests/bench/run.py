#!/usr/bin/env python3
"""Paired benchmark against Apache Kafka: the same load on both brokers, in turn, and the ratio pair by pair.

    tests/bench/run.py [--pairs 5] [--only NAME] [--scale 1.0] [--penstock-only] [--replicas 3]

A pair runs all rows on Kafka (K) and on Penstock (P), in the order K P P K ..., each on a fresh data directory
under the same parent, with the same clients, every row after a warm-up. Broker CPU comes from /proc/PID/stat,
that of the client from getrusage, memory from RssAnon. With --replicas 3 it is three brokers each (and controllers, all
three), topics of three replicas with min.insync.replicas=2, and the sums of the three. Nothing is asserted: the table has ratios
(Penstock / Kafka) with their spread, and the reader judges.
"""
import argparse
import dataclasses
import math
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import cluster  # noqa: E402
import penstock  # noqa: E402

RDKAFKA = penstock.BIN.parent / "tests" / "bench-rdkafka"
TICKS = os.sysconf("SC_CLK_TCK")
PARTITIONS = 6
IDLE_SECONDS = 5


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def client_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def memory_mb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


JVM = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


class Kafka:
    """Apache Kafka as one combined node, with the same interface as penstock.Broker."""
    name = "Kafka"
    topic_arguments = ("--replication-factor", "1")

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = penstock.free_port()
        controller = penstock.free_port()
        config = self.directory / "kafka.properties"
        config.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={self.directory}/data
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
""")
        penstock.java("kafka.tools.StorageTool", "format", "--config", config, "--cluster-id", penstock.CLUSTER_ID)
        with open(self.directory / "kafka.log", "wb") as log:
            self.process = subprocess.Popen(
                ["java", *JVM, "-cp", f"{penstock.KAFKA_LIBS}/*", "kafka.Kafka", str(config)], stdout=log, stderr=log)
        penstock.wait_until(lambda: penstock.kcat(self, "-L", "-m", "2", check=False).returncode == 0, 60, "Kafka up")

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Penstock(penstock.Broker):
    name = "Penstock"
    topic_arguments = Kafka.topic_arguments

    @property
    def pids(self):
        return [self.process.pid]

    def __init__(self, directory):
        super().__init__(directory, {"penstock.log.level": "warn"})
        self.start()


class Three(cluster.Cluster):
    """Three combined nodes."""
    topic_arguments = ("--replication-factor", "3", "--config", "min.insync.replicas=2")
    of_kafka = ()

    def __init__(self, directory):
        super().__init__(directory, dict.fromkeys((1, 2, 3), "broker,controller"),
                         {"num.network.threads": "2", "num.io.threads": "4", "penstock.log.level": "warn"},
                         self.of_kafka)
        for node in self.nodes.values():
            node.jvm = JVM
            # Its log level hides the line that a Kafka node says when it is ready.
            node.wait_ready = lambda: None
        self.start()
        penstock.wait_until(lambda: "3 brokers" in penstock.kcat(self, "-L", "-m", "2", check=False).stdout, 90,
                            "three brokers are up")
        time.sleep(IDLE_SECONDS)
        print(f"  {self.name}, idle: {sum(map(memory_mb, self.pids)):.0f} MB", file=sys.stderr, flush=True)

    @property
    def pids(self):
        return [node.process.pid for node in self.nodes.values()]


class ThreePenstock(Three):
    name = "Penstock"


class ThreeKafka(Three):
    name = "Kafka"
    of_kafka = (1, 2, 3)


@dataclasses.dataclass
class Figures:
    seconds: float
    megabytes: float
    broker_cpu: float
    client_cpu: float
    memory: float

    @property
    def cpu_per_gb(self):
        return self.broker_cpu / (self.megabytes / 1000)

    @property
    def mb_per_s(self):
        return self.megabytes / self.seconds


def create_topic(broker, topic):
    penstock.topics(broker, "--create", "--topic", topic, "--partitions", PARTITIONS,
                    *broker.topic_arguments)


def measured(broker, megabytes, work):
    before = sum(map(cpu_seconds, broker.pids))
    client_before = client_cpu_seconds()
    begin = time.monotonic()
    seconds = work()
    elapsed = time.monotonic() - begin
    cpu = sum(map(cpu_seconds, broker.pids)) - before
    client = client_cpu_seconds() - client_before
    return Figures(seconds or elapsed, megabytes, cpu, client, sum(map(memory_mb, broker.pids)))


def client(tool, *arguments):
    """One of Kafka's tools, with a JVM that compiles fully."""
    return penstock.run(["java", "-Xms512m", "-Xmx512m", "-XX:+UseParallelGC",
                         "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{penstock.KAFKA_LIBS}/*",
                         f"org.apache.kafka.tools.{tool}", *arguments], timeout=600).stdout


def java_produce(broker, topic, records, size, *properties):
    payload = pathlib.Path(broker.directory) / f"payload-{size}.txt"
    if not payload.exists():
        payload.write_text("\n".join("".join(chr(65 + (i * 31 + j * 17) % 57) for j in range(size)) for i in range(1000)))
    out = client("ProducerPerformance", "--bootstrap-server", broker.bootstrap, "--topic", topic, "--num-records",
                 records, "--throughput", "-1", "--payload-file", payload, "--command-property", *properties)
    last = out.strip().splitlines()[-1]
    return records / float(re.search(r"([\d.]+) records/sec", last)[1])


def java_consume(broker, topic, records):
    out = client("ConsumerPerformance", "--bootstrap-server", broker.bootstrap, "--topic", topic, "--num-records",
                 records, "--timeout", "60000", "--hide-header")
    fields = [field.strip() for field in out.strip().splitlines()[-1].split(",")]
    return records / float(fields[-1]) if float(fields[-1]) else None


def rdkafka(broker, mode, topic, records, number):
    properties = ["linger.ms=5"] if mode == "produce" else []
    out = penstock.run([RDKAFKA, mode, broker.bootstrap, topic, records, number, *properties], timeout=600).stdout
    return float(re.search(r"seconds=([\d.]+)", out)[1])


# A row warms up with the same work, half of it, before what is counted.
def produce_row(size, records, *properties):
    def row(broker, topic, scale):
        count = int(records * scale)
        java_produce(broker, topic, count // 2, size, *properties)
        return measured(broker, count * size / 1e6, lambda: java_produce(broker, topic, count, size, *properties))
    return row


def consume_row(size, records):
    def row(broker, topic, scale):
        count = int(records * scale)
        rdkafka(broker, "produce", topic, count, size)
        java_consume(broker, topic, count // 2)
        return measured(broker, count * size / 1e6, lambda: java_consume(broker, topic, count))
    return row


def rdkafka_row(mode, size, records):
    def row(broker, topic, scale):
        count = int(records * scale)
        if mode == "produce":
            rdkafka(broker, "produce", topic, count // 2, size)
            return measured(broker, count * size / 1e6, lambda: rdkafka(broker, "produce", topic, count, size))
        rdkafka(broker, "produce", topic, count, size)
        rdkafka(broker, "consume", topic, count // 2, PARTITIONS)
        return measured(broker, count * size / 1e6, lambda: rdkafka(broker, "consume", topic, count, PARTITIONS))
    return row


ROWS = {
    "produce 1 KiB, librdkafka": rdkafka_row("produce", 1024, 1_000_000),
    "consume 1 KiB, librdkafka": rdkafka_row("consume", 1024, 2_000_000),
    "produce 1 KiB, acks=all, Java": produce_row(1024, 1_000_000, "acks=all"),
    "consume 1 KiB, Java": consume_row(1024, 1_500_000),
    "produce 100 B, acks=1, Java": produce_row(100, 3_000_000, "acks=1", "batch.size=8192"),
    "produce 1 KiB, lz4, Java": produce_row(1024, 1_000_000, "acks=all", "compression.type=lz4"),
}


# With three replicas.
ROWS_OF_THREE = {
    "3 replicas: produce 1 KiB, acks=all, librdkafka": rdkafka_row("produce", 1024, 500_000),
    "3 replicas: produce 1 KiB, acks=all, Java": produce_row(1024, 500_000, "acks=all"),
    "3 replicas: produce 100 B, acks=all, Java": produce_row(100, 1_500_000, "acks=all", "batch.size=8192"),
}


def run_rows(kind, rows, scale):
    """All rows on one broker, each on a topic of its own: later rows find a warm broker, as in production."""
    directory = tempfile.mkdtemp(prefix="penstock-bench-")
    results = {}
    try:
        broker = kind(directory)
        try:
            for number, (name, row) in enumerate(rows.items()):
                create_topic(broker, f"bench{number}")
                results[name] = row(broker, f"bench{number}", scale)
                print(f"  {kind.name}: {name}: {results[name].cpu_per_gb:.2f} CPU-s/GB {results[name]}",
                      file=sys.stderr, flush=True)
        finally:
            broker.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.sync()
    return results


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table_line(name, pairs):
    cpu = [p.cpu_per_gb / k.cpu_per_gb for k, p in pairs]
    rate = [p.mb_per_s / k.mb_per_s for k, p in pairs]
    memory = [p.memory / k.memory for k, p in pairs]
    kafka_cpu = statistics.median(k.cpu_per_gb for k, _ in pairs)
    own_cpu = statistics.median(p.cpu_per_gb for _, p in pairs)
    own_memory = statistics.median(p.memory for _, p in pairs)
    return (f"| {name} | {len(pairs)} | {own_cpu:.2f} | {kafka_cpu:.2f} | **{geometric_mean(cpu):.2f}** {spread(cpu)} "
            f"| {geometric_mean(rate):.2f} {spread(rate)} | {own_memory:.0f} MB, {geometric_mean(memory):.3f} |")


def print_table(rows, pairs):
    print("| row | pairs | CPU-s/GB | Kafka's | CPU ratio (geometric mean, median, range) | throughput ratio "
          "| memory (RssAnon), ratio |")
    print("|---|---|---|---|---|---|---|")
    for name in rows:
        print(table_line(name, [(kafka[name], own[name]) for kafka, own in pairs]), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the numbers of records")
    parser.add_argument("--penstock-only", action="store_true", help="no Kafka and no table: to profile")
    parser.add_argument("--replicas", type=int, choices=(1, 3), default=1)
    args = parser.parse_args()
    kafka, own, all_rows = (Kafka, Penstock, ROWS) if args.replicas == 1 else (ThreeKafka, ThreePenstock, ROWS_OF_THREE)
    rows = {name: row for name, row in all_rows.items() if args.only in name}
    if args.penstock_only:
        run_rows(own, rows, args.scale)
        return
    pairs = []
    for i in range(args.pairs):
        order = (kafka, own) if i % 2 == 0 else (own, kafka)
        results = {kind: run_rows(kind, rows, args.scale) for kind in order}
        pairs.append((results[kafka], results[own]))
        # After each pair, so that a run that is cut short has a table.
        print_table(rows, pairs)


if __name__ == "__main__":
    main()
