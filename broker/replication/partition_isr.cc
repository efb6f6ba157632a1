// A leader's followers: how far they are, who joins the ISR and who leaves it.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "broker/replication/partition.h"

namespace penstock::replication {

using kafka::ErrorCode;
using kafka::NodeId;
using kafka::Offset;

namespace {

constexpr base::Logger log_line("replication");

// A follower that was refused is not proposed at each of its fetches again.
constexpr base::Duration kRefusedWait = base::milliseconds(200);

std::string to_text(const std::vector<NodeId>& ids) {
  std::vector<std::int32_t> numbers;
  for (const NodeId id : ids) numbers.push_back(id.value());
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

// The controller's state is not what the leader thinks: the image that says so is on its way, and until then
// what was proposed may have been done.
bool is_decided_by_image(ErrorCode error) {
  return error != ErrorCode::kIneligibleReplica && error != ErrorCode::kOperationNotAttempted;
}

}  // namespace

void Partition::on_follower_fetch(const FollowerFetch& fetch, base::MonoTime now) {
  if (role_ != Role::kLeader) return;
  if (!isr_.on_follower_fetch(fetch, log_->log_end_offset(), now)) return;
  if (now >= isr_growth_at_) {
    const IsrState::JoinAt at{.high_watermark = log_->high_watermark(), .epoch_start = epoch_start_offset_};
    if (auto isr = isr_.grow(fetch.node, at, peers_.get())) {
      log_line.info("{}: {} has caught up and joins the ISR {}", name_, fetch.node, to_text(isr_.isr()));
      offer_isr(std::move(*isr));
    }
  }
  advance_high_watermark(now);
  answer_low_watermark_waiters();
}

void Partition::check_isr(base::MonoTime now) {
  if (role_ != Role::kLeader) return;
  // A replica outside the ISR that was waited for may have fallen behind.
  advance_high_watermark(now);
  auto isr = isr_.shrink(self_, log_->log_end_offset(), now, config_.replica_lag_max, peers_.get());
  if (!isr) return;
  std::vector<NodeId> ids;
  for (const IsrMember& member : *isr) ids.push_back(member.id);
  log_line.info("{}: the ISR shrinks from {} to {}: the others have not caught up for {} ms", name_,
                to_text(isr_.isr()), to_text(ids),
                std::chrono::duration_cast<base::milliseconds>(config_.replica_lag_max).count());
  offer_isr(std::move(*isr));
}

void Partition::offer_isr(std::vector<IsrMember> isr) {
  isr_proposal_ = IsrProposal{.key = key_,
                              .name = name_,
                              .leader_epoch = leader_epoch_,
                              .partition_epoch = partition_epoch_,
                              .isr = std::move(isr)};
}

void Partition::on_isr_answer(const IsrAnswer& answer, base::MonoTime now) {
  const bool is_of_now = role_ == Role::kLeader && answer.proposed_in == leader_epoch_ &&
                         answer.proposed_on == partition_epoch_ && isr_.is_change_under_way();
  if (!is_of_now) return;  // An image was quicker.
  if (answer.error != ErrorCode::kNone) {
    log_line.info("{}: the controller refuses an ISR: {}", name_, kafka::error_name(answer.error));
    if (is_decided_by_image(answer.error)) return;
    isr_growth_at_ = now + kRefusedWait;
    isr_.withdraw();
    advance_high_watermark(now);
    return;
  }
  if (answer.leader_epoch != leader_epoch_ || answer.partition_epoch < partition_epoch_) return;
  partition_epoch_ = answer.partition_epoch;
  isr_.settle(answer.isr);
  log_line.info("{}: the ISR is {}", name_, to_text(isr_.isr()));
  advance_high_watermark(now);
}

NodeId Partition::preferred_reader(std::string_view rack, Offset offset) const {
  if (role_ != Role::kLeader || peers_ == nullptr || rack.empty()) return kafka::kNoNode;
  const auto is_near = [&](NodeId id) {
    const Peer* peer = peers_->find(id);
    return peer != nullptr && peer->is_active && peer->rack == rack;
  };
  if (is_near(self_)) return kafka::kNoNode;
  IsrState::Reader best{.id = kafka::kNoNode, .end_offset = kafka::kNoOffset};
  for (const IsrState::Reader& reader : isr_.readers_at(offset)) {
    if (is_near(reader.id) && reader.end_offset > best.end_offset) best = reader;
  }
  return best.id;
}

}  // namespace penstock::replication
