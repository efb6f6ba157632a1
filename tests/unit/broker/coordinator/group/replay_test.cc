// What is loaded from the log is what was live: scripted, and for random histories by seed.
#include <algorithm>

#include "base/random.h"
#include "tests/unit/broker/coordinator/group/shard_fixture.h"

namespace penstock::coordinator {
namespace {

class Replay : public ShardFixture {
 public:
  // Comparable: key bytes to value bytes, without the time of the last change, which is when the log was
  // written in one case and when it was committed in the other.
  static std::map<base::Bytes, base::Bytes> stored(const GroupShard& from) {
    std::map<base::Bytes, base::Bytes> state;
    for (const CoordinatorRecord& record : from.stored_state()) {
      auto parsed = parse_record(record.key, base::ByteSpan(*record.value));
      EXPECT_TRUE(parsed.has_value());
      if (auto* group = std::get_if<GroupRecord>(&*parsed)) {
        group->value->current_state_timestamp = 0;
        state[record.key] = *group_record(group->group_id, *group->value).value;
      } else {
        state[record.key] = *record.value;
      }
    }
    return state;
  }
};

TEST_F(Replay, StableGroupComesBackWithItsMembers) {
  const auto members = stable_group(3, {"a", std::nullopt, "c"});
  commit(members[0], 5);
  const auto copy = reloaded();
  EXPECT_EQ(stored(*copy), stored(*shard));
  ASSERT_NE(copy->group(kGroup), nullptr);
  EXPECT_TRUE(copy->group(kGroup)->is(GroupState::kStable));
  EXPECT_EQ(copy->group(kGroup)->leader(), members[0].member_id);
  // And goes on: its members' heartbeats count, and who is silent is removed.
  shard = reloaded();
  EXPECT_EQ(heartbeat(members[1]), 0);
  advance(11'000);
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Replay, RecordsOfOtherGroupTypesArePassedOver) {
  base::ByteWriter key;
  key.write_int16(3);  // ConsumerGroupMetadataKey.
  ASSERT_TRUE(shard->replay(kafka::Offset(0), kafka::kNoProducerId, key.span(), std::nullopt, 0));
  EXPECT_EQ(shard->foreign_record_count(), 1U);
}

TEST_F(Replay, MalformedRecordsAreErrors) {
  EXPECT_FALSE(shard->replay(kafka::Offset(0), kafka::kNoProducerId, {}, std::nullopt, 0));
  const CoordinatorRecord record = offset_record({kGroup, "t", 0}, {});
  for (std::size_t length = 2; length < record.key.size(); ++length)
    EXPECT_FALSE(shard->replay(kafka::Offset(0), kafka::kNoProducerId,
                               base::ByteSpan(record.key).first(length), std::nullopt, 0));
  for (std::size_t length = 0; length < record.value->size(); ++length)
    EXPECT_FALSE(shard->replay(kafka::Offset(0), kafka::kNoProducerId, record.key,
                               base::ByteSpan(*record.value).first(length), 0));
}

// A group of clients that do anything at any time.
class RandomHistory : public Replay, public ::testing::WithParamInterface<int> {
 public:
  void step(base::Random& random) {
    switch (random.below(12)) {
      case 0:
        requests.push_back(join("", random.below(2) == 0 ? 9 : 3, instance(random)));
        break;
      case 1:
      case 2:
      case 3:
        if (Member* member = any(random))
          requests.push_back(
              join(member->member_id, 9, member->instance_id, random.below(8) == 0 ? "u" : "t"));
        break;
      case 4:
      case 5:
      case 6:
        for (Member& member : known) sync(member, {known[random.below(known.size())].member_id});
        break;
      case 7:
        if (Member* member = any(random)) heartbeat(*member);
        break;
      case 8:
        if (Member* member = any(random)) commit(*member, static_cast<std::int64_t>(random.below(1'000)));
        commit({}, 1, "", "t", 9, "simple");
        break;
      case 9:
        if (Member* member = any(random); member != nullptr && random.below(3) == 0)
          leave(member->member_id, member->instance_id);
        break;
      case 10:
        if (random.below(20) == 0) shard->on_topics_deleted({"t"}, now);
        advance(static_cast<std::int64_t>(random.below(200)));
        break;
      default:
        advance(static_cast<std::int64_t>(random.below(random.below(5) == 0 ? 20'000 : 3'000)));
    }
    settle({});
    learn();
  }
  static std::optional<std::string> instance(base::Random& random) {
    if (random.below(3) != 0) return std::nullopt;
    return "instance" + std::to_string(random.below(2));
  }
  Member* any(base::Random& random) { return known.empty() ? nullptr : &known[random.below(known.size())]; }
  // Members take ids and generations from the answers to their JoinGroup.
  void learn() {
    std::erase_if(requests, [this](RequestId id) {
      if (!is_answered(id)) return false;
      const auto& response = joined(id);
      if (response.member_id.empty()) return true;
      std::erase_if(known, [&](const Member& member) { return member.member_id == response.member_id; });
      const bool is_static = response.member_id.starts_with("instance");
      known.push_back({response.member_id, response.generation_id,
                       is_static ? std::optional(response.member_id.substr(0, 9)) : std::nullopt});
      if (known.size() > 6) known.erase(known.begin());
      return true;
    });
  }
  // Nothing runs: every rebalance has ended, everything is committed.
  void quiesce() {
    for (int i = 0; i < 200 && state() != "Empty" && state() != "none"; ++i) advance(5'000);
    commit_all();
  }

  std::vector<Member> known;
  std::vector<RequestId> requests;
};

TEST_P(RandomHistory, LoadedStateEqualsLiveState) {
  base::SeededRandom random(static_cast<std::uint64_t>(GetParam()));
  commits_at_once = random.below(2) == 0;
  for (int i = 0; i < 400; ++i) {
    step(random);
    if (random.below(3) == 0) commit_all();
    // In these states everything of the group has been stored.
    if (state() == "Stable" || state() == "Empty") {
      commit_all();
      if (state() != "Stable" && state() != "Empty") continue;
      if (i % 5 == 0) {
        ASSERT_EQ(stored(*reloaded()), stored(*shard)) << "seed " << GetParam() << " step " << i;
      }
    }
    const ClassicGroup* group = shard->group(kGroup);
    if (group == nullptr) continue;
    ASSERT_EQ(group->awaiting_join_count(),
              static_cast<std::size_t>(std::ranges::count_if(group->members(), [](const auto& entry) {
                return entry.second.awaiting_join.has_value();
              })));
    if (group->leader()) {
      ASSERT_TRUE(group->has_member(*group->leader()));
    }
  }
  quiesce();
  EXPECT_TRUE(state() == "Empty" || state() == "none") << "seed " << GetParam();
  // Everyone who asked has an answer once nothing runs.
  commit_all();
  for (std::uint64_t id = 1; id <= last_request; ++id)
    EXPECT_TRUE(is_answered(RequestId(id))) << "seed " << GetParam() << " request " << id;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, ::testing::Range(1, 41));

}  // namespace
}  // namespace penstock::coordinator
