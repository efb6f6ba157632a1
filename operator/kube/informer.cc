#include "operator/kube/informer.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::kube {
namespace {

using base::Errc;
using base::Result;

constexpr base::Logger log("kube");
constexpr base::Duration kBackOffMin = base::milliseconds(200);
constexpr base::Duration kBackOffMax = base::seconds(5);
constexpr base::Duration kUnservedRetryMax = base::seconds(30);

std::string version_in(const Json& object) {
  if (!object.contains("metadata")) return {};
  const Json& metadata = object["metadata"];
  const bool has =
      metadata.is_object() && metadata.contains("resourceVersion") && metadata["resourceVersion"].is_string();
  return has ? metadata["resourceVersion"].get<std::string>() : std::string();
}

}  // namespace

Informer::Informer(aio::Reactor& reactor, base::Random& random, KubeClient& client, Kind kind,
                   Selection selection, ObjectCache& cache)
    : reactor_(reactor),
      random_(random),
      client_(client),
      kind_(kind),
      selection_(std::move(selection)),
      cache_(cache) {}

void Informer::start() { aio::spawn(gate_, "informer", run()); }

aio::Task<> Informer::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

aio::Task<> Informer::run() {
  while (!stopping_.is_cancelled()) {
    const Result<> done = co_await list_and_watch();
    if (stopping_.is_cancelled()) co_return;
    if (!done) (void)co_await aio::sleep_for(reactor_, on_error(done.error()), stopping_.token());
  }
}

base::Duration Informer::jittered(base::Duration delay) {
  return delay / 2 +
         base::Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(delay.count()))));
}

base::Duration Informer::on_error(const base::Error& error) {
  // Too old a version is no fault; but a server that says so each time is not asked in a tight loop.
  if (error.code() == Errc::kOutOfRange) return failures_++ == 0 ? base::Duration::zero() : kBackOffMax;
  const base::Duration delay =
      jittered(std::min<base::Duration>(kBackOffMin * (1 << std::min(failures_++, 8)), kBackOffMax));
  if (error.code() != Errc::kNotFound) {
    if (problem_ != error.what()) log.warn("{}; trying again", error.what());
    problem_ = error.what();
    return delay;
  }
  // An optional kind, or a CRD that is not there yet.
  if (++times_unserved_ < kUnservedAfter) return delay;
  if (is_served_) log.info("the server has no {}; looking again", kind_.plural);
  is_served_ = false;
  has_synced_ = true;
  cache_.replace(Json::array(), selection_.ns);
  return jittered(std::min<base::Duration>(
      base::seconds(1) * (1 << std::min(times_unserved_ - kUnservedAfter, 5)), kUnservedRetryMax));
}

aio::Task<Result<>> Informer::list_and_watch() {
  CO_TRY_ASSIGN(const Json list, co_await client_.list(kind_, selection_));
  resource_version_ = version_in(list);
  cache_.replace(list["items"], selection_.ns);
  if (!problem_.empty()) log.info("{}: listed again", kind_.path(selection_.ns));
  has_synced_ = true;
  is_served_ = true;
  times_unserved_ = 0;
  problem_.clear();
  int quick_ends = 0;
  int failed_watches = 0;
  for (int watches = 0; watches < kRelistEvery; ++watches) {
    WatchCallback callback = [this](WatchEventType type, const Json& object) { on_event(type, object); };
    const auto started = reactor_.now();
    const Result<> ended =
        co_await client_.watch(kind_, selection_, resource_version_, std::move(callback), stopping_.token());
    if (stopping_.is_cancelled()) co_return Result<>();
    const bool is_passing =
        !ended && (ended.error().code() == Errc::kUnavailable || ended.error().code() == Errc::kTimedOut);
    failed_watches = ended ? 0 : failed_watches + 1;
    // After some time of it the list tells whether the server answers at all.
    if (!ended && (!is_passing || failed_watches == kFailedWatchesMax)) co_return ended;
    if (ended) failures_ = 0;
    // A server that ends every watch at once must not be asked in a tight loop.
    const bool is_quick = !ended || reactor_.now() - started < base::seconds(1);
    quick_ends = is_quick ? quick_ends + 1 : 0;
    if (!is_quick) continue;
    const auto delay =
        std::min<base::Duration>(kBackOffMin * (1 << std::min(quick_ends - 1, 8)), kBackOffMax);
    CO_TRY(co_await aio::sleep_for(reactor_, jittered(delay), stopping_.token()));
  }
  co_return Result<>();
}

void Informer::on_event(WatchEventType type, const Json& object) {
  if (std::string version = version_in(object); !version.empty()) resource_version_ = std::move(version);
  switch (type) {
    case WatchEventType::kAdded:
    case WatchEventType::kModified:
      return cache_.put(object);
    case WatchEventType::kDeleted:
      return cache_.remove(object);
    case WatchEventType::kBookmark:
      return;
  }
}

}  // namespace penstock::kube
