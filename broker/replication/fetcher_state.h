// What a follower asks one leader for, and what it does with the answers: a deterministic core over the
// partitions of one reactor. Requests come out, answers and the time go in.
//
// Each partition is fetched from the end of its log, with the epoch of its last record; where the leader's
// log differs it says so in place of records, and the partition truncates (KIP-320). Out of range, the leader
// is asked where its log begins and ends. What does not fit is refused: such a partition waits, and after a
// few refusals in a row it stops until the next leader epoch.
//
// Lifetime: the PartitionSet outlives it. Threads: the set's reactor.
// Bounds:   one request at a time; bytes as the options say. A partition that failed waits longer each time,
//           up to backoff_max.
// Source:   Kafka's AbstractFetcherThread, ReplicaFetcherThread; KIP-903 (the broker epoch in fetches).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "broker/replication/follower_session.h"
#include "broker/replication/types.h"
#include "kafka/messages/list_offsets_request.h"
#include "kafka/messages/list_offsets_response.h"

namespace penstock::replication {

class Partition;
class PartitionSet;

struct FetcherOptions {
  kafka::NodeId self{};
  std::int32_t partition_bytes_max = 1 << 20;
  std::int32_t response_bytes_max = 10 << 20;
  std::int32_t bytes_min = 1;
  std::int32_t wait_max_ms = 500;
  base::Duration backoff_max = base::seconds(1);
};

class FetcherState {
 public:
  FetcherState(PartitionSet& set, FetcherOptions options);

  // A partition that follows this leader; again with each newer epoch. False when that is known.
  bool add(const PartitionKey& key, std::string topic, kafka::LeaderEpoch epoch);
  void remove(const PartitionKey& key) { followed_.erase(key); }
  bool is_empty() const { return followed_.empty(); }
  std::size_t size() const { return followed_.size(); }

  // When a request can be made; MonoTime::max() when only an event can change that.
  base::MonoTime due(base::MonoTime now) const;
  // nullopt when no partition is ready.
  std::optional<kafka::FetchRequest> make_request(kafka::BrokerEpoch epoch, base::MonoTime now);
  // Exactly one of the two follows a request.
  void on_response(const kafka::FetchResponse& response, base::MonoTime now, std::int64_t wall_ms);
  // No connection, or no answer in time. Not `is_failure`: we broke it off ourselves.
  void on_no_response(base::MonoTime now, bool is_failure);

  // Partitions that were out of range: both requests are sent, then the answers handed in together. nullopt
  // in place of an answer: there was none.
  bool has_lookups() const;
  kafka::ListOffsetsRequest make_lookup(std::int64_t timestamp) const;
  void on_lookups(const std::optional<kafka::ListOffsetsResponse>& earliest,
                  const std::optional<kafka::ListOffsetsResponse>& latest, base::MonoTime now);

 private:
  struct Followed {
    std::string topic;
    kafka::LeaderEpoch epoch;
    base::MonoTime not_before{};
    std::uint32_t failures = 0;  // In a row.
    std::uint32_t refusals = 0;  // Of what the leader sent, in a row.
    bool is_out_of_range = false;
    bool has_caught_up = false;  // With what is committed.
    bool has_stopped = false;    // Until the next epoch.
  };
  using Answer = kafka::FetchResponse::PartitionData;

  // Null unless it is here and follows in the epoch that `followed` is about.
  Partition* follower(const PartitionKey& key, const Followed& followed) const;
  // KIP-73: nullopt when it may be fetched at once; a replica that has caught up always may.
  std::optional<base::MonoTime> throttled_until(const Partition& partition, const Followed& followed) const;
  void take(const PartitionKey& key, const Answer& answer, base::MonoTime now, std::int64_t wall_ms);
  void take_records(Partition& partition, Followed& followed, const Answer& answer, base::MonoTime now,
                    std::int64_t wall_ms);
  void truncate(Partition& partition, Followed& followed, const Answer& answer, base::MonoTime now);
  void back_off(Followed& followed, base::MonoTime now) const;
  void refuse(const Partition& partition, Followed& followed, const base::Error& error, base::MonoTime now);
  void restart(const PartitionKey& key, Followed& followed, std::optional<kafka::Offset> earliest,
               std::optional<kafka::Offset> latest, base::MonoTime now);

  PartitionSet& set_;
  const FetcherOptions options_;
  std::map<PartitionKey, Followed> followed_;
  FollowerSession session_;
  // The leader itself did not answer.
  base::MonoTime not_before_{};
  std::uint32_t failures_ = 0;
};

}  // namespace penstock::replication
