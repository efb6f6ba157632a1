#include "tests/sim/raft_checks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/core.h>

#include "kafka/record_batch.h"

namespace penstock::sim {

void RaftChecks::look(const RaftView& view) {
  Node& node = nodes_[view.node];
  if (node.run != view.run) {
    node.run = view.run;
    node.high_watermark = -1;
    node.epoch = 0;
    node.compared_to = view.start_offset;
  }
  if (view.epoch < std::max(node.epoch, node.epoch_on_disk))
    history_.violation(
        fmt::format("node {}: the epoch goes back from {} to {}", view.node, node.epoch, view.epoch));
  node.epoch = view.epoch;
  if (view.high_watermark > node.high_watermark) node.epoch_on_disk = view.epoch;
  if (view.leader >= 0) {
    const auto [at, is_new] = leaders_.emplace(view.epoch, view.leader);
    if (!is_new && at->second != view.leader) {
      history_.violation(
          fmt::format("epoch {} has the leaders {} and {}", view.epoch, at->second, view.leader));
    }
  }
  if (view.is_leader && view.epoch >= committed_in_ && view.end_offset < committed_) {
    history_.violation(
        fmt::format("node {} leads epoch {} with a log that ends at {}, below {}, which is committed",
                    view.node, view.epoch, view.end_offset, committed_));
  }
  if (view.high_watermark < node.high_watermark) {
    history_.violation(fmt::format("node {}: the high watermark goes back from {} to {}", view.node,
                                   node.high_watermark, view.high_watermark));
  }
  if (view.start_offset > 0 && view.snapshot_end < view.start_offset) {
    history_.violation(fmt::format("node {}: the log begins at {}, and the newest snapshot ends at {}",
                                   view.node, view.start_offset, view.snapshot_end));
  }
  if (view.is_leader && std::exchange(node.led_epoch, view.epoch) != view.epoch) check_votes(view);
  const std::vector<int> voters_before = std::exchange(node.voters, view.voters);
  if (view.high_watermark <= node.high_watermark) return;
  node.high_watermark = view.high_watermark;
  compare(view, node);
  if (view.is_leader) check_majority(view, voters_before);
  if (view.high_watermark > committed_) {
    committed_ = view.high_watermark;
    committed_in_ = view.epoch;
  }
}

// A lone voter counts its own vote while it is being written; its epoch is on the disk before anything is
// committed in it.
void RaftChecks::check_votes(const RaftView& view) {
  if (view.voters.size() < 2) return;
  const auto votes = std::ranges::count_if(view.voters, [&](int voter) {
    const auto kept = view.kept(voter);
    return !kept || kept->has_voted(view.node, view.epoch);
  });
  if (static_cast<std::size_t>(votes) * 2 <= view.voters.size()) {
    history_.violation(
        fmt::format("node {} leads epoch {} by votes of which {} of {} are on the voters' disks", view.node,
                    view.epoch, votes, view.voters.size()));
  }
}

void RaftChecks::check_majority(const RaftView& view, const std::vector<int>& before) {
  const auto behind = log_.lower_bound(view.high_watermark);
  if (behind == log_.begin()) return;
  const auto last = kafka::RecordBatchView::parse(base::ByteSpan(std::prev(behind)->second));
  const auto copies_of = [&](const std::vector<int>& voters) {
    return static_cast<std::size_t>(std::ranges::count_if(voters, [&](int voter) {
      const auto kept = view.kept(voter);
      return !kept || kept->has(view.high_watermark, last->leader_epoch().value());
    }));
  };
  const std::size_t copies = copies_of(view.voters);
  if (copies * 2 > view.voters.size()) return;
  // A majority of voters that differ by one from the next has one in common with each majority of those.
  if (before != view.voters && copies_of(before) * 2 > before.size()) return;
  history_.violation(
      fmt::format("node {}: the high watermark of epoch {} is {}, which the disks of {} of {} voters reach",
                  view.node, view.epoch, view.high_watermark, copies, view.voters.size()));
}

void RaftChecks::compare(const RaftView& view, Node& node) {
  node.compared_to = std::max(node.compared_to, view.start_offset);
  while (node.compared_to < view.high_watermark) {
    const auto bytes = view.read(node.compared_to);
    if (!bytes || bytes->empty()) {
      history_.violation(fmt::format("node {}: offset {} is committed but cannot be read{}{}", view.node,
                                     node.compared_to, bytes ? "" : ": ", bytes ? "" : bytes.error().what()));
      return;
    }
    kafka::BatchCursor batches(*bytes);
    for (auto batch = batches.next(); batch && *batch; batch = batches.next()) {
      if ((*batch)->base_offset().value() >= view.high_watermark) return;
      const auto whole = (*batch)->bytes();
      const auto [at, is_new] =
          log_.emplace((*batch)->base_offset().value(), base::Bytes(whole.begin(), whole.end()));
      if (!is_new && !std::ranges::equal(at->second, whole)) {
        history_.violation(
            fmt::format("node {}: what is committed at offset {} is not what another has there", view.node,
                        (*batch)->base_offset().value()));
      }
      node.compared_to = (*batch)->next_offset().value();
    }
  }
}

}  // namespace penstock::sim
