#!/usr/bin/env python3
"""Our kafka-topics, console producer and console consumer beside Apache Kafka's, against our broker."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402

PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"


class Tools(penstock.BrokerTest):
    def ours(self, name, *arguments, **options):
        return penstock.run([penstock.BIN / name, "--bootstrap-server", self.broker.bootstrap, *arguments], **options)

    def javas(self, main_class, *arguments, **options):
        return penstock.java(main_class, "--bootstrap-server", self.broker.bootstrap, *arguments, **options)

    def test_topics_prints_what_kafkas_tool_prints(self):
        self.assertEqual(self.ours("kafka-topics.sh", "--create", "--topic", "t2", "--partitions", "3",
                                   "--replication-factor", "1").stdout, "Created topic t2.\n")
        self.ours("kafka-topics", "--create", "--topic=c", "--config", "cleanup.policy=compact",
                  "--config=retention.ms=3600000")
        for arguments in [
            ["--list"],
            ["--list", "--topic", "t.*"],
            ["--describe", "--topic", "t2"],
            ["--describe", "--topic", "c"],
            ["--describe", "--topic", "nope"],
            ["--describe", "--topic", "nope", "--if-exists"],
            ["--describe", "--under-replicated-partitions"],
            ["--describe", "--topic", "t2", "--at-min-isr-partitions"],
            ["--create", "--topic", "t2"],
            ["--create", "--topic", "t2", "--if-not-exists"],
            ["--create", "--topic", "bad/name"],
            ["--create", "--topic", "bad", "--partitions", "0"],
            ["--create", "--topic", "bad", "--replication-factor", "3"],
            ["--alter", "--topic", "t2", "--partitions", "2"],
            ["--alter", "--topic", "nope", "--partitions", "2"],
            ["--delete", "--topic", "nope"],
        ]:
            with self.subTest(arguments):
                ours = self.ours("kafka-topics.sh", *arguments, check=False)
                javas = penstock.topics(self.broker, *arguments, check=False)
                self.assertEqual((ours.stdout, ours.returncode), (javas.stdout, javas.returncode))
        self.ours("kafka-topics.sh", "--alter", "--topic", "t2", "--partitions", "5")
        self.assertIn("PartitionCount: 5", penstock.topics(self.broker, "--describe", "--topic", "t2").stdout)
        self.ours("kafka-topics.sh", "--delete", "--topic", "t2")
        self.assertEqual(self.ours("kafka-topics.sh", "--list").stdout, "c\n")

    def test_records_cross_between_the_consoles(self):
        self.ours("kafka-topics.sh", "--create", "--topic", "cross", "--partitions", "1")
        lines = "h1:v1,h2:v2\tk1\tone\nh1:x\tNUL\ttwo\nNUL\tk3\tNUL\n"
        reader = ["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
                  "--reader-property", "null.marker=NUL"]
        self.ours("kafka-console-producer.sh", "--topic", "cross", *reader, input_text=lines)
        self.javas(PRODUCER, "--topic", "cross", *reader, input_text=lines)
        printing = [part for name in ("key", "headers", "partition", "offset", "timestamp")
                    for part in ("--formatter-property", f"print.{name}=true")]
        asked = ["--topic", "cross", "--from-beginning", "--max-messages", "6", *printing]
        ours = self.ours("kafka-console-consumer.sh", *asked)
        javas = self.javas(CONSUMER, *asked)
        self.assertEqual(ours.stdout, javas.stdout)
        self.assertIn("Processed a total of 6 messages", ours.stderr)
        fields = [line.split("\t")[3:] for line in ours.stdout.splitlines()]
        self.assertEqual(fields, 2 * [["h1:v1,h2:v2", "k1", "one"], ["h1:x", "null", "two"], ["NO_HEADERS", "k3", "null"]])

    def test_equal_keys_go_where_java_puts_them(self):
        self.ours("kafka-topics.sh", "--create", "--topic", "keyed", "--partitions", "7")
        lines = "".join(f"key-{i}\tx\n" for i in range(50))
        self.ours("kafka-console-producer", "--topic", "keyed", "--property", "parse.key=true", input_text=lines)
        self.javas(PRODUCER, "--topic", "keyed", "--reader-property", "parse.key=true", input_text=lines)
        seen = self.ours("kafka-console-consumer", "--topic", "keyed", "--from-beginning", "--max-messages", "100",
                         "--property", "print.key=true", "--property", "print.partition=true",
                         "--property", "print.value=false").stdout.splitlines()
        self.assertEqual(len(set(seen)), 50)

    def test_every_codec_and_a_group_that_goes_on(self):
        self.ours("kafka-topics.sh", "--create", "--topic", "codecs", "--partitions", "1")
        codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
        for codec in codecs:
            self.ours("kafka-console-producer.sh", "--topic", "codecs", "--compression-codec", codec, "--sync",
                      input_text=codec + "\n")
        group = ["--topic", "codecs", "--group", "g", "--from-beginning"]
        first = self.ours("kafka-console-consumer.sh", *group, "--max-messages", "2").stdout.split()
        rest = self.ours("kafka-console-consumer.sh", *group, "--max-messages", "3").stdout.split()
        self.assertEqual(first + rest, codecs)
        self.assertEqual(self.javas(CONSUMER, "--topic", "codecs", "--from-beginning", "--max-messages", "5").stdout.split(),
                         codecs)

    def test_one_partition_from_an_offset_and_silence(self):
        self.ours("kafka-topics.sh", "--create", "--topic", "one", "--partitions", "2")
        self.ours("kafka-console-producer.sh", "--topic", "one", "--property", "parse.key=true",
                  input_text="".join(f"k\t{i}\n" for i in range(10)))
        everything = self.ours("kafka-console-consumer.sh", "--topic", "one", "--from-beginning", "--timeout-ms", "1500")
        self.assertEqual(everything.stdout.split(), [str(i) for i in range(10)])
        self.assertIn("Processed a total of 10 messages", everything.stderr)
        partition = penstock.kcat(self.broker, "-C", "-t", "one", "-e", "-c", "1", "-f", "%p").stdout
        some = self.ours("kafka-console-consumer.sh", "--topic", "one", "--partition", partition, "--offset", "7",
                         "--max-messages", "3")
        self.assertEqual(some.stdout.split(), ["7", "8", "9"])

    def test_help_and_mistakes(self):
        for name in ("kafka-topics", "kafka-topics.sh", "kafka-console-producer.sh", "kafka-console-consumer.sh"):
            self.assertIn("usage: " + name, penstock.run([penstock.BIN / name, "--help"]).stdout)
            wrong = penstock.run([penstock.BIN / name, "--no-such-option"], check=False)
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("unknown option --no-such-option", wrong.stderr)
        gone = penstock.run([penstock.BIN / "kafka-console-producer.sh", "--bootstrap-server", "127.0.0.1:1", "--topic", "t",
                             "--producer-property", "message.timeout.ms=500"], input_text="x\n", check=False)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("Connection refused", gone.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
