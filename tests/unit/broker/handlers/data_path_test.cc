// Produce, Fetch and the offset APIs through their handlers, in every version, against real partitions.
#include "base/aio/sleep.h"
#include "broker/handlers/fetch_session.h"
#include "broker/handlers/handler_table.h"
#include "broker/handlers/producer_ids.h"
#include "broker/handlers/services.h"
#include "broker/metadata/image_builder.h"
#include "broker/metadata/image_source.h"
#include "broker/security/authorizer.h"
#include "kafka/messages/delete_records_request.h"
#include "kafka/messages/delete_records_response.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"
#include "kafka/messages/init_producer_id_request.h"
#include "kafka/messages/init_producer_id_response.h"
#include "kafka/messages/list_offsets_request.h"
#include "kafka/messages/list_offsets_response.h"
#include "kafka/messages/offset_for_leader_epoch_request.h"
#include "kafka/messages/offset_for_leader_epoch_response.h"
#include "kafka/messages/produce_request.h"
#include "kafka/messages/produce_response.h"
#include "kafka/record_batch.h"
#include "tests/unit/broker/replication/fixture.h"

namespace penstock::handlers {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::ListOffsetsRequest;
using kafka::ProduceRequest;
using kafka::ProduceResponse;
using namespace replication::testing;

struct BlockSource final : ProducerIdSource {
  aio::Task<ProducerIdBlock> allocate(aio::Reactor& home) override {
    co_await aio::yield(home);
    ++blocks;
    if (error != ErrorCode::kNone) co_return ProducerIdBlock{.error = error};
    co_return ProducerIdBlock{.first = 1000 * blocks, .length = 2};
  }
  ErrorCode error = ErrorCode::kNone;
  int blocks = 0;
};

class DataPathTest : public ::testing::Test {
 protected:
  DataPathTest()
      : connection_(scheduler_),
        owner_(scheduler_),
        sessions_({&connection_}, 100, 1),
        ids_(owner_, source_) {
    EXPECT_TRUE(
        storage::write_meta_properties(disk_, kDataDirectory,
                                       {.cluster_id = "test",
                                        .node_id = kSelf,
                                        .directory_id = {.most_significant = 3, .least_significant = 4}},
                                       kWallMs));
    logs_ = std::move(*storage::LogDirectory::open(disk_, kDataDirectory));
    manager_ = std::make_unique<replication::ReplicaManager>(kSelf, config_,
                                                             std::vector<aio::Reactor*>{&owner_}, *logs_);
    EXPECT_TRUE(run(manager_->start(connection_)));
    replication::LocalChanges changes;
    changes.hosted.push_back({replica_of({1}, {1}, 3), {}});
    run(finish(manager_->apply(connection_, std::move(changes))));
    publish_image();
    services_.node_id = kSelf.value();
    services_.images = &images_;
    services_.replicas = manager_.get();
    services_.fetch_sessions = &sessions_;
    services_.producer_ids = &ids_;
    services_.authorizer = &authorizer_;
  }
  ~DataPathTest() override { EXPECT_TRUE(run(manager_->stop(connection_, kafka::BrokerEpoch(1)))); }

  // Partition 0 is led here, partition 1 by another broker.
  void publish_image() {
    metadata::ImageBuilder builder;
    EXPECT_TRUE(builder.replay(kafka::TopicRecord{.name = "orders", .topic_id = key_of(0).topic_id}));
    for (const std::int32_t index : {0, 1}) {
      kafka::PartitionRecord record;
      record.partition_id = index;
      record.topic_id = key_of(0).topic_id;
      record.replicas = record.isr = {index + 1};
      record.leader = index + 1;
      record.leader_epoch = 3;
      EXPECT_TRUE(builder.replay(record));
    }
    images_.publish(builder.publish());
  }

  template <typename T>
  T run(aio::Task<T> task, base::Duration time = base::seconds(2)) {
    Running<T> running(connection_, std::move(task));
    scheduler_.run_for(time);
    EXPECT_TRUE(running.is_done());
    return std::move(running.value());
  }

