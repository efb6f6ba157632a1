#include "tests/sim/kept_quorum.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

#include "base/bytes.h"
#include "broker/raft/quorum_state.h"
#include "broker/raft/snapshot.h"
#include "kafka/record_batch.h"

namespace penstock::sim {

namespace {

// False when the segment does not continue the log.
bool take_segment(KeptQuorum& kept, std::int64_t first_offset, base::ByteSpan bytes) {
  if (kept.epochs.empty()) kept.log_end = first_offset;
  if (kept.log_end != first_offset) return false;
  kafka::BatchCursor batches(bytes);
  for (auto batch = batches.next(); batch && *batch; batch = batches.next()) {
    kept.epochs[(*batch)->base_offset().value()] = (*batch)->leader_epoch().value();
    kept.log_end = (*batch)->next_offset().value();
  }
  return true;
}

}  // namespace

bool KeptQuorum::has(std::int64_t end, int epoch) const {
  if (end <= snapshot_end) return true;
  if (end > log_end) return false;
  const auto behind = epochs.lower_bound(end);
  return behind != epochs.begin() && std::prev(behind)->second == epoch;
}

bool KeptQuorum::has_voted(int leader, int epoch) const {
  if (election.epoch.value() != epoch) return election.epoch.value() > epoch;
  return election.leader.value() == leader || (election.voted && election.voted->id.value() == leader);
}

KeptQuorum kept_quorum(const testing::SimDisk& disk, const std::string& directory) {
  KeptQuorum kept;
  if (const auto text = disk.kept(directory + "/quorum-state")) {
    if (const auto election = raft::parse_quorum_state(base::as_text(*text))) kept.election = *election;
  }
  bool is_whole = true;
  for (const std::string& path : disk.kept_files(directory + "/")) {
    const std::string_view name = std::string_view(path).substr(directory.size() + 1);
    if (const auto snapshot = raft::parse_snapshot_file_name(name)) {
      kept.snapshot_end = std::max(kept.snapshot_end, snapshot->offset.value());
    } else if (name.ends_with(".log")) {
      std::int64_t first_offset = -1;
      std::from_chars(name.data(), name.data() + name.size(), first_offset);
      is_whole = is_whole && take_segment(kept, first_offset, *disk.kept(path));
    }
  }
  return kept;
}

}  // namespace penstock::sim
