#include "operator/kube/watch_lines.h"

#include <nlohmann/json.hpp>

namespace penstock::kube {

using base::Errc;
using base::Error;

void WatchLines::feed(std::string_view chunk) {
  while (!chunk.empty() && !error_) {
    const std::size_t end = chunk.find('\n');
    if (end == std::string_view::npos) {
      if (partial_.size() + chunk.size() > kLineBytesMax) {
        error_ = Error(Errc::kLimitExceeded, "a watch event is larger than 16 MiB");
        return;
      }
      partial_ += chunk;
      return;
    }
    if (partial_.empty()) {
      handle_line(chunk.substr(0, end));
    } else {
      partial_ += chunk.substr(0, end);
      handle_line(partial_);
      partial_.clear();
    }
    chunk.remove_prefix(end + 1);
  }
}

void WatchLines::handle_line(std::string_view line) {
  if (line.find_first_not_of(" \r\t") == std::string_view::npos) return;
  const Json event = Json::parse(line, nullptr, false);
  if (!event.is_object() || !event.contains("type") || !event["type"].is_string() ||
      !event.contains("object") || !event["object"].is_object()) {
    error_ = Error(Errc::kCorrupt, "a watch event is not what the API defines");
    return;
  }
  const auto& type = event["type"].get_ref<const std::string&>();
  const Json& object = event["object"];
  if (type == "ERROR") {
    const bool is_expired = object.contains("code") && object["code"] == 410;
    const bool has_message = object.contains("message") && object["message"].is_string();
    error_ = Error(
        is_expired ? Errc::kOutOfRange : Errc::kUnavailable,
        "watch: " + (has_message ? object["message"].get<std::string>() : "the server reports an error"));
    return;
  }
  has_events_ = true;
  if (type == "ADDED") return callback_(WatchEventType::kAdded, object);
  if (type == "MODIFIED") return callback_(WatchEventType::kModified, object);
  if (type == "DELETED") return callback_(WatchEventType::kDeleted, object);
  // Types that later servers may add are passed over, as clients must.
  if (type == "BOOKMARK") return callback_(WatchEventType::kBookmark, object);
}

}  // namespace penstock::kube
