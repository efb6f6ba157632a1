// Brokers come, go, are killed and are moved about at random, replicas fall behind and catch up: whatever the
// order, a leader that was elected cleanly has every record that was ever committed.
//
// The seed of a failure is in its message; PENSTOCK_SEED runs that one alone.
#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/unit/broker/metadata/controller_fixture.h"

namespace penstock::metadata {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kBrokers = 5;
constexpr std::int32_t kTopics = 4;
constexpr int kSteps = 400;
constexpr std::uint64_t kSeeds = 150;

class World : public ControllerFixture {
 public:
  explicit World(std::uint64_t seed) : dice_(seed) {
    EXPECT_EQ(set_feature(kElrVersion, 1).error_code, 0);
    for (std::int32_t id = 1; id <= kBrokers; ++id) start(id);
    for (std::int32_t i = 0; i < kTopics; ++i) {
      Ids replicas = some_brokers(1 + dice_.below(3));
      create_on(name_of(i), replicas, {{"min.insync.replicas", std::to_string(1 + dice_.below(3))}});
      for (const std::int32_t id : replicas) log_[i][id] = 0;
    }
  }
  void TestBody() override {}

  void step() {
    remember();
    const auto id = static_cast<std::int32_t>(1 + dice_.below(kBrokers));
    const auto topic = static_cast<std::int32_t>(dice_.below(kTopics));
    switch (dice_.below(16)) {
      case 0:
        kill(id, false);
        break;
      case 1:
        kill(id, true);
        break;
      case 2:
        start(id);
        break;
      case 3:
        stop(id);
        break;
      case 4:
        fence(id);
        break;
      case 5:
      case 6:
        shrink_isr(topic);
        break;
      case 7:
      case 8:
      case 9:
        catch_up(topic);
        break;
      case 10:
        reassign(topic);
        break;
      case 11:
        elect(topic);
        break;
      case 12:
        set_min_isr(topic);
        break;
      case 13:
        balance();
        break;
      default:
        produce(topic);
        break;
    }
    heartbeats();
    check();
  }

 private:
  struct Life {
    std::int64_t epoch = -1;
    bool is_running = false;
    std::int64_t clean_epoch = -1;  // What a clean stop has left.
  };

  static std::string name_of(std::int32_t topic) { return "topic-" + std::to_string(topic); }
  Ids some_brokers(std::uint64_t count) {
    Ids all;
    for (std::int32_t id = 1; id <= kBrokers; ++id) all.push_back(id);
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[dice_.below(i)]);
    all.resize(count);
    return all;
  }
  bool is_active(std::int32_t id) const {
    const auto* broker = controller_.image().broker(kafka::NodeId(id));
    return broker != nullptr && broker->is_active();
  }
  std::size_t min_isr(std::int32_t topic) {
    const auto& configs = controller_.image().configs({ResourceType::kTopic, name_of(topic)});
    return std::min<std::size_t>(std::stoul(configs.at("min.insync.replicas")),
                                 partition(name_of(topic)).replicas.size());
  }

  void start(std::int32_t id) {
    Life& life = lives_[id];
    if (life.is_running) return;
    now_ += base::seconds(10);  // The session of the last incarnation has ended.
    keep_others_alive(id);
    life.epoch = register_broker(id, ++incarnation_, life.clean_epoch);
    life.clean_epoch = -1;
    life.is_running = true;
    beat(id, life.epoch);
  }
  // kill -9, or the machine with it: then what was not flushed is gone.
  void kill(std::int32_t id, bool loses_tail) {
    Life& life = lives_[id];
    if (!life.is_running) return;
    life.is_running = false;
    life.clean_epoch = -1;
    if (!loses_tail) return;
    for (auto& [topic, ends] : log_) {
      const auto found = ends.find(id);
      if (found != ends.end()) found->second -= std::min<std::int64_t>(found->second, 3);
    }
  }
  void stop(std::int32_t id) {
    Life& life = lives_[id];
    if (!life.is_running) return;
    beat(id, life.epoch, true);
    heartbeats();
    if (!beat(id, life.epoch, true).should_shut_down) return;  // Goes on; asked again some time.
    life.is_running = false;
    life.clean_epoch = life.epoch;
  }
  void fence(std::int32_t id) {
    now_ += base::seconds(8);
    keep_others_alive(id);
    now_ += base::seconds(2);
    apply(controller_.due_work(now_).records);
  }
  void keep_others_alive(std::int32_t but) {
    for (const auto& [id, life] : lives_) {
      if (id != but && life.is_running) beat(id, life.epoch);
    }
  }
  void heartbeats() {
    for (const auto& [id, life] : lives_) {
      if (life.is_running && dice_.below(4) != 0) beat(id, life.epoch);
    }
  }

