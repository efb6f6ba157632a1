"""The operator as a process: replicas that take turns, what it tells of itself, and what it watches."""
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from harness import PATIENCE, KubeTest, kubeconfig
from faulty_proxy import Answer, FaultyProxy
from penstock import BIN, MEMORY_SCALE, free_port, wait_until

TOPICS = "/apis/penstock.dev/v1alpha1/namespaces/{}/kafkatopics"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/penstock-operator"
IDLE_KIB_MAX = 30 * 1024


class Operator:
    def __init__(self, test, name, *arguments, env=None):
        self.proxy = FaultyProxy(("127.0.0.1", test.port)).start()
        test.addCleanup(self.proxy.stop)
        config = test.home / f"config-{name}"
        config.write_text(kubeconfig(f"http://127.0.0.1:{self.proxy.port}"))
        self.health = free_port()
        self.log_path = test.home / f"{name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [BIN / "penstock-operator", "--kubeconfig", config, "--health", f"127.0.0.1:{self.health}", *arguments],
                stdout=log, stderr=log, env={**os.environ, **(env or {})})
        test.addCleanup(self.end)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text()

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self):
        return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", self.get("/metrics")[1], re.M)}

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def leads(self):
        return self.metrics().get('leader_election_master_status{name="penstock-operator"}') == 1

    def passes(self):
        return sum(v for k, v in self.metrics().items() if k.startswith("controller_runtime_reconcile_total"))

    def writes(self):
        return self.proxy.count("POST|PATCH|PUT|DELETE", "(?<!leases)(?<!leases/penstock-operator)$")


