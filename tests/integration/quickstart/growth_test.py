#!/usr/bin/env python3
"""One broker on the local runtime becomes three: a quorum of three, and replicas of what Kafka keeps for itself.
And five, of which all vote where that is asked for."""
import json
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import quorum, status  # noqa: E402
from local_cluster import LocalClusterTest  # noqa: E402
from penstock import kcat, wait_until  # noqa: E402
from safety import describe  # noqa: E402

OFFSETS = "__consumer_offsets"


class GrowthTest(LocalClusterTest):
    changes = [("replicas: 3", "replicas: 1"), ("replicationFactor: 3", "replicationFactor: 1"),
               ("minInSyncReplicas: 2", "minInSyncReplicas: 1")]

    def voters(self):
        found = status(quorum("--bootstrap-server", self.bootstrap, "describe", "--status"))
        return {voter["id"] for voter in json.loads(found["CurrentVoters"])}

    def test_one_broker_becomes_three(self):
        kcat(self, "-P", "-t", "test", "-X", "acks=all", input_text="".join(f"{i}\n" for i in range(100)))
        # A group, so that there are offsets to keep.
        kcat(self, "-G", "readers", "-c", "100", "-o", "beginning", "-q", "test")
        self.assertEqual({len(isr) for _, isr in describe(self, OFFSETS).values()}, {1})
        self.assertEqual(self.voters(), {0})
        self.write(self.cluster_file, self.cluster_text)
        wait_until(lambda: sum(broker["ready"] for broker in self.brokers().values()) == 3, 60, "three are ready")
        wait_until(lambda: self.voters() == {0, 1, 2}, 90, "all three are voters")
        wait_until(lambda: {len(isr) for _, isr in describe(self, OFFSETS).values()} == {3}, 120,
                   f"three replicas of {OFFSETS}")
        self.wait_ready(120)
        # The topic is as its resource says, until that is changed.
        self.topic_file.write_text(self.topic_text)
        wait_until(lambda: {len(isr) for _, isr in describe(self, "test").values()} == {3}, 120, "three replicas of test")
        self.wait_ready(120)
        self.wait_restarted(0, self.kill_broker(0))
        self.assertEqual(len(kcat(self, "-C", "-t", "test", "-e", "-q").stdout.split()), 100)

    def test_five_voters_on_request(self):
        kcat(self, "-P", "-t", "test", "-X", "acks=all", input_text="".join(f"{i}\n" for i in range(100)))
        five = self.cluster_text.replace("replicas: 3", "replicas: 5\n  voters: 5")
        self.write(self.cluster_file, five)
        wait_until(lambda: self.voters() == {0, 1, 2, 3, 4}, 120, "five voters")
        self.wait_ready(120)
        # Two of five may go at once, and the rest still commit.
        killed = {node: self.kill_broker(node) for node in (1, 3)}
        for node, pid in killed.items():
            self.wait_restarted(node, pid)
        self.write(self.cluster_file, five.replace("voters: 5", "voters: 3"))
        wait_until(lambda: self.voters() == {0, 1, 2}, 120, "three voters of five brokers")
        self.wait_ready(120)
        self.assertEqual(len(self.brokers()), 5)
        self.assertEqual(len(kcat(self, "-C", "-t", "test", "-e", "-q").stdout.split()), 100)


if __name__ == "__main__":
    unittest.main()