  // The leader appends; what its whole ISR has is committed, if that is enough of them.
  void produce(std::int32_t topic) {
    const Partition& now = partition(name_of(topic));
    if (now.leader == kNoLeader || !lives_[now.leader].is_running) return;
    const std::int64_t end = log_[topic][now.leader] += 1;
    // A dead one that is still in the ISR holds the high watermark back.
    const bool do_all_follow =
        std::ranges::all_of(now.isr, [this](std::int32_t id) { return lives_[id].is_running; });
    if (!do_all_follow || now.isr.size() < min_isr(topic)) return;
    for (const std::int32_t id : now.isr) log_[topic][id] = std::max(log_[topic][id], end);
    committed_[topic] = end;
  }
  void shrink_isr(std::int32_t topic) {
    const Partition& now = partition(name_of(topic));
    if (now.leader == kNoLeader || !lives_[now.leader].is_running) return;
    Ids isr = {now.leader};
    for (const std::int32_t id : now.isr) {
      if (id != now.leader && dice_.below(2) == 0) isr.push_back(id);
    }
    ask_isr(topic, isr);
  }
  // A follower copies what the leader has, and is let in.
  void catch_up(std::int32_t topic) {
    const Partition now = partition(name_of(topic));
    if (now.leader == kNoLeader || !lives_[now.leader].is_running) return;
    Ids isr = now.isr;
    for (const std::int32_t id : now.replicas) {
      if (now.is_in_isr(kafka::NodeId(id)) || !lives_[id].is_running || dice_.below(2) == 0) continue;
      log_[topic][id] = log_[topic][now.leader];
      isr.push_back(id);
    }
    if (isr.size() > now.isr.size()) ask_isr(topic, isr);
  }
  void ask_isr(std::int32_t topic, const Ids& isr) {
    std::map<std::int32_t, std::int64_t> epochs;
    for (const auto& [id, life] : lives_) epochs[id] = life.epoch;
    const auto error = alter_isr(name_of(topic), isr, epochs);
    EXPECT_TRUE(error == ErrorCode::kNone || error == ErrorCode::kIneligibleReplica ||
                error == ErrorCode::kNewLeaderElected)
        << kafka::error_name(error);
  }
  void reassign(std::int32_t topic) {
    kafka::AlterPartitionReassignmentsRequest request;
    auto& asked = request.topics.emplace_back();
    asked.name = name_of(topic);
    auto& target = asked.partitions.emplace_back();
    target.partition_index = 0;
    if (dice_.below(3) == 0) {
      target.replicas.reset();
    } else {
      target.replicas = some_brokers(1 + dice_.below(3));
      for (const std::int32_t id : *target.replicas) log_[topic].emplace(id, 0);
    }
    apply(controller_.alter_partition_reassignments(request).records);
    // Whoever is no replica any more has deleted its log.
    const Partition& now = partition(name_of(topic));
    std::erase_if(log_[topic], [&](const auto& e) { return !now.has_replica(kafka::NodeId(e.first)); });
  }
  void balance() {
    for (int round = 0; round < 30; ++round) {
      now_ += base::seconds(10);
      keep_others_alive(0);
    }
    while (true) {
      const DueWork work = controller_.due_work(now_);
      if (work.records.empty()) break;
      apply(work.records);
    }
  }
  void elect(std::int32_t topic) {
    kafka::ElectLeadersRequest request;
    request.election_type = 0;
    auto& asked = request.topic_partitions.emplace().emplace_back();
    asked.topic = name_of(topic);
    asked.partitions = {0};
    apply(controller_.elect_leaders(request).records);
  }
  void set_min_isr(std::int32_t topic) {
    EXPECT_EQ(set_config({ResourceType::kTopic, name_of(topic)}, "min.insync.replicas",
                         std::to_string(1 + dice_.below(3))),
              0);
  }