  Reply call(kafka::ApiKey key, std::int16_t version, base::ByteSpan body) {
    RequestContext context{
        .api_key = key, .api_version = version, .reactor = connection_, .services = services_};
    return run(find_handler(static_cast<std::int16_t>(key))->handle(context, body));
  }
  template <typename Request>
  Reply send(const Request& request, std::int16_t version) {
    base::ByteWriter writer;
    const auto encoded = kafka::encode(request, version, writer);
    EXPECT_TRUE(encoded) << encoded.error().what();
    body_ = writer.take();
    return call(Request::kApiKey, version, body_);
  }
  // The answer, its records put back in place.
  template <typename Request>
  typename Request::Response ask(const Request& request, std::int16_t version) {
    const Reply reply = send(request, version);
    EXPECT_FALSE(reply.must_close) << Request::kName << " v" << version;
    answer_.clear();
    std::size_t at = 0;
    for (const kafka::RecordsPiece& piece : reply.pieces) {
      answer_.insert(answer_.end(), reply.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     reply.bytes.begin() + static_cast<std::ptrdiff_t>(piece.position));
      EXPECT_FALSE(piece.records.is_file()) << "so few bytes come from memory";
      answer_.insert(answer_.end(), piece.records.bytes.begin(), piece.records.bytes.end());
      at = piece.position;
    }
    answer_.insert(answer_.end(), reply.bytes.begin() + static_cast<std::ptrdiff_t>(at), reply.bytes.end());
    base::ByteReader reader(answer_);
    auto response = kafka::decode<typename Request::Response>(reader, version);
    EXPECT_TRUE(response) << Request::kName << " v" << version;
    EXPECT_EQ(reader.remaining(), 0U);
    return response ? *response : typename Request::Response();
  }

  ProduceRequest produce_of(std::int16_t version, std::int32_t partition = 0, std::int16_t acks = -1) {
    ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 500;
    ProduceRequest::TopicProduceData topic;
    if (version < 13) topic.name = "orders";
    if (version >= 13) topic.topic_id = key_of(0).topic_id;
    topic.partition_data.push_back({.index = partition, .records = kafka::RecordsRef::shared(batch_of(2))});
    request.topic_data.push_back(topic);
    return request;
  }
  FetchRequest fetch_of(std::int16_t version, std::int64_t offset, std::int32_t partition = 0) {
    FetchRequest request;
    request.max_wait_ms = 10;
    request.min_bytes = 1;
    if (version >= 7) request.session_epoch = 0;
    FetchRequest::FetchTopic topic;
    if (version < 13) topic.topic = "orders";
    if (version >= 13) topic.topic_id = key_of(0).topic_id;
    topic.partitions.push_back(
        {.partition = partition, .fetch_offset = offset, .partition_max_bytes = 1 << 20});
    request.topics.push_back(topic);
    return request;
  }

  penstock::testing::SimDisk disk_;
  replication::ReplicationConfig config_;
  aio::SimScheduler scheduler_{11};
  aio::SimReactor connection_;
  aio::SimReactor owner_;
  std::unique_ptr<storage::LogDirectory> logs_;
  std::unique_ptr<replication::ReplicaManager> manager_;
  metadata::ImageSource images_;
  FetchSessions sessions_;
  BlockSource source_;
  ProducerIds ids_;
  security::AllowAll authorizer_;
  Services services_;
  base::Bytes body_;
  base::Bytes answer_;
};

TEST_F(DataPathTest, EveryVersionOfProduceAndFetch) {
  std::int64_t end = 0;
  for (std::int16_t v = ProduceRequest::kLowestVersion; v <= ProduceRequest::kHighestVersion; ++v) {
    const ProduceResponse response = ask(produce_of(v), v);
    ASSERT_EQ(response.responses.size(), 1U);
    EXPECT_EQ(response.responses[0].partition_responses[0].error_code, 0);
    EXPECT_EQ(response.responses[0].partition_responses[0].base_offset, end);
    end += 2;
    // The other broker's partition: refused in a way that the version can say.
    const ProduceResponse elsewhere = ask(produce_of(v, 1), v);
    const auto& row = elsewhere.responses[0].partition_responses[0];
    EXPECT_EQ(row.error_code, kafka::to_wire(ErrorCode::kNotLeaderOrFollower));
    EXPECT_EQ(row.current_leader.leader_id, v >= 10 ? 2 : -1);
  }
  for (std::int16_t v = FetchRequest::kLowestVersion; v <= FetchRequest::kHighestVersion; ++v) {
    const FetchResponse response = ask(fetch_of(v, end - 2), v);
    ASSERT_EQ(response.responses.size(), 1U);
    const auto& data = response.responses[0].partitions[0];
    EXPECT_EQ(data.error_code, 0);
    EXPECT_EQ(data.high_watermark, end);
    const auto batch = kafka::RecordBatchView::parse(data.records->bytes);
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->base_offset().value(), end - 2);
    EXPECT_EQ(batch->leader_epoch().value(), 3);
    EXPECT_EQ(response.session_id > 0, v >= 7);
    const FetchResponse elsewhere = ask(fetch_of(v, 0, 1), v);
    EXPECT_EQ(elsewhere.responses[0].partitions[0].error_code,
              kafka::to_wire(ErrorCode::kNotLeaderOrFollower));
    EXPECT_EQ(elsewhere.responses[0].partitions[0].current_leader.leader_id, v >= 12 ? 2 : -1);
  }
}

