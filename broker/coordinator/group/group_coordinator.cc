#include "broker/coordinator/group/group_coordinator.h"

#include <functional>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/assert.h"
#include "base/log.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/group_errors.h"
#include "broker/coordinator/group/group_loader.h"
#include "broker/coordinator/group/group_shard.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

namespace {

constexpr base::Logger log_("coordinator");

// Requests that wait in one shard; more are told to come back.
constexpr std::size_t kWaitingMax = 100'000;

// A version 4 UUID as Java prints it.
std::string random_suffix(base::Random& random) {
  const std::uint64_t high = (random.next() & ~0xf000ULL) | 0x4000ULL;
  const std::uint64_t low = (random.next() & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff,
                     low >> 48, low & 0xffffffffffffULL);
}

}  // namespace

class GroupCoordinator::Impl final : public RecordWriter {
 public:
  Impl(aio::Reactor& reactor, CoordinatorLog& log, const GroupConfig& config, base::Random& random)
      : reactor_(reactor), partition_(log), config_(config), random_(random), shard_(config, *this) {}

  void start() { aio::spawn(gate_, "load group coordinator", load()); }
  bool is_loading() const { return state_ == State::kLoading; }

  aio::Task<> stop() {
    if (state_ != State::kStopped) end_term();
    partition_.close();
    co_await gate_.close();
  }

  // Starts a request in the core and waits for its answer. `begin` is called before this suspends.
  template <typename Request, typename Begin>
  auto ask(Request request, Begin begin) -> aio::Task<decltype(error_response(request, ErrorCode::kNone))> {
    using Response = decltype(error_response(request, ErrorCode::kNone));
    if (const ErrorCode error = refusal(); error != ErrorCode::kNone)
      co_return error_response(request, error);
    const aio::Completion<Response> done;
    const RequestId id(next_request_++);
    waiting_.emplace(id,
                     [done](GroupResponse response) { done.set(std::get<Response>(std::move(response))); });
    begin(shard_, id, now(), std::move(request));
    settle();
    co_return co_await done.wait();
  }

  // Reads that the core answers at once.
  template <typename Request, typename Read>
  auto read(Request request, Read read_from)
      -> aio::Task<decltype(error_response(request, ErrorCode::kNone))> {
    if (const ErrorCode error = refusal(); error != ErrorCode::kNone)
      co_return error_response(request, error);
    co_return read_from(std::as_const(shard_), request);
  }

  std::string next_suffix() { return random_suffix(random_); }

  void on_topics_deleted(const std::vector<std::string>& topics) {
    if (state_ != State::kActive) return;
    shard_.on_topics_deleted(topics, now());
    settle();
  }

  base::Result<kafka::Offset> write(const std::vector<CoordinatorRecord>& records,
                                    std::int64_t wall_ms) override {
    TRY_ASSIGN(base::Bytes batch, encode_batch(records, wall_ms));
    return partition_.append(std::move(batch));
  }

 private:
  enum class State { kLoading, kActive, kStopped };

  Now now() const { return {reactor_.now(), reactor_.wall_ms()}; }

  ErrorCode refusal() const {
    if (state_ == State::kLoading) return ErrorCode::kCoordinatorLoadInProgress;
    if (state_ == State::kStopped) return ErrorCode::kNotCoordinator;
    return waiting_.size() < kWaitingMax ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable;
  }

  aio::Task<> load() {
    const auto buffer = static_cast<std::size_t>(config_.offsets_load_buffer_size());
    auto loaded = co_await load_shard(partition_, shard_, buffer, now().wall_ms, is_stopped_);
    if (is_stopped_) co_return;
    if (!loaded) {
      log_.error("cannot load a partition of committed offsets: {}", loaded.error().what());
      end_term();
      co_return;
    }
    state_ = State::kActive;
    shard_.finish_loading(partition_.end_offset(), partition_.high_watermark(), now());
    log_.info("loaded {} groups", shard_.group_count());
    if (shard_.foreign_record_count() > 0)
      log_.warn("passed over {} records of group types that this broker does not have",
                shard_.foreign_record_count());
    settle();
  }

  // After every event: tells the core what is committed, hands out answers, arms timer and commit watch.
  void settle() {
    if (state_ != State::kActive) return deliver();
    shard_.on_committed(partition_.high_watermark(), now());
    deliver();
    arm_timer();
    if (shard_.awaited_offset() && !is_watching_) {
      is_watching_ = true;
      aio::spawn(gate_, "watch group commits", watch_commits());
    }
  }

  void deliver() {
    for (GroupAnswer& given : shard_.take_answers()) {
      auto waiter = waiting_.extract(given.id);
      BASE_ASSERT(!waiter.empty(), "a group request is answered twice");
      // Posted, so that whoever wakes up may call us again.
      reactor_.post([wake = std::move(waiter.mapped()), response = std::move(given.response)]() mutable {
        wake(std::move(response));
      });
    }
  }

  void arm_timer() {
    const auto next = shard_.next_deadline();
    if (next == armed_for_) return;
    reactor_.cancel(timer_);
    armed_for_ = next;
    timer_ = next ? reactor_.call_at(*next, [this] { on_timer(); }) : aio::TimerId::kNone;
  }

