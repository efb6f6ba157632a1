// What a quorum talks about: replicas, epochs, and the questions and answers between them. These are the
// core's own terms; the wire's messages are turned into them outside.
//
// Threads: values.
// Source: KIP-595, KIP-853, KIP-996.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "kafka/ids.h"

namespace penstock::raft {

using kafka::LeaderEpoch;
using kafka::NodeId;
using kafka::Offset;

// A replica is a node and the directory that its log lives in: a node with a new disk is another replica, so
// a lost volume can never vote twice. A zero directory is one that the sender does not know.
struct ReplicaKey {
  NodeId id = kafka::kNoNode;  // As an address, kNoNode is whoever can be found.
  base::Uuid directory{};
  friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
};

struct OffsetAndEpoch {
  Offset offset{0};
  LeaderEpoch epoch{0};
  // Whose log is newer: by epoch, then by length.
  friend bool operator<(const OffsetAndEpoch& a, const OffsetAndEpoch& b) {
    return a.epoch != b.epoch ? a.epoch < b.epoch : a.offset < b.offset;
  }
  bool operator==(const OffsetAndEpoch&) const = default;
};

struct Endpoint {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

struct Voter {
  ReplicaKey key{};
  std::vector<Endpoint> endpoints{};
  std::int16_t kraft_version_min = 0;
  std::int16_t kraft_version_max = 1;
  bool operator==(const Voter&) const = default;
};

// Sorted by id.
using VoterSet = std::vector<Voter>;

// What quorum-state keeps: it is on disk before any message says it.
struct ElectionState {
  LeaderEpoch epoch{0};
  NodeId leader = kafka::kNoNode;
  std::optional<ReplicaKey> voted{};
  bool operator==(const ElectionState&) const = default;
};

enum class Refusal : std::uint8_t {
  kNone,
  kFencedEpoch,
  kUnknownEpoch,
  kNotLeader,
  kWrongVoter,  // Meant for another replica: the node has another directory.
  kInvalid,
  kUnavailable,
  // Of a change of the voters.
  kTimedOut,
  kDuplicateVoter,
  kVoterNotFound,
  kUnsupported,
  // Of a snapshot.
  kNoSnapshot,
  kOutOfRange
};

// Each answer has the id of its question, which is the asker's.
struct VoteAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  ReplicaKey to{};
  LeaderEpoch epoch{};
  OffsetAndEpoch last{};
  bool is_pre_vote = false;
};
struct VoteAnswer {
  std::uint64_t id = 0;
  NodeId from{};
  Refusal refusal = Refusal::kNone;
  LeaderEpoch epoch{};
  NodeId leader = kafka::kNoNode;
  bool is_granted = false;
  bool is_pre_vote = false;
};
struct BeginEpochAsk {
  std::uint64_t id = 0;
  ReplicaKey to{};
  NodeId leader{};
  LeaderEpoch epoch{};
};
struct EndEpochAsk {
  std::uint64_t id = 0;
  NodeId leader{};
  LeaderEpoch epoch{};
  std::vector<ReplicaKey> preferred{};  // Who should stand first.
};
// To BeginEpochAsk and EndEpochAsk.
struct EpochAnswer {
  std::uint64_t id = 0;
  NodeId from{};
  Refusal refusal = Refusal::kNone;
  LeaderEpoch epoch{};
  NodeId leader = kafka::kNoNode;
};
struct FetchAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  LeaderEpoch epoch{};
  Offset offset{};
  LeaderEpoch last_fetched_epoch{};
  // The leader answers at once when its own is above.
  Offset high_watermark = kafka::kNoOffset;
  // How long the answer may wait for records.
  base::Duration wait{};
};
struct FetchAnswer {
  std::uint64_t id = 0;
  NodeId from{};
  Refusal refusal = Refusal::kNone;
  LeaderEpoch epoch{};
  NodeId leader = kafka::kNoNode;
  Offset high_watermark = kafka::kNoOffset;
  std::optional<OffsetAndEpoch> diverging{};  // Cut your log there and ask again.
  std::optional<OffsetAndEpoch> snapshot{};   // Your offset is gone: take this snapshot.
  base::Bytes records{};
};

// A piece of a snapshot's file, from the leader.
struct SnapshotAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  LeaderEpoch epoch{};
  OffsetAndEpoch snapshot{};
  std::int64_t position = 0;
  std::int32_t bytes_max = 0;
};
struct SnapshotAnswer {
  std::uint64_t id = 0;
  NodeId from{};
  Refusal refusal = Refusal::kNone;
  LeaderEpoch epoch{};
  NodeId leader = kafka::kNoNode;
  OffsetAndEpoch snapshot{};
  std::int64_t size_bytes = 0;  // Of the file.
  std::int64_t position = 0;
  base::Bytes piece{};
};

// Changes of the voters, asked of the leader by a replica or, with kNoNode, by somebody who is none.
struct AddVoterAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  Voter voter{};  // The leader asks the voter itself for its versions.
  bool is_answered_when_committed = true;
};
struct RemoveVoterAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  ReplicaKey voter{};
};
struct UpdateVoterAsk {
  std::uint64_t id = 0;
  ReplicaKey from{};
  LeaderEpoch epoch{};
  Voter voter{};
};
struct ChangeAnswer {
  std::uint64_t id = 0;
  NodeId from{};
  Refusal refusal = Refusal::kNone;
  std::string reason{};  // For people.
  LeaderEpoch epoch{};
  NodeId leader = kafka::kNoNode;
};
// Which levels of kraft.version a replica has that is to be a voter, asked where it says that it listens.
struct VersionsAsk {
  std::uint64_t id = 0;
  std::vector<Endpoint> endpoints{};
};
struct VersionsAnswer {
  std::uint64_t id = 0;
  Refusal refusal = Refusal::kNone;  // kUnavailable: it answered with an error.
  std::optional<std::int16_t> kraft_version_min{};
  std::int16_t kraft_version_max = 0;
};

using Message = std::variant<VoteAsk, VoteAnswer, BeginEpochAsk, EndEpochAsk, EpochAnswer, FetchAsk,
                             FetchAnswer, SnapshotAsk, SnapshotAnswer, AddVoterAsk, RemoveVoterAsk,
                             UpdateVoterAsk, ChangeAnswer, VersionsAsk, VersionsAnswer>;

}  // namespace penstock::raft