TEST_F(DataPathTest, EveryVersionOfTheOffsetApis) {
  ask(produce_of(9), 9);
  for (std::int16_t v = ListOffsetsRequest::kLowestVersion; v <= ListOffsetsRequest::kHighestVersion; ++v) {
    ListOffsetsRequest request;
    request.replica_id = -1;
    ListOffsetsRequest::ListOffsetsTopic topic{.name = "orders"};
    topic.partitions.push_back({.partition_index = 0, .timestamp = replication::kLatestTimestamp});
    topic.partitions.push_back({.partition_index = 1, .timestamp = replication::kLatestTimestamp});
    topic.partitions.push_back({.partition_index = 7, .timestamp = replication::kEarliestTimestamp});
    request.topics.push_back(topic);
    const auto rows = ask(request, v).topics.at(0).partitions;
    EXPECT_EQ(rows[0].offset, 2);
    EXPECT_EQ(rows[0].leader_epoch, v >= 4 ? 3 : -1);
    EXPECT_EQ(rows[1].error_code, kafka::to_wire(ErrorCode::kNotLeaderOrFollower));
    EXPECT_EQ(rows[2].error_code, kafka::to_wire(ErrorCode::kUnknownTopicOrPartition));
    request.topics[0].partitions = {{.partition_index = 0, .timestamp = replication::kMaxTimestamp}};
    EXPECT_EQ(ask(request, v).topics[0].partitions[0].error_code,
              v < 7 ? kafka::to_wire(ErrorCode::kUnsupportedVersion) : 0);
    request.topics[0].partitions.push_back(request.topics[0].partitions[0]);
    EXPECT_EQ(ask(request, v).topics[0].partitions[1].error_code, kafka::to_wire(ErrorCode::kInvalidRequest));
  }
  for (std::int16_t v = 2; v <= 4; ++v) {
    kafka::OffsetForLeaderEpochRequest request;
    request.topics.push_back({.topic = "orders", .partitions = {{.partition = 0, .leader_epoch = 3}}});
    EXPECT_EQ(ask(request, v).topics.at(0).partitions[0].end_offset, 2);
  }
  for (std::int16_t v = 0; v <= 2; ++v) {
    kafka::DeleteRecordsRequest request;
    request.topics.push_back({.name = "orders", .partitions = {{.partition_index = 0, .offset = 1}}});
    EXPECT_EQ(ask(request, v).topics.at(0).partitions[0].low_watermark, 1);
  }
}

TEST_F(DataPathTest, AcksZeroIsSilentAndClosesOnError) {
  EXPECT_TRUE(send(produce_of(9, 0, 0), 9).is_silent);
  EXPECT_TRUE(send(produce_of(9, 1, 0), 9).must_close);
  const ProduceResponse response = ask(produce_of(9, 0, 2), 9);
  EXPECT_EQ(response.responses[0].partition_responses[0].error_code,
            kafka::to_wire(ErrorCode::kInvalidRequiredAcks));
  EXPECT_TRUE(call(kafka::ApiKey::kProduce, 9, base::as_bytes("\xff\xff\xff")).must_close);
}

TEST_F(DataPathTest, SessionsSpareWhatDidNotChange) {
  ask(produce_of(9), 9);
  const FetchResponse full = ask(fetch_of(13, 0), 13);
  FetchRequest next;
  next.max_wait_ms = 10;
  next.min_bytes = 1;
  next.session_id = full.session_id;
  next.session_epoch = 1;
  next.topics = fetch_of(13, 2).topics;
  EXPECT_TRUE(ask(next, 13).responses.empty());
  next.session_epoch = 9;
  EXPECT_EQ(ask(next, 13).error_code, kafka::to_wire(ErrorCode::kInvalidFetchSessionEpoch));
  FetchRequest unknown = fetch_of(13, 0);
  unknown.topics[0].topic_id.least_significant = 5;
  EXPECT_EQ(ask(unknown, 13).responses[0].partitions[0].error_code,
            kafka::to_wire(ErrorCode::kUnknownTopicId));
}

TEST_F(DataPathTest, ProducerIdsComeFromBlocksAndNeverTwice) {
  kafka::InitProducerIdRequest request;
  request.transactional_id.reset();
  std::vector<std::int64_t> ids;
  for (std::int16_t v = 0; v <= 4; ++v) ids.push_back(ask(request, v).producer_id);
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1000, 1001, 2000, 2001, 3000}));
  EXPECT_EQ(ask(request, 4).producer_id, 3001);
  source_.error = ErrorCode::kNotController;
  EXPECT_EQ(ask(request, 4).error_code, kafka::to_wire(ErrorCode::kCoordinatorLoadInProgress));
  request.transactional_id = "orders-writer";
  EXPECT_EQ(ask(request, 4).error_code, kafka::to_wire(ErrorCode::kCoordinatorNotAvailable));
}

}  // namespace
}  // namespace penstock::handlers
