// What is asked of this node as the controller: decided and appended on the control reactor, answered when it
// is committed.
#include <utility>

#include "base/aio/cross_reactor.h"
#include "broker/metadata/features.h"
#include "broker/metadata/metadata_node.h"
#include "broker/metadata/refusals.h"

namespace penstock::metadata {

namespace {

constexpr std::size_t kPendingMax = 10'000;

}  // namespace

bool MetadataNode::can_decide() const {
  // Until the first levels are committed there is nothing to decide on.
  return controller_.is_active() && controller_.image().feature_level(kMetadataVersion) > 0;
}

aio::Task<bool> MetadataNode::commit(Records records) {
  const auto done = begin_commit(std::move(records));
  co_return co_await done.wait();
}

aio::Task<std::optional<bool>> MetadataNode::commit_within(Records records, base::Duration time) {
  const auto done = begin_commit(std::move(records));
  bool is_late = false;
  const auto timer = options_.reactor->call_after(time, [done, &is_late] {
    is_late = !done.is_set();
    done.set(false);
  });
  const bool is_committed = co_await done.wait();
  options_.reactor->cancel(timer);
  if (is_late) co_return std::nullopt;
  co_return is_committed;
}

aio::Completion<bool> MetadataNode::begin_commit(Records records) {
  aio::Completion<bool> done;
  const auto end_with = [&done](bool is_committed) {
    done.set(is_committed);
    return done;
  };
  if (records.empty()) {
    // The decision may rest on what is not committed yet: the answer waits for that.
    if (pending_.empty()) return end_with(true);
    pending_.back().waiters.push_back(done);
    return done;
  }
  std::vector<base::Bytes> encoded;
  encoded.reserve(records.size());
  std::int64_t bytes = 0;
  for (const Record& record : records) {
    encoded.push_back(encode_record(record));
    bytes += static_cast<std::int64_t>(encoded.back().size());
  }
  const std::int64_t timestamp_ms = options_.reactor->wall_ms();
  const auto last = raft_->append(epoch_, encoded);
  if (!last) return end_with(false);
  for (const Record& record : records) {
    if (auto replayed = controller_.replay(record); !replayed) {
      fail(replayed.error().context("replay of our own record"));
      return end_with(false);
    }
  }
  pending_.push_back({*last, controller_.publish(*last, epoch_), timestamp_ms, bytes, {done}});
  arm_timer();
  return done;
}

template <typename Request, typename Decide>
aio::Task<typename Request::Response> MetadataNode::run(Request request, Decide decide) {
  using kafka::ErrorCode;
  if (!can_decide()) co_return refuse_all(request, ErrorCode::kNotController);
  if (pending_.size() >= kPendingMax) co_return refuse_all(request, ErrorCode::kRequestTimedOut);
  if (!gate_.enter()) co_return refuse_all(request, ErrorCode::kNotController);
  auto decision = decide(controller_, request, at());
  Records records = std::move(decision.records);
  auto is_committed = std::optional(false);
  if (decision.late) {
    is_committed = co_await commit_within(std::move(records), decision.late->after);
  } else {
    is_committed = co_await commit(std::move(records));
  }
  gate_.leave();
  arm_timer();
  if (!is_committed) co_return std::move(decision.late->response);
  if (!*is_committed) co_return refuse_all(request, ErrorCode::kNotController);
  co_return std::move(decision.response);
}

// Each call: to the control reactor, decide there, back with the answer.
#define PENSTOCK_CONTROLLER_CALL(method, Message, decision)                                         \
  aio::Task<kafka::Message##Response> MetadataNode::method(aio::Reactor& home,                      \
                                                           kafka::Message##Request request) {       \
    auto make = [this, &request] {                                                                  \
      return run(std::move(request),                                                                \
                 [](Controller& controller, const kafka::Message##Request& asked, const At& when) { \
                   (void)when;                                                                      \
                   return controller.decision;                                                      \
                 });                                                                                \
    };                                                                                              \
    co_return co_await aio::call_on(home, *options_.reactor, std::move(make));                      \
  }
PENSTOCK_CONTROLLER_CALLS(PENSTOCK_CONTROLLER_CALL)
#undef PENSTOCK_CONTROLLER_CALL

aio::Task<kafka::ControllerRegistrationResponse> MetadataNode::register_controller(
    aio::Reactor& home, kafka::ControllerRegistrationRequest request) {
  auto make = [this, &request] {
    return run(std::move(request),
               [](Controller& controller, const kafka::ControllerRegistrationRequest& asked, const At&) {
                 return Decision<kafka::ControllerRegistrationResponse>{
                     .response = {}, .records = controller.register_controller(asked)};
               });
  };
  co_return co_await aio::call_on(home, *options_.reactor, std::move(make));
}

aio::Task<kafka::DescribeQuorumResponse> MetadataNode::describe_quorum(aio::Reactor& home,
                                                                       kafka::DescribeQuorumRequest request) {
  co_return co_await quorum_->describe(home, std::move(request));
}

aio::Task<kafka::AddRaftVoterResponse> MetadataNode::add_raft_voter(aio::Reactor& home,
                                                                    kafka::AddRaftVoterRequest request) {
  co_return co_await quorum_->add_voter(home, std::move(request));
}

aio::Task<kafka::RemoveRaftVoterResponse> MetadataNode::remove_raft_voter(
    aio::Reactor& home, kafka::RemoveRaftVoterRequest request) {
  co_return co_await quorum_->remove_voter(home, std::move(request));
}

}  // namespace penstock::metadata
