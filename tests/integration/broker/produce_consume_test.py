#!/usr/bin/env python3
"""Records written and read by kcat and by Apache Kafka's console tools, each against the other."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402

CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"


class ProduceConsume(penstock.BrokerTest):
    def test_kcat_keys_and_headers(self):
        penstock.topics(self.broker, "--create", "--topic", "test", "--partitions", "3")
        penstock.kcat(self.broker, "-t", "test", "-P", "-K:", "-H", "h1=v1", input_text="k1:one\nk2:two\nk3:three\n")
        read = penstock.kcat(self.broker, "-C", "-t", "test", "-e", "-q", "-f", "%k=%s %h\n").stdout
        self.assertEqual(sorted(read.split("\n")), ["", "k1=one h1=v1", "k2=two h1=v1", "k3=three h1=v1"])

    def test_every_codec_between_kcat_and_java(self):
        lines = [f"line {i} " + "x" * 200 for i in range(500)]
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
            with self.subTest(codec=codec):
                topic = "codec-" + codec
                penstock.kcat(self.broker, "-t", topic, "-P", "-z", codec, input_text="\n".join(lines) + "\n")
                penstock.java(CONSOLE_PRODUCER, "--bootstrap-server", self.broker.bootstrap, "--topic", topic,
                              "--compression-codec", codec, input_text="\n".join(lines) + "\n")
                by_kcat = penstock.kcat(self.broker, "-C", "-t", topic, "-e", "-q").stdout.split("\n")[:-1]
                self.assertEqual(by_kcat, lines + lines)
                by_java = penstock.java(CONSOLE_CONSUMER, "--bootstrap-server", self.broker.bootstrap, "--topic", topic,
                                        "--from-beginning", "--max-messages", "1000").stdout.split("\n")[:-1]
                self.assertEqual(by_java, lines + lines)

    def test_console_consumer_group_resumes(self):
        topic = "groups"
        penstock.topics(self.broker, "--create", "--topic", topic)
        group = ["--bootstrap-server", self.broker.bootstrap, "--topic", topic, "--group", "g1",
                 "--command-property", "auto.offset.reset=earliest", "--max-messages", "2"]
        penstock.kcat(self.broker, "-t", topic, "-P", input_text="1\n2\n3\n4\n")
        self.assertEqual(penstock.java(CONSOLE_CONSUMER, *group).stdout, "1\n2\n")
        self.broker.stop()
        self.broker.start()
        self.assertEqual(penstock.java(CONSOLE_CONSUMER, *group).stdout, "3\n4\n")

    def test_kafka_reads_every_file(self):
        penstock.topics(self.broker, "--create", "--topic", "d", "--config", "segment.bytes=1048576")
        penstock.kcat(self.broker, "-t", "d", "-P", input_text="".join(f"{i:0500d}\n" for i in range(6000)))
        penstock.kcat(self.broker, "-G", "gd", "d", "-e", "-q", "-X", "auto.offset.reset=earliest")
        self.broker.stop()
        logs = sorted(self.broker.data.glob("d-0/*.log"))
        self.assertGreater(len(logs), 1)
        dumped = penstock.dump_log("--deep-iteration", "--files", ",".join(map(str, logs)))
        self.assertEqual(dumped.count("| offset:"), 6000)
        self.assertNotIn("isvalid: false", dumped)
        for pattern in ["d-0/*.index", "d-0/*.timeindex", "d-0/*.snapshot"]:
            files = sorted(self.broker.data.glob(pattern))
            self.assertTrue(files, pattern)
            text = penstock.dump_log("--index-sanity-check", "--files", ",".join(map(str, files)))
            self.assertNotIn("Mismatches", text)
        metadata = penstock.dump_log("--cluster-metadata-decoder", "--files",
                                     ",".join(map(str, sorted(self.broker.data.glob("__cluster_metadata-0/*.log")))))
        self.assertIn("TOPIC_RECORD", metadata)
        self.assertNotIn("Could not", metadata)
        offsets = [p for p in self.broker.data.glob("__consumer_offsets-*/*.log") if p.stat().st_size > 0]
        decoded = penstock.dump_log("--offsets-decoder", "--files", ",".join(map(str, offsets)))
        self.assertIn('"group":"gd"', decoded.replace(" ", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
