// Both ends of a fetch session, ours as follower and ours as leader, through any sequence of changes.
#include "broker/replication/follower_session.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "broker/handlers/fetch_session.h"

namespace penstock::handlers {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using replication::FollowerSession;
using replication::PartitionKey;

PartitionKey key_of(std::uint64_t topic, std::int32_t partition) {
  return {.topic_id = {.most_significant = 1, .least_significant = topic},
          .partition = kafka::PartitionId(partition)};
}

class FollowerSessionTest : public ::testing::TestWithParam<int> {
 protected:
  // What is wanted changes a little from one request to the next.
  void change() {
    for (int i = 0; i < 3; ++i) {
      const PartitionKey key = key_of(random_.below(3), static_cast<std::int32_t>(random_.below(4)));
      if (random_.below(3) == 0) {
        wanted_.erase(key);
      } else {
        FollowerSession::Wanted& want = wanted_[key];
        want.topic = "t" + std::to_string(key.topic_id.least_significant);
        want.partition.partition = key.partition.value();
        want.partition.fetch_offset = static_cast<std::int64_t>(random_.below(5));
      }
    }
    if (wanted_.empty()) wanted_[key_of(0, 0)] = {};
  }

  FollowerSession::Partitions targets_of(const FetchContext& context) {
    FollowerSession::Partitions targets;
    for (const FetchTarget& target : context.targets) {
      const PartitionKey key{.topic_id = target.topic_id,
                             .partition = kafka::PartitionId(target.partition.partition)};
      targets[key] = {.topic = "t" + std::to_string(key.topic_id.least_significant),
                      .partition = target.partition};
    }
    return targets;
  }

  base::SeededRandom random_{static_cast<std::uint64_t>(GetParam())};
  FetchSessionCache cache_{{.sessions_max = 4, .partitions_max = 1000}, 0, 1, 7};
  FollowerSession session_;
  FollowerSession::Partitions wanted_;
};

TEST_P(FollowerSessionTest, TheLeaderReadsExactlyWhatIsWanted) {
  std::size_t named = 0;
  std::size_t read = 0;
  for (int round = 0; round < 300; ++round) {
    change();
    for (auto& [key, want] : wanted_) want.topic = "t" + std::to_string(key.topic_id.least_significant);
    FetchRequest request;
    session_.fill(request, wanted_);
    for (const auto& topic : request.topics) named += topic.partitions.size();
    const std::uint64_t fault = random_.below(20);
    if (fault == 0) {  // The request is lost.
      session_.on_failure();
      continue;
    }
    const FetchContext context = cache_.begin(request, 17, {});
    FetchResponse response;
    if (context.kind != FetchKind::kRefused) {
      ASSERT_EQ(targets_of(context), wanted_) << "round " << round;
      read += context.targets.size();
    }
    const std::vector<FetchResponse::PartitionData> results(context.targets.size());
    const FetchAnswer answer = cache_.finish(context, results, {});
    if (fault == 1) {  // The answer is lost.
      session_.on_failure();
      continue;
    }
    response.error_code = kafka::to_wire(answer.error);
    response.session_id = answer.session_id;
    EXPECT_EQ(session_.on_response(response), answer.error == ErrorCode::kNone);
  }
  EXPECT_LT(named, read) << "most are remembered";
}

INSTANTIATE_TEST_SUITE_P(Seeds, FollowerSessionTest, ::testing::Range(1, 9));

}  // namespace
}  // namespace penstock::handlers
