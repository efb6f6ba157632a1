#include "broker/server/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "base/disk.h"

namespace penstock::server {

namespace {

std::optional<std::string> read_text(const char* path) {
  base::PosixDisk disk;
  auto file = disk.open(path, base::OpenMode::kRead);
  if (!file) return std::nullopt;
  std::string text(256, '\0');
  // Files of cgroups have no size: read what comes.
  const auto got = (*file)->read_at(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  if (!got) return std::nullopt;
  text.resize(*got);
  return text;
}

std::optional<long> number_at(std::string_view text) {
  long value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::size_t> cores_of(long quota, long period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<std::size_t>((quota + period - 1) / period);
}

std::optional<std::size_t> cores_by_cgroup() {
  if (const auto text = read_text("/sys/fs/cgroup/cpu.max")) return cores_of_cpu_max(*text);
  const auto quota = read_text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const auto period = read_text("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return cores_of(number_at(*quota).value_or(-1), number_at(*period).value_or(0));
}

}  // namespace

std::optional<std::size_t> cores_of_cpu_max(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  return cores_of(number_at(text.substr(0, space)).value_or(-1),
                  number_at(text.substr(space + 1)).value_or(0));
}

std::size_t available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::size_t cores = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) cores = static_cast<std::size_t>(CPU_COUNT(&set));
  if (const auto quota = cores_by_cgroup()) cores = std::min(cores, *quota);
  return std::max<std::size_t>(cores, 1);
}

}  // namespace penstock::server
