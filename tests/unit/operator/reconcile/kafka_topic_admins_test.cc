// Clients of Kafka that are replaced while passes still use them.
#include <gtest/gtest.h>

#include "base/aio/sim_scheduler.h"
#include "base/aio/transport.h"
#include "operator/reconcile/kafka_topic_admin.h"

namespace penstock::reconcile {
namespace {

// Nobody is there.
class Refusing final : public aio::Transport {
 public:
  aio::Task<base::Result<std::unique_ptr<aio::Stream>>> connect(std::string host, std::uint16_t,
                                                                base::MonoTime) override {
    ++tries;
    co_return base::fail(base::Errc::kUnavailable, host + " refuses");
  }
  int tries = 0;
};

aio::Task<> ask_twice(std::shared_ptr<TopicAdmin> admin, std::vector<base::Errc>& answers) {
  for (int i = 0; i < 2; ++i) {
    const auto defaults = co_await admin->describe_defaults();
    answers.push_back(defaults ? base::Errc::kInternal : defaults.error().code());
  }
}
aio::Task<> stop(KafkaTopicAdmins& admins, bool& is_stopped) {
  co_await admins.stop();
  is_stopped = true;
}

// A broker that comes or goes changes the endpoints in the middle of a pass.
TEST(KafkaTopicAdmins, AClientThatIsReplacedServesThoseWhoHoldIt) {
  aio::SimScheduler scheduler(7);
  aio::SimReactor reactor(scheduler);
  Refusing transport;
  base::SeededRandom random(7);
  KafkaTopicAdmins admins(reactor, transport, random);
  aio::Gate gate;
  std::vector<base::Errc> answers;
  aio::spawn(gate, "pass", ask_twice(admins.of("ns/demo", "10.0.0.1:9092"), answers));
  scheduler.run_for(base::seconds(1));
  const auto next = admins.of("ns/demo", "10.0.0.2:9092");
  EXPECT_EQ(admins.of("ns/demo", "10.0.0.2:9092"), next);
  const int tries = transport.tries;
  scheduler.run_for(base::seconds(20));
  EXPECT_EQ(answers, (std::vector<base::Errc>{base::Errc::kUnavailable, base::Errc::kUnavailable}));
  EXPECT_GT(transport.tries, tries);
  bool is_stopped = false;
  aio::spawn(gate, "stop", stop(admins, is_stopped));
  scheduler.run_for(base::seconds(1));
  EXPECT_TRUE(is_stopped);
  // What is lent from then on answers at once.
  answers.clear();
  aio::spawn(gate, "pass", ask_twice(admins.of("ns/demo", "10.0.0.3:9092"), answers));
  scheduler.run_for(base::milliseconds(1));
  EXPECT_EQ(answers, (std::vector<base::Errc>{base::Errc::kShuttingDown, base::Errc::kShuttingDown}));
}

}  // namespace
}  // namespace penstock::reconcile
