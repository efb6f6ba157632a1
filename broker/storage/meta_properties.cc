// meta.properties, in the format of java.util.Properties.
#include <fmt/format.h>

#include <ctime>
#include <map>

#include "broker/storage/checkpoint_file.h"
#include "broker/storage/log_directory.h"

namespace penstock::storage {

namespace {

using base::Errc;

constexpr std::string_view kFileName = "meta.properties";

std::string escape(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '=' || c == ':' || c == '#' || c == '!' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::map<std::string, std::string> parse_properties(std::string_view text) {
  std::map<std::string, std::string> properties;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos || line[start] == '#' || line[start] == '!') continue;
    std::string field;
    std::string key;
    bool has_key = false;
    for (std::size_t i = start; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) {
        field += line[++i];
      } else if (line[i] == '=' && !has_key) {
        key = std::exchange(field, {});
        has_key = true;
      } else {
        field += line[i];
      }
    }
    if (has_key) properties[key] = field;
  }
  return properties;
}

}  // namespace

base::Result<MetaProperties> read_meta_properties(base::Disk& disk, const std::string& directory) {
  const std::string path = fmt::format("{}/{}", directory, kFileName);
  if (!disk.exists(path)) return base::fail(Errc::kNotFound, fmt::format("{} is not formatted", directory));
  TRY_ASSIGN(const base::Bytes content, base::read_file(disk, path, 1 << 20));
  auto properties = parse_properties(base::as_text(content));
  if (properties["version"] != "1") {
    return base::fail(Errc::kUnsupported,
                      fmt::format("{}: version '{}' is not 1", path, properties["version"]));
  }
  MetaProperties meta;
  meta.cluster_id = properties["cluster.id"];
  auto node = parse_number(properties["node.id"]);
  auto id = base::Uuid::parse(properties["directory.id"]);
  if (meta.cluster_id.empty() || !node || !id) {
    return base::fail(Errc::kCorrupt,
                      fmt::format("{}: cluster.id, node.id or directory.id is missing or bad", path));
  }
  meta.node_id = kafka::NodeId(static_cast<std::int32_t>(*node));
  meta.directory_id = *id;
  return meta;
}

base::Result<> write_meta_properties(base::Disk& disk, const std::string& directory,
                                     const MetaProperties& meta, std::int64_t now_ms) {
  const std::time_t seconds = now_ms / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char date[64];
  std::strftime(date, sizeof date, "%a %b %d %H:%M:%S UTC %Y", &utc);
  const std::string text =
      fmt::format("#\n#{}\ncluster.id={}\ndirectory.id={}\nnode.id={}\nversion=1\n", date,
                  escape(meta.cluster_id), meta.directory_id.to_string(), meta.node_id);
  return base::write_file_atomically(disk, fmt::format("{}/{}", directory, kFileName), base::as_bytes(text));
}

}  // namespace penstock::storage
