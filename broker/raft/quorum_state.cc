#include "broker/raft/quorum_state.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace penstock::raft {
namespace {

constexpr std::string_view kFileName = "/quorum-state";

}  // namespace

std::string print_quorum_state(const ElectionState& state) {
  const ReplicaKey voted = state.voted.value_or(ReplicaKey{});
  return fmt::format(
      R"({{"leaderId":{},"leaderEpoch":{},"votedId":{},"votedDirectoryId":"{}","data_version":1}})",
      state.leader.value(), state.epoch.value(), voted.id.value(), voted.directory.to_string());
}

base::Result<ElectionState> parse_quorum_state(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return base::fail(base::Errc::kCorrupt, "quorum-state is not a JSON object");
  const auto number = [&](const char* key) -> std::optional<std::int64_t> {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
  };
  const auto version = number("data_version");
  if (version && (*version < 0 || *version > 1)) {
    return base::fail(base::Errc::kUnsupported, fmt::format("quorum-state has data_version {}", *version));
  }
  const auto epoch = number("leaderEpoch");
  const auto leader = number("leaderId");
  if (!epoch || !leader || *epoch < 0 || *epoch > INT32_MAX) {
    return base::fail(base::Errc::kCorrupt, "quorum-state lacks leaderId or leaderEpoch");
  }
  ElectionState state{.epoch = LeaderEpoch(static_cast<std::int32_t>(*epoch)),
                      .leader = NodeId(static_cast<std::int32_t>(*leader))};
  if (const auto voted = number("votedId"); voted && *voted >= 0) {
    ReplicaKey key{NodeId(static_cast<std::int32_t>(*voted)), {}};
    if (const auto directory = json.find("votedDirectoryId");
        directory != json.end() && directory->is_string()) {
      TRY_ASSIGN(key.directory, base::Uuid::parse(directory->get<std::string>()));
    }
    state.voted = key;
  }
  return state;
}

base::Result<std::optional<ElectionState>> read_quorum_state(base::Disk& disk, const std::string& directory) {
  const std::string path = directory + std::string(kFileName);
  if (!disk.exists(path)) return std::nullopt;
  TRY_ASSIGN(const auto bytes, base::read_file(disk, path, 64 << 10));
  auto state = parse_quorum_state(base::as_text(bytes));
  if (!state) return base::fail(state.error().context(path));
  return *state;
}

base::Result<> write_quorum_state(base::Disk& disk, const std::string& directory,
                                  const ElectionState& state) {
  const std::string text = print_quorum_state(state);
  return base::write_file_atomically(disk, directory + std::string(kFileName), base::as_bytes(text));
}

}  // namespace penstock::raft
