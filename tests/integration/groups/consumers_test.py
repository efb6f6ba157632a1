#!/usr/bin/env python3
"""Real consumers in groups: they share partitions, take over from each other, and resume from their commits."""
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402
import verifiable  # noqa: E402

WAIT_SECONDS = 60


def lines(first, count):
    return "".join(f"k{n}:v{n}\n" for n in range(first, first + count))


class Consumer(verifiable.Tool):
    """It commits after every poll; stop() leaves the group."""

    def __init__(self, broker, group, topic, *arguments):
        self.partitions = set()
        self.consumed = 0
        self.committed = 0
        super().__init__("VerifiableConsumer", broker, "--group-id", group, "--topic", topic, "--reset-policy",
                         "earliest", *arguments)

    def heard(self, event):
        if event["name"] == "partitions_assigned":
            self.partitions |= {p["partition"] for p in event["partitions"]}
        elif event["name"] == "partitions_revoked":
            self.partitions -= {p["partition"] for p in event["partitions"]}
        elif event["name"] == "records_consumed":
            self.consumed += event["count"]
        elif event["name"] == "offsets_committed" and event["success"]:
            self.committed += 1


class Consumers(penstock.BrokerTest):
    def setUp(self):
        super().setUp()
        penstock.topics(self.broker, "--create", "--topic", "t", "--partitions", "6")

    def produce(self, first, count):
        penstock.kcat(self.broker, "-P", "-t", "t", "-K:", input_text=lines(first, count))

    def start(self, *arguments):
        consumer = Consumer(self.broker, "g", "t", *arguments)
        self.addCleanup(lambda: consumer.process.poll() is None and consumer.kill())
        return consumer

    def wait_shared(self, consumers):
        """Every partition has one owner, and everybody has some."""
        def is_shared():
            owned = [p for consumer in consumers for p in consumer.partitions]
            return sorted(owned) == list(range(6)) and all(consumer.partitions for consumer in consumers)
        penstock.wait_until(is_shared, WAIT_SECONDS, "the partitions are shared")

    def wait_consumed(self, consumers, count):
        penstock.wait_until(lambda: sum(c.consumed for c in consumers) >= count, WAIT_SECONDS, f"{count} consumed")
        self.assertEqual(sum(c.consumed for c in consumers), count)

    def test_three_share_and_the_next_one_resumes(self):
        self.produce(0, 600)
        consumers = [self.start() for _ in range(3)]
        self.wait_shared(consumers)
        self.wait_consumed(consumers, 600)
        for consumer in consumers:
            consumer.stop()
        self.produce(600, 60)
        # The broker's memory of the group is what it finds in its log.
        self.broker.stop()
        self.broker.start()
        last = self.start()
        self.wait_consumed([last], 60)
        last.stop()

    def test_partitions_of_the_dead_are_taken_over(self):
        self.produce(0, 60)
        consumers = [self.start("--session-timeout", "6000") for _ in range(2)]
        self.wait_shared(consumers)
        self.wait_consumed(consumers, 60)
        consumers[0].kill()
        consumers[0].partitions.clear()
        self.wait_shared(consumers[1:])
        self.produce(60, 60)
        penstock.wait_until(lambda: sum(c.consumed for c in consumers) >= 120, WAIT_SECONDS, "the rest is consumed")
        consumers[1].stop()

    def test_cooperative_rebalance(self):
        assignor = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
        consumers = [self.start("--assignment-strategy", assignor) for _ in range(2)]
        self.wait_shared(consumers)
        consumers.append(self.start("--assignment-strategy", assignor))
        self.wait_shared(consumers)
        consumers.pop(0).stop()
        self.wait_shared(consumers)
        for consumer in consumers:
            consumer.stop()

    def test_static_member_comes_back_to_its_partitions(self):
        consumers = [self.start("--group-instance-id", name) for name in ("a", "b")]
        self.wait_shared(consumers)
        owned = set(consumers[0].partitions)
        consumers[0].kill()
        consumers[0] = self.start("--group-instance-id", "a")
        self.wait_shared(consumers)
        self.assertEqual(consumers[0].partitions, owned)
        for consumer in consumers:
            consumer.stop()

    def test_kcat_resumes(self):
        def consume(count):
            done = penstock.kcat(self.broker, "-G", "k", "-q", "-c", str(count), "-f", "%s\n", "-X",
                                 "auto.offset.reset=earliest", "t")
            return sorted(done.stdout.split())
        self.produce(0, 100)
        self.assertEqual(consume(100), sorted(f"v{n}" for n in range(100)))
        self.produce(100, 10)
        self.assertEqual(consume(10), sorted(f"v{n}" for n in range(100, 110)))

    def test_console_consumer_resumes(self):
        def consume(count):
            return sorted(penstock.java("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server",
                                        self.broker.bootstrap, "--topic", "t", "--group", "c", "--from-beginning",
                                        "--max-messages", str(count), "--timeout-ms", "30000").stdout.split())
        self.produce(0, 50)
        self.assertEqual(consume(50), sorted(f"v{n}" for n in range(50)))
        self.produce(50, 5)
        self.assertEqual(consume(5), sorted(f"v{n}" for n in range(50, 55)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
