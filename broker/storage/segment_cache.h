// A bounded number of open inactive segments (descriptor and offset index), least recently used out first.
//
// Lifetime: an entry that is pushed out lives on while a reader holds it.
// Threads:  one reactor.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/disk.h"
#include "broker/storage/offset_index.h"

namespace penstock::storage {

struct OpenSegment {
  std::shared_ptr<base::File> file;
  OffsetIndex offsets;
};

class SegmentCache {
 public:
  explicit SegmentCache(std::size_t segments_max) : segments_max_(segments_max) {}

  // Null when it is not here. `path` is that of the .log file.
  std::shared_ptr<OpenSegment> find(const std::string& path);
  void put(const std::string& path, std::shared_ptr<OpenSegment> segment);
  void forget(const std::string& path);
  std::size_t size() const { return order_.size(); }

 private:
  using Order = std::list<std::pair<std::string, std::shared_ptr<OpenSegment>>>;

  const std::size_t segments_max_;
  Order order_;  // Newest first.
  std::unordered_map<std::string, Order::iterator> by_path_;
};

}  // namespace penstock::storage
