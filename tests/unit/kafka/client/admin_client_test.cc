#include "kafka/client/admin_client.h"

#include <gtest/gtest.h>

#include "kafka/error_codes.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/describe_configs_request.h"
#include "kafka/messages/describe_configs_response.h"
#include "kafka/messages/list_offsets_request.h"
#include "kafka/messages/list_offsets_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"
#include "tests/unit/kafka/client/fake_cluster.h"

namespace penstock::kafka {
namespace {

using base::Errc;
using base::Result;
using fake::answer;
using fake::Call;
using fake::Stream;

class AdminClientTest : public ::testing::Test {
 protected:
  AdminClientTest() : scheduler_(7), reactor_(scheduler_), cluster_(reactor_), random_(7) {}

  void TearDown() override { client_.reset(); }

  fake::Broker& broker(std::uint16_t port) {
    fake::Broker& made = cluster_.brokers[{"host", port}];
    made.versions = {{ApiKey::kMetadata, {0, 12}},
                     {ApiKey::kCreateTopics, {2, 7}},
                     {ApiKey::kDescribeConfigs, {1, 4}},
                     {ApiKey::kListOffsets, {1, 7}}};
    return made;
  }

  AdminClient& client(std::vector<Endpoint> bootstrap) {
    AdminClientOptions options;
    options.bootstrap = std::move(bootstrap);
    client_ = std::make_unique<AdminClient>(reactor_, cluster_, random_, options);
    return *client_;
  }

  template <typename T>
  std::shared_ptr<std::optional<T>> start(aio::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    aio::spawn(gate_, "test", fake::keep_result(std::move(task), *result));
    return result;
  }
  template <typename T>
  T finish(aio::Task<T> task) {
    auto result = start(std::move(task));
    for (int i = 0; i < 100 && !*result; ++i) scheduler_.run_for(base::seconds(1));
    EXPECT_TRUE(result->has_value()) << "the task did not end";
    return std::move(**result);
  }
  aio::Task<bool> stop_client() {
    co_await client_->stop();
    co_return true;
  }
  void stop() { EXPECT_TRUE(finish(stop_client())); }

  static MetadataResponse two_brokers() {
    MetadataResponse response;
    response.brokers = {{1, "host", 1001, {}}, {2, "host", 1002, {}}};
    return response;
  }
  static CreateTopicsResponse created(ErrorCode code) {
    CreateTopicsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "t";
    topic.error_code = to_wire(code);
    return response;
  }

