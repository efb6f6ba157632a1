// One watch: turns the store's changes into the lines of its stream.
//
// It keeps no queue: it remembers the last revision that it sent and asks the store for what came after, so a
// slow reader costs no memory and, when the history has passed it, is told to list again. Threads: one
// reactor.
#pragma once

#include <optional>
#include <string>

#include "operator/local/kinds.h"
#include "operator/local/selector.h"
#include "operator/local/store.h"

namespace penstock::local {

struct WatchRequest {
  Kind kind;
  std::string ns;
  Selector selector;
  // Without one the watch starts with an ADDED event for each object there is.
  std::optional<std::int64_t> revision;
  bool wants_bookmarks = false;
  bool is_table = false;
  std::string include_object;
  std::int64_t timeout_s = 300;
};

class Watch {
 public:
  Watch(const Store& store, WatchRequest request);

  // The lines that are due, empty for none. After an error line the stream has ended.
  std::string next_lines(std::int64_t now_ms);
  // A bookmark of where the watch stands; empty when the client wants none.
  std::string bookmark() const;
  bool has_ended() const { return has_ended_; }
  const WatchRequest& request() const { return request_; }

 private:
  std::string line(std::string_view type, const ObjectPtr& object, std::int64_t now_ms);
  std::string initial_lines(std::int64_t now_ms);

  const Store& store_;
  const WatchRequest request_;
  std::int64_t revision_ = 0;
  bool has_started_ = false;
  bool has_sent_columns_ = false;
  bool has_ended_ = false;
};

}  // namespace penstock::local