  void on_timer() {
    timer_ = aio::TimerId::kNone;
    armed_for_.reset();
    if (state_ != State::kActive) return;
    shard_.on_time(now());
    settle();
  }

  aio::Task<> watch_commits() {
    while (!is_stopped_) {
      const auto awaited = shard_.awaited_offset();
      if (!awaited) break;
      const auto committed = co_await partition_.wait_committed(*awaited);
      if (is_stopped_) break;
      if (!committed) {
        log_.warn("a partition of committed offsets is lost: {}", committed.error().what());
        end_term();
        break;
      }
      settle();
    }
    is_watching_ = false;
  }

  void end_term() {
    state_ = State::kStopped;
    is_stopped_ = true;
    reactor_.cancel(std::exchange(timer_, aio::TimerId::kNone));
    shard_.resign(now());
    deliver();
  }

  aio::Reactor& reactor_;
  CoordinatorLog& partition_;
  const GroupConfig& config_;
  base::Random& random_;
  State state_ = State::kLoading;
  bool is_stopped_ = false;
  bool is_watching_ = false;
  GroupShard shard_;
  std::uint64_t next_request_ = 1;
  std::map<RequestId, std::move_only_function<void(GroupResponse)>> waiting_;
  aio::TimerId timer_ = aio::TimerId::kNone;
  std::optional<base::MonoTime> armed_for_;
  aio::Gate gate_;
};

GroupCoordinator::GroupCoordinator(aio::Reactor& reactor, CoordinatorLog& log, const GroupConfig& config,
                                   base::Random& random)
    : impl_(std::make_unique<Impl>(reactor, log, config, random)) {}
GroupCoordinator::~GroupCoordinator() = default;

void GroupCoordinator::start() { impl_->start(); }
bool GroupCoordinator::is_loading() const { return impl_->is_loading(); }
aio::Task<> GroupCoordinator::stop() { return impl_->stop(); }
void GroupCoordinator::on_topics_deleted(std::vector<std::string> topics) {
  impl_->on_topics_deleted(topics);
}

aio::Task<kafka::JoinGroupResponse> GroupCoordinator::join_group(GroupCaller caller,
                                                                 kafka::JoinGroupRequest request) {
  return impl_->ask(std::move(request),
                    [caller = std::move(caller), suffix = impl_->next_suffix()](
                        GroupShard& shard, RequestId id, Now now, kafka::JoinGroupRequest asked) {
                      shard.join(id, caller, suffix, std::move(asked), now);
                    });
}

aio::Task<kafka::SyncGroupResponse> GroupCoordinator::sync_group(GroupCaller,
                                                                 kafka::SyncGroupRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::SyncGroupRequest& asked) {
                      shard.sync(id, asked, now);
                    });
}

aio::Task<kafka::HeartbeatResponse> GroupCoordinator::heartbeat(GroupCaller,
                                                                kafka::HeartbeatRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::HeartbeatRequest& asked) {
                      shard.heartbeat(id, asked, now);
                    });
}

aio::Task<kafka::LeaveGroupResponse> GroupCoordinator::leave_group(GroupCaller,
                                                                   kafka::LeaveGroupRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::LeaveGroupRequest& asked) {
                      shard.leave(id, asked, now);
                    });
}

aio::Task<kafka::OffsetCommitResponse> GroupCoordinator::offset_commit(GroupCaller caller,
                                                                       kafka::OffsetCommitRequest request) {
  return impl_->ask(std::move(request),
                    [caller = std::move(caller)](GroupShard& shard, RequestId id, Now now,
                                                 const kafka::OffsetCommitRequest& asked) {
                      shard.offset_commit(id, caller, asked, now);
                    });
}

aio::Task<kafka::OffsetFetchResponse> GroupCoordinator::offset_fetch(GroupCaller,
                                                                     kafka::OffsetFetchRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::OffsetFetchRequest& asked) {
                      shard.offset_fetch(id, asked, now);
                    });
}

aio::Task<kafka::OffsetDeleteResponse> GroupCoordinator::offset_delete(GroupCaller,
                                                                       kafka::OffsetDeleteRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::OffsetDeleteRequest& asked) {
                      shard.offset_delete(id, asked, now);
                    });
}

aio::Task<kafka::DeleteGroupsResponse> GroupCoordinator::delete_groups(GroupCaller,
                                                                       kafka::DeleteGroupsRequest request) {
  return impl_->ask(std::move(request),
                    [](GroupShard& shard, RequestId id, Now now, const kafka::DeleteGroupsRequest& asked) {
                      shard.delete_groups(id, asked, now);
                    });
}

aio::Task<kafka::DescribeGroupsResponse> GroupCoordinator::describe_groups(
    GroupCaller caller, kafka::DescribeGroupsRequest request) {
  return impl_->read(
      std::move(request),
      [caller = std::move(caller)](const GroupShard& shard, const kafka::DescribeGroupsRequest& asked) {
        return shard.describe(caller, asked);
      });
}

aio::Task<kafka::ListGroupsResponse> GroupCoordinator::list_groups(GroupCaller,
                                                                   kafka::ListGroupsRequest request) {
  return impl_->read(std::move(request), [](const GroupShard& shard, const kafka::ListGroupsRequest& asked) {
    return shard.list(asked);
  });
}

}  // namespace penstock::coordinator
