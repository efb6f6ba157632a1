"""Runs the project's broker, Apache Kafka's tools and kcat against each other, for the integration tests.

Every broker listens on 127.0.0.1 with a port of its own (ports.py), has its data in a temporary directory, and is
ended by its own process id. Binaries come from PENSTOCK_BIN, Kafka's jars from PENSTOCK_KAFKA_LIBS.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from ports import free_port

BIN = pathlib.Path(os.environ.get("PENSTOCK_BIN", "build/release/bin")).resolve()
KAFKA_LIBS = pathlib.Path(os.environ.get("PENSTOCK_KAFKA_LIBS", "build/kafka-libs")).resolve()
CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
READY_SECONDS = 30
# What a program may have of memory is times this: a sanitizer adds its shadow, its red zones and unoptimised code.
MEMORY_SCALE = 4 if os.environ.get("PENSTOCK_SANITIZE") else 1


def wait_until(condition, seconds, what):
    """Polls until `condition` returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Broker:
    """One broker that is its own controller, unless `quorum` names others for format."""
    host = "127.0.0.1"
    # What its command begins with, and what its environment has besides ours.
    launcher = ()
    environment = {}

    def __init__(self, directory, overrides=None, quorum=("--standalone",)):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self.admin_port = free_port()
        self.process = None
        self.log_path = self.directory / "broker.log"
        self.data = self.directory / "data"
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{free_port()}",
            "controller.quorum.bootstrap.servers": "127.0.0.1:9093",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.data),
            "penstock.admin.listener": f"127.0.0.1:{self.admin_port}",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "5",
            **(overrides or {}),
        }
        self.config = self.directory / "server.properties"
        self.config.write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
        subprocess.run([BIN / "penstock-broker", "format", "--config", self.config, "--cluster-id", CLUSTER_ID,
                        *quorum], check=True, capture_output=True)

    @property
    def bootstrap(self):
        return f"{self.host}:{self.port}"

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.launcher, BIN / "penstock-broker", "--config", self.config],
                                            stdout=log, stderr=log, env={**os.environ, **self.environment})
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        wait_until(self.is_ready, READY_SECONDS, f"broker ready; its log:\n{self.log_tail()}")

    def check_running(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n{self.log_tail()}")

    def is_ready(self):
        self.check_running()
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.admin_port}/readyz", timeout=2) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self):
        return self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else ""

    def stop(self):
        """A clean stop. The exit status must be 0: a sanitizer's finding or a crash fails the test."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the broker did not stop on SIGTERM:\n{self.log_tail()}")
        self.process = None
        if status != 0:
            raise AssertionError(f"the broker ended with {status}:\n{self.log_tail()}")

    def kill(self):
        """kill -9 of a broker that still runs: one that ended before has crashed by itself."""
        self.check_running()
        self.process.kill()
        self.process.wait()
        self.process = None


class BrokerTest(unittest.TestCase):
    """A test with a running broker, `self.broker`. Subclasses may set `overrides`."""
    overrides = {}
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.broker = Broker(self.directory, self.overrides)
        self.broker.start()
        self.addCleanup(self.broker.stop)


def run(command, input_text=None, timeout=60, check=True):
    done = subprocess.run([str(part) for part in command], input=input_text, capture_output=True, text=True,
                          timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}\n"
                             f"stdout: {done.stdout[-3000:]}\nstderr: {done.stderr[-3000:]}")
    return done


def java(main_class, *arguments, input_text=None, timeout=120, check=True):
    return run(["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp", f"{KAFKA_LIBS}/*", main_class, *arguments], input_text, timeout, check)


def topics(broker, *arguments, **options):
    """Apache Kafka's kafka-topics.sh."""
    return java("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.bootstrap, *arguments, **options)


def kcat(broker, *arguments, input_text=None, timeout=60, check=True):
    return run(["kcat", "-b", broker.bootstrap, *arguments], input_text, timeout, check)


def dump_log(*arguments):
    return java("org.apache.kafka.tools.DumpLogSegments", *arguments).stdout


def metrics(broker):
    """The admin port's counters, by name with labels."""
    with urllib.request.urlopen(f"http://{broker.host}:{broker.admin_port}/metrics", timeout=5) as reply:
        text = reply.read().decode()
    return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


