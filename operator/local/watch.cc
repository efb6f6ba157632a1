#include "operator/local/watch.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/local/api.h"
#include "operator/local/table.h"

namespace penstock::local {

namespace {
std::string dumped(const Json& event) {
  return event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}
}  // namespace

Watch::Watch(const Store& store, WatchRequest request)
    : store_(store), request_(std::move(request)), revision_(request_.revision.value_or(0)) {}

std::string Watch::line(std::string_view type, const ObjectPtr& object, std::int64_t now_ms) {
  if (!request_.is_table) return dumped({{"type", type}, {"object", *object}});
  Json table = make_table(request_.kind, {object}, now_ms, request_.include_object, !has_sent_columns_);
  table["metadata"]["resourceVersion"] = text_at(*object, "/metadata/resourceVersion");
  has_sent_columns_ = true;
  return dumped({{"type", type}, {"object", std::move(table)}});
}

std::string Watch::initial_lines(std::int64_t now_ms) {
  std::string lines;
  revision_ = store_.revision();
  for (const ObjectPtr& object : store_.list(request_.kind.resource(), request_.ns))
    if (request_.selector.matches(*object)) lines += line("ADDED", object, now_ms);
  return lines;
}

std::string Watch::next_lines(std::int64_t now_ms) {
  if (!std::exchange(has_started_, true) && !request_.revision) return initial_lines(now_ms);
  const auto changes = store_.changes_since(request_.kind.resource(), request_.ns, revision_);
  if (!changes) {
    has_ended_ = true;
    return dumped({{"type", "ERROR"}, {"object", status_of(changes.error())}});
  }
  std::string lines;
  for (const Change& change : *changes) {
    const bool is_in = change.type != ChangeType::kDeleted && request_.selector.matches(*change.object);
    const bool was_in = change.previous && request_.selector.matches(*change.previous);
    if (is_in) {
      lines += line(was_in ? "MODIFIED" : "ADDED", change.object, now_ms);
    } else if (was_in) {
      lines += line("DELETED", change.object, now_ms);
    }
  }
  revision_ = store_.revision();
  return lines;
}

std::string Watch::bookmark() const {
  if (!request_.wants_bookmarks || request_.is_table) return {};
  const Json object = {{"kind", request_.kind.kind},
                       {"apiVersion", request_.kind.api_version()},
                       {"metadata", {{"resourceVersion", std::to_string(revision_)}}}};
  return dumped({{"type", "BOOKMARK"}, {"object", object}});
}

}  // namespace penstock::local