  aio::SimScheduler scheduler_;
  aio::SimReactor reactor_;
  fake::Cluster cluster_;
  base::SeededRandom random_;
  aio::Gate gate_;
  std::unique_ptr<AdminClient> client_;
};

TEST_F(AdminClientTest, TakesTheHighestCommonVersion) {
  auto& one = broker(1001);
  one.handler = [](const Call& call, Stream& stream) { stream.deliver(answer(call, two_brokers())); };
  const auto response = finish(client({{"host", 1001}}).metadata({}));
  ASSERT_TRUE(response.has_value()) << response.error().what();
  EXPECT_EQ(response->brokers.size(), 2u);
  EXPECT_EQ(one.calls.at(0).version, 12);
  stop();
}

TEST_F(AdminClientTest, AnOldBrokerNamesItsVersionsInVersion0) {
  auto& one = broker(1001);
  one.api_versions_highest = 3;
  one.handler = [](const Call& call, Stream& stream) { stream.deliver(answer(call, two_brokers())); };
  EXPECT_TRUE(finish(client({{"host", 1001}}).metadata({})).has_value());
  stop();
}

TEST_F(AdminClientTest, NoCommonVersionIsUnsupported) {
  broker(1001).versions[ApiKey::kMetadata] = {14, 15};
  EXPECT_EQ(finish(client({{"host", 1001}}).metadata({})).error().code(), Errc::kUnsupported);
  stop();
}

TEST_F(AdminClientTest, AnswersInAnyOrderFindTheirCalls) {
  auto& one = broker(1001);
  std::vector<base::Bytes> held;
  one.handler = [&](const Call& call, Stream& stream) {
    MetadataResponse response;
    response.cluster_id = call.as<MetadataRequest>().topics->at(0).name;
    held.push_back(answer(call, response));
    if (held.size() < 3) return;
    for (auto frame = held.rbegin(); frame != held.rend(); ++frame) stream.deliver(*frame);
  };
  AdminClient& admin = client({{"host", 1001}});
  auto call_for = [&](const std::string& topic) {
    MetadataRequest request;
    request.topics->emplace_back().name = topic;
    return start(admin.metadata(std::move(request)));
  };
  auto first = call_for("a");
  scheduler_.run_for(base::milliseconds(10));
  auto second = call_for("b");
  auto third = call_for("c");
  scheduler_.run_for(base::seconds(1));
  EXPECT_EQ((*first)->value().cluster_id, "a");
  EXPECT_EQ((*second)->value().cluster_id, "b");
  EXPECT_EQ((*third)->value().cluster_id, "c");
  EXPECT_EQ(one.connections, 1);
  stop();
}

TEST_F(AdminClientTest, TheNextBootstrapAddressIsTried) {
  auto& two = broker(1002);
  two.handler = [](const Call& call, Stream& stream) { stream.deliver(answer(call, two_brokers())); };
  EXPECT_TRUE(finish(client({{"gone", 1}, {"host", 1002}}).metadata({})).has_value());
  stop();
}

TEST_F(AdminClientTest, WhenNoneAnswersTheCauseIsNamedWhenTimeIsUp) {
  const auto response = finish(client({{"gone", 1}}).metadata({}));
  EXPECT_EQ(response.error().code(), Errc::kUnavailable);
  EXPECT_NE(response.error().what().find("gone:1: connection refused"), std::string::npos);
  EXPECT_GT(scheduler_.now().time_since_epoch(), base::seconds(50));
  stop();
}

TEST_F(AdminClientTest, ARetriableErrorIsAskedAgain) {
  auto& one = broker(1001);
  one.handler = [&](const Call& call, Stream& stream) {
    stream.deliver(
        answer(call, created(one.calls.size() < 3 ? ErrorCode::kNotController : ErrorCode::kNone)));
  };
  const auto response = finish(client({{"host", 1001}}).create_topics({}));
  EXPECT_EQ(response->topics.at(0).error_code, 0);
  EXPECT_EQ(one.calls.size(), 3u);
  stop();
}

TEST_F(AdminClientTest, AnOrdinaryErrorIsAnAnswer) {
  auto& one = broker(1001);
  one.handler = [](const Call& call, Stream& stream) {
    stream.deliver(answer(call, created(ErrorCode::kTopicAlreadyExists)));
  };
  const auto response = finish(client({{"host", 1001}}).create_topics({}));
  EXPECT_EQ(response->topics.at(0).error_code, to_wire(ErrorCode::kTopicAlreadyExists));
  EXPECT_EQ(one.calls.size(), 1u);
  stop();
}

TEST_F(AdminClientTest, ALostConnectionAndSilenceAreRetriedOnNewConnections) {
  auto& one = broker(1001);
  one.handler = [&](const Call& call, Stream& stream) {
    if (one.calls.size() == 1) return stream.end();
    if (one.calls.size() == 2) return;  // Silence until the request times out.
    stream.deliver(answer(call, two_brokers()));
  };
  EXPECT_TRUE(finish(client({{"host", 1001}}).metadata({})).has_value());
  EXPECT_EQ(one.connections, 3);
  stop();
}

TEST_F(AdminClientTest, AnImpossibleSizeEndsTheConnection) {
  auto& one = broker(1001);
  one.handler = [](const Call&, Stream& stream) { stream.deliver({0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1}); };
  EXPECT_EQ(finish(client({{"host", 1001}}).metadata({})).error().code(), Errc::kCorrupt);
  stop();
}

TEST_F(AdminClientTest, ConfigsOfABrokerAreAskedOfThatBroker) {
  for (std::uint16_t port : {1001, 1002}) {
    broker(port).handler = [](const Call& call, Stream& stream) {
      if (call.key == ApiKey::kMetadata) return stream.deliver(answer(call, two_brokers()));
      DescribeConfigsResponse response;
      for (const auto& resource : call.as<DescribeConfigsRequest>().resources) {
        response.results.emplace_back().resource_name = resource.resource_name;
      }
      stream.deliver(answer(call, response));
    };
  }
  DescribeConfigsRequest request;
  request.resources = {{kResourceTopic, "t", {}}, {kResourceBroker, "2", {}}};
  const auto response = finish(client({{"host", 1001}}).describe_configs(request));
  EXPECT_EQ(response->results.size(), 2u);
  EXPECT_EQ(cluster_.brokers.at({"host", 1002})
                .calls.at(0)
                .as<DescribeConfigsRequest>()
                .resources.at(0)
                .resource_name,
            "2");
  stop();
}

TEST_F(AdminClientTest, OffsetsAreAskedOfLeadersAndFollowThem) {
  std::int32_t leader_of_1 = 1;
  for (std::uint16_t port : {1001, 1002}) {
    broker(port).handler = [&, port](const Call& call, Stream& stream) {
      if (call.key == ApiKey::kMetadata) {
        MetadataResponse response = two_brokers();
        auto& topic = response.topics.emplace_back();
        topic.name = "t";
        topic.partitions = {{0, 0, 2, 1, {}, {}, {}}, {0, 1, leader_of_1, 1, {}, {}, {}}};
        return stream.deliver(answer(call, response));
      }
      ListOffsetsResponse response;
      response.topics.push_back({"t", {}});
      for (const auto& asked : call.as<ListOffsetsRequest>().topics.at(0).partitions) {
        auto& one = response.topics[0].partitions.emplace_back();
        one.partition_index = asked.partition_index;
        one.offset = port;
        if (port == 1001) {  // It has just handed over partition 1.
          one.error_code = to_wire(ErrorCode::kNotLeaderOrFollower);
          leader_of_1 = 2;
        }
      }
      stream.deliver(answer(call, response));
    };
  }
  ListOffsetsRequest request;
  request.topics = {{"t", {{0, -1, kLatestTimestamp}, {1, -1, kLatestTimestamp}, {9, -1, kLatestTimestamp}}}};
  const auto response = finish(client({{"host", 1001}}).list_offsets(request));
  ASSERT_TRUE(response.has_value()) << response.error().what();
  ASSERT_EQ(response->topics.at(0).partitions.size(), 3u);
  std::map<std::int32_t, std::pair<std::int16_t, std::int64_t>> results;
  for (const auto& one : response->topics[0].partitions)
    results[one.partition_index] = {one.error_code, one.offset};
  EXPECT_EQ(results[0], std::pair(std::int16_t{0}, std::int64_t{1002}));
  EXPECT_EQ(results[1], std::pair(std::int16_t{0}, std::int64_t{1002}));
  EXPECT_EQ(results[9].first, to_wire(ErrorCode::kUnknownTopicOrPartition));
  stop();
}

TEST_F(AdminClientTest, StopEndsCallsUnderWay) {
  broker(1001);  // Never answers.
  AdminClient& admin = client({{"host", 1001}});
  auto waiting = start(admin.metadata({}));
  scheduler_.run_for(base::milliseconds(10));
  EXPECT_FALSE(waiting->has_value());
  stop();
  EXPECT_EQ((*waiting)->error().code(), Errc::kShuttingDown);
  EXPECT_EQ(finish(admin.metadata({})).error().code(), Errc::kShuttingDown);
}

}  // namespace
}  // namespace penstock::kafka
