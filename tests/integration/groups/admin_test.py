#!/usr/bin/env python3
"""Apache Kafka's kafka-consumer-groups.sh, and its reading of what we write into __consumer_offsets."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402


class Groups(penstock.BrokerTest):
    def setUp(self):
        super().setUp()
        penstock.topics(self.broker, "--create", "--topic", "t", "--partitions", "2")
        for partition in ("0", "1"):
            penstock.kcat(self.broker, "-P", "-t", "t", "-p", partition,
                          input_text="".join(f"v{n}\n" for n in range(20)))
        penstock.kcat(self.broker, "-G", "g", "-q", "-c", "40", "-X", "auto.offset.reset=earliest", "t")

    def groups(self, *arguments, **options):
        return penstock.java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server",
                             self.broker.bootstrap, *arguments, **options).stdout

    def rows(self, *arguments):
        """(topic, partition, committed offset, end, lag) of every row of --describe."""
        found = []
        for line in self.groups("--describe", *arguments).splitlines():
            cells = line.split()
            if len(cells) >= 6 and cells[0] == "g":
                found.append(tuple(cells[1:6]))
        return found

    def test_groups_from_list_to_delete(self):
        self.assertEqual(self.groups("--list").split(), ["g"])
        self.assertIn("Empty", self.groups("--list", "--state"))
        self.assertIn("Classic", self.groups("--list", "--type"))
        self.assertEqual(self.groups("--list", "--state", "Stable").split()[2:], [])

        rows = self.rows("--group", "g")
        self.assertEqual(sorted(row[1] for row in rows), ["0", "1"])
        self.assertEqual(sum(int(row[2]) for row in rows), 40)
        self.assertEqual([row[4] for row in rows], ["0", "0"])
        self.assertIn("Empty", self.groups("--describe", "--group", "g", "--state"))
        self.assertEqual(self.groups("--describe", "--group", "g", "--members").split()[5:], [])  # But the header.

        self.groups("--reset-offsets", "--to-earliest", "--topic", "t", "--group", "g", "--execute")
        self.assertEqual([row[2] for row in self.rows("--group", "g")], ["0", "0"])
        self.groups("--delete-offsets", "--group", "g", "--topic", "t:1")
        self.assertEqual([row[1] for row in self.rows("--group", "g")], ["0"])
        self.assertIn("successful", self.groups("--delete", "--group", "g"))
        self.assertEqual(self.groups("--list").split(), [])

    def test_deleted_topic_takes_its_offsets_along(self):
        penstock.topics(self.broker, "--delete", "--topic", "t")
        penstock.wait_until(lambda: not self.rows("--group", "g"), 30, "the offsets are gone")

    def test_kafka_reads_the_partition(self):
        self.groups("--delete", "--group", "g")
        penstock.kcat(self.broker, "-G", "h", "-q", "-c", "40", "-X", "auto.offset.reset=earliest", "t")
        self.broker.stop()
        files = sorted(str(path) for path in self.broker.data.glob("__consumer_offsets-*/*.log") if path.stat().st_size)
        self.assertTrue(files)
        text = penstock.dump_log("--offsets-decoder", "--deep-iteration", "--files", ",".join(files))
        self.assertRegex(text, r'"group":"h".*"protocolType":"consumer"')
        self.assertRegex(text, r'"group":"g","topic":"t","partition":0')
        self.assertRegex(text, r'"offset":20,')
        self.assertNotIn("Could not decode", text)
        self.assertNotIn("isvalid: false", text)
        self.assertIn("compresscodec: none", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
