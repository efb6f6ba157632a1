// Objects as the tables that `kubectl get` prints, by the columns of their kind.
//
// Threads: pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "operator/local/kinds.h"

namespace penstock::local {

// The first value that a JSONPath of a printer column finds, several joined by commas; null JSON for none.
// Understood: .a.b, ['a'], a\.b, [0], [*], [?(@.a=="b")].
Json evaluate_json_path(const Json& object, std::string_view path);

// A meta.k8s.io/v1 Table. `has_columns`: watches send the definitions with the first event only.
Json make_table(const Kind& kind, const std::vector<ObjectPtr>& objects, std::int64_t now_ms,
                std::string_view include_object, bool has_columns);

// "45s", "3m10s", "5h", "12d", as kubectl prints ages.
std::string human_duration(std::int64_t milliseconds);

}  // namespace penstock::local
