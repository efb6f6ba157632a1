#!/usr/bin/env python3
"""Three brokers on the local runtime, as Apache Kafka's own tools see them, and with brokers that die under load."""
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import verifiable  # noqa: E402
from cluster import quorum, status  # noqa: E402
from local_cluster import LocalClusterTest  # noqa: E402
from penstock import java, kcat, topics, wait_until  # noqa: E402
from safety import check_acked, describe, wait_isr  # noqa: E402

IDLE_RSS_KIB_MAX = 80 * 1024  # Of all three.


def directory_id(data):
    text = (data / "meta.properties").read_text()
    return next(line.split("=", 1)[1] for line in text.splitlines() if line.startswith("directory.id="))


class BrokersTest(LocalClusterTest):
    def data(self, node):
        return self.home / f"volumes/default/data-demo-{node}/data"

    def voters(self):
        found = status(quorum("--bootstrap-server", self.bootstrap, "describe", "--status"))
        return {voter["id"]: voter["directoryId"] for voter in json.loads(found["CurrentVoters"])}

    def wait_voters(self, wanted):
        wait_until(lambda: self.voters() == wanted, 90, f"the voters are {wanted}; they are {self.voters()}")

    def tool(self, main_class, *arguments, **options):
        return java(f"org.apache.kafka.tools.{main_class}", "--bootstrap-server", self.bootstrap, *arguments,
                    **options).stdout

    def leads_what_it_should(self, node):
        self.tool("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions", check=False)
        return any(leader == node for leader, _ in describe(self, "test").values())

    def test_what_kafkas_tools_say(self):
        self.check_topics()
        self.check_quorum()
        self.check_elections_and_reassignment()
        features = self.tool("FeatureCommand", "describe")
        self.assertRegex(features, r"Feature: kraft.version\s.*FinalizedVersionLevel: 1\s")
        self.assertRegex(features, r"Feature: metadata.version\s.*FinalizedVersionLevel: 4.3-IV0\s")

    def check_topics(self):
        topics(self, "--create", "--topic", "orders", "--partitions", "6", "--replication-factor", "3",
               "--config", "min.insync.replicas=2")
        shown = topics(self, "--describe", "--topic", "orders").stdout
        self.assertIn("ReplicationFactor: 3", shown)
        self.assertIn("min.insync.replicas=2", shown)
        leaders = {leader for leader, isr in describe(self, "orders").values() if isr == {0, 1, 2}}
        self.assertEqual(leaders, {0, 1, 2}, shown)
        self.assertEqual(topics(self, "--describe", "--under-replicated-partitions").stdout.strip(), "")
        # The defaults of a cluster of three brokers.
        topics(self, "--create", "--topic", "plain")
        self.assertIn("ReplicationFactor: 3\tConfigs: min.insync.replicas=2", topics(self, "--describe", "--topic", "plain").stdout)

    def check_quorum(self):
        found = status(quorum("--bootstrap-server", self.bootstrap, "describe", "--status"))
        self.assertIn(int(found["LeaderId"]), {0, 1, 2})
        voters = {voter["id"]: voter for voter in json.loads(found["CurrentVoters"])}
        self.assertEqual(set(voters), {0, 1, 2})
        self.assertEqual(found["CurrentObservers"], "[]")
        for node, broker in self.brokers().items():
            host = broker["address"].split(":")[0]
            self.assertEqual(voters[node]["endpoints"], [f"CONTROLLER://{host}:9093"])
        rows = quorum("--bootstrap-server", self.bootstrap, "describe", "--replication").splitlines()[1:]
        states = sorted(row.split()[-1] for row in rows if row.strip())
        self.assertEqual(states, ["Follower", "Follower", "Leader"])

    def check_elections_and_reassignment(self):
        shown = self.tool("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions")
        self.assertNotIn("Error", shown)
        # The replicas of each partition in another order, then led by the first of the new order.
        path = pathlib.Path(self.home) / "plan.json"
        plan = [{"topic": "orders", "partition": partition, "replicas": [2, 1, 0]} for partition in range(6)]
        path.write_text(json.dumps({"version": 1, "partitions": plan}))
        reassign = "reassign.ReassignPartitionsCommand"
        self.assertIn("Successfully started partition reassignments",
                      self.tool(reassign, "--reassignment-json-file", path, "--execute"))
        wait_until(lambda: self.tool(reassign, "--reassignment-json-file", path, "--verify").count("is completed") == 6,
                   60, "the reassignment is completed")
        self.tool("LeaderElectionCommand", "--election-type", "preferred", "--topic", "orders", "--partition", "0")
        wait_until(lambda: describe(self, "orders")[0][0] == 2, 30, "broker 2 leads orders-0")

    def test_brokers_die_under_load_and_nothing_is_lost(self):
        with tempfile.TemporaryDirectory() as directory:
            writer = verifiable.Writer(self, "test", directory, 300)
            try:
                for victim in (2, 0, 1):
                    goal = len(writer.acked) + 200
                    wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged")
                    pid = self.kill_broker(victim)
                    goal = len(writer.acked) + 200
                    wait_until(lambda: len(writer.acked) >= goal, 60, "records are acknowledged again")
                    self.wait_restarted(victim, pid)
                    wait_isr(self, "test", {0, 1, 2})
            finally:
                writer.stop()
        check_acked(self, self, "test", writer)
        self.assertEqual([broker["restarts"] for broker in self.brokers().values()], [1, 1, 1])

    def test_a_broker_that_lost_its_volume_comes_back_as_somebody_new(self):
        kcat(self, "-P", "-t", "test", "-X", "acks=all", input_text="".join(f"{i}\n" for i in range(100)))
        data = self.data(1)
        before = directory_id(data)
        # It has begun: known to the operator, and so to the pod when it starts again.
        first_start = self.home / "pods/default/demo-1/first-start/first-start.properties"
        wait_until(lambda: "formatted=0,1,2" in first_start.read_text(), 30, "all have begun")
        pid = self.brokers()[1]["pid"]
        os.kill(pid, signal.SIGSTOP)
        shutil.rmtree(data)
        os.kill(pid, signal.SIGKILL)
        self.wait_restarted(1, pid)
        wait_isr(self, "test", {0, 1, 2})
        self.assertNotEqual(directory_id(data), before)
        # Nobody votes under the id that is lost: it is taken out, and the new one is a voter by itself.
        self.wait_voters({node: directory_id(self.data(node)) for node in range(3)})
        # It may lead again from its new directory.
        wait_until(lambda: self.leads_what_it_should(1), 60, "broker 1 leads partitions")
        topics(self, "--create", "--topic", "after")
        self.assertEqual(len(kcat(self, "-C", "-t", "test", "-e", "-q").stdout.split()), 100)

    def test_idle_brokers_are_small_and_a_fourth_joins(self):
        rss = 0
        for broker in self.brokers().values():
            text = pathlib.Path(f"/proc/{broker['pid']}/status").read_text()
            rss += int(text.split("VmRSS:")[1].split()[0])
        print(f"three idle brokers: {rss} KiB RSS", flush=True)
        self.assertLessEqual(rss, IDLE_RSS_KIB_MAX)
        pids = {node: broker["pid"] for node, broker in self.brokers().items()}
        self.write(self.cluster_file, self.cluster_text.replace("replicas: 3", "replicas: 4"))
        wait_until(lambda: self.brokers().get(3, {}).get("ready"), 60, "broker 3 is ready")
        self.wait_ready()
        self.assertEqual({node: broker["pid"] for node, broker in self.brokers().items() if node < 3}, pids)
        found = status(quorum("--bootstrap-server", self.bootstrap, "describe", "--status"))
        self.assertEqual({voter["id"] for voter in json.loads(found["CurrentVoters"])}, {0, 1, 2})
        topics(self, "--create", "--topic", "wide", "--replication-factor", "4")
        wait_isr(self, "wide", {0, 1, 2, 3})


if __name__ == "__main__":
    unittest.main()
