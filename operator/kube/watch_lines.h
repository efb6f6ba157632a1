// Cuts a watch stream into its JSON lines and hands each event on.
//
// Threads: one reactor.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/kube/client.h"

namespace penstock::kube {

class WatchLines {
 public:
  // A longer line ends the stream with an error: objects are at most 1.5 MiB in etcd.
  static constexpr std::size_t kLineBytesMax = 16 << 20;

  explicit WatchLines(WatchCallback callback) : callback_(std::move(callback)) {}

  // Any piece of the stream, cut anywhere.
  void feed(std::string_view chunk);

  bool has_events() const { return has_events_; }
  // The ERROR event or the malformed line that was met; nothing is reported after it.
  const std::optional<base::Error>& error() const { return error_; }

 private:
  void handle_line(std::string_view line);

  WatchCallback callback_;
  std::string partial_;
  bool has_events_ = false;
  std::optional<base::Error> error_;
};

}  // namespace penstock::kube
