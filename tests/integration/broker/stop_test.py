#!/usr/bin/env python3
"""A broker ends on a signal in whatever state it is."""
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
