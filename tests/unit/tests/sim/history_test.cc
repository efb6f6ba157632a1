#include "tests/sim/history.h"

#include <gtest/gtest.h>

namespace penstock::sim {
namespace {

// Three records of one producer, acknowledged and read.
History good() {
  History history;
  for (std::int64_t i = 0; i < 3; ++i) {
    history.sent(0, 100 + i);
    history.acked(0, 100 + i, i);
    history.seen(0, i, 100 + i);
  }
  history.high_watermark(0, 3, true);
  return history;
}

void read_all(History& history, std::int64_t from, std::int64_t to) {
  history.begin_final_read(0);
  for (std::int64_t i = from; i < to; ++i) history.seen(0, i, 100 + i);
}

TEST(History, AcceptsWhatHoldsTogether) {
  History history = good();
  // Sent, without an answer, and there all the same.
  history.sent(0, 103);
  history.seen(0, 3, 103);
  read_all(history, 0, 4);
  history.end_final_read(0, 4);
  EXPECT_TRUE(history.violations().empty()) << history.violations().front();
  EXPECT_EQ(history.acked_count(), 3u);
}

TEST(History, FindsALostRecord) {
  History history = good();
  read_all(history, 0, 2);
  history.end_final_read(0, 2);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, FindsAHole) {
  History history = good();
  history.sent(0, 104);
  read_all(history, 0, 3);
  history.seen(0, 4, 104);
  history.end_final_read(0, 5);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, FindsADoubledRecord) {
  History history = good();
  history.seen(0, 3, 101);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, FindsAnOffsetWithTwoValues) {
  History history = good();
  history.sent(0, 200);
  history.seen(0, 1, 200);
  EXPECT_FALSE(history.violations().empty());
}

TEST(History, FindsAnOffsetAcknowledgedTwice) {
  History history = good();
  history.sent(0, 200);
  history.acked(0, 200, 2);
  EXPECT_FALSE(history.violations().empty());
}

TEST(History, FindsARecordThatNobodySent) {
  History history = good();
  history.seen(0, 3, 999);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, FindsAHighWatermarkThatGoesBack) {
  History history = good();
  history.high_watermark(0, 2, true);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, LetsAReplicaThatIsNewLagBehind) {
  History history = good();
  history.high_watermark(0, 2, false);
  EXPECT_TRUE(history.violations().empty());
  EXPECT_EQ(history.high_watermark(0), 2);
}

TEST(History, FindsRecordsOfAProducerOutOfOrder) {
  History history = good();
  history.sent(0, 50);
  read_all(history, 0, 3);
  history.seen(0, 3, 50);
  history.end_final_read(0, 4);
  EXPECT_EQ(history.violations().size(), 1u);
}

TEST(History, ClaimsNothingBelowADeletionThatWasAskedFor) {
  History history = good();
  history.deleting(0, 2);
  read_all(history, 2, 3);
  history.end_final_read(0, 3);
  EXPECT_TRUE(history.violations().empty()) << history.violations().front();
  EXPECT_EQ(history.deletable_below(0), 2);
  EXPECT_EQ(history.acked_end(0), 3);
}

TEST(History, ClaimsNothingOfWhatWasForgottenButAllBelow) {
  History history = good();
  history.forget_from(0, 2);
  history.high_watermark(0, 2, true);
  read_all(history, 0, 2);
  history.end_final_read(0, 2);
  EXPECT_TRUE(history.violations().empty()) << history.violations().front();
  read_all(history, 1, 2);
  history.end_final_read(0, 2);
  EXPECT_EQ(history.violations().size(), 2u);  // Its acknowledgement and its offset.
}

}  // namespace
}  // namespace penstock::sim
