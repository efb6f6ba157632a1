"""The informer through a proxy: whatever becomes of its watches, its cache ends equal to the server's objects."""
import json
import random
import re
import time
import unittest

from harness import PATIENCE, KubeTest
from faulty_proxy import Answer, Cut, Delay, ErrorEvent, LoseAnswer, Silence
from penstock import wait_until

LIST = r"/configmaps\?limit="
WATCH = r"/configmaps\?watch=true"


class InformerTest(KubeTest):
    def inform(self, *arguments, **selection):
        client = self.client(*arguments)
        selection = {"ns": "default", "labels": "app=a", **selection}
        self.informer = client.start("inform", kind="ConfigMap", **selection)
        client.finish(self.informer)
        return client

    def cache(self, client):
        return client.ok("cache", informer=self.informer)

    def wait_equal(self, client, seconds=PATIENCE):
        wait_until(lambda: self.cache(client)["objects"] == self.stored(), seconds,
                   f"the cache is {self.cache(client)}, the server has {self.stored()}; {client.log_text()}")

    def wait_watching(self, count=1):
        wait_until(lambda: self.proxy.count("GET", WATCH) >= count, PATIENCE, f"{count} watches")

    def last_watch_version(self):
        return re.search(r"resourceVersion=(\d+)", self.proxy.find("GET", WATCH)[-1].target)[1]

    def test_sees_every_change(self):
        self.put("a")
        client = self.inform()
        self.wait_equal(client)
        self.put("b")
        self.put("a", "2")
        self.server("DELETE", "/api/v1/namespaces/default/configmaps/b")
        self.wait_equal(client)
        wait_until(lambda: [c["name"] + str(c["gone"]) for c in client.changes] ==
                   ["aFalse", "bFalse", "aFalse", "bTrue"], PATIENCE, f"the changes are {client.changes}")
        self.assertEqual((self.proxy.count("GET", LIST), self.proxy.count("GET", WATCH)), (1, 1))
        watch = self.proxy.find("GET", WATCH)[0].target
        self.assertIn("allowWatchBookmarks=true", watch)
        self.assertIn("timeoutSeconds=55", watch)
        self.assertIn("labelSelector=app%3Da", watch)

    def test_goes_on_where_a_cut_watch_ended(self):
        client = self.inform()
        self.wait_watching()
        version = self.put("a")
        self.wait_equal(client)
        self.proxy.cut_all()
        self.put("b")
        self.wait_equal(client)
        self.assertEqual(self.last_watch_version(), version)
        self.assertEqual(self.proxy.count("GET", LIST), 1)

    def test_a_line_that_is_cut_in_half_is_not_believed(self):
        self.proxy.on("GET", WATCH, Cut(40))
        client = self.inform()
        self.wait_watching()
        self.put("a")
        self.wait_watching(2)
        self.wait_equal(client)
        self.assertEqual(self.proxy.count("GET", LIST), 1)
        self.assertEqual(len(client.changes), 1)

    def test_a_silent_watch_is_noticed(self):
        client = self.inform("--watch-ms", "1000", "--watch-grace-ms", "1000")
        self.proxy.on("GET", WATCH, Silence(0), times=1)
        self.wait_watching()
        self.put("a")
        self.wait_equal(client, 10)
        self.assertEqual(self.proxy.count("GET", LIST), 1)

    def test_a_watch_that_is_never_answered_is_noticed(self):
        self.proxy.on("GET", WATCH, Silence(), times=1)
        client = self.inform("--watch-ms", "1000", "--watch-grace-ms", "1000")
        self.wait_watching()
        self.put("a")
        self.wait_equal(client, 10)

    def test_a_network_that_drops_everything_for_a_while(self):
        client = self.inform("--watch-ms", "1000", "--watch-grace-ms", "500", "--call-timeout-ms", "1000")
        self.wait_watching()
        self.proxy.set_silent(True)
        self.put("a")
        time.sleep(3)
        self.proxy.set_silent(False)
        self.wait_equal(client, 15)

    def test_bookmarks_move_the_version_on(self):
        for version in ("100001", "100002"):
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}
            self.proxy.on("GET", WATCH, Answer(200, body=json.dumps(bookmark) + "\n"))
        self.proxy.on("GET", WATCH, Silence(), times=None)
        client = self.inform()
        self.wait_watching(3)
        self.assertEqual(self.last_watch_version(), "100002")
        self.assertEqual(self.proxy.count("GET", LIST), 1)
        self.assertEqual(client.changes, [])

    def test_lists_again_when_its_version_is_gone(self):
        for fault in (Answer(410, "Expired"), ErrorEvent(410)):
            client = self.inform("--watch-ms", "1000")
            self.wait_equal(client)
            lists = self.proxy.count("GET", LIST)
            self.proxy.on("GET", WATCH, fault)
            self.put("a", str(fault))
            wait_until(lambda: self.proxy.count("GET", LIST) > lists, PATIENCE, "a new list")
            self.wait_equal(client)
            client.call("requests")

    def test_a_version_that_is_always_gone_makes_no_tight_loop(self):
        self.proxy.on("GET", WATCH, ErrorEvent(410), times=None)
        client = self.inform()
        time.sleep(4)
        self.assertLessEqual(self.proxy.count("GET", LIST), 4)
        self.put("a")
        self.wait_equal(client)

    def test_watches_that_end_at_once_make_no_tight_loop(self):
        self.proxy.on("GET", WATCH, Answer(200, body=""), times=None)
        client = self.inform()
        time.sleep(4)
        self.assertLessEqual(self.proxy.count("GET", WATCH), 10)
        self.proxy.clear()
        self.put("a")
        self.wait_equal(client)
        self.assertEqual(self.proxy.count("GET", LIST), 1)

    def test_other_errors_in_the_stream_and_refusals_do_not_cost_a_list(self):
        for fault in (ErrorEvent(500, "InternalError"), Answer(429, "TooManyRequests", {"Retry-After": "1"}),
                      Answer(503, "ServiceUnavailable"), Answer(504, "Timeout"), Cut()):
            self.proxy.on("GET", WATCH, fault)
        client = self.inform("--watch-ms", "1000")
        self.wait_watching(6)
        self.put("a")
        self.wait_equal(client)
        self.assertEqual(self.proxy.count("GET", LIST), 1)
        asked = self.proxy.find("GET", WATCH)
        self.assertGreaterEqual(asked[2].at - asked[1].at, 1)

    def test_a_list_that_fails_is_tried_again_and_says_why(self):
        self.proxy.on("GET", LIST, Answer(403, "Forbidden"), times=3)
        client = self.inform()
        wait_until(lambda: "made up by the proxy" in self.cache(client)["problem"], PATIENCE, "the problem")
        self.assertFalse(self.cache(client)["synced"])
        self.put("a")
        self.wait_equal(client)
        self.assertEqual(self.cache(client)["problem"], "")

    def test_a_server_that_does_not_know_its_kinds_yet_is_not_believed(self):
        self.put("a")
        client = self.inform("--watch-ms", "1000")
        self.wait_equal(client)
        self.proxy.on("GET", WATCH, Answer(404, "NotFound"), times=1)
        self.proxy.on("GET", LIST, Answer(404, "NotFound"), times=1)
        wait_until(lambda: self.proxy.count("GET", LIST) >= 3, PATIENCE, "two more lists")
        self.assertEqual([c["gone"] for c in client.changes], [False])
        self.assertTrue(self.cache(client)["served"])
        # But one that goes on saying so is.
        self.proxy.on("GET", "/configmaps", Answer(404, "NotFound"), times=None)
        wait_until(lambda: not self.cache(client)["served"], PATIENCE, "the kind is gone")
        self.assertEqual(self.cache(client)["objects"], {})
        self.proxy.clear()
        self.wait_equal(client)

    def test_refused_connections(self):
        client = self.inform()
        self.wait_watching()
        self.proxy.refuse()
        self.put("a")
        time.sleep(2)
        self.proxy.accept_again()
        self.wait_equal(client)

    def test_whatever_happens_the_cache_ends_equal(self):
        seed = random.randrange(1 << 30)
        rng = random.Random(seed)
        client = self.inform("--watch-ms", "2000", "--watch-grace-ms", "500", "--call-timeout-ms", "1000", "--page", "3")
        faults = [Answer(410, "Expired"), Answer(429, "TooManyRequests", {"Retry-After": "1"}), Answer(500), Answer(503),
                  ErrorEvent(410), ErrorEvent(500), Cut(), Cut(100), Cut(700), LoseAnswer(), Delay(0.3), Silence(),
                  Silence(300), Answer(404, "NotFound")]
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.proxy.on("GET", rng.choice([LIST, WATCH]), rng.choice(faults))
            for _ in range(rng.randrange(4)):
                name = f"n{rng.randrange(8)}"
                if rng.random() < 0.3 and f"default/{name}" in self.stored():
                    self.server("DELETE", f"/api/v1/namespaces/default/configmaps/{name}")
                else:
                    self.put(name, str(rng.random()))
            if rng.random() < 0.1:
                self.proxy.cut_all()
            time.sleep(rng.random() * 0.3)
        self.proxy.clear()
        try:
            self.wait_equal(client, 60)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from None


if __name__ == "__main__":
    unittest.main()
