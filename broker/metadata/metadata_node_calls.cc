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

template <typename Request, typename Decide>
aio::Task<typename Request::Response> MetadataNode::run(Request request, Decide decide) {
  using kafka::ErrorCode;
  if (!can_decide()) co_return refuse_all(request, ErrorCode::kNotController);
  if (pending_.size() >= kPendingMax) co_return refuse_all(request, ErrorCode::kRequestTimedOut);
  if (!gate_.enter()) co_return refuse_all(request, ErrorCode::kNotController);
  auto decision = decide(controller_, request, at());
  Records records = std::move(decision.records);
  const bool is_committed = co_await commit(std::move(records));
  gate_.leave();
  arm_timer();
  if (!is_committed) co_return refuse_all(request, ErrorCode::kNotController);
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
