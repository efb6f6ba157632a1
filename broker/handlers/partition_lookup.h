// From what a request names to the partition of this broker, and whom to ask instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/handlers/handler.h"
#include "broker/metadata/image.h"
#include "broker/replication/types.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {

// A topic as one request sees it.
struct TopicLookup {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;  // UNKNOWN_TOPIC_OR_PARTITION or UNKNOWN_TOPIC_ID.
  std::shared_ptr<const metadata::Topic> topic;      // Null with an error.
};

// By id where the version has ids, else by name.
TopicLookup look_up_topic(const metadata::MetadataImage& image, std::string_view name, const base::Uuid& id,
                          bool is_by_id);

struct PartitionLookup {
  // UNKNOWN_TOPIC_OR_PARTITION, or NOT_LEADER_OR_FOLLOWER when another broker leads.
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  replication::PartitionKey key;
  std::int32_t leader_id = -1;
  std::int32_t leader_epoch = -1;
};

PartitionLookup look_up_partition(const metadata::Topic& topic, std::int32_t partition, std::int32_t self);

// Whether the answer tells who leads instead (KIP-951).
constexpr bool tells_leader(kafka::ErrorCode error) {
  return error == kafka::ErrorCode::kNotLeaderOrFollower || error == kafka::ErrorCode::kFencedLeaderEpoch;
}

// Adds where `leader` listens, once, on the listener that the request came by.
template <typename Endpoint>
void add_endpoint(const RequestContext& context, const metadata::MetadataImage& image, std::int32_t leader,
                  std::vector<Endpoint>& endpoints) {
  for (const Endpoint& known : endpoints) {
    if (known.node_id == leader) return;
  }
  const metadata::BrokerRegistration* broker = image.broker(kafka::NodeId(leader));
  const metadata::Endpoint* endpoint = broker == nullptr ? nullptr : broker->endpoint(context.listener_name);
  if (endpoint == nullptr) return;
  endpoints.push_back(
      {.node_id = leader, .host = endpoint->host, .port = endpoint->port, .rack = broker->rack});
}

}  // namespace penstock::handlers
