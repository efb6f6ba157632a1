// How proposals of an ISR reach the controller: together, one request at a time, until they are decided.
#include "broker/replication/isr_mailbox.h"

#include "base/aio/sleep.h"
#include "broker/replication/partition_set.h"
#include "fixture.h"

namespace penstock::replication {
namespace {

using base::milliseconds;
using kafka::AlterPartitionRequest;
using kafka::AlterPartitionResponse;
using kafka::ErrorCode;
using kafka::Offset;
using namespace testing;

class IsrMailboxTest : public ::testing::Test {
 protected:
  IsrMailboxTest() {
    ControllerLink link{
        .alter_partition = [this](AlterPartitionRequest request) { return answer(std::move(request)); },
        .broker_epoch = [this] { return epoch_; }};
    mailbox_ = std::make_shared<IsrMailbox>(home_, kSelf, std::move(link));
    set_.set_proposal_sender([this](IsrProposal proposal) { mailbox_->submit(std::move(proposal), set_); });
    set_.set_peers(peers_of({1, 2}));
    for (const int index : {0, 1}) {
      auto log = storage::Log::open({.disk = &disk_,
                                     .directory = kDataDirectory + "/orders-" + std::to_string(index),
                                     .config = {},
                                     .is_clean = true});
      EXPECT_TRUE(log) << log.error().what();
      set_.add(std::make_unique<Partition>(key_of(index), "orders-" + std::to_string(index), kSelf,
                                           std::move(*log), PartitionConfig{}));
      partition(index).become_leader(replica_of({1, 2}, {1}, 4, index), scheduler_.now());
    }
  }
  ~IsrMailboxTest() override {
    mailbox_->stop();
    Running<bool> stopping(reactor_, finish(set_.stop()));
    scheduler_.run_for(base::seconds(5));
    EXPECT_TRUE(stopping.is_done());
  }

  Partition& partition(int index) { return *set_.find(key_of(index)); }
  void follower_fetches(int index) { set_.on_follower_fetch(partition(index), fetch_of(2, 0)); }

  aio::Task<AlterPartitionResponse> answer(AlterPartitionRequest request) {
    requests_.push_back(request);
    (void)co_await aio::sleep_for(home_, milliseconds(10));
    AlterPartitionResponse response;
    if (!top_errors_.empty()) {
      response.error_code = kafka::to_wire(top_errors_.front());
      top_errors_.erase(top_errors_.begin());
      co_return response;
    }
    for (const auto& topic : request.topics) {
      auto& answers = response.topics.emplace_back();
      answers.topic_id = topic.topic_id;
      for (const auto& asked : topic.partitions) {
        auto& result = answers.partitions.emplace_back();
        result.partition_index = asked.partition_index;
        result.error_code = kafka::to_wire(std::exchange(error_, ErrorCode::kNone));
        result.leader_id = 1;
        result.leader_epoch = asked.leader_epoch;
        result.partition_epoch = asked.partition_epoch + 1;
        for (const auto& member : asked.new_isr_with_epochs) result.isr.push_back(member.broker_id);
      }
    }
    co_return response;
  }

  penstock::testing::SimDisk disk_;
  aio::SimScheduler scheduler_{1};
  aio::SimReactor home_{scheduler_};
  aio::SimReactor reactor_{scheduler_};
  PartitionSet set_{reactor_};
  kafka::BrokerEpoch epoch_{11};
  std::vector<AlterPartitionRequest> requests_;
  std::vector<ErrorCode> top_errors_;
  ErrorCode error_ = ErrorCode::kNone;
  std::shared_ptr<IsrMailbox> mailbox_;
};

TEST_F(IsrMailboxTest, WhatComesMeanwhileGoesWithTheNextRequest) {
  follower_fetches(0);
  scheduler_.run_for(milliseconds(1));
  follower_fetches(1);
  scheduler_.run_for(milliseconds(5));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].broker_id, kSelf.value());
  EXPECT_EQ(requests_[0].broker_epoch, 11);
  const auto& asked = requests_[0].topics.at(0).partitions.at(0);
  EXPECT_EQ(asked.leader_epoch, 4);
  ASSERT_EQ(asked.new_isr_with_epochs.size(), 2U);
  EXPECT_EQ(asked.new_isr_with_epochs[0].broker_epoch, 11) << "our own";
  EXPECT_EQ(asked.new_isr_with_epochs[1].broker_epoch, epoch_of(2).value());
  scheduler_.run_for(milliseconds(50));
  EXPECT_EQ(requests_.size(), 2U);
  for (const int index : {0, 1}) {
    EXPECT_EQ(partition(index).partition_epoch(), kafka::PartitionEpoch(5));
  }
}

TEST_F(IsrMailboxTest, AsksAgainUntilThereIsADecision) {
  top_errors_ = {ErrorCode::kNotController, ErrorCode::kRequestTimedOut, ErrorCode::kStaleBrokerEpoch};
  error_ = ErrorCode::kUnknownServerError;
  follower_fetches(0);
  scheduler_.run_for(base::seconds(1));
  EXPECT_EQ(requests_.size(), 5U);
  EXPECT_EQ(partition(0).partition_epoch(), kafka::PartitionEpoch(5));
}

TEST_F(IsrMailboxTest, ADecisionAgainstIsNotAskedAgain) {
  error_ = ErrorCode::kInvalidUpdateVersion;
  follower_fetches(0);
  scheduler_.run_for(base::seconds(1));
  EXPECT_EQ(requests_.size(), 1U);
  EXPECT_EQ(partition(0).partition_epoch(), kafka::PartitionEpoch(4));
}

TEST_F(IsrMailboxTest, WaitsForTheRegistration) {
  epoch_ = kafka::kNoBrokerEpoch;
  follower_fetches(0);
  scheduler_.run_for(base::seconds(1));
  EXPECT_TRUE(requests_.empty());
  epoch_ = kafka::BrokerEpoch(12);
  scheduler_.run_for(base::seconds(1));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].broker_epoch, 12);
}

TEST_F(IsrMailboxTest, AStopEndsTheWaitBeforeTheNextTry) {
  epoch_ = kafka::kNoBrokerEpoch;
  follower_fetches(0);
  scheduler_.run_for(milliseconds(1));
  EXPECT_GT(mailbox_.use_count(), 1) << "it waits, and keeps itself";
  mailbox_->stop();
  EXPECT_EQ(mailbox_.use_count(), 1);
}

}  // namespace
}  // namespace penstock::replication
