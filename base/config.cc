#include "base/config.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/assert.h"

namespace penstock::base {

namespace {

std::string_view trim(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> bad_value(std::string_view name, std::string_view text, std::string_view expected) {
  return fail(Errc::kInvalidArgument, fmt::format("config {}: invalid value '{}': {}", name, text, expected));
}

template <typename T>
Result<T> parse_number(std::string_view name, std::string_view raw, const Bounds& bounds,
                       const char* expected) {
  std::string_view text = trim(raw);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) return bad_value(name, raw, expected);
  if (bounds.min && static_cast<double>(value) < *bounds.min)
    return bad_value(name, raw, fmt::format("must be at least {}", *bounds.min));
  if (bounds.max && static_cast<double>(value) > *bounds.max)
    return bad_value(name, raw, fmt::format("must be at most {}", *bounds.max));
  return value;
}

Result<> check_one_of(std::string_view name, std::string_view text, const Bounds& bounds) {
  if (bounds.one_of.empty() || std::ranges::find(bounds.one_of, text) != bounds.one_of.end()) return {};
  return bad_value(name, text, fmt::format("expected one of {}", fmt::join(bounds.one_of, ", ")));
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3f)));
  }
}

Result<std::string> unescape(std::string_view text, int line) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    switch (const char c = text[++i]) {
      case 't':
        out.push_back('\t');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'u': {
        std::uint32_t code = 0;
        const std::string_view digits = text.substr(i + 1, 4);
        const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (status != std::errc{} || digits.size() != 4 || end != digits.data() + 4)
          return fail(Errc::kInvalidArgument, fmt::format("properties line {}: malformed \\uxxxx", line));
        append_utf8(out, code);
        i += 4;
        break;
      }
      default:
        out.push_back(c);
    }
  }
  return out;
}

bool is_continued(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

}  // namespace

Result<Properties> parse_properties(std::string_view text) {
  Properties properties;
  int line_number = 0;
  while (!text.empty()) {
    std::string logical;
    bool is_first = true;
    const int first_line = line_number + 1;
    for (bool more = true; more && !text.empty();) {
      const std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
      ++line_number;
      if (line.ends_with('\r')) line.remove_suffix(1);
      while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == '\f'))
        line.remove_prefix(1);
      if (is_first && (line.empty() || line.front() == '#' || line.front() == '!')) break;
      is_first = false;
      more = is_continued(line);
      if (more) line.remove_suffix(1);
      logical += line;
    }
    if (logical.empty()) continue;
    std::size_t key_end = 0;
    while (key_end < logical.size() && !std::string_view("=: \t\f").contains(logical[key_end]))
      key_end += logical[key_end] == '\\' ? 2 : 1;
    key_end = std::min(key_end, logical.size());
    std::size_t value_at = key_end;
    bool has_separator = false;
    for (; value_at < logical.size(); ++value_at) {
      const char c = logical[value_at];
      if (!has_separator && (c == '=' || c == ':'))
        has_separator = true;
      else if (c != ' ' && c != '\t' && c != '\f')
        break;
    }
    TRY_ASSIGN(std::string key, unescape(std::string_view(logical).substr(0, key_end), first_line));
    TRY_ASSIGN(std::string value, unescape(std::string_view(logical).substr(value_at), first_line));
    properties[std::move(key)] = std::move(value);
  }
  return properties;
}

ConfigKey::ConfigKey(ConfigSection* section, std::string_view name, ConfigType type, Bounds bounds,
                     Update update, std::string_view doc)
    : name_(name), type_(type), bounds_(std::move(bounds)), update_(update), doc_(doc) {
  section->keys_.push_back(this);
}

Result<> ConfigSection::load(const Properties& properties) {
  for (ConfigKey* key : keys_) {
    const auto found = properties.find(key->name());
    if (found == properties.end()) continue;
    TRY(key->set(found->second));
    key->is_set_ = true;
  }
  return {};
}

ConfigKey* ConfigSection::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(keys_, [name](const ConfigKey* key) { return key->name() == name; });
  return found == keys_.end() ? nullptr : *found;
}

std::vector<std::string> unknown_keys(const Properties& properties,
                                      const std::vector<const ConfigSection*>& sections) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : properties) {
    const bool is_known = std::ranges::any_of(
        sections, [&](const ConfigSection* section) { return section->find(name) != nullptr; });
    if (!is_known) unknown.push_back(name);
  }
  return unknown;
}

Result<bool> ConfigValue<bool>::parse(std::string_view name, std::string_view raw, const Bounds&) {
  std::string text(trim(raw));
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (text == "true") return true;
  if (text == "false") return false;
  return bad_value(name, raw, "expected true or false");
}
std::string ConfigValue<bool>::print(const bool& value) { return value ? "true" : "false"; }

Result<std::int16_t> ConfigValue<std::int16_t>::parse(std::string_view name, std::string_view text,
                                                      const Bounds& bounds) {
  return parse_number<std::int16_t>(name, text, bounds, "not a number of type SHORT");
}
std::string ConfigValue<std::int16_t>::print(const std::int16_t& value) { return fmt::format("{}", value); }

Result<std::int32_t> ConfigValue<std::int32_t>::parse(std::string_view name, std::string_view text,
                                                      const Bounds& bounds) {
  return parse_number<std::int32_t>(name, text, bounds, "not a number of type INT");
}
std::string ConfigValue<std::int32_t>::print(const std::int32_t& value) { return fmt::format("{}", value); }

Result<std::int64_t> ConfigValue<std::int64_t>::parse(std::string_view name, std::string_view text,
                                                      const Bounds& bounds) {
  return parse_number<std::int64_t>(name, text, bounds, "not a number of type LONG");
}
std::string ConfigValue<std::int64_t>::print(const std::int64_t& value) { return fmt::format("{}", value); }

Result<double> ConfigValue<double>::parse(std::string_view name, std::string_view text,
                                          const Bounds& bounds) {
  return parse_number<double>(name, text, bounds, "not a number of type DOUBLE");
}
std::string ConfigValue<double>::print(const double& value) { return fmt::format("{}", value); }

Result<std::string> ConfigValue<std::string>::parse(std::string_view name, std::string_view raw,
                                                    const Bounds& bounds) {
  const std::string_view text = trim(raw);
  TRY(check_one_of(name, text, bounds));
  return std::string(text);
}
std::string ConfigValue<std::string>::print(const std::string& value) { return value; }

Result<std::vector<std::string>> ConfigValue<std::vector<std::string>>::parse(std::string_view name,
                                                                              std::string_view text,
                                                                              const Bounds& bounds) {
  std::vector<std::string> values;
  text = trim(text);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view item = trim(text.substr(0, comma));
    TRY(check_one_of(name, item, bounds));
    values.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
  }
  return values;
}
std::string ConfigValue<std::vector<std::string>>::print(const std::vector<std::string>& value) {
  return fmt::format("{}", fmt::join(value, ","));
}

}  // namespace penstock::base
