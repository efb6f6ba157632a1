#!/usr/bin/env python3
"""What is changed of a running cluster while a producer writes with acks=all: nothing is lost, and no partition falls
below min.insync.replicas by our act."""
import json
import re
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import quorum, status  # noqa: E402
from local_cluster import LocalClusterTest  # noqa: E402
from penstock import kcat, topics, wait_until  # noqa: E402
from safety import check_acked, describe, wait_isr  # noqa: E402

SECONDS = 180


class Day2Test(LocalClusterTest):
    def setUp(self):
        super().setUp()
        self.writer = verifiable.Writer(self, "test", self.home, 200)
        self.addCleanup(self.writer.kill)
        self.below_min_isr = []
        self.is_over = threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        self.addCleanup(self.watcher.join)
        self.addCleanup(self.is_over.set)
        self.wait_written(200)

    def resource(self, kind, name):
        server = re.search(r"http://[0-9.:]+", (self.home / "kubeconfig").read_text()).group()
        path = f"{server}/apis/penstock.dev/v1alpha1/namespaces/default/{kind}/{name}"
        with urllib.request.urlopen(path, timeout=10) as reply:
            return json.load(reply)

    def cluster(self):
        return self.resource("kafkaclusters", "demo")

    def watch(self):
        while not self.is_over.wait(0.1):
            try:
                count = self.cluster()["status"].get("underMinISRPartitions", 0)
            except OSError:
                continue
            if count:
                self.below_min_isr.append((time.monotonic(), count))

    def wait_written(self, more):
        goal = len(self.writer.acked) + more
        wait_until(lambda: len(self.writer.acked) >= goal, 60, f"{goal} records acknowledged")

    def change(self, path, text, kind, name):
        """Writes the manifest and waits until the resource has it."""
        before = self.resource(kind, name)["metadata"]["generation"]
        self.write(path, text)
        wait_until(lambda: self.resource(kind, name)["metadata"]["generation"] > before, 30, f"{name} is changed")

    def ready(self, kind, name):
        found = self.resource(kind, name)
        return next((c for c in found["status"]["conditions"] if c["type"] == "Ready"
                     and c.get("observedGeneration") == found["metadata"]["generation"]), {})

    def wait_done(self, kind, name, what):
        begin = len(self.writer.acked_at)
        try:
            wait_until(lambda: self.ready(kind, name).get("status") == "True", SECONDS, what)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.resource(kind, name)['status']}\n{self.logs()}") from None
        self.wait_written(100)
        times = self.writer.acked_at[begin:]
        print(f"{what}: longest pause {max(b - a for a, b in zip(times, times[1:])):.2f} s", flush=True)

    def finish(self):
        self.writer.stop()
        check_acked(self, self, "test", self.writer)
        self.assertEqual(self.below_min_isr, [])

    def test_a_changed_configuration_restarts_one_broker_after_the_other(self):
        before = {node: broker["pid"] for node, broker in self.brokers().items()}
        self.change(self.cluster_file, self.cluster_text + "  config:\n    log.retention.hours: 48\n", "kafkaclusters",
                    "demo")
        self.wait_done("kafkaclusters", "demo", "three brokers restarted")
        after = self.brokers()
        for node, pid in before.items():
            self.assertNotEqual(after[node]["pid"], pid)
        wait_isr(self, "test", {0, 1, 2})
        self.assertNotIn("rollout", self.cluster()["status"])
        self.finish()

    def test_a_fourth_broker_comes_and_goes(self):
        four = self.cluster_text.replace("replicas: 3", "replicas: 4")
        self.change(self.cluster_file, four, "kafkaclusters", "demo")
        self.wait_done("kafkaclusters", "demo", "from three to four brokers")
        topics(self, "--create", "--topic", "wide", "--partitions", "2", "--replication-factor", "4")
        topics(self, "--create", "--topic", "more", "--partitions", "30", "--replication-factor", "3")
        self.change(self.cluster_file, self.cluster_text, "kafkaclusters", "demo")
        wait_until(lambda: self.ready("kafkaclusters", "demo").get("reason") == "ScaleDownRefused", 60, "a refusal")
        self.assertTrue(self.brokers()[3]["ready"])
        topics(self, "--delete", "--topic", "wide")
        self.wait_done("kafkaclusters", "demo", "from four to three brokers")
        self.assertEqual(set(self.brokers()), {0, 1, 2})
        for topic in ("test", "more"):
            self.assertEqual({frozenset(isr) for _, isr in describe(self, topic).values()}, {frozenset({0, 1, 2})})
        wait_until(lambda: self.cluster()["status"]["fencedBrokers"] == 0, 30, "the broker that went is forgotten")
        self.finish()

    def test_the_number_of_replicas_is_lowered_and_raised(self):
        for factor in (2, 1, 3):
            text = self.topic_text.replace("replicationFactor: 3", f"replicationFactor: {factor}")
            self.change(self.topic_file, text.replace("minInSyncReplicas: 2", f"minInSyncReplicas: {min(factor, 2)}"),
                        "kafkatopics", "test")
            self.wait_done("kafkatopics", "test", f"replicas are {factor}")
            self.assertEqual({len(isr) for _, isr in describe(self, "test").values()}, {factor})
        wait_until(lambda: "throttled" not in topics(self, "--describe", "--topic", "test").stdout, 60,
                   "the throttle is removed")
        self.finish()

    def voters(self):
        return {voter["id"] for voter in json.loads(status(quorum("--bootstrap-server", self.bootstrap, "describe",
                                                                  "--status"))["CurrentVoters"])}

    def scale(self, count):
        if self.cluster()["spec"]["replicas"] != count:
            text = self.cluster_text.replace("replicas: 3", f"replicas: {count}")
            self.change(self.cluster_file, text, "kafkaclusters", "demo")
        self.wait_done("kafkaclusters", "demo", f"{count} brokers")
        self.assertEqual(set(self.brokers()), set(range(count)))
        wait_until(lambda: self.cluster()["status"]["fencedBrokers"] == 0, 30, "brokers that went are forgotten")
        wait_until(lambda: self.voters() == set(range(count if count > 2 else 1)), 90, f"voters for {count} brokers")

    def test_three_brokers_become_one_and_three_again(self):
        kcat(self, "-G", "readers", "-c", "100", "-o", "beginning", "-q", "test")
        # The quorum's leader is to be one that goes.
        while self.cluster()["status"]["controllerId"] == 0:
            self.wait_restarted(0, self.kill_broker(0))
        wait_isr(self, "test", {0, 1, 2})
        self.change(self.cluster_file, self.cluster_text.replace("replicas: 3", "replicas: 1"), "kafkaclusters", "demo")
        wait_until(lambda: self.ready("kafkaclusters", "demo").get("reason") == "ScaleDownRefused", 60, "a refusal")
        self.assertEqual(self.voters(), {0, 1, 2})
        one = self.topic_text.replace("replicationFactor: 3", "replicationFactor: 1")
        self.change(self.topic_file, one.replace("minInSyncReplicas: 2", "minInSyncReplicas: 1"), "kafkatopics", "test")
        for count in (1, 3, 2, 3):
            self.scale(count)
            replicas = min(count, 3)
            wait_until(lambda: {len(isr) for _, isr in describe(self, "__consumer_offsets").values()} == {replicas}, 120,
                       f"{replicas} replicas of what Kafka keeps for itself")
        self.writer.stop()
        check_acked(self, self, "test", self.writer)


if __name__ == "__main__":
    unittest.main()
