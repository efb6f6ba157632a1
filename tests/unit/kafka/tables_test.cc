#include "kafka/api_keys.h"
#include "kafka/error_codes.h"

namespace penstock::kafka {
namespace {

TEST(ApiTable, HasEveryLiveApiAndNoRemovedOne) {
  EXPECT_EQ(all_apis().size(), 89U);
  int versions = 0;
  for (const ApiInfo& api : all_apis()) versions += api.highest_version - api.lowest_version + 1;
  EXPECT_EQ(versions, 302);
  EXPECT_EQ(find_api(std::int16_t{4}), nullptr);
  EXPECT_EQ(find_api(std::int16_t{-1}), nullptr);
  EXPECT_EQ(find_api(std::int16_t{999}), nullptr);
}

TEST(ApiTable, AdvertisesProduceFromZeroAndNoUnstableVersion) {
  const ApiInfo* produce = find_api(ApiKey::kProduce);
  EXPECT_EQ(produce->advertised_lowest, 0);
  EXPECT_FALSE(produce->supports(2));
  const ApiInfo* init_producer_id = find_api("InitProducerId");
  EXPECT_EQ(init_producer_id->advertised_highest, init_producer_id->highest_version - 1);
}

TEST(ApiTable, SaysWhoMayCall) {
  EXPECT_TRUE(find_api(ApiKey::kVote)->cluster_action);
  EXPECT_FALSE(find_api(ApiKey::kVote)->on_broker_listener);
  EXPECT_TRUE(find_api(ApiKey::kCreateTopics)->forwardable);
  EXPECT_EQ(api_name(ApiKey::kCreateTopics), "CreateTopics");
  EXPECT_EQ(api_name(static_cast<ApiKey>(4)), "unknown");
}

TEST(ErrorCodes, HaveNamesAndSayWhetherToRetry) {
  EXPECT_EQ(to_wire(ErrorCode::kUnknownTopicOrPartition), 3);
  EXPECT_EQ(error_name(ErrorCode::kUnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
  EXPECT_TRUE(is_retriable(ErrorCode::kUnknownTopicOrPartition));
  EXPECT_FALSE(is_retriable(ErrorCode::kInvalidRequest));
  EXPECT_EQ(find_error_code(-1), ErrorCode::kUnknownServerError);
  EXPECT_EQ(find_error_code(1000), std::nullopt);
  EXPECT_EQ(error_name(static_cast<ErrorCode>(1000)), "UNKNOWN_SERVER_ERROR");
}

}  // namespace
}  // namespace penstock::kafka
