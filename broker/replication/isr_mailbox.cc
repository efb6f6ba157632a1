#include "broker/replication/isr_mailbox.h"

#include <utility>

#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/replication/partition_set.h"

namespace penstock::replication {

using kafka::ErrorCode;

namespace {

constexpr base::Logger log("replication");

// Between a try that decided nothing and the next, as in Kafka.
constexpr base::Duration kRetryWait = base::milliseconds(50);

// The controller has looked at the proposal, and asking again would change nothing.
bool is_final(ErrorCode error) {
  switch (error) {
    case ErrorCode::kNone:
    case ErrorCode::kOperationNotAttempted:
    case ErrorCode::kIneligibleReplica:
    case ErrorCode::kInvalidUpdateVersion:
    case ErrorCode::kFencedLeaderEpoch:
    case ErrorCode::kNewLeaderElected:
    case ErrorCode::kUnknownTopicOrPartition:
    case ErrorCode::kUnknownTopicId:
    case ErrorCode::kInvalidRequest:
      return true;
    default:
      return false;
  }
}

}  // namespace

IsrMailbox::IsrMailbox(aio::Reactor& home, kafka::NodeId self, ControllerLink link)
    : home_(home), self_(self), link_(std::move(link)) {}

void IsrMailbox::submit(IsrProposal proposal, PartitionSet& set) {
  home_.post([self = shared_from_this(), proposal = std::move(proposal), &set]() mutable {
    self->add(std::move(proposal), set);
  });
}

void IsrMailbox::add(IsrProposal proposal, PartitionSet& set) {
  if (stopping_.is_cancelled()) return;
  const PartitionKey key = proposal.key;
  waiting_.insert_or_assign(key, Entry{.proposal = std::move(proposal), .set = &set});
  if (!std::exchange(is_running_, true)) aio::start_detached(run(shared_from_this()));
}

aio::Task<> IsrMailbox::run(std::shared_ptr<IsrMailbox> self) {
  while (!self->waiting_.empty() && !self->stopping_.is_cancelled()) {
    bool must_wait = self->link_.broker_epoch() == kafka::kNoBrokerEpoch;
    if (!must_wait) {
      Batch batch = std::exchange(self->waiting_, {});
      const kafka::AlterPartitionResponse response =
          co_await self->link_.alter_partition(self->request_of(batch));
      if (self->stopping_.is_cancelled()) break;
      must_wait = self->settle(std::move(batch), response);
    }
    if (must_wait) (void)co_await aio::sleep_for(self->home_, kRetryWait, self->stopping_.token());
  }
  self->is_running_ = false;
}

kafka::AlterPartitionRequest IsrMailbox::request_of(const Batch& batch) const {
  kafka::AlterPartitionRequest request;
  request.broker_id = self_.value();
  request.broker_epoch = link_.broker_epoch().value();
  for (const auto& [key, entry] : batch) {
    if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
      request.topics.emplace_back().topic_id = key.topic_id;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = key.partition.value();
    partition.leader_epoch = entry.proposal.leader_epoch.value();
    partition.partition_epoch = entry.proposal.partition_epoch.value();
    for (const IsrMember& member : entry.proposal.isr) {
      const std::int64_t epoch = member.id == self_ ? request.broker_epoch : member.epoch.value();
      partition.new_isr_with_epochs.push_back({.broker_id = member.id.value(), .broker_epoch = epoch});
    }
  }
  return request;
}

bool IsrMailbox::settle(Batch batch, const kafka::AlterPartitionResponse& response) {
  if (response.error_code != 0) {
    log.debug("AlterPartition: {}", kafka::error_name(static_cast<ErrorCode>(response.error_code)));
    return put_back(std::move(batch));
  }
  for (const auto& topic : response.topics) {
    for (const auto& result : topic.partitions) {
      const PartitionKey key{.topic_id = topic.topic_id,
                             .partition = kafka::PartitionId(result.partition_index)};
      const auto asked = batch.find(key);
      if (asked == batch.end() || !is_final(static_cast<ErrorCode>(result.error_code))) continue;
      answer(asked->second, result);
      batch.erase(asked);
    }
  }
  return put_back(std::move(batch));
}

bool IsrMailbox::put_back(Batch batch) {
  const bool has_more = !batch.empty();
  waiting_.merge(batch);  // A newer proposal of the same partition stays.
  return has_more;
}

void IsrMailbox::answer(const Entry& entry, const kafka::AlterPartitionResponse::PartitionData& result) {
  IsrAnswer answer;
  answer.proposed_in = entry.proposal.leader_epoch;
  answer.proposed_on = entry.proposal.partition_epoch;
  answer.error = static_cast<ErrorCode>(result.error_code);
  answer.leader_epoch = kafka::LeaderEpoch(result.leader_epoch);
  answer.partition_epoch = kafka::PartitionEpoch(result.partition_epoch);
  for (const std::int32_t id : result.isr) answer.isr.emplace_back(id);
  PartitionSet* set = entry.set;
  set->reactor().post(
      [set, key = entry.proposal.key, answer = std::move(answer)] { set->on_isr_answer(key, answer); });
}

}  // namespace penstock::replication