class OperatorTest(KubeTest):
    def put_topic(self, namespace="default", name="t"):
        if namespace != "default":
            self.server("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.server("POST", TOPICS.format(namespace), {
            "apiVersion": "penstock.dev/v1alpha1", "kind": "KafkaTopic", "metadata": {"name": name},
            "spec": {"clusterRef": {"name": "none"}, "partitions": 1}})

    def two_replicas(self):
        first = Operator(self, "first", "--leader-elect")
        wait_until(first.leads, PATIENCE, f"the first leads: {first.log()}")
        second = Operator(self, "second", "--leader-elect")
        wait_until(second.is_ready, PATIENCE, f"the second is ready: {second.log()}")
        self.put_topic()
        wait_until(lambda: first.passes() > 0, PATIENCE, f"the first works: {first.log()}")
        self.assertFalse(second.leads())
        self.assertEqual((second.passes(), second.writes()), (0, 0))
        return first, second

    def holder(self):
        return self.server("GET", LEASE)["spec"].get("holderIdentity")

    def test_a_leader_that_is_stopped_gives_the_lease_back(self):
        first, second = self.two_replicas()
        begin = time.monotonic()
        first.process.send_signal(signal.SIGTERM)
        self.assertEqual(first.process.wait(timeout=30), 0, first.log())
        wait_until(second.leads, PATIENCE, f"the second leads: {second.log()}")
        # Much sooner than the lease expires.
        self.assertLess(time.monotonic() - begin, 12)
        wait_until(lambda: second.passes() > 0, PATIENCE, f"the second works: {second.log()}")
        self.assertEqual(self.server("GET", LEASE)["spec"]["leaseTransitions"], 1)
        second.process.send_signal(signal.SIGTERM)
        self.assertEqual(second.process.wait(timeout=30), 0, second.log())
        self.assertIsNone(self.holder())

    def test_a_leader_that_is_cut_off_ends_before_another_begins(self):
        first, second = self.two_replicas()
        first.proxy.set_silent(True)
        self.assertEqual(first.process.wait(timeout=60), 1, first.log())
        wait_until(second.leads, PATIENCE, f"the second leads: {second.log()}")
        ended = re.search(r"^(\S+) error operator: .* ending$", first.log(), re.M)[1]
        began = re.findall(r"^(\S+) info  election: the leader is ", second.log(), re.M)[-1]
        self.assertLess(ended, began)

    def test_a_leader_that_slept_too_long_writes_nothing(self):
        first, second = self.two_replicas()
        first.process.send_signal(signal.SIGSTOP)
        wait_until(second.leads, 60, f"the second leads: {second.log()}")
        before = first.writes()
        self.put_topic(name="u")
        first.process.send_signal(signal.SIGCONT)
        self.assertEqual(first.process.wait(timeout=30), 1, first.log())
        self.assertEqual(first.writes(), before)
        self.assertIn("_", self.holder())
        self.assertTrue(second.leads())

    def test_ends_in_time_while_the_api_server_is_silent(self):
        operator = Operator(self, "only", "--leader-elect")
        wait_until(operator.leads, PATIENCE, operator.log())
        operator.proxy.set_silent(True)
        self.put_topic()
        begin = time.monotonic()
        operator.process.send_signal(signal.SIGTERM)
        operator.process.wait(timeout=60)
        # A pod has 30 s.
        self.assertLess(time.monotonic() - begin, 20)

    def test_a_start_over_what_is_there_writes_nothing(self):
        self.put_topic()
        operator = Operator(self, "first")
        wait_until(lambda: operator.passes() > 0, PATIENCE, operator.log())
        operator.process.send_signal(signal.SIGTERM)
        self.assertEqual(operator.process.wait(timeout=30), 0, operator.log())
        operator = Operator(self, "second")
        wait_until(lambda: operator.passes() > 0, PATIENCE, operator.log())
        self.assertEqual(operator.writes(), 0)

    def test_says_what_it_waits_for(self):
        operator = Operator(self, "only")
        wait_until(operator.is_ready, PATIENCE, operator.log())
        operator.proxy.refuse()
        wait_until(lambda: not operator.is_ready(), 60, "not ready while the API server is away")
        status, why = operator.get("/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(why, r"\n/api\S+: GET /api\S+: \S")
        self.assertEqual(operator.get("/healthz")[0], 200)
        operator.proxy.accept_again()
        wait_until(operator.is_ready, PATIENCE, f"ready again: {operator.get('/readyz')}")

    def test_a_missing_right_is_named(self):
        operator = Operator(self, "only")
        operator.proxy.on("GET", "/statefulsets", Answer(403, "Forbidden"), times=None)
        operator.proxy.cut_all()
        wait_until(lambda: "/apis/apps/v1/statefulsets: GET /apis/apps/v1/statefulsets: made up by the proxy" in
                   operator.get("/readyz")[1], PATIENCE, operator.log())

    def test_watches_only_the_given_namespaces(self):
        for namespace in ("default", "a", "b"):
            self.put_topic(namespace)
        operator = Operator(self, "only", env={"WATCH_NAMESPACE": "default,b"})
        wait_until(operator.is_ready, PATIENCE, operator.log())
        self.assertEqual(operator.metrics()['penstock_operator_resources{kind="KafkaTopic"}'], 2)
        lists = {r.target.split("?")[0] for r in operator.proxy.find("GET", ".")}
        self.assertEqual({t for t in lists if not re.search("/namespaces/(default|b)/", t)}, set())
        self.assertEqual(len(lists), 18)
        self.server("DELETE", TOPICS.format("b") + "/t")
        wait_until(lambda: operator.metrics()['penstock_operator_resources{kind="KafkaTopic"}'] == 1, PATIENCE,
                   "the topic in b is gone")

    def test_tells_of_itself_and_is_small(self):
        self.put_topic()
        operator = Operator(self, "only", "--leader-elect")
        wait_until(lambda: operator.passes() > 0, PATIENCE, operator.log())
        metrics = operator.metrics()
        for name in ('controller_runtime_reconcile_total{controller="kafkatopic",result="error"}',
                     'controller_runtime_reconcile_errors_total{controller="kafkacluster"}',
                     'workqueue_depth{name="penstock"}', 'rest_client_requests_total{method="GET",code="200"}',
                     'penstock_operator_last_success_timestamp_seconds{controller="kafkatopic"}'):
            self.assertIn(name, metrics)
        status = pathlib.Path(f"/proc/{operator.process.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", status)[1]), IDLE_KIB_MAX * MEMORY_SCALE)

    def test_objects_of_others_are_not_fetched(self):
        operator = Operator(self, "only")
        wait_until(operator.is_ready, PATIENCE, operator.log())
        for target in {r.target for r in operator.proxy.find("GET", ".")}:
            if "penstock.dev/v1alpha1" not in target:
                self.assertIn("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dpenstock", target)

    def test_help(self):
        done = subprocess.run([BIN / "penstock-operator", "--help"], capture_output=True, text=True, check=True)
        self.assertIn("--leader-elect", done.stdout)
        done = subprocess.run([BIN / "penstock-operator", "--nope"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown option --nope", done.stderr)


if __name__ == "__main__":
    unittest.main()
