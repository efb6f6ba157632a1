// How many cores this process may use: the smaller of its CPU affinity and its cgroup's quota, not what the
// host has.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace penstock::server {

// At least 1.
std::size_t available_cores();

// The cores that a quota allows, rounded up; nothing when there is none.
// `text` is the content of cgroup v2's cpu.max ("150000 100000", "max 100000").
std::optional<std::size_t> cores_of_cpu_max(std::string_view text);

}  // namespace penstock::server
