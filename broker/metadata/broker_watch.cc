#include "broker/metadata/broker_watch.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/aio/refusal.h"
#include "base/aio/sleep.h"

namespace penstock::metadata {

namespace {

constexpr base::Duration kDialTime = base::seconds(1);
constexpr base::Duration kSuspectPause = base::milliseconds(30);
constexpr base::Duration kPause = base::seconds(1);
constexpr base::Duration kShortPause = base::milliseconds(10);

std::optional<kafka::Endpoint> endpoint_of(const BrokerRegistration& broker, const std::string& listener) {
  const Endpoint* at = broker.endpoint(listener);
  if (at == nullptr && !broker.listeners.empty()) at = &broker.listeners.front();
  if (at == nullptr) return std::nullopt;
  return kafka::Endpoint{at->host, at->port};
}

// Until the other side, or our own close(), ends it. Nothing is expected to be said.
aio::Task<> wait_end(aio::Stream& stream) {
  std::array<std::uint8_t, 64> ignored{};
  while (true) {
    const auto got = co_await stream.read_some(ignored);
    if (!got || *got == 0) co_return;
  }
}

}  // namespace

void BrokerWatch::tell(const Watched& watched, Sign sign) {
  if (!is_stopped_ && !watched.ended.is_cancelled()) options_.tell(watched.id, watched.epoch, sign);
}

void BrokerWatch::end(Watched& watched) {
  watched.ended.cancel();
  if (watched.stream) watched.stream->close();
}

void BrokerWatch::on_image(const MetadataImage& image) {
  if (is_stopped_) return;
  std::erase_if(watched_, [&](const auto& entry) {
    const auto& [id, watched] = entry;
    const BrokerRegistration* broker = image.broker(id);
    const bool is_same = broker != nullptr && !broker->is_fenced && broker->epoch == watched->epoch &&
                         endpoint_of(*broker, options_.listener_name) == watched->at;
    if (!is_same) end(*watched);
    return !is_same;
  });
  for (const auto& [id, broker] : image.brokers()) {
    if (id == options_.self || broker->is_fenced || watched_.contains(id)) continue;
    const auto at = endpoint_of(*broker, options_.listener_name);
    if (!at) continue;
    auto watched = std::make_shared<Watched>();
    watched->id = id;
    watched->epoch = broker->epoch;
    watched->at = *at;
    watched_.emplace(id, watched);
    aio::spawn(gate_, "broker watch", run(std::move(watched)));
  }
}

base::Duration BrokerWatch::note_loss(Watched& watched, base::MonoTime since) {
  tell(watched, Sign::kLost);
  if (options_.reactor->now() >= since + kPause) {
    watched.short_lives = 0;
    return {};
  }
  // It takes connections and ends them: no reason to ask without end.
  return std::min(kShortPause * (1U << std::min(watched.short_lives++, 7U)), kPause);
}

base::Duration BrokerWatch::note_failure(Watched& watched, const base::Error& error) {
  if (!aio::is_refusal(error)) {
    watched.evidence.failed();
    return kPause;
  }
  if (watched.evidence.refused(options_.reactor->now()) && !std::exchange(watched.is_told_dead, true)) {
    tell(watched, Sign::kDead);
  }
  return watched.evidence.was_reachable() && !watched.is_told_dead ? kSuspectPause : kPause;
}

aio::Task<> BrokerWatch::run(std::shared_ptr<Watched> watched) {
  aio::Reactor& reactor = *options_.reactor;
  // The image that starts this is still being published.
  co_await aio::yield(reactor);
  while (!watched->ended.is_cancelled()) {
    auto stream =
        co_await options_.transport->connect(watched->at.host, watched->at.port, reactor.now() + kDialTime);
    if (watched->ended.is_cancelled()) break;
    base::Duration pause{};
    if (stream) {
      const base::MonoTime since = reactor.now();
      watched->evidence.connected();
      watched->is_told_dead = false;
      watched->stream = std::move(*stream);
      tell(*watched, Sign::kBack);
      co_await wait_end(*watched->stream);
      watched->stream.reset();
      if (watched->ended.is_cancelled()) break;
      pause = note_loss(*watched, since);
    } else {
      pause = note_failure(*watched, stream.error());
    }
    if (pause > base::Duration::zero()) {
      (void)co_await aio::sleep_for(reactor, pause, watched->ended.token());
    }
  }
}

bool BrokerWatch::is_dead(kafka::NodeId broker) const {
  const auto found = watched_.find(broker);
  return found != watched_.end() && found->second->is_told_dead;
}

aio::Task<> BrokerWatch::stop() {
  is_stopped_ = true;
  for (auto& [id, watched] : std::exchange(watched_, {})) end(*watched);
  co_await gate_.close();
}

}  // namespace penstock::metadata
