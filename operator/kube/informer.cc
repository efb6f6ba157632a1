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
constexpr base::Duration kBackOffMax = base::seconds(3);
constexpr base::Duration kUnservedRetry = base::seconds(30);

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
    if (done || done.error().code() == Errc::kOutOfRange) continue;
    base::Duration delay = std::min(kBackOffMin * (1 << std::min(failures_, 8)), kBackOffMax);
    ++failures_;
    if (done.error().code() == Errc::kNotFound) {
      // An optional kind, or a CRD that is not there yet.
      if (is_served_) log.info("the server has no {}; looking again every 30 s", kind_.plural);
      is_served_ = false;
      has_synced_ = true;
      cache_.replace(Json::array());
      delay = kUnservedRetry;
    } else {
      log.warn("{}; trying again in {} ms", done.error().what(), delay.count() / 1'000'000);
    }
    delay =
        delay / 2 +
        base::Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(delay.count()))));
    (void)co_await aio::sleep_for(reactor_, delay, stopping_.token());
  }
}

aio::Task<Result<>> Informer::list_and_watch() {
  CO_TRY_ASSIGN(const Json list, co_await client_.list(kind_, selection_));
  resource_version_ = version_in(list);
  cache_.replace(list["items"]);
  has_synced_ = true;
  is_served_ = true;
  failures_ = 0;
  for (int watches = 0; watches < kRelistEvery; ++watches) {
    WatchCallback callback = [this](WatchEventType type, const Json& object) { on_event(type, object); };
    const auto started = reactor_.now();
    const Result<> ended =
        co_await client_.watch(kind_, selection_, resource_version_, std::move(callback), stopping_.token());
    if (!ended && ended.error().code() != Errc::kUnavailable) co_return ended;
    if (stopping_.is_cancelled()) co_return Result<>();
    // A server that ends every watch at once must not be asked in a tight loop.
    if (!ended || reactor_.now() - started < base::seconds(1)) {
      CO_TRY(co_await aio::sleep_for(reactor_, kBackOffMin * (1 << std::min(watches, 5)), stopping_.token()));
    }
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
