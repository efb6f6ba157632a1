// Which leader epoch began at which offset.
//
// Source:   KIP-101, KIP-279; LeaderEpochFileCache of Kafka 4.3.
// On disk:  leader-epoch-checkpoint, docs/formats/checkpoints.md.
// Threads:  a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/storage/log_types.h"

namespace penstock::storage {

class LeaderEpochCache {
 public:
  struct Entry {
    LeaderEpoch epoch;
    Offset start;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // ERRORS: those of parse_checkpoint(), and kCorrupt when epochs or offsets go back.
  static base::Result<LeaderEpochCache> decode(std::string_view text);
  std::string encode() const;

  // `epoch` begins at `start`; entries that contradict it go. True when something changed.
  bool assign(LeaderEpoch epoch, Offset start);
  // The log now ends at `end`. True when something changed.
  bool truncate_from_end(Offset end);
  // The log now begins at `start`. True when something changed.
  bool truncate_from_start(Offset start);
  void clear() { entries_.clear(); }

  std::optional<LeaderEpoch> latest() const;
  std::optional<LeaderEpoch> epoch_at(Offset offset) const;
  EpochEndOffset end_offset_for(LeaderEpoch epoch, Offset log_end) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;  // Both fields grow.
};

}  // namespace penstock::storage
