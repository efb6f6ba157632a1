// Fetches from one leader for the partitions of one reactor: the connection and the waiting around a
// FetcherState.
//
// A fetch may wait at the leader while there is nothing new. A partition that is added meanwhile does not
// wait with it: the connection is given up after a moment, so that the next fetch names the new one.
//
// Lifetime: shared with its loop, which ends at stop() and holds the gate until then.
// Threads:  the reactor of its PartitionSet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "broker/replication/fetcher_state.h"
#include "broker/replication/partition_set.h"
#include "kafka/client/connection.h"

namespace penstock::replication {

class ReplicaFetcher : public std::enable_shared_from_this<ReplicaFetcher> {
 public:
  struct Parts {
    PartitionSet& set;
    aio::Transport& transport;
    aio::Gate& gate;
    kafka::NodeId leader;
    FetcherOptions options;
    base::Duration answer_wait;  // Beyond what the fetch itself may wait.
  };
  explicit ReplicaFetcher(Parts parts);

  void start();
  void stop();
  void add(const PartitionKey& key, std::string topic, kafka::LeaderEpoch epoch);
  void remove(const PartitionKey& key) { state_.remove(key); }
  bool is_empty() const { return state_.is_empty(); }
  // Something may be due earlier than it was: peers have changed, a flush has ended.
  void wake();

 private:
  static aio::Task<> run(std::shared_ptr<ReplicaFetcher> self);
  aio::Task<> fetch(kafka::FetchRequest request);
  aio::Task<> look_up();
  // Null when the leader cannot be reached; the state has heard of it.
  aio::Task<std::shared_ptr<kafka::Connection>> connect();
  aio::Task<std::optional<kafka::ListOffsetsResponse>> ask_offsets(kafka::Connection& connection,
                                                                   std::int64_t timestamp);
  aio::Task<> wait_until(base::MonoTime due);
  void interrupt_soon();
  void disconnect(base::Errc code, const char* why);
  std::optional<kafka::Endpoint> endpoint() const;
  kafka::BrokerEpoch self_epoch() const;
  aio::Reactor& reactor() const { return parts_.set.reactor(); }

  const Parts parts_;
  FetcherState state_;
  std::shared_ptr<kafka::Connection> connection_;
  std::optional<aio::Completion<bool>> waiter_;
  std::uint64_t requests_ = 0;
  bool is_in_flight_ = false;
  bool is_interrupted_ = false;
  bool is_stopped_ = false;
};

}  // namespace penstock::replication
