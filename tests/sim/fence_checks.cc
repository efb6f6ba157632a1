#include "tests/sim/fence_checks.h"

#include <algorithm>

#include <fmt/core.h>

namespace penstock::sim {

namespace {
// After a fault it may take so long until the controller hears of a broker again.
constexpr base::Duration kHeard = base::seconds(3);
// How long everybody must have watched everybody before two deaths, for them to look like two at once.
constexpr base::Duration kWatched = base::seconds(3);
// As FastFence's, less what clocks may differ by.
constexpr base::Duration kTogether = base::milliseconds(900);

std::int64_t ms(base::Duration duration) {
  return std::chrono::duration_cast<base::milliseconds>(duration).count();
}
}  // namespace

void FenceChecks::is_well(int id, std::int64_t epoch, base::MonoTime now) {
  Broker& broker = brokers_[id];
  if (broker.epoch != epoch) {
    broker = {.epoch = epoch, .well_at = now};
  } else if (now - unsteady_at_ > kHeard) {
    broker.well_at = now;
  }
}

void FenceChecks::has_died(int id, bool is_silent, base::MonoTime now) {
  Broker& broker = brokers_[id];
  broker.died_at = now;
  broker.is_silent = is_silent;
}

void FenceChecks::is_accused(int id, std::int64_t epoch, base::MonoTime now) {
  accused_.emplace(id, epoch);
  accused_at_ = now;
}

bool FenceChecks::is_fenced(int id, std::int64_t epoch) const {
  const auto* broker = newest_ ? newest_->broker(kafka::NodeId(id)) : nullptr;
  return broker != nullptr && (broker->is_fenced || broker->epoch != kafka::BrokerEpoch(epoch));
}

bool FenceChecks::is_in_service(int id, std::int64_t epoch) const {
  const auto* broker = newest_ ? newest_->broker(kafka::NodeId(id)) : nullptr;
  return broker != nullptr && broker->is_active() && broker->epoch == kafka::BrokerEpoch(epoch);
}

void FenceChecks::look(const metadata::ImagePtr& image, base::MonoTime now) {
  if (newest_ && image->last_offset() <= newest_->last_offset()) return;
  const metadata::ImagePtr before = std::exchange(newest_, image);
  if (!before) return;
  // Whoever read on over a change of controllers does not tell which of them it was.
  const bool is_one_controller = before->last_epoch() == image->last_epoch();
  for (const auto& [id, broker] : image->brokers()) {
    const auto* was = before->broker(id);
    if (was == nullptr || was->epoch != broker->epoch || !was->is_active() || !broker->is_fenced) continue;
    const Broker& known = brokers_[id.value()];
    const bool is_fast =
        known.epoch == broker->epoch.value() && now - known.well_at < session_ / 2 && is_one_controller;
    if (is_fast) judge(*before, image->last_epoch().value(), id.value(), now);
  }
}

void FenceChecks::judge(const metadata::MetadataImage& before, int controller, int id, base::MonoTime now) {
  const Broker& broker = brokers_[id];
  const std::string name = fmt::format("broker {} of epoch {} is fenced {} ms after it was well", id,
                                       broker.epoch, ms(now - broker.well_at));
  const bool is_wrong = !broker.died_at;
  if (is_wrong) ++wrong_fences_;
  if (!accused_.contains({id, broker.epoch})) {
    if (is_wrong) history_.violation(fmt::format("{}, and it lives", name));
    if (broker.is_silent) history_.violation(fmt::format("{}, and its machine is silent", name));
    if (has_company(before, id)) history_.violation(fmt::format("{}, as another one vanished with it", name));
  }
  if (!fast_.emplace(controller, id, broker.epoch).second)
    history_.violation(fmt::format("{}, for the second time", name));
  if (const auto last = last_.find(controller); last != last_.end())
    judge_last(before, last->second, id, now);
  last_[controller] = {.broker = id, .epoch = broker.epoch, .at = now};
}

void FenceChecks::judge_last(const metadata::MetadataImage& before, const Fence& last, int id,
                             base::MonoTime now) {
  // From decision to decision a session time passes; they are seen when they are committed.
  if (now - last.at >= session_ * 2 / 3) return;
  const auto* other = before.broker(kafka::NodeId(last.broker));
  const bool is_back =
      other == nullptr || (other->epoch != kafka::BrokerEpoch(last.epoch) && other->is_active());
  if (is_back) return;
  history_.violation(fmt::format("broker {} is fenced at once, {} ms after broker {}, which is not back", id,
                                 ms(now - last.at), last.broker));
}

bool FenceChecks::has_company(const metadata::MetadataImage& before, int id) const {
  const Broker& broker = brokers_.at(id);
  if (!broker.died_at) return false;
  return std::ranges::any_of(brokers_, [&](const auto& entry) {
    const auto& [other_id, other] = entry;
    const auto* registered = before.broker(kafka::NodeId(other_id));
    if (other_id == id || !other.died_at || other.is_silent || registered == nullptr) return false;
    const base::MonoTime first = std::min(*other.died_at, *broker.died_at);
    return registered->is_active() && registered->epoch == kafka::BrokerEpoch(other.epoch) &&
           std::max(*other.died_at, *broker.died_at) - first < kTogether && first - kWatched > unsteady_at_;
  });
}

}  // namespace penstock::sim
