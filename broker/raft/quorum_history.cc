#include "broker/raft/quorum_history.h"

namespace penstock::raft {

const VoterSet& QuorumHistory::base_voters() const {
  static const VoterSet kNone;
  return base_.voters ? *base_.voters : kNone;
}

base::Result<> QuorumHistory::absorb(base::ByteSpan batches) {
  kafka::BatchCursor cursor(batches);
  while (true) {
    TRY_ASSIGN(const auto batch, cursor.next());
    if (!batch) return {};
    if (!batch->is_control()) continue;
    QuorumRecords found{.kraft_version = kraft_version()};
    TRY(absorb_control_batch(*batch, found));
    if (!found.voters && found.kraft_version == kraft_version()) continue;
    steps_.push_back({batch->base_offset(), found.kraft_version, found.voters.value_or(voters())});
  }
}

void QuorumHistory::truncate_to(Offset end) {
  while (!steps_.empty() && steps_.back().offset >= end) steps_.pop_back();
}

void QuorumHistory::fold_until(Offset offset) {
  const QuorumRecords folded = at(offset);
  const std::size_t before = steps_.size();
  std::erase_if(steps_, [&](const Step& step) { return step.offset < offset; });
  if (steps_.size() == before) return;
  base_ = folded;
  is_base_in_log_ = true;
}

QuorumRecords QuorumHistory::at(Offset end) const {
  QuorumRecords records = base_;
  for (const Step& step : steps_) {
    if (step.offset >= end) break;
    records = {.kraft_version = step.kraft_version, .voters = step.voters};
  }
  return records;
}

}  // namespace penstock::raft
