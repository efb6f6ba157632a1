#!/usr/bin/env python3
"""What the admin port tells and does beyond health and metrics: the cluster, stop reservations, dead brokers."""
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from cluster import Cluster  # noqa: E402
from penstock import BrokerTest, metrics, topics, wait_until  # noqa: E402


def ask(node, path, body=None, method=None, headers=None):
    """Status and parsed answer."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{node.admin_port}{path}", data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()) if error.headers["Content-Type"] == "application/json" else None


class ThreeBrokersTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.cluster = Cluster(self.directory, {n: "broker,controller" for n in (1, 2, 3)})
        self.addCleanup(self.cluster.stop)
        self.cluster.start()

    def test_stops_are_reserved_and_the_dead_are_fenced(self):
        leader = self.cluster.leader()
        others = [node for node in self.cluster.running() if node is not leader]
        topics(leader, "--create", "--topic", "orders", "--partitions", "6", "--replication-factor", "3",
               "--config", "min.insync.replicas=2")
        for node in self.cluster.running():
            wait_until(lambda: ask(node, "/v1/cluster")[1]["controllerId"] == leader.node_id, 10, "the leader is known")
            cluster = ask(node, "/v1/cluster")[1]
            self.assertEqual(cluster["isActiveController"], node is leader)
            self.assertEqual([broker["id"] for broker in cluster["brokers"]], [1, 2, 3])
            self.assertEqual(cluster["voters"], [1, 2, 3])
            self.assertIsNone(cluster["lastFailover"])
        epochs = {broker["id"]: broker["epoch"] for broker in ask(leader, "/v1/cluster")[1]["brokers"]}
        own = ask(others[0], "/v1/broker")[1]
        self.assertEqual((own["id"], own["epoch"], own["state"]),
                         (others[0].node_id, epochs[others[0].node_id], "running"))

        first, second = (node.node_id for node in others)
        self.assertEqual(ask(others[0], "/v1/stop-reservations", {"brokerId": first, "holder": "test"}),
                         (421, {"controllerId": leader.node_id}))
        wait_until(lambda: ask(leader, "/v1/stop-reservations", {"brokerId": first, "holder": "test"})[0] == 200, 10,
                   "a stop is granted")
        status, answer = ask(leader, "/v1/stop-reservations", {"brokerId": second, "holder": "test"})
        self.assertEqual((status, answer["granted"]), (409, False))
        self.assertIn("reserved by test", answer["reason"])
        self.assertEqual(ask(leader, f"/v1/stop-reservations/{first}", method="DELETE"), (200, {"released": True}))

        stale = ask(leader, "/v1/dead-brokers", {"brokerId": first, "epoch": epochs[first] - 1})
        self.assertEqual((stale[0], stale[1]["fenced"]), (200, False))
        others[0].kill()
        self.assertEqual(ask(leader, "/v1/dead-brokers", {"brokerId": first, "epoch": epochs[first]})[1]["fenced"], True)
        cluster = ask(leader, "/v1/cluster")[1]
        self.assertTrue(next(broker for broker in cluster["brokers"] if broker["id"] == first)["fenced"])
        self.assertEqual(cluster["underReplicatedPartitions"], 6)
        self.assertEqual(cluster["offlinePartitions"], 0)
        self.assertEqual(cluster["lastFailover"]["brokerId"], first)
        self.assertLess(cluster["lastFailover"]["ms"], 5000)
        self.assertEqual(metrics(leader)["penstock_under_replicated_partitions"], 6)
        others[0].start()
        wait_until(lambda: metrics(leader)["penstock_under_replicated_partitions"] == 0, 30, "all in sync again")


class AccessTest(BrokerTest):
    def setUp(self):
        token = pathlib.Path(tempfile.mkdtemp(prefix="penstock-token-")) / "token"
        self.addCleanup(shutil.rmtree, token.parent, ignore_errors=True)
        token.write_text("secret-token\n")
        self.overrides = {"penstock.admin.token.file": str(token)}
        super().setUp()

    def test_only_with_the_token_and_only_what_is_well_formed(self):
        good = {"Authorization": "Bearer secret-token"}
        for headers in ({}, {"Authorization": "Bearer secret-tokem"}, {"Authorization": "secret-token"}):
            self.assertEqual(ask(self.broker, "/v1/broker", headers=headers)[0], 401)
        self.assertEqual(ask(self.broker, "/v1/broker", headers=good)[0], 200)
        self.assertEqual(ask(self.broker, "/v1/broker", headers={**good, "Origin": "http://localhost"})[0], 403)
        reserve = "/v1/stop-reservations"
        self.assertEqual(ask(self.broker, reserve, {"brokerId": 1, "holder": "test"}, headers=good)[0], 200)
        for bad in (b"", b"[", b"[1]", b"{\"brokerId\":1}", b"{\"brokerId\":-1,\"holder\":\"x\"}",
                    b"{\"brokerId\":1,\"holder\":{}}", b"{\"brokerId\":1,\"holder\":\"a\\nb\"}", b"[" * 4000):
            self.assertEqual(ask(self.broker, reserve, bad, headers=good, method="POST")[0], 400, bad[:40])
        self.assertEqual(ask(self.broker, reserve, b" " * 5000, headers=good)[0], 413)
        self.assertEqual(ask(self.broker, f"{reserve}/1x", headers=good, method="DELETE")[0], 404)
        self.assertEqual(ask(self.broker, "/v1/nothing", headers=good)[0], 404)
        self.assertEqual(ask(self.broker, "/metrics", b"x")[0], 405)
        self.assertEqual(metrics(self.broker)["penstock_offline_partitions"], 0)

    def test_a_connection_serves_one_request_after_the_other(self):
        with socket.create_connection(("127.0.0.1", self.broker.admin_port), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            heard = b""
            while heard.count(b"ok\n") < 3:
                heard += connection.recv(4096)


if __name__ == "__main__":
    unittest.main()
