#!/usr/bin/env python3
"""Requests as brokers and voters send them, from somebody who is none: numbers as in the catalogue of bad inputs."""
import shutil
import signal
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster, quorum, status  # noqa: E402
from kafka_wire import *  # noqa: E402,F403
from penstock import CLUSTER_ID, MEMORY_SCALE, topics, wait_until  # noqa: E402
from safety import wait_isr  # noqa: E402

ALTER_PARTITION, VOTE, BEGIN_QUORUM_EPOCH, END_QUORUM_EPOCH = 56, 52, 53, 54
FETCH_SNAPSHOT, SNAPSHOT_NOT_FOUND, POSITION_OUT_OF_RANGE = 59, 98, 99
SESSION_NOT_FOUND, SESSION_EPOCH, STALE_BROKER_EPOCH, INCONSISTENT_CLUSTER = 70, 71, 77, 104
TOPIC = "peers"


def compact(text):
    return uvarint(0) if text is None else uvarint(len(text) + 1) + text.encode()


def compact_array(items):
    return uvarint(len(items) + 1) + b"".join(items)


def session_fetch(session=0, epoch=-1, offset=0, replica=-1, partitions=(0,)):
    """Fetch 7: ids and epochs of sessions, and replica ids, by anybody."""
    asked = [int32(p) + int64(offset) + int64(-1) + int32(MB) for p in partitions]
    head = int32(replica) + int32(0) + int32(0) + int32(MB) + b"\0" + int32(session) + int32(epoch)
    return request(FETCH, 7, head + array([string(TOPIC) + array(asked)] if partitions else []) + array([]))


def session_error(answer):
    """Error and session id of Fetch 7."""
    return struct.unpack(">hi", answer[8:14])


def high_watermark(answer):
    at = 4 + 4 + 2 + 4 + 4 + 2 + len(TOPIC) + 4 + 4
    error, found = struct.unpack(">hq", answer[at:at + 10])
    return error, found


def vote(cluster=CLUSTER_ID, topic="__cluster_metadata", partitions=1, epoch=99, replica=2, last_epoch=1, last_offset=10):
    one = int32(0) + int32(epoch) + int32(replica) + int32(last_epoch) + int64(last_offset) + b"\0"
    body = compact(cluster) + compact_array([compact(topic) + compact_array([one] * partitions) + b"\0"]) + b"\0"
    return request(VOTE, 0, body, tags=b"\0")


def epoch_call(key, cluster=CLUSTER_ID, topic="__cluster_metadata", leader=2, epoch=99):
    """BeginQuorumEpoch 0, EndQuorumEpoch 0."""
    one = int32(0) + int32(leader) + int32(epoch) + (array([]) if key == END_QUORUM_EPOCH else b"")
    return request(key, 0, string(cluster) + array([string(topic) + array([one])]))


