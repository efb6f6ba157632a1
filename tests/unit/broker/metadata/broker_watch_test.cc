// The watch over brokers' processes, with a transport that does what it is told.
#include "broker/metadata/broker_watch.h"

#include <gtest/gtest.h>

#include "base/aio/completion.h"
#include "base/aio/refusal.h"
#include "base/aio/sim_scheduler.h"
#include "broker/metadata/image_builder.h"

namespace penstock::metadata {
namespace {

using Sign = BrokerWatch::Sign;

// Ends when it is told to.
struct Wire {
  aio::Completion<bool> ended;
};

class WireStream final : public aio::Stream {
 public:
  explicit WireStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  aio::Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t>) override {
    co_await wire_->ended.wait();
    co_return std::size_t{0};
  }
  aio::Task<base::Result<>> write_all(base::ByteSpan) override { co_return base::Result<>{}; }
  void close() override { wire_->ended.set(true); }

 private:
  const std::shared_ptr<Wire> wire_;
};

class ScriptedTransport final : public aio::Transport {
 public:
  aio::Task<base::Result<std::unique_ptr<aio::Stream>>> connect(std::string, std::uint16_t,
                                                                base::MonoTime) override {
    ++dials;
    if (failure) co_return base::fail(*failure);
    wire = std::make_shared<Wire>();
    if (ends_at_once) wire->ended.set(true);
    co_return std::make_unique<WireStream>(wire);
  }
  std::optional<base::Error> failure;
  bool ends_at_once = false;
  int dials = 0;
  std::shared_ptr<Wire> wire;
};

aio::Task<> stop_watch(BrokerWatch& watch, bool& is_stopped) {
  co_await watch.stop();
  is_stopped = true;
}

class BrokerWatchTest : public testing::Test {
 protected:
  BrokerWatchTest()
      : scheduler_(1),
        reactor_(scheduler_),
        watch_({.reactor = &reactor_,
                .transport = &transport_,
                .self = kafka::NodeId(1),
                .listener_name = {},
                .tell = [this](kafka::NodeId, kafka::BrokerEpoch, Sign sign) { signs_.push_back(sign); }}) {}
  ~BrokerWatchTest() override {
    bool is_stopped = false;
    reactor_.post([this, &is_stopped] { aio::start_detached(stop_watch(watch_, is_stopped)); });
    run(base::seconds(2));
    EXPECT_TRUE(is_stopped);
  }
  // Broker 2 in service, and this one.
  void show(std::int64_t epoch, bool is_fenced = false) {
    ImageBuilder builder;
    for (const std::int32_t id : {1, 2}) {
      kafka::RegisterBrokerRecord record;
      record.broker_id = id;
      record.broker_epoch = epoch;
      record.fenced = is_fenced;
      auto& at = record.end_points.emplace_back();
      at.name = "PLAINTEXT";
      at.host = "broker";
      at.port = 9092;
      ASSERT_TRUE(builder.replay(record).has_value());
    }
    reactor_.post([this, image = builder.publish().after] { watch_.on_image(*image); });
    run(base::milliseconds(5));
  }
  void run(base::Duration time) { scheduler_.run_until(scheduler_.now() + time); }
  void end_connection() {
    reactor_.post([wire = transport_.wire] { wire->ended.set(true); });
  }

  aio::SimScheduler scheduler_;
  aio::SimReactor reactor_;
  ScriptedTransport transport_;
  std::vector<Sign> signs_;
  BrokerWatch watch_;
};

TEST_F(BrokerWatchTest, AnEndAndRefusalsAreAProofAndToldOnce) {
  show(5);
  EXPECT_EQ(signs_, std::vector<Sign>{Sign::kBack});
  EXPECT_EQ(transport_.dials, 1) << "it does not watch itself";
  transport_.failure = aio::refusal_by("broker:9092");
  end_connection();
  run(base::milliseconds(40));
  EXPECT_EQ(signs_, (std::vector{Sign::kBack, Sign::kLost}));
  EXPECT_FALSE(watch_.is_dead(kafka::NodeId(2)));
  run(base::milliseconds(100));
  EXPECT_EQ(signs_, (std::vector{Sign::kBack, Sign::kLost, Sign::kDead}));
  EXPECT_TRUE(watch_.is_dead(kafka::NodeId(2)));
  EXPECT_FALSE(watch_.is_dead(kafka::NodeId(1)));
  run(base::seconds(10));
  EXPECT_EQ(signs_.size(), 3U);
  transport_.failure.reset();
  run(base::seconds(2));
  EXPECT_EQ(signs_.back(), Sign::kBack);
  EXPECT_FALSE(watch_.is_dead(kafka::NodeId(2)));
}

TEST_F(BrokerWatchTest, SilenceIsNoProof) {
  show(5);
  transport_.failure = base::Error(base::Errc::kTimedOut, "connect to broker:9092");
  end_connection();
  run(base::seconds(30));
  EXPECT_EQ(signs_, (std::vector{Sign::kBack, Sign::kLost}));
}

TEST_F(BrokerWatchTest, RefusalsThatAreInterruptedBeginAnew) {
  show(5);
  transport_.failure = aio::refusal_by("broker:9092");
  end_connection();
  run(base::milliseconds(40));
  transport_.failure = base::Error(base::Errc::kTimedOut, "connect to broker:9092");
  run(base::milliseconds(100));
  transport_.failure = aio::refusal_by("broker:9092");
  run(base::milliseconds(950));
  EXPECT_EQ(signs_.back(), Sign::kLost);
  run(base::milliseconds(200));
  EXPECT_EQ(signs_.back(), Sign::kDead);
}

TEST_F(BrokerWatchTest, WhoWasNeverReachedProvesNothing) {
  transport_.failure = aio::refusal_by("broker:9092");
  show(5);
  run(base::seconds(30));
  EXPECT_TRUE(signs_.empty());
  EXPECT_LE(transport_.dials, 31);
}

TEST_F(BrokerWatchTest, WhoEndsConnectionsAtOnceIsNotAskedWithoutEnd) {
  transport_.ends_at_once = true;
  show(5);
  run(base::seconds(10));
  EXPECT_LE(transport_.dials, 25);
}

TEST_F(BrokerWatchTest, NoMoreOfAnIncarnationThatIsPast) {
  show(5);
  show(5, true);
  EXPECT_EQ(signs_, std::vector<Sign>{Sign::kBack});
  run(base::seconds(5));
  EXPECT_EQ(transport_.dials, 1) << "a fenced broker is not watched";
  show(9);
  EXPECT_EQ(signs_, (std::vector{Sign::kBack, Sign::kBack}));
}

}  // namespace
}  // namespace penstock::metadata
