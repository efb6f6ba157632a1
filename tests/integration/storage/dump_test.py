"""Apache Kafka's DumpLogSegments reads every file of a log that we wrote."""
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))
import penstock


class DumpTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="penstock-test-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.log = self.root / "orders-3"
        penstock.run([penstock.BIN / "penstock-test-log", "write", self.log])

    def files(self, suffix):
        return ",".join(str(file) for file in sorted(self.log.glob("*" + suffix)))

    def test_log_segments(self):
        dump = penstock.dump_log("--deep-iteration", "--files", self.files(".log"))
        self.assertNotIn("isvalid: false", dump)
        self.assertEqual(300 + 4, len(re.findall(r"^baseOffset: ", dump, re.M)))
        self.assertEqual(3000 + 8 + 2, len(re.findall(r"^\| offset: ", dump, re.M)))
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.assertIn(f"compresscodec: {codec}", dump)
        self.assertIn("endTxnMarker: COMMIT coordinatorEpoch: 7", dump)
        self.assertIn("endTxnMarker: ABORT coordinatorEpoch: 7", dump)

    def test_indexes_fit_the_log(self):
        self.assertGreater(len(list(self.log.glob("*.index"))), 1)
        for suffix in (".index", ".timeindex"):
            for flags in ([], ["--index-sanity-check"]):
                dump = penstock.dump_log(*flags, "--files", self.files(suffix))
                self.assertNotRegex(dump, r"(?i)mismatch|out of order|not found|corrupt")
                self.assertRegex(dump, r"offset: \d+" if not flags else r"passed sanity check")

    def test_producer_snapshots(self):
        dump = penstock.dump_log("--files", self.files(".snapshot"))
        self.assertNotIn("Exception", dump)
        self.assertRegex(dump, r"producerId: 1000 producerEpoch: 1 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty")
        self.assertRegex(dump, r"producerId: 2002 producerEpoch: 3 coordinatorEpoch: 7")

    def test_transaction_index(self):
        dump = penstock.dump_log("--files", self.files(".txnindex"))
        self.assertEqual(1, len(re.findall(r"producerId: 2002 firstOffset: \d+ lastOffset: \d+", dump)))

    def test_checkpoint_of_leader_epochs(self):
        self.assertEqual("0\n3\n0 0\n1 1000\n2 2000\n", (self.log / "leader-epoch-checkpoint").read_text())


if __name__ == "__main__":
    unittest.main()
