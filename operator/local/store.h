// The objects of the local runtime, in memory, with a history of changes for watches.
//
// Every change gets the next revision, which is the object's resourceVersion. The history is bounded: a watch
// that asks for changes older than it holds is told to list again.
//
// Threads: one reactor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/local/object.h"

namespace penstock::local {

enum class ChangeType { kAdded, kModified, kDeleted };

struct Change {
  ChangeType type;
  ObjectKey key;
  ObjectPtr object;    // For kDeleted: as it was last, with the revision of its deletion.
  ObjectPtr previous;  // Null for kAdded.
  std::int64_t revision;
};

// Hears of every change before the caller of put() or remove() continues.
using ChangeListener = std::function<void(const Change&)>;

class Store {
 public:
  static constexpr std::size_t kHistoryMax = 10'000;

  // Null when there is none.
  ObjectPtr get(const ObjectKey& key) const;
  // In the order of namespace and name. `ns` empty: all namespaces.
  std::vector<ObjectPtr> list(std::string_view resource, std::string_view ns) const;
  std::int64_t revision() const { return revision_; }
  std::size_t size() const { return objects_.size(); }

  // Stores `object` under the next revision, which is written into it.
  ObjectPtr put(const ObjectKey& key, Json object);
  void remove(const ObjectKey& key);

  // The changes of a resource after `revision`. ERRORS: kOutOfRange when the history does not reach back.
  base::Result<std::vector<Change>> changes_since(std::string_view resource, std::string_view ns,
                                                  std::int64_t revision) const;

  // Until unsubscribed. A listener may change the store; the listeners then hear of that change first.
  std::uint64_t subscribe(ChangeListener listener);
  void unsubscribe(std::uint64_t subscription);

  // For loading: takes an object as it was saved, without a new revision and without telling anybody.
  void restore(const ObjectKey& key, Json object);
  void restore_revision(std::int64_t revision);
  void restore_removal(const ObjectKey& key) { objects_.erase(key); }
  const std::map<ObjectKey, ObjectPtr>& objects() const { return objects_; }

 private:
  void announce(Change change);

  std::map<ObjectKey, ObjectPtr> objects_;
  std::int64_t revision_ = 1;
  std::int64_t history_start_ = 1;  // Changes after this revision are in the history.
  std::deque<Change> history_;
  std::uint64_t next_subscription_ = 1;
  std::map<std::uint64_t, ChangeListener> listeners_;
};

}  // namespace penstock::local
