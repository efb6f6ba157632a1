#include "tests/sim/client.h"

#include <utility>

#include <fmt/core.h>

#include "base/aio/sleep.h"
#include "kafka/error_codes.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::sim {

using kafka::ErrorCode;

namespace {
constexpr std::uint16_t kPort = 9092;
}  // namespace

Client::Client(SimNetwork& network, std::string name, int brokers)
    : network_(network),
      brokers_(brokers),
      reactor_(network.scheduler()),
      transport_(network.transport(std::move(name), reactor_)) {}

aio::Task<base::Result<std::shared_ptr<kafka::Connection>>> Client::connection_to(int broker,
                                                                                  base::MonoTime deadline) {
  if (const auto found = connections_.find(broker); found != connections_.end()) {
    if (found->second->is_open()) co_return found->second;
    connections_.erase(found);
  }
  auto opened = co_await kafka::Connection::open(reactor_, *transport_, gate_,
                                                 {.host = fmt::format("n{}", broker), .port = kPort},
                                                 {.client_id = "sim"}, deadline);
  if (opened) connections_[broker] = *opened;
  co_return opened;
}

aio::Task<bool> Client::open(int broker) {
  const auto connection = co_await connection_to(broker, reactor_.now() + kPatience);
  co_return connection.has_value();
}

void Client::give_up(int broker, kafka::Connection& connection, const base::Error& reason) {
  connection.close(reason);
  const auto found = connections_.find(broker);
  if (found != connections_.end() && found->second.get() == &connection) connections_.erase(found);
}

int Client::leader_of(int partition) const {
  const auto found = leaders_.find(partition);
  return found == leaders_.end() ? 0 : found->second.id;
}

int Client::leader_epoch_of(int partition) const {
  const auto found = leaders_.find(partition);
  return found == leaders_.end() ? -1 : found->second.epoch;
}

aio::Task<> Client::pause(base::Duration at_most) {
  const auto delay = 1 + random().below(static_cast<std::uint64_t>(at_most.count()));
  (void)co_await aio::sleep_for(reactor_, base::Duration(static_cast<std::int64_t>(delay)));
}

aio::Task<> Client::refresh(std::string topic) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics->push_back({.topic_id = {}, .name = topic});
  const auto answer = co_await call(any_broker(), std::move(request));
  if (!answer || answer->topics.empty() || answer->topics[0].error_code != 0) co_return;
  // A topic that was made anew counts its epochs anew.
  if (std::exchange(topic_id_, answer->topics[0].topic_id) != answer->topics[0].topic_id) leaders_.clear();
  for (const auto& partition : answer->topics[0].partitions) {
    // A broker may know less than another one did before.
    Leader& leader = leaders_[partition.partition_index];
    if (partition.leader_epoch >= leader.epoch)
      leader = {.id = std::max(partition.leader_id, 0), .epoch = partition.leader_epoch};
  }
}

aio::Task<> Client::create_topic(std::string topic, int partitions, int replicas,
                                 std::map<std::string, std::string> configs) {
  while (true) {
    kafka::CreateTopicsRequest request;
    request.timeout_ms = 1000;
    auto& wanted = request.topics.emplace_back();
    wanted.name = topic;
    wanted.num_partitions = partitions;
    wanted.replication_factor = static_cast<std::int16_t>(replicas);
    for (const auto& [name, value] : configs) wanted.configs.push_back({.name = name, .value = value});
    const auto answer = co_await call(any_broker(), std::move(request));
    if (answer && answer->topics.size() == 1) {
      const auto code = static_cast<ErrorCode>(answer->topics[0].error_code);
      if (code == ErrorCode::kNone || code == ErrorCode::kTopicAlreadyExists) co_return;
    }
    co_await pause(base::milliseconds(500));
  }
}

}  // namespace penstock::sim
