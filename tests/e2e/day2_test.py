#!/usr/bin/env python3
"""What is done to three brokers on Kubernetes, and what befalls them, while Java's producer in the cluster writes with
acks=all: nothing is lost, nothing falls below min.insync.replicas by our act, and how long a client waits.

Prints a row for each phase: the longest time between two acknowledgements of one partition. docs/failover.md has them.
Only on a cluster of tests/e2e/cluster: what is killed is killed at its containerd.
"""
import os
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import CLUSTER, NamespaceTest, condition, wait_until  # noqa: E402
from kubernetes_load import HAS_JAVA, IS_OUR_NODE, BrokerWatch, PodWriter, ctr, make_client  # noqa: E402
from leader_mover import LeaderMover  # noqa: E402

SECONDS = 240
PARTITIONS = 3
# Generous, for a machine that does other things too: a session has ended before, and the client's longest backoff.
PAUSE_SECONDS_MAX = 15
QUIET_SECONDS = 10
# A pause that the client's own log is to explain.
TOLD_PAUSE_SECONDS = 2


@unittest.skipUnless(IS_OUR_NODE, "not a cluster of tests/e2e/cluster")
@unittest.skipUnless(HAS_JAVA, "Kafka's jars are not there: scripts/test fetches them")
class Day2Test(NamespaceTest):
    def setUp(self):
        super().setUp()
        self.start_cluster(manifest=CLUSTER)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        pathlib.Path(directory.name).chmod(0o755)
        client = make_client(self, directory.name)
        bootstrap = f"demo-bootstrap.{self.namespace}.svc:9092"
        self.watch = BrokerWatch(self)
        self.addCleanup(self.watch.stop)
        self.writer = PodWriter(client, bootstrap, "test", directory.name)
        self.addCleanup(self.writer.kill)
        self.writer.wait_more(100, PARTITIONS)
        self.mover = LeaderMover(bootstrap, self.writer.exec())
        self.addCleanup(self.mover.stop)
        self.pauses = {}

    def spread_leaders(self):
        """Every broker leads a partition."""
        answers = []

        def spread():
            answers[:] = [self.mover.order("test", leader, [leader, *({0, 1, 2} - {leader})]) for leader in range(PARTITIONS)]
            return answers == ["ok"] * PARTITIONS
        wait_until(spread, 60, lambda: f"every broker leads: {answers}")

    def settle(self, brokers=3):
        def is_done():
            ready = condition(self.get("kafkacluster", "demo"), "Ready")
            return ready.get("status") == "True" and self.watch.is_whole(brokers)
        try:
            wait_until(is_done, SECONDS, "the cluster is whole")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.get('kafkacluster', 'demo')['status']}") from None

    def warnings(self):
        """What the operator warned of."""
        return [event["message"] for event in self.items("event", "--field-selector=type=Warning")
                if event["source"].get("component") == "penstock-operator"]

    def phase(self, what, act, brokers=3):
        self.spread_leaders()
        self.writer.wait_more(100, PARTITIONS)
        begin = time.time()
        act()
        acted = time.time()
        self.settle(brokers)
        self.writer.wait_more(100, PARTITIONS)
        pause = self.writer.longest_pause(begin)
        self.pauses[what] = pause
        below = [count for at, _, count in self.watch.below_min_isr if at > begin]
        print(f"| {what} | {pause:.2f} | {time.time() - begin:.0f} s, load {os.getloadavg()[0]:.0f}, act {acted - begin:.1f} s, "
              f"below min ISR {len(below)} |", flush=True)
        if pause > TOLD_PAUSE_SECONDS:
            print(self.writer.log_tail(60), flush=True)
        self.assertEqual(below, [])

    def victim(self, is_controller):
        """A pod that leads a partition, and is the active controller or is not."""
        view = wait_until(self.watch.at_controller, 30, "there is an active controller")
        return next(f"demo-{node}" for node in range(3) if (node == view["controllerId"]) == is_controller)

    def delete(self, pod, *how):
        uid = self.uids()[pod]
        self.kubectl("delete", "pod", pod, *how)
        wait_until(lambda: self.uids().get(pod, uid) != uid, 90, f"a new {pod}")
        self.wait_ready("pod", pod, seconds=120)

    def kill(self, pod):
        container = self.get("pod", pod)["status"]["containerStatuses"][0]
        ctr("task", "kill", "-s", "9", container["containerID"].removeprefix("containerd://"))
        wait_until(lambda: self.get("pod", pod)["status"]["containerStatuses"][0]["restartCount"] > container["restartCount"],
                   90, f"{pod} is started again")
        self.wait_ready("pod", pod, seconds=120)

    def change(self):
        before = self.uids()
        self.patch("kafkacluster", "demo", {"config": {"log.retention.hours": 48}})
        self.settle()
        after = self.uids()
        self.assertEqual([name for name, uid in before.items() if after[name] == uid], [])

    def scale_up(self):
        self.patch("kafkacluster", "demo", {"replicas": 4})
        self.settle(4)
        self.topics_tool("--create", "--topic", "more", "--partitions", "12", "--replication-factor", "3")

    def scale_down(self):
        self.patch("kafkacluster", "demo", {"replicas": 3})
        self.settle()
        self.assertEqual(set(self.uids()), {"demo-0", "demo-1", "demo-2"})

    def stored(self):
        """Where each value is, by the console consumer in a pod: {(value, partition, offset)}."""
        out = self.in_pod("/opt/kafka/bin/kafka-console-consumer.sh --topic test --from-beginning --timeout-ms 10000 "
                          "--property print.partition=true --property print.offset=true", check=False).stdout
        found = set()
        for line in out.splitlines():
            partition, offset, value = line.split("\t")[-3:]
            found.add((value, int(partition.partition(":")[2]), int(offset.partition(":")[2])))
        return found

    def voters(self):
        return set(self.get("kafkacluster", "demo")["status"]["voters"])

    def check_written(self):
        self.writer.stop()
        stored = self.stored()
        lost = set(self.writer.acked) - stored
        doubled = len(stored) - len({value for value, _, _ in stored})
        print(f"{len(self.writer.acked)} acknowledged, {len(lost)} lost, {doubled} doubled, {len(self.writer.failed)} failed; "
              f"{self.watch.looks} looks at the brokers' views", flush=True)
        self.assertEqual((lost, doubled, self.writer.failed), (set(), 0, []))

    def test_nothing_is_lost_and_how_long_a_client_waits(self):
        self.phase("nothing", lambda: time.sleep(QUIET_SECONDS))
        self.phase("configuration changed: three brokers restarted", self.change)
        self.phase("from three to four brokers", self.scale_up, brokers=4)
        self.phase("from four to three brokers", self.scale_down)
        self.assertEqual(self.warnings(), [])
        for whom, is_controller in (("leader", False), ("leader that is the active controller", True)):
            self.phase(f"pod deleted: {whom}", lambda: self.delete(self.victim(is_controller)))
            self.phase(f"pod deleted by force: {whom}",
                       lambda: self.delete(self.victim(is_controller), "--grace-period=0", "--force"))
            self.phase(f"container killed: {whom}", lambda: self.kill(self.victim(is_controller)))
        self.check_written()
        self.assertLess(max(self.pauses.values()), PAUSE_SECONDS_MAX, self.pauses)

    def test_three_brokers_become_one_and_three_again(self):
        self.patch("kafkacluster", "demo", {"replicas": 1})
        wait_until(lambda: condition(self.get("kafkacluster", "demo"), "Ready").get("reason") == "ScaleDownRefused", 60,
                   "a refusal")
        begin = time.time()
        self.patch("kafkatopic", "test", {"replicationFactor": 1, "minInSyncReplicas": 1})
        self.settle(1)
        self.assertEqual(set(self.uids()), {"demo-0"})
        wait_until(lambda: self.voters() == {0}, 60, "one voter")
        self.writer.wait_more(100, PARTITIONS)
        print(f"from three brokers to one: {time.time() - begin:.0f} s, longest pause {self.writer.longest_pause(begin):.2f} s")
        begin = time.time()
        self.patch("kafkacluster", "demo", {"replicas": 3})
        self.settle(3)
        wait_until(lambda: self.voters() == {0, 1, 2}, 60, "three voters")
        self.writer.wait_more(100, PARTITIONS)
        print(f"from one broker to three: {time.time() - begin:.0f} s, longest pause {self.writer.longest_pause(begin):.2f} s")
        self.check_written()


if __name__ == "__main__":
    unittest.main(verbosity=2)
