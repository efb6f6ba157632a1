// The reader's side of an incremental fetch session (KIP-227): what the leader remembers of our partitions,
// so that a request names only those that have changed.
//
// Threads: a value of one reactor.
// Source:  Kafka's FetchSessionHandler, FetchMetadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/replication/types.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"

namespace penstock::replication {

class FollowerSession {
 public:
  struct Wanted {
    std::string topic;
    kafka::FetchRequest::FetchPartition partition;
    friend bool operator==(const Wanted&, const Wanted&) = default;
  };
  using Partitions = std::map<PartitionKey, Wanted>;

  // Sets the session's fields and the topics of `request`: from now on the leader reads `wanted`.
  void fill(kafka::FetchRequest& request, Partitions wanted);
  // What the request that is under way asks for, remembered or named.
  const Wanted* find(const PartitionKey& key) const;
  // False when the leader knows the session no more: the next request names everything.
  bool on_response(const kafka::FetchResponse& response);
  // No answer: how far the leader's session has come is unknown.
  void on_failure();

 private:
  static void add(kafka::FetchRequest& request, const PartitionKey& key, const Wanted& wanted);
  static void forget(kafka::FetchRequest& request, const PartitionKey& key, const Wanted& known);

  std::int32_t id_ = 0;
  std::int32_t epoch_ = 0;  // Of the next request; 0 opens a session and closes the one of id_.
  Partitions known_;
};

}  // namespace penstock::replication
