#include "cli/line_reader.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Properties;
using base::Result;

namespace {

std::string text_of(const Properties& properties, std::string_view name, std::string fallback) {
  const auto found = properties.find(name);
  return found == properties.end() ? std::move(fallback) : found->second;
}

bool is_true(const Properties& properties, std::string_view name) {
  std::string text = text_of(properties, name, "false");
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text == "true";
}

}  // namespace

Result<LineReader> LineReader::make(const Properties& properties) {
  LineReader reader;
  reader.parses_key_ = is_true(properties, "parse.key");
  reader.parses_headers_ = is_true(properties, "parse.headers");
  reader.ignores_errors_ = is_true(properties, "ignore.error");
  reader.key_separator_ = text_of(properties, "key.separator", "\t");
  reader.headers_delimiter_ = text_of(properties, "headers.delimiter", "\t");
  reader.headers_separator_ = text_of(properties, "headers.separator", ",");
  reader.header_key_separator_ = text_of(properties, "headers.key.separator", ":");
  if (const auto marker = properties.find("null.marker"); marker != properties.end()) {
    reader.null_marker_ = marker->second;
  }
  using Name = std::pair<std::string_view, const std::string*>;
  const Name header_names[] = {{"headers.delimiter", &reader.headers_delimiter_},
                               {"headers.separator", &reader.headers_separator_},
                               {"headers.key.separator", &reader.header_key_separator_}};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = i + 1; j < 3; ++j) {
      if (*header_names[i].second == *header_names[j].second) {
        return fail(Errc::kInvalidArgument,
                    fmt::format("{} and {} may not be equal", header_names[i].first, header_names[j].first));
      }
    }
  }
  const Name all_names[] = {
      {"key.separator", &reader.key_separator_}, header_names[1], header_names[0], header_names[2]};
  for (const auto& [name, separator] : all_names) {
    if (separator->empty()) return fail(Errc::kInvalidArgument, fmt::format("{} may not be empty", name));
    if (reader.null_marker_ == *separator) {
      return fail(Errc::kInvalidArgument, fmt::format("null.marker and {} may not be equal", name));
    }
  }
  return reader;
}

std::optional<std::string> LineReader::unless_null(std::string_view text) const {
  if (null_marker_ && text == *null_marker_) return std::nullopt;
  return std::string(text);
}

Result<std::optional<std::string_view>> LineReader::take(std::string_view& rest, const std::string& separator,
                                                         std::string_view separator_name,
                                                         std::string_view line) const {
  const std::size_t at = rest.find(separator);
  if (at == std::string_view::npos) {
    if (ignores_errors_) return std::optional<std::string_view>();
    return fail(Errc::kInvalidArgument,
                fmt::format("No {} found on line number {}: '{}'", separator_name, line_number_, line));
  }
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at + separator.size());
  return std::optional(taken);
}

Result<> LineReader::read_headers(std::string_view text, InputRecord& record) const {
  while (true) {
    const std::size_t end = text.find(headers_separator_);
    const std::string_view pair = text.substr(0, end);
    const std::size_t colon = pair.find(header_key_separator_);
    if (colon == std::string_view::npos) {
      if (!ignores_errors_) {
        return fail(
            Errc::kInvalidArgument,
            fmt::format("No header key separator found in pair '{}' on line number {}", pair, line_number_));
      }
      record.headers.emplace_back(std::string(pair), std::nullopt);
    } else {
      const std::string_view key = pair.substr(0, colon);
      if (null_marker_ && key == *null_marker_) {
        return fail(
            Errc::kInvalidArgument,
            fmt::format("Header keys should not be equal to the null marker '{}' as they can't be null",
                        key));
      }
      record.headers.emplace_back(std::string(key),
                                  unless_null(pair.substr(colon + header_key_separator_.size())));
    }
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + headers_separator_.size());
  }
}

Result<InputRecord> LineReader::read(std::string_view line) {
  ++line_number_;
  InputRecord record;
  std::string_view rest = line;
  if (parses_headers_) {
    TRY_ASSIGN(const auto headers, take(rest, headers_delimiter_, "headers delimiter", line));
    if (headers && !(null_marker_ && *headers == *null_marker_)) TRY(read_headers(*headers, record));
  }
  if (parses_key_) {
    TRY_ASSIGN(const auto key, take(rest, key_separator_, "key separator", line));
    if (key) record.key = unless_null(*key);
  }
  record.value = unless_null(rest);
  return record;
}

std::optional<std::string> LineSplitter::next(bool is_end) {
  if (skips_newline_ && at_ < buffer_.size()) {
    if (buffer_[at_] == '\n') ++at_;
    skips_newline_ = false;
  }
  const std::size_t end = buffer_.find_first_of("\r\n", at_);
  if (end == std::string::npos) {
    buffer_.erase(0, at_);
    at_ = 0;
    if (!is_end || buffer_.empty()) return std::nullopt;
    return std::exchange(buffer_, {});
  }
  std::string line = buffer_.substr(at_, end - at_);
  skips_newline_ = buffer_[end] == '\r';
  at_ = end + 1;
  return line;
}

}  // namespace penstock::cli
