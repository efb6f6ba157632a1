// Incremental fetch sessions (KIP-227): the broker remembers what a reader fetches and tells it only what has
// changed.
//
// Each reactor keeps a part of the sessions, so that nothing is locked; the session id says which, and a
// request that comes by another connection's reactor is passed there.
//
// Threads: FetchSessions from any reactor; FetchSessionCache from one.
// Source: Kafka's FetchSession, KIP-227, KIP-516 (topic ids).
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/clock.h"
#include "base/random.h"
#include "kafka/error_codes.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"

namespace penstock::handlers {

// One partition that a request is about, from the request itself or from its session.
struct FetchTarget {
  std::string topic;    // Up to version 12.
  base::Uuid topic_id;  // From version 13.
  kafka::FetchRequest::FetchPartition partition;
  std::int64_t told_high_watermark = -1;  // What the session has told of it last.
};

enum class FetchKind : std::uint8_t { kRefused, kSessionless, kFull, kIncremental };

struct FetchContext {
  FetchKind kind = FetchKind::kSessionless;
  kafka::ErrorCode error = kafka::ErrorCode::kNone;  // Of a refused one.
  std::int32_t session_id = 0;
  std::int32_t session_epoch = 0;
  bool is_follower = false;
  bool has_topic_ids = false;
  std::vector<FetchTarget> targets;
};

// What a cache may hold; a reader without a place fetches without a session, as it does from an old broker.
struct FetchSessionLimits {
  std::size_t sessions_max = 0;
  std::size_t partitions_max = 0;  // Over all sessions; each is some 250 bytes.
};

// What goes into the answer.
struct FetchAnswer {
  kafka::ErrorCode error = kafka::ErrorCode::kNone;
  std::int32_t session_id = 0;
  std::vector<bool> is_included;  // Per target.
};

class FetchSessionCache {
 public:
  // `reactor_index` of `reactor_count`: the ids of its sessions leave this remainder.
  FetchSessionCache(FetchSessionLimits limits, std::size_t reactor_index, std::size_t reactor_count,
                    std::uint64_t seed);

  // Which partitions to read. Moves the request's topics.
  FetchContext begin(kafka::FetchRequest& request, std::int16_t version, base::MonoTime now);
  // What to tell of `results`, one per target, in order. Makes the session of a full fetch.
  FetchAnswer finish(const FetchContext& context,
                     const std::vector<kafka::FetchResponse::PartitionData>& results, base::MonoTime now);

  std::size_t size() const { return sessions_.size(); }

 private:
  struct Key {
    std::string topic;
    base::Uuid topic_id;
    std::int32_t partition = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Remembered {
    FetchTarget target;
    std::int64_t high_watermark = -1;
    std::int64_t log_start_offset = -1;
  };
  struct Session {
    std::int32_t epoch = 1;
    bool has_topic_ids = false;
    bool is_privileged = false;  // A follower's.
    base::MonoTime created_at{};
    base::MonoTime used_at{};
    std::list<Remembered> partitions;  // In the order in which they are read.
    std::map<Key, std::list<Remembered>::iterator> by_key;
  };

  FetchContext refuse(kafka::ErrorCode error) const;
  static Key key_of(const FetchTarget& target);
  void update(Session& session, kafka::FetchRequest& request);
  static bool must_tell(Remembered& known, const kafka::FetchResponse::PartitionData& result);
  FetchAnswer finish_full(const FetchContext& context,
                          const std::vector<kafka::FetchResponse::PartitionData>& results,
                          base::MonoTime now);
  FetchAnswer finish_incremental(const FetchContext& context,
                                 const std::vector<kafka::FetchResponse::PartitionData>& results);
  bool make_room(bool is_privileged, std::size_t partitions, base::MonoTime now);
  bool push_out_one(bool is_privileged, std::size_t partitions, base::MonoTime now);
  void close(std::unordered_map<std::int32_t, Session>::iterator session);
  std::int32_t new_id();

  const FetchSessionLimits limits_;
  const std::size_t reactor_index_;
  const std::size_t reactor_count_;
  base::SeededRandom random_;
  std::unordered_map<std::int32_t, Session> sessions_;
  std::size_t partitions_ = 0;  // Of all sessions together.
};

class FetchSessions {
 public:
  // About 64 MiB.
  static constexpr std::size_t kPartitionsMax = std::size_t{1} << 18;

  // The reactors that serve connections. `slots_max` and kPartitionsMax are for all of them together.
  FetchSessions(std::vector<aio::Reactor*> reactors, std::size_t slots_max, std::uint64_t seed);

  // Both on the connection's reactor.
  aio::Task<FetchContext> begin(aio::Reactor& home, kafka::FetchRequest request, std::int16_t version);
  aio::Task<FetchAnswer> finish(aio::Reactor& home, const FetchContext& context,
                                const std::vector<kafka::FetchResponse::PartitionData>& results);

 private:
  struct Part {
    aio::Reactor* reactor;
    FetchSessionCache cache;
  };
  Part& part_of(aio::Reactor& home, std::int32_t session_id);

  std::vector<Part> parts_;
};

}  // namespace penstock::handlers
