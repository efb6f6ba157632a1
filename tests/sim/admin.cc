#include "tests/sim/admin.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/core.h>

#include "base/aio/sleep.h"
#include "kafka/error_codes.h"
#include "kafka/messages/alter_partition_reassignments_request.h"
#include "kafka/messages/alter_partition_reassignments_response.h"
#include "kafka/messages/delete_records_request.h"
#include "kafka/messages/delete_records_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/elect_leaders_request.h"
#include "kafka/messages/elect_leaders_response.h"
#include "tests/sim/producer.h"
#include "tests/sim/reader.h"

namespace penstock::sim {

using kafka::ErrorCode;

namespace {
constexpr const char* kChurned = "churned";
constexpr int kHistoryOfChurned = 1000;  // Its generations have the numbers from here on.
constexpr std::int32_t kTimeoutMs = 1000;
}  // namespace

Admin::Admin(SimNetwork& network, History& history, AdminOptions options)
    : network_(network),
      history_(history),
      options_(std::move(options)),
      client_(network, "client", options_.brokers) {}

void Admin::start() {
  client_.reactor().post([this] { aio::start_detached(run(this)); });
}

aio::Task<> Admin::run(Admin* self) {
  while (!self->is_stopping_) {
    co_await self->client_.pause(base::seconds(3));
    co_await self->act();
  }
  // What was asked before and given up may still be done, late.
  (void)co_await aio::sleep_for(self->client_.reactor(), base::seconds(5));
  std::vector<std::int32_t> all;
  for (int id = 1; id <= self->options_.brokers; ++id) all.push_back(id);
  const std::vector replicas(static_cast<std::size_t>(self->options_.partitions), all);
  while (!co_await self->reassign(replicas, 0)) co_await self->client_.pause(base::milliseconds(200));
  self->is_stopped_ = true;
}

// On standard error, for whoever looks at one seed.
void Admin::tell(const char* what) {
  const auto now = client_.reactor().now().time_since_epoch();
  fmt::print(stderr, "{:>7} ms: the admin {}\n", std::chrono::duration_cast<base::milliseconds>(now).count(),
             what);
}

aio::Task<> Admin::act() {
  const auto partition =
      static_cast<int>(client_.random().below(static_cast<std::uint64_t>(options_.partitions)));
  switch (client_.random().below(5)) {
    case 0:
    case 1:
      (void)co_await reassign({some_replicas()}, partition);
      break;
    case 2:
      co_await elect_preferred();
      break;
    case 3:
      co_await delete_records();
      break;
    default:
      co_await churn();
  }
}

// In any order; sometimes one less, so that a replica is made anew later.
std::vector<std::int32_t> Admin::some_replicas() {
  std::vector<std::int32_t> replicas;
  for (int id = 1; id <= options_.brokers; ++id) {
    const auto at = static_cast<std::ptrdiff_t>(client_.random().below(replicas.size() + 1));
    replicas.insert(replicas.begin() + at, id);
  }
  if (client_.random().below(2) == 0) replicas.pop_back();
  return replicas;
}

aio::Task<bool> Admin::reassign(std::vector<std::vector<std::int32_t>> replicas, int first_partition) {
  tell("reassigns");
  kafka::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = kTimeoutMs;
  auto& topic = request.topics.emplace_back();
  topic.name = options_.topic;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    topic.partitions.push_back(
        {.partition_index = first_partition + static_cast<int>(i), .replicas = std::move(replicas[i])});
  }
  const auto answer = co_await client_.call(client_.any_broker(), std::move(request));
  if (!answer || answer->error_code != 0 || answer->responses.size() != 1) co_return false;
  co_return std::ranges::all_of(answer->responses[0].partitions,
                                [](const auto& partition) { return partition.error_code == 0; });
}

aio::Task<> Admin::elect_preferred() {
  tell("elects preferred leaders");
  kafka::ElectLeadersRequest request;
  request.election_type = 0;
  request.topic_partitions.reset();  // All.
  request.timeout_ms = kTimeoutMs;
  (void)co_await client_.call(client_.any_broker(), std::move(request));
}

aio::Task<> Admin::delete_records() {
  co_await client_.refresh(options_.topic);
  const auto partition =
      static_cast<int>(client_.random().below(static_cast<std::uint64_t>(options_.partitions)));
  const int leader = client_.leader_of(partition);
  const std::int64_t committed = history_.high_watermark(partition);
  if (leader <= 0 || committed == 0) co_return;
  const auto before =
      static_cast<std::int64_t>(client_.random().below(static_cast<std::uint64_t>(committed)));
  history_.deleting(partition, before);
  tell("deletes records");
  kafka::DeleteRecordsRequest request;
  request.timeout_ms = kTimeoutMs;
  auto& topic = request.topics.emplace_back();
  topic.name = options_.topic;
  topic.partitions.push_back({.partition_index = partition, .offset = before});
  (void)co_await client_.call(leader, std::move(request));
}

aio::Task<> Admin::delete_topic(Client& client, base::Uuid topic) {
  while (true) {
    kafka::DeleteTopicsRequest request;
    // By id: asked for late, it must not take the next topic of that name.
    request.topics.push_back({.name = std::nullopt, .topic_id = topic});
    request.timeout_ms = kTimeoutMs;
    const auto answer = co_await client.call(client.any_broker(), std::move(request));
    if (answer && answer->responses.size() == 1) {
      const auto code = static_cast<ErrorCode>(answer->responses[0].error_code);
      if (code == ErrorCode::kNone || code == ErrorCode::kUnknownTopicId) co_return;
    }
    co_await client.pause(base::milliseconds(200));
  }
}

aio::Task<> Admin::churn() {
  tell("creates a topic");
  // What one generation knows of partitions and offsets is not for the next. Never freed, as all clients.
  Client& client = *new Client(network_, "client", options_.brokers);
  const int history_base = kHistoryOfChurned + generation_;
  while (client.topic_id().is_zero() || !generations_.insert(client.topic_id()).second) {
    // A broker that lags behind may have said that the last one is gone.
    if (!client.topic_id().is_zero()) co_await delete_topic(client, client.topic_id());
    co_await client.create_topic(kChurned, 1, options_.brokers, {{"min.insync.replicas", "2"}});
    co_await client.refresh(kChurned);
  }
  Producer& producer = *new Producer(client, history_,
                                     {.topic = kChurned,
                                      .history_base = history_base,
                                      .first_value = 1'000'000LL * ++generation_,
                                      .in_flight_max = 3});
  Reader& reader = *new Reader(client, history_, {.topic = kChurned, .history_base = history_base});
  tell("fills it");
  producer.start();
  co_await client_.pause(base::seconds(1));
  producer.stop();
  while (!producer.is_stopped()) co_await client_.pause(base::milliseconds(50));
  tell("reads it");
  reader.start_final_read();
  while (!reader.is_done()) co_await client_.pause(base::milliseconds(50));
  tell("deletes it");
  co_await delete_topic(client, client.topic_id());
}

}  // namespace penstock::sim
