"""Single calls of the Kubernetes client through a proxy that cuts, delays, refuses and goes silent."""
import socket
import time
import unittest

from harness import KubeTest, kubeconfig
from faulty_proxy import Answer, Cut, Delay, LoseAnswer, Silence, Trickle

GET_A = {"kind": "ConfigMap", "ns": "default", "name": "a"}
ONE = "/configmaps/a$"


class ClientTest(KubeTest):
    def setUp(self):
        super().setUp()
        self.put("a")

    def timed(self, client, op, **fields):
        begin = time.monotonic()
        answer = client.call(op, **fields)
        return answer, time.monotonic() - begin

    def test_lists_in_pages_and_starts_again_when_they_expire(self):
        for i in range(5):
            self.put(f"n{i}")
        client = self.client("--page", "2")
        self.proxy.on("GET", "continue=", Answer(410, "Expired"), times=1)
        items = client.ok("list", kind="ConfigMap", ns="default", labels="app=a")["items"]
        self.assertEqual([i["metadata"]["name"] for i in items], ["a", "n0", "n1", "n2", "n3", "n4"])
        self.assertEqual(self.proxy.count("GET", r"limit=2&labelSelector=app%3Da$"), 2)
        self.assertEqual(self.proxy.count("GET", "continue="), 3)

    def test_a_list_that_always_expires_is_given_up(self):
        for i in range(3):
            self.put(f"n{i}")
        client = self.client("--page", "2")
        self.proxy.on("GET", "continue=", Answer(410, "Expired"), times=None)
        self.assertEqual(client.call("list", kind="ConfigMap", ns="default")["error"], "out_of_range")
        self.assertEqual(self.proxy.count("GET", "continue="), 2)

    def test_repeats_what_may_pass(self):
        client = self.client()
        for fault in (Answer(500, "InternalError"), Answer(503, body="busy"), Answer(504, "Timeout"), Cut(), Cut(20)):
            before = self.proxy.count("GET", ONE)
            self.proxy.on("GET", ONE, fault)
            self.assertEqual(client.ok("get", **GET_A)["metadata"]["name"], "a", fault)
            self.assertEqual(self.proxy.count("GET", ONE) - before, 2, fault)

    def test_waits_as_long_as_it_is_told(self):
        client = self.client()
        self.proxy.on("GET", ONE, Answer(429, "TooManyRequests", {"Retry-After": "2"}))
        answer, seconds = self.timed(client, "get", **GET_A)
        self.assertIn("ok", answer)
        self.assertGreaterEqual(seconds, 2)

    def test_gives_up_in_the_end_and_says_why(self):
        client = self.client("--attempts", "3")
        self.proxy.on("GET", ONE, Answer(503, "ServiceUnavailable"), times=None)
        answer = client.call("get", **GET_A)
        self.assertEqual(answer["error"], "unavailable")
        self.assertEqual(answer["what"], "GET /api/v1/namespaces/default/configmaps/a: made up by the proxy")
        self.assertEqual(self.proxy.count("GET", ONE), 3)

    def test_does_not_repeat_what_stays_wrong(self):
        client = self.client()
        for code, reason, error in ((400, "BadRequest", "invalid_argument"), (401, "Unauthorized", "permission_denied"),
                                    (403, "Forbidden", "permission_denied"), (404, "NotFound", "not_found"),
                                    (409, "Conflict", "conflict"), (409, "AlreadyExists", "already_exists"),
                                    (410, "Expired", "out_of_range"), (422, "Invalid", "invalid_argument"),
                                    (501, "NotImplemented", "unavailable")):
            before = self.proxy.count("GET", ONE)
            self.proxy.on("GET", ONE, Answer(code, reason))
            self.assertEqual(client.call("get", **GET_A)["error"], error)
            self.assertEqual(self.proxy.count("GET", ONE) - before, 1)

    def test_a_write_whose_answer_was_lost_is_done_once(self):
        client = self.client()
        made = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "v"},
                "metadata": {"name": "b", "namespace": "default", "labels": {"app": "a"}}}
        self.proxy.on("POST", "/configmaps", LoseAnswer())
        self.assertEqual(client.call("create", kind="ConfigMap", object=made)["error"], "already_exists")
        self.proxy.on("PATCH", "/configmaps/c", LoseAnswer())
        made["metadata"]["name"] = "c"
        self.assertEqual(client.ok("apply", kind="ConfigMap", object=made)["data"], {"k": "v"})
        version = self.stored()["default/c"]
        client.ok("apply", kind="ConfigMap", object=made)
        self.assertEqual(self.stored()["default/c"], version)
        self.proxy.on("DELETE", "/configmaps/c", LoseAnswer())
        client.ok("remove", kind="ConfigMap", ns="default", name="c")
        self.assertEqual(sorted(self.stored()), ["default/a", "default/b"])

    def test_conflicts_are_the_callers(self):
        client = self.client()
        version = self.put("a", "2")
        patch = {"metadata": {"resourceVersion": version}, "data": {"value": "3"}}
        client.ok("patch", patch=patch, **GET_A)
        self.assertEqual(client.call("patch", patch=patch, **GET_A)["error"], "conflict")
        self.assertEqual(self.proxy.count("PATCH", "/configmaps/a"), 2)

    def test_no_call_lasts_for_ever(self):
        client = self.client("--call-timeout-ms", "1000", "--attempts", "2")
        self.proxy.on("GET", ONE, Silence())
        answer, seconds = self.timed(client, "get", **GET_A)
        self.assertIn("ok", answer)
        self.assertGreaterEqual(seconds, 1)
        # A byte now and then keeps the connection busy, but the call must end all the same.
        for fault in (Silence(), Silence(30), Trickle(0.2)):
            self.proxy.clear()
            self.proxy.on("GET", ONE, fault, times=None)
            answer, seconds = self.timed(client, "get", **GET_A)
            self.assertEqual(answer["error"], "timed_out", fault)
            self.assertIn("no whole answer within 1 s", answer["what"])
            self.assertLess(seconds, 10, fault)

    def test_connecting_is_bounded_too(self):
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            # Nobody accepts, and when the queue is full the kernel drops what knocks.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            for scheme in ("http", "https"):
                self.config.write_text(kubeconfig(f"{scheme}://127.0.0.1:{full.getsockname()[1]}"))
                client = self.client("--call-timeout-ms", "1000", "--attempts", "1")
                answer, seconds = self.timed(client, "get", **GET_A)
                self.assertEqual(answer["error"], "timed_out")
                self.assertLess(seconds, 5)

    def test_a_handshake_that_hangs_is_bounded_too(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(5)
            self.config.write_text(kubeconfig(f"https://127.0.0.1:{silent.getsockname()[1]}"))
            client = self.client("--call-timeout-ms", "1000", "--attempts", "2")
            answer, seconds = self.timed(client, "get", **GET_A)
            self.assertEqual(answer["error"], "timed_out")
            self.assertLess(seconds, 8)

    def test_a_slow_server_is_waited_for(self):
        client = self.client("--call-timeout-ms", "20000")
        self.proxy.on("GET", ONE, Delay(1.5))
        self.assertIn("ok", client.call("get", **GET_A))
        self.assertEqual(self.proxy.count("GET", ONE), 1)

    def test_connections_that_died_while_idle_are_not_noticed(self):
        client = self.client()
        self.proxy.close_idle_connections()
        for _ in range(20):
            client.ok("get", **GET_A)
            client.ok("patch", patch={"data": {"value": "x"}}, **GET_A)
            time.sleep(0.02)
        self.assertEqual(self.proxy.count("GET", ONE), 20)
        self.assertEqual(self.proxy.count("PATCH", "/configmaps/a"), 20)

    def test_garbage_is_an_error_and_not_a_crash(self):
        client = self.client()
        for body in ("", "no json", "[1]", "{", "\u0000", "[" * 100000):
            self.proxy.on("GET", ONE, Answer(200, body=body))
            self.assertEqual(client.call("get", **GET_A)["error"], "corrupt", body[:20])
        for body in ({}, {"items": 1}, {"metadata": 1, "items": []}, {"metadata": {"continue": 5}, "items": {}}):
            self.proxy.on("GET", "/configmaps", Answer(200, body=body))
            self.assertEqual(client.ok("list", kind="ConfigMap", ns="default")["items"], [])
        self.proxy.on("GET", ONE, Answer(500, body="\u0000\u0001"), times=4)
        client.ok("get", **GET_A)

    def test_a_server_that_starts_again_is_found_again(self):
        client = self.client("--call-timeout-ms", "2000")
        client.ok("get", **GET_A)
        self.proxy.refuse()
        pending = client.start("get", **GET_A)
        time.sleep(1)
        self.proxy.accept_again()
        self.assertIn("ok", client.finish(pending))


if __name__ == "__main__":
    unittest.main()
