#!/usr/bin/env python3
"""Identity and quorum bootstrap against Apache Kafka's own node: directories go both ways (docs/adr/0001)."""
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from penstock import BIN, CLUSTER_ID, KAFKA_LIBS, Broker, java, run, topics, wait_until  # noqa: E402

MISSING = ("transaction.version", "group.version", "share.version", "streams.version")
NO_FEATURES = [argument for name in MISSING for argument in ("--feature", f"{name}=0")]


def dump(path):
    """Records of a metadata file as Kafka's DumpLogSegments reads them."""
    out = java("org.apache.kafka.tools.DumpLogSegments", "--cluster-metadata-decoder", "--files", path).stdout
    if "isvalid: false" in out:
        raise AssertionError(out)
    return out


def shape(text):
    """A dump without what differs from run to run: times, checksums, ids and ports."""
    lines = [line for line in text.splitlines() if not line.startswith("Dumping")]
    text = "\n".join(lines)
    text = re.sub(r"CreateTime: \d+|crc: \d+|Timestamp\":\d+|\"port\":\d+", "", text)
    return re.sub(r"\"voterDirectoryId\":\"[^\"]+\"", "", text)


class KafkaNode:
    """Apache Kafka's own broker and controller on a directory."""

    def __init__(self, config, log_path):
        self.config, self.log_path, self.process = config, log_path, None

    def __enter__(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-cp",
                 f"{KAFKA_LIBS}/*", "kafka.Kafka", self.config], stdout=log, stderr=log)
        wait_until(self.is_started, 60, f"Kafka started, see {self.log_path}")
        return self

    def is_started(self):
        text = pathlib.Path(self.log_path).read_text(errors="replace")
        if self.process.poll() is not None:
            raise AssertionError(f"Kafka ended with {self.process.returncode}:\n{text[-3000:]}")
        return "Kafka Server started" in text

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class FormatTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="penstock-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.broker = Broker(self.directory)  # Formats its directory.

    def format_by_kafka(self, *arguments):
        shutil.rmtree(self.broker.data)
        return java("kafka.tools.StorageTool", "format", "--config", self.broker.config, "--cluster-id", CLUSTER_ID,
                    "--standalone", *arguments)

    def start_and_list(self):
        self.broker.start()
        try:
            return set(topics(self.broker, "--list").stdout.split())
        finally:
            self.broker.stop()

    def test_writes_what_kafka_writes(self):
        files = ("bootstrap.checkpoint", "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint")
        ours = [dump(self.broker.data / name) for name in files]
        properties = (self.broker.data / "meta.properties").read_text()
        self.format_by_kafka(*NO_FEATURES)
        for name, text in zip(files, ours):
            self.assertEqual(shape(text), shape(dump(self.broker.data / name)), name)
        keys = {line.split("=")[0] for line in properties.splitlines() if not line.startswith("#")}
        theirs = (self.broker.data / "meta.properties").read_text()
        self.assertEqual(keys, {line.split("=")[0] for line in theirs.splitlines() if not line.startswith("#")})

    def test_kafka_starts_on_a_directory_formatted_by_us_and_we_take_it_back(self):
        with KafkaNode(self.broker.config, self.directory / "kafka.log"):
            topics(self.broker, "--create", "--topic", "theirs", "--partitions", "2")
        self.assertEqual(self.start_and_list(), {"theirs"})

    def test_we_start_on_a_directory_formatted_by_kafka(self):
        self.format_by_kafka(*NO_FEATURES)
        self.broker.start()
        try:
            topics(self.broker, "--create", "--topic", "ours", "--partitions", "1")
            self.assertIn("ours", topics(self.broker, "--list").stdout.split())
        finally:
            self.broker.stop()

    def test_kafka_opens_a_log_written_by_us_and_serves_its_topics(self):
        self.broker.start()
        try:
            topics(self.broker, "--create", "--topic", "ours", "--partitions", "3", "--config", "retention.ms=123456")
            topics(self.broker, "--create", "--topic", "gone", "--partitions", "1")
            topics(self.broker, "--delete", "--topic", "gone")
            topics(self.broker, "--alter", "--topic", "ours", "--partitions", "4")
        finally:
            self.broker.stop()
        log = self.broker.data / "__cluster_metadata-0" / "00000000000000000000.log"
        self.assertIn("PARTITION_RECORD", dump(log))
        with KafkaNode(self.broker.config, self.directory / "kafka.log"):
            text = topics(self.broker, "--describe").stdout
            self.assertIn("PartitionCount: 4", text)
            self.assertIn("retention.ms=123456", text)
            self.assertNotIn("gone", text)
            self.assertEqual(text.count("Leader: 1"), 4, text)

    def set_config(self, key, value):
        with open(self.broker.config, "a") as config:
            config.write(f"{key}={value}\n")

    def newest_snapshot(self):
        directory = self.broker.data / "__cluster_metadata-0"
        return max(path for path in directory.glob("*.checkpoint") if not path.name.startswith("0" * 20))

    def test_kafka_reads_a_snapshot_written_by_us_and_starts_from_it(self):
        self.set_config("metadata.log.max.record.bytes.between.snapshots", 1000)
        self.broker.start()
        try:
            for name in ("a", "b", "c"):
                topics(self.broker, "--create", "--topic", name, "--partitions", "5", "--config", "retention.ms=123456")
            topics(self.broker, "--delete", "--topic", "b")
            topics(self.broker, "--create", "--topic", "d", "--partitions", "5")
        finally:
            self.broker.stop()
        lines = dump(self.newest_snapshot()).splitlines()
        kinds = []
        for line in lines:
            if match := re.search(r"(SnapshotHeader|KRaftVersion|KRaftVoters|SnapshotFooter|\"type\":\"\w+\")", line):
                if not kinds or kinds[-1] != match[1]:
                    kinds.append(match[1])
        text = "\n".join(lines)
        self.assertEqual(kinds[:3], ["SnapshotHeader", "KRaftVersion", "KRaftVoters"], text)
        self.assertEqual(kinds[3:6], ['"type":"FEATURE_LEVEL_RECORD"', '"type":"REGISTER_BROKER_RECORD"',
                                      '"type":"REGISTER_CONTROLLER_RECORD"'], text)
        self.assertEqual(kinds[-1], "SnapshotFooter", text)
        self.assertRegex(text, r'"name":"metadata.version","featureLevel":\d+')
        # Kafka loads the newest snapshot and what is behind it.
        with KafkaNode(self.broker.config, self.directory / "kafka.log"):
            text = topics(self.broker, "--describe").stdout
            self.assertEqual(text.count("PartitionCount: 5"), 3, text)
            self.assertEqual(text.count("retention.ms=123456"), 2, text)
            self.assertEqual(text.count("Leader: 1"), 15, text)

    def test_we_start_from_a_snapshot_written_by_kafka(self):
        self.set_config("metadata.log.max.record.bytes.between.snapshots", 1000)
        self.format_by_kafka(*NO_FEATURES)
        with KafkaNode(self.broker.config, self.directory / "kafka.log"):
            for name in ("a", "b", "c"):
                topics(self.broker, "--create", "--topic", name, "--partitions", "5")
            topics(self.broker, "--delete", "--topic", "b")
        self.newest_snapshot()
        self.assertEqual(self.start_and_list(), {"a", "c"})

    def test_a_finalized_feature_that_we_lack_is_refused_by_name(self):
        self.format_by_kafka()  # Kafka finalizes all of its features.
        done = run([BIN / "penstock-broker", "--config", self.broker.config], check=False, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout + done.stderr, r"feature (transaction|group|share|streams)\.version=\d")

    def test_a_second_format_is_refused_and_can_be_ignored(self):
        command = [BIN / "penstock-broker", "format", "--config", self.broker.config, "--cluster-id", CLUSTER_ID,
                   "--standalone"]
        before = (self.broker.data / "meta.properties").read_text()
        done = run(command, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("already formatted", done.stderr)
        run([*command, "--ignore-formatted"])
        self.assertEqual((self.broker.data / "meta.properties").read_text(), before)


if __name__ == "__main__":
    unittest.main()
