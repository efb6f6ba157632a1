#include "operator/kube/leader_elector.h"

#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::kube {
namespace {

using base::Errc;
using base::Result;

constexpr base::Logger log("election");

}  // namespace

LeaderElector::LeaderElector(aio::Reactor& reactor, base::Random& random, KubeClient& client, LeaseName lease,
                             ElectionOptions options)
    : reactor_(reactor),
      random_(random),
      client_(client),
      lease_(std::move(lease)),
      options_(options),
      election_(std::move(options)) {}

HttpClientOptions LeaderElector::client_options(const ElectionOptions& options) {
  HttpClientOptions client;
  client.call_timeout = options.renew_deadline / 2;
  client.attempts_max = 1;
  return client;
}

void LeaderElector::start(Callback on_leading, Callback on_deposed) {
  on_leading_ = std::move(on_leading);
  on_deposed_ = std::move(on_deposed);
  aio::spawn(gate_, "election", run());
}

aio::Task<> LeaderElector::stop() {
  stopping_.cancel();
  reactor_.cancel(std::exchange(alarm_, aio::TimerId::kNone));
  co_await gate_.close();
  auto released = election_.release(reactor_.now(), reactor_.wall_ms());
  if (!released) co_return;
  const auto done = co_await write(std::move(*released));
  if (done) {
    log.info("gave the lease {}/{} back", lease_.ns, lease_.name);
  } else {
    log.warn("the lease is not given back, and expires: {}", done.error().what());
  }
}

aio::Task<> LeaderElector::run() {
  while (!stopping_.is_cancelled()) {
    co_await attempt();
    tell();
    const base::Duration delay = election_.next_delay(reactor_.now(), random_.next());
    if (!co_await aio::sleep_for(reactor_, delay, stopping_.token())) co_return;
  }
}

aio::Task<> LeaderElector::attempt() {
  using Action = LeaderElection::Action;
  LeaderElection::Step step = election_.begin(reactor_.now(), reactor_.wall_ms());
  // A renewal that is refused costs a second write, and no more.
  for (int calls = 0; step.action != Action::kNone && calls < 4; ++calls) {
    const bool is_read = step.action == Action::kRead;
    const bool is_new = step.record.resource_version.empty();
    Result<Json> done = Json();
    if (is_read) {
      done = co_await client_.get(kLeaseKind, lease_.ns, lease_.name);
    } else {
      done = co_await write(std::move(step.record));
    }
    const Errc code = done ? Errc::kInternal : done.error().code();
    step = {};
    if (done) problem_.clear();
    if (is_read && (done || code == Errc::kNotFound)) {
      std::optional<LeaseRecord> found;
      if (done) found = read_lease(*done);
      step = election_.on_read(std::move(found), reactor_.now(), reactor_.wall_ms());
    } else if (!is_read && done) {
      election_.on_written(read_lease(*done), reactor_.now());
    } else if (!is_read && !is_new && (code == Errc::kConflict || code == Errc::kNotFound)) {
      step = election_.on_refused();
    } else if (code != Errc::kAlreadyExists && code != Errc::kConflict && problem_ != done.error().what()) {
      problem_ = done.error().what();
      log.warn("lease {}/{}: {}", lease_.ns, lease_.name, problem_);
    }
  }
}

aio::Task<Result<Json>> LeaderElector::write(LeaseRecord record) {
  if (record.resource_version.empty())
    co_return co_await client_.create(kLeaseKind, new_lease(lease_.ns, lease_.name, record));
  co_return co_await client_.merge_patch(kLeaseKind, lease_.ns, lease_.name, lease_patch(record), "");
}

void LeaderElector::tell() {
  if (last_holder_ != election_.holder()) {
    last_holder_ = election_.holder();
    log.info("the leader is {}", last_holder_.empty() ? "nobody" : last_holder_);
  }
  const base::MonoTime now = reactor_.now();
  reactor_.cancel(std::exchange(alarm_, aio::TimerId::kNone));
  if (election_.is_leader(now)) {
    if (!stopping_.is_cancelled())
      alarm_ = reactor_.call_at(election_.leads_until(), [this] {
        alarm_ = aio::TimerId::kNone;
        tell();
      });
    if (!std::exchange(was_leading_told_, true)) on_leading_();
  } else if (election_.is_deposed(now) && !stopping_.is_cancelled()) {
    if (!std::exchange(was_deposed_told_, true)) on_deposed_();
  }
}

}  // namespace penstock::kube
