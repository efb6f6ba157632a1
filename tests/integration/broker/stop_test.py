#!/usr/bin/env python3
"""A broker ends on a signal in whatever state it is, and waits for one that still ends."""
import copy
import shutil
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402

# The second one is not there, so no leader is ever elected.
VOTERS = "1@127.0.0.1:9093:3Db5QLSqSZieL3rJBUUegA,2@127.0.0.1:1:JEXY6aqzQY-32P5TStzaFg"


class Stop(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="penstock-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def test_while_it_waits_for_its_quorum(self):
        broker = penstock.Broker(self.directory, quorum=("--initial-controllers", VOTERS))
        broker.start(wait=False)
        self.addCleanup(broker.stop)

        def is_waiting():
            broker.check_running()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{broker.admin_port}/readyz", timeout=2)
            except urllib.error.HTTPError as refusal:
                return refusal.code == 503
            except OSError:
                return False

        penstock.wait_until(is_waiting, penstock.READY_SECONDS, "it says that it is not ready")
        broker.stop()
        self.assertIn("before it was ready", broker.log_tail())

    def second(self):
        """A broker that runs, and another process on its directory that says that it waits."""
        first = penstock.Broker(self.directory).start()
        self.addCleanup(first.stop)
        second = copy.copy(first)
        second.start(wait=False)
        self.addCleanup(second.stop)

        def is_waiting():
            second.check_running()
            return "is locked by another broker; waiting for its end" in second.log_tail()
        penstock.wait_until(is_waiting, penstock.READY_SECONDS, "it says that the directory is locked")
        return first, second

    def test_another_process_has_its_directory_and_ends(self):
        first, second = self.second()
        first.stop()
        second.wait_ready()

    def test_while_another_process_has_its_directory(self):
        first, second = self.second()
        second.stop()
        self.assertTrue(first.is_ready())


if __name__ == "__main__":
    unittest.main(verbosity=2)