class BadPeers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="penstock-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.cluster = Cluster(cls.directory, dict.fromkeys((1, 2, 3), "broker,controller"),
                              {"max.incremental.fetch.session.cache.slots": "100", "replica.lag.time.max.ms": "60000"})
        cls.addClassCleanup(cls.cluster.kill)
        cls.cluster.start()
        topics(cls.cluster, "--create", "--topic", TOPIC, "--replica-assignment", "1:2:3")
        wait_isr(cls.cluster, TOPIC, {1, 2, 3})

    def tearDown(self):
        for node in self.cluster.nodes.values():
            node.check_running()
            with Connection(node.port) as client:
                self.assertIn(TOPIC.encode(), client.ask(request(METADATA, 1, array([string(TOPIC)]))))

    def ask(self, content, node=1):
        with Connection(self.cluster.nodes[node].port) as client:
            return client.ask(content)

    def ask_controller(self, content):
        with Connection(self.cluster.leader().controller_port) as client:
            return client.ask(content)

    def test_b39_a_client_that_says_it_is_a_replica_commits_nothing(self):
        followers = [self.cluster.nodes[number] for number in (2, 3)]
        before = high_watermark(self.ask(session_fetch()))[1]
        for node in followers:
            node.process.send_signal(signal.SIGSTOP)
        try:
            answer = self.ask(produce(batch(), topic=TOPIC, acks=1))
            self.assertEqual(struct.unpack(">h", answer[4 + 4 + 2 + len(TOPIC) + 8:][:2])[0], NONE)
            for replica in (2, 3, 7, 2**31 - 1, 2, 3):
                self.ask(session_fetch(offset=before + 1, replica=replica))
            self.assertEqual(high_watermark(self.ask(session_fetch())), (NONE, before), "not by their word")
        finally:
            for node in followers:
                node.process.send_signal(signal.SIGCONT)
        wait_until(lambda: high_watermark(self.ask(session_fetch())) == (NONE, before + 1), 30, "by the followers'")

    def test_b40_sessions_that_are_none_and_too_many(self):
        for session in (1, 12345, 2**31 - 1, -1, -2**31):
            with self.subTest(session=session):
                self.assertEqual(session_error(self.ask(session_fetch(session, 5, partitions=())))[0], SESSION_NOT_FOUND)
        error, session = session_error(self.ask(session_fetch(0, 0)))
        self.assertEqual(error, NONE)
        self.assertNotEqual(session, 0)
        for epoch in (5, 2**31 - 1):
            with self.subTest(epoch=epoch):
                self.assertEqual(session_error(self.ask(session_fetch(session, epoch, partitions=())))[0], SESSION_EPOCH)
        before = self.rss()
        with Connection(self.cluster.nodes[1].port) as client:
            given = [session_error(client.ask(session_fetch(0, 0))) for _ in range(5000)]
        self.assertEqual({error for error, _ in given}, {NONE}, "without a place it is a fetch without a session")
        self.assertLessEqual(len({session for _, session in given if session}), 200, "as many as there are places")
        self.assertLess(self.rss() - before, 16 * MB * MEMORY_SCALE)

    def rss(self):
        with open(f"/proc/{self.cluster.nodes[1].process.pid}/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))

    def test_b52_votes_that_nobody_may_ask_for(self):
        before = status(quorum("--bootstrap-server", self.cluster.bootstrap, "describe", "--status"))["LeaderEpoch"]
        other = "AAAAAAAAAAAAAAAAAAAAAA"
        cases = {
            "another cluster": (vote(cluster=other), INCONSISTENT_CLUSTER),
            "another topic": (vote(topic="orders"), INVALID_REQUEST),
            "two partitions": (vote(partitions=2), INVALID_REQUEST),
            "no partition": (vote(partitions=0), INVALID_REQUEST),
            "a negative offset": (vote(last_offset=-1), INVALID_REQUEST),
            "a negative epoch of the log": (vote(last_epoch=-1), INVALID_REQUEST),
            "records of the epoch that it stands for": (vote(epoch=99, last_epoch=99), INVALID_REQUEST),
            "records of the future": (vote(epoch=99, last_epoch=100), INVALID_REQUEST),
            "a negative epoch": (vote(epoch=-5, last_epoch=0), INVALID_REQUEST),
            "the lowest epoch": (vote(epoch=-2**31), INVALID_REQUEST),
            "nobody": (vote(replica=-1), INVALID_REQUEST),
        }
        for what, (content, error) in cases.items():
            with self.subTest(what):
                answer = self.ask_controller(content)
                self.assertEqual(struct.unpack(">h", answer[5:7])[0], error)
        self.ask_controller(vote(epoch=2**31 - 1))
        for key in (BEGIN_QUORUM_EPOCH, END_QUORUM_EPOCH):
            for content, error in ((epoch_call(key, cluster=other), INCONSISTENT_CLUSTER),
                                   (epoch_call(key, topic="orders"), INVALID_REQUEST),
                                   (epoch_call(key, leader=-1), INVALID_REQUEST)):
                with self.subTest(key=key, error=error):
                    self.assertEqual(struct.unpack(">h", self.ask_controller(content)[4:6])[0], error)
            self.ask_controller(epoch_call(key, epoch=2**31 - 1))
        after = status(quorum("--bootstrap-server", self.cluster.bootstrap, "describe", "--status"))["LeaderEpoch"]
        self.assertEqual(after, before, "no epoch came of it")

    def test_old_versions_are_answered_by_whoever_leads(self):
        answer = self.ask_controller(vote(epoch=1, last_epoch=0, last_offset=0))
        self.assertEqual(struct.unpack(">h", answer[5:7])[0], NONE)
        answer = self.ask_controller(epoch_call(BEGIN_QUORUM_EPOCH, epoch=0))
        self.assertEqual(struct.unpack(">h", answer[4:6])[0], NONE)

    def test_b52_an_isr_change_by_no_broker(self):
        for broker, epoch in ((1, 1), (1, -1), (1, 2**62), (77, 5), (-1, -1)):
            with self.subTest(broker=broker, epoch=epoch):
                body = int32(broker) + int64(epoch) + compact_array([]) + b"\0"
                answer = self.ask_controller(request(ALTER_PARTITION, 3, body, tags=b"\0"))
                self.assertEqual(struct.unpack(">h", answer[9:11])[0], STALE_BROKER_EPOCH)

    def test_b53_snapshots_that_are_none(self):
        now = int(status(quorum("--bootstrap-server", self.cluster.bootstrap, "describe", "--status"))["LeaderEpoch"])

        def ask(end=10**9, epoch=77, position=0, topic="__cluster_metadata", partition=0):
            one = int32(partition) + int32(now) + int64(end) + int32(epoch) + b"\0" + int64(position) + b"\0"
            body = int32(-1) + int32(MB) + compact_array([compact(topic) + compact_array([one]) + b"\0"]) + b"\0"
            answer = self.ask_controller(request(FETCH_SNAPSHOT, 0, body, tags=b"\0"))
            top = struct.unpack(">h", answer[9:11])[0]
            at = 11 + 1 + 1 + len(topic) + 1 + 4
            return top or struct.unpack(">h", answer[at:at + 2])[0]
        for what, options in {"no such snapshot": {}, "a negative one": {"end": -1, "epoch": -1}, "the end of all": {
                "end": INT64_MAX, "epoch": INT32_MAX}, "a position beyond": {"position": INT64_MAX}}.items():
            with self.subTest(what):
                self.assertIn(ask(**options), (SNAPSHOT_NOT_FOUND, POSITION_OUT_OF_RANGE, INVALID_REQUEST))
        for options in ({"topic": "orders"}, {"partition": 7}):
            with self.subTest(**options):
                self.assertIn(ask(**options), (UNKNOWN_TOPIC, INVALID_REQUEST))

    def test_b53_what_is_not_served_is_not_known(self):
        for key in (71, 72):  # Telemetry of clients.
            with self.subTest(key=key), Connection(self.cluster.nodes[1].port) as client:
                client.send(request(key, 0, b"\0" * 64))
                self.assertEqual(client.ends(), b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
