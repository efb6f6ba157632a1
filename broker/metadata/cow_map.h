// CowMap: a hash map whose copies share what they have in common.
//
// A copy costs one pointer. A change copies one bucket of kBuckets when some other copy still uses it, and
// leaves every other copy as it was. So an image of ten thousand topics is published anew for each change.
// Threads: each copy belongs to one thread at a time; copies that share buckets may be in several threads.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/sole_owner.h"

namespace penstock::metadata {

// The object behind `shared` for a change: the same one if nobody else holds it, else a copy.
template <typename T>
T& make_unique_for_change(std::shared_ptr<T>& shared) {
  if (!shared) {
    shared = std::make_shared<T>();
  } else if (!base::is_sole_owner(shared)) {
    shared = std::make_shared<T>(*shared);
  }
  return *shared;
}

template <typename Key, typename Value>
class CowMap {
  static constexpr std::size_t kBuckets = 256;
  using Bucket = std::map<Key, Value, std::less<>>;
  struct Root {
    std::array<std::shared_ptr<Bucket>, kBuckets> buckets;
    std::size_t size = 0;
  };

 public:
  std::size_t size() const { return root_ ? root_->size : 0; }
  bool empty() const { return size() == 0; }

  // Valid until this copy of the map is changed or destroyed.
  template <typename Lookup>
  const Value* find(const Lookup& key) const {
    if (!root_) return nullptr;
    const auto& bucket = root_->buckets[index_of(key)];
    if (!bucket) return nullptr;
    const auto found = bucket->find(key);
    return found == bucket->end() ? nullptr : &found->second;
  }

  void set(const Key& key, Value value) {
    Root& root = make_unique_for_change(root_);
    Bucket& bucket = make_unique_for_change(root.buckets[index_of(key)]);
    if (bucket.insert_or_assign(key, std::move(value)).second) ++root.size;
  }

  // For a change in place; null when there is no such key.
  Value* find_for_change(const Key& key) {
    if (find(key) == nullptr) return nullptr;
    return &make_unique_for_change(make_unique_for_change(root_).buckets[index_of(key)]).find(key)->second;
  }

  void erase(const Key& key) {
    if (find(key) == nullptr) return;
    Root& root = make_unique_for_change(root_);
    make_unique_for_change(root.buckets[index_of(key)]).erase(key);
    --root.size;
  }

  // visit(key, value) for each entry, in an order that depends on the keys only.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    if (!root_) return;
    for (const auto& bucket : root_->buckets) {
      if (!bucket) continue;
      for (const auto& [key, value] : *bucket) visit(key, value);
    }
  }

 private:
  template <typename Lookup>
  static std::size_t index_of(const Lookup& key) {
    return std::hash<Lookup>()(key) % kBuckets;
  }

  std::shared_ptr<Root> root_;
};

}  // namespace penstock::metadata
