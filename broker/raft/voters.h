// Voter sets and the control records that carry them.
//
// Threads: any.
// Source: KIP-853; control record types 2 to 6.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/raft/types.h"
#include "kafka/record_batch.h"

namespace penstock::raft {

inline constexpr std::int16_t kKraftVersion = 1;

base::Bytes encode_voters(const VoterSet& voters);
base::Result<VoterSet> decode_voters(base::ByteSpan value);
base::Bytes encode_kraft_version(std::int16_t version);
base::Result<std::int16_t> decode_kraft_version(base::ByteSpan value);

// "1@host:9093:PIZFdalNSPuU28zhEPCT3w,...", as kafka-storage.sh takes it; brackets around an IPv6 host.
// ERRORS: kInvalidArgument naming the part.
base::Result<VoterSet> parse_voters(std::string_view text, std::string_view listener_name);

struct StartOfEpoch {
  Offset base_offset{};
  LeaderEpoch epoch{};
  NodeId leader{};
  std::vector<NodeId> granting{};
  std::int64_t now_ms = 0;
  bool with_voters = false;  // The log itself does not have them yet, only the bootstrap snapshot.
};
// The control batch that a new leader begins its epoch with.
base::Result<base::Bytes> start_of_epoch_batch(const StartOfEpoch& start, const VoterSet& voters);
// The control batch of a leader that changes them.
struct BatchPlace {
  Offset base_offset{};
  LeaderEpoch epoch{};
  std::int64_t now_ms = 0;
};
base::Result<base::Bytes> voters_batch(const BatchPlace& place, const VoterSet& voters);
// "1 (PIZFdalNSPuU28zhEPCT3w), ..." for people.
std::string to_text(const VoterSet& voters);

// What the control batches of a log or snapshot say of the quorum.
struct QuorumRecords {
  std::int16_t kraft_version = 0;
  std::optional<VoterSet> voters{};
};
// Takes over what a batch says; a data batch says nothing. ERRORS: kCorrupt, kUnsupported.
base::Result<> absorb_control_batch(const kafka::RecordBatchView& batch, QuorumRecords& into);

}  // namespace penstock::raft