  void remember() {
    for (std::int32_t topic = 0; topic < kTopics; ++topic) before_[topic] = partition(name_of(topic));
  }
  void check() {
    for (std::int32_t topic = 0; topic < kTopics; ++topic) {
      const Partition& now = partition(name_of(topic));
      SCOPED_TRACE(describe(topic, before_[topic]) + " became " + describe(topic, now));
      check_shape(topic, now);
      check_epochs(before_[topic], now);
      check_records(topic, now);
    }
  }
  std::string describe(std::int32_t topic, const Partition& p) {
    std::string ends;
    for (const auto& [id, end] : log_[topic]) {
      ends += fmt::format(" {}{}:{}", id, lives_[id].is_running ? "" : "(dead)", end);
    }
    return fmt::format("topic {} leader {}/{} replicas [{}] isr [{}] elr [{}] last [{}] committed {} ends{}",
                       topic, p.leader, p.leader_epoch, fmt::join(p.replicas, ","), fmt::join(p.isr, ","),
                       fmt::join(p.elr, ","), fmt::join(p.last_known_elr, ","), committed_[topic], ends);
  }
  void check_shape(std::int32_t topic, const Partition& now) {
    EXPECT_EQ(now.directories.size(), now.replicas.size());
    std::set<std::int32_t> seen;
    for (const auto* ids : {&now.isr, &now.elr}) {
      for (const std::int32_t id : *ids) {
        EXPECT_TRUE(seen.insert(id).second) << "broker " << id << " twice in ISR and ELR";
        EXPECT_TRUE(now.has_replica(kafka::NodeId(id)));
      }
    }
    for (const std::int32_t id : now.isr) EXPECT_TRUE(is_active(id)) << "broker " << id << " in the ISR";
    if (now.isr.size() >= min_isr(topic)) {
      EXPECT_TRUE(now.elr.empty()) << "an ELR beside an ISR that is large enough";
    }
    if (now.leader != kNoLeader) {
      EXPECT_TRUE(now.is_in_isr(kafka::NodeId(now.leader)));
      EXPECT_TRUE(now.last_known_elr.empty());
    } else {
      EXPECT_TRUE(now.isr.empty()) << "live brokers in sync and no leader";
    }
  }
  static void check_epochs(const Partition& before, const Partition& now) {
    EXPECT_GE(now.leader_epoch, before.leader_epoch);
    EXPECT_GE(now.partition_epoch, before.partition_epoch);
    if (now != before) EXPECT_GT(now.partition_epoch, before.partition_epoch);
    if (now.leader != before.leader) EXPECT_GT(now.leader_epoch, before.leader_epoch);
  }
  void check_records(std::int32_t topic, const Partition& now) {
    if (now.leader == kNoLeader || now.leader_epoch == before_[topic].leader_epoch) return;
    // Dead, and not missed yet: it never acts as this leader.
    if (!lives_[now.leader].is_running) return;
    const std::int64_t end = log_[topic][now.leader];
    if (now.leader_recovery_state == kRecovering) {
      committed_[topic] = std::min(committed_[topic], end);  // What an unclean election costs, it costs.
      EXPECT_EQ(now.isr, Ids{now.leader});
    } else {
      EXPECT_GE(end, committed_[topic]) << "leader " << now.leader << " lacks committed records";
    }
    // Followers cut their logs to the leader's.
    for (auto& [id, follower_end] : log_[topic]) follower_end = std::min(follower_end, end);
  }

  base::SeededRandom dice_;
  std::uint64_t incarnation_ = 100;
  std::map<std::int32_t, Life> lives_;
  std::map<std::int32_t, std::map<std::int32_t, std::int64_t>> log_;  // Topic, broker: end offset.
  std::map<std::int32_t, std::int64_t> committed_;
  std::map<std::int32_t, Partition> before_;
};

TEST(ControllerPropertyTest, NoCleanLeaderLacksCommittedRecords) {
  const char* chosen = std::getenv("PENSTOCK_SEED");
  const std::uint64_t first = chosen == nullptr ? 1 : std::strtoull(chosen, nullptr, 10);
  for (std::uint64_t seed = first; seed < (chosen == nullptr ? first + kSeeds : first + 1); ++seed) {
    World world(seed);
    for (int step = 0; step < kSteps; ++step) {
      world.step();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace penstock::metadata
