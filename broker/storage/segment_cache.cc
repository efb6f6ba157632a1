#include "broker/storage/segment_cache.h"

namespace penstock::storage {

std::shared_ptr<OpenSegment> SegmentCache::find(const std::string& path) {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

void SegmentCache::put(const std::string& path, std::shared_ptr<OpenSegment> segment) {
  forget(path);
  order_.emplace_front(path, std::move(segment));
  by_path_[path] = order_.begin();
  if (order_.size() > segments_max_) {
    by_path_.erase(order_.back().first);
    order_.pop_back();
  }
}

void SegmentCache::forget(const std::string& path) {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return;
  order_.erase(found->second);
  by_path_.erase(found);
}

}  // namespace penstock::storage
