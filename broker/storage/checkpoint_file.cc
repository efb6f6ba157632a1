#include "broker/storage/checkpoint_file.h"

#include <charconv>
#include <cstdint>

#include <fmt/format.h>

namespace penstock::storage {

namespace {

using base::Errc;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

}  // namespace

base::Result<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return base::fail(Errc::kCorrupt, fmt::format("'{}' is not a number", text));
  return value;
}

base::Result<std::vector<std::vector<std::string>>> parse_checkpoint(std::string_view text,
                                                                     std::size_t fields) {
  const auto lines = lines_of(text);
  if (lines.size() < 2) return base::fail(Errc::kCorrupt, "checkpoint without version and count");
  TRY_ASSIGN(const std::int64_t version, parse_number(lines[0]));
  if (version != 0) return base::fail(Errc::kUnsupported, fmt::format("checkpoint version {}", version));
  TRY_ASSIGN(const std::int64_t count, parse_number(lines[1]));
  if (count < 0 || static_cast<std::size_t>(count) != lines.size() - 2) {
    return base::fail(Errc::kCorrupt,
                      fmt::format("checkpoint says {} entries and has {}", count, lines.size() - 2));
  }
  std::vector<std::vector<std::string>> entries;
  entries.reserve(lines.size() - 2);
  for (std::size_t i = 2; i < lines.size(); ++i) {
    entries.push_back(words_of(lines[i]));
    if (entries.back().size() != fields)
      return base::fail(Errc::kCorrupt, fmt::format("checkpoint line {}: '{}'", i + 1, lines[i]));
  }
  return entries;
}

std::string format_checkpoint(const std::vector<std::string>& lines) {
  std::string text = fmt::format("0\n{}\n", lines.size());
  for (const std::string& line : lines) {
    text += line;
    text += '\n';
  }
  return text;
}

}  // namespace penstock::storage
