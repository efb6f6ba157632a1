#!/usr/bin/env python3
"""kill -9 under load: no acknowledged record is lost or doubled, and the broker is back by itself."""
import os
import random
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402
import safety  # noqa: E402
import verifiable  # noqa: E402

KILLS = int(os.environ.get("PENSTOCK_KILLS", "20"))
SEED = int(os.environ.get("PENSTOCK_SEED", "1"))
RECORDS_PER_SECOND = 3000
ACKED_BETWEEN_KILLS = 400


class Crash(penstock.BrokerTest):
    def test_acked_records_survive_kills(self):
        chance = random.Random(SEED)
        print(f"seed {SEED}, {KILLS} kills")
        penstock.topics(self.broker, "--create", "--topic", "safe", "--partitions", "3", "--config",
                        "segment.bytes=1048576")
        writer = verifiable.Writer(self.broker, "safe", self.directory, RECORDS_PER_SECOND)
        try:
            for _ in range(KILLS):
                goal = len(writer.acked) + chance.randrange(1, ACKED_BETWEEN_KILLS)
                penstock.wait_until(lambda: len(writer.acked) >= goal, 60, f"{goal} records acknowledged")
                self.broker.kill()
                self.broker.start()
        finally:
            writer.stop()
        self.assertGreater(len(writer.acked), KILLS)
        safety.check_acked(self, self.broker, "safe", writer)


if __name__ == "__main__":
    unittest.main(verbosity=2)
