#include "broker/server/json_text.h"

#include <charconv>
#include <sstream>

#include <fmt/format.h>
#include <boost/property_tree/json_parser.hpp>

namespace penstock::server {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

base::Result<std::map<std::string, std::string>> read_json_object(const std::string& text) {
  const auto bad = [](std::string_view why) {
    return base::fail(base::Errc::kInvalidArgument, fmt::format("the body is no JSON object: {}", why));
  };
  boost::property_tree::ptree tree;
  try {
    std::istringstream in(text);
    boost::property_tree::read_json(in, tree);
  } catch (const boost::property_tree::json_parser_error& error) {
    return bad(error.message());
  }
  std::map<std::string, std::string> object;
  for (const auto& [name, value] : tree) {
    if (name.empty() || !value.empty()) return bad("members are numbers and strings");
    object.insert_or_assign(name, value.data());
  }
  return object;
}

base::Result<std::int64_t> json_integer(const std::map<std::string, std::string>& object,
                                        const std::string& name) {
  const auto found = object.find(name);
  std::int64_t value = 0;
  if (found != object.end()) {
    const std::string& text = found->second;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code == std::errc{} && end == text.data() + text.size()) return value;
  }
  return base::fail(base::Errc::kInvalidArgument, fmt::format("{}: an integer is needed", name));
}

}  // namespace penstock::server
