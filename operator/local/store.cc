#include "operator/local/store.h"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace penstock::local {

ObjectPtr Store::get(const ObjectKey& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> Store::list(std::string_view resource, std::string_view ns) const {
  std::vector<ObjectPtr> found;
  const ObjectKey first{std::string(resource), std::string(ns), ""};
  for (auto at = objects_.lower_bound(first); at != objects_.end(); ++at) {
    if (at->first.resource != resource || (!ns.empty() && at->first.ns != ns)) break;
    found.push_back(at->second);
  }
  return found;
}

ObjectPtr Store::put(const ObjectKey& key, Json object) {
  object["metadata"]["resourceVersion"] = std::to_string(++revision_);
  auto stored = std::make_shared<const Json>(std::move(object));
  ObjectPtr& slot = objects_[key];
  ObjectPtr previous = std::exchange(slot, stored);
  announce({previous ? ChangeType::kModified : ChangeType::kAdded, key, stored, previous, revision_});
  return stored;
}

void Store::remove(const ObjectKey& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  ObjectPtr previous = found->second;
  objects_.erase(found);
  Json last = *previous;
  last["metadata"]["resourceVersion"] = std::to_string(++revision_);
  announce({ChangeType::kDeleted, key, std::make_shared<const Json>(std::move(last)), previous, revision_});
}

base::Result<std::vector<Change>> Store::changes_since(std::string_view resource, std::string_view ns,
                                                       std::int64_t revision) const {
  if (revision < history_start_)
    return base::fail(base::Errc::kOutOfRange,
                      fmt::format("too old resource version: {} ({})", revision, history_start_));
  std::vector<Change> found;
  const auto first =
      std::upper_bound(history_.begin(), history_.end(), revision,
                       [](std::int64_t r, const Change& change) { return r < change.revision; });
  for (auto at = first; at != history_.end(); ++at)
    if (at->key.resource == resource && (ns.empty() || at->key.ns == ns)) found.push_back(*at);
  return found;
}

std::uint64_t Store::subscribe(ChangeListener listener) {
  listeners_.emplace(next_subscription_, std::move(listener));
  return next_subscription_++;
}

void Store::unsubscribe(std::uint64_t subscription) { listeners_.erase(subscription); }

void Store::restore(const ObjectKey& key, Json object) {
  objects_[key] = std::make_shared<const Json>(std::move(object));
}

void Store::restore_revision(std::int64_t revision) {
  revision_ = std::max(revision_, revision);
  history_start_ = revision_;
}

void Store::announce(Change change) {
  history_.push_back(change);
  if (history_.size() > kHistoryMax) {
    history_start_ = history_.front().revision;
    history_.pop_front();
  }
  // By id, since a listener may subscribe or unsubscribe.
  std::vector<std::uint64_t> ids;
  for (const auto& [id, listener] : listeners_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    const auto found = listeners_.find(id);
    if (found != listeners_.end()) ChangeListener(found->second)(change);
  }
}

}  // namespace penstock::local
