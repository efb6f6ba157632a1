#include "operator/resources/manifest.h"

#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

namespace penstock::resources {
namespace {

using base::Errc;
using base::fail;
using base::Result;

int line_at(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

std::string at_line(int line, const std::string& what) {
  return line > 0 ? "line " + std::to_string(line) + ": " + what : what;
}

// A plain scalar by YAML's core schema; "yes" and "on" stay text, as in Kubernetes' JSON.
Json plain_scalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  auto parsed = std::from_chars(begin, end, integer);
  if (parsed.ec == std::errc() && parsed.ptr == end) return integer;
  if (text.find_first_not_of("+-.0123456789eE") != std::string::npos) return text;
  double number = 0;
  auto parsed_number = std::from_chars(begin, end, number);
  if (parsed_number.ec == std::errc() && parsed_number.ptr == end && std::isfinite(number)) return number;
  return text;
}

class Converter {
 public:
  explicit Converter(std::map<std::string, int>* lines) : lines_(lines) {}

  Result<Json> convert(const YAML::Node& node, const std::string& path, int depth) {
    const int line = line_at(node.Mark());
    if (depth > kDepthMax) return fail(Errc::kLimitExceeded, at_line(line, path + " is nested too deeply"));
    if (++nodes_ > kNodesMax) return fail(Errc::kLimitExceeded, at_line(line, "the document is too large"));
    if (lines_ && line > 0) lines_->try_emplace(path, line);
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        if (node.Tag() == "?" || node.Tag().empty()) return plain_scalar(node.Scalar());
        return Json(node.Scalar());
      case YAML::NodeType::Sequence:
        return convert_sequence(node, path, depth);
      case YAML::NodeType::Map:
        return convert_map(node, path, depth);
      default:
        return Json(nullptr);
    }
  }

 private:
  // Aliases can make a small file a huge tree; this bounds what they may unfold to.
  static constexpr std::size_t kNodesMax = 50'000;

  Result<Json> convert_sequence(const YAML::Node& node, const std::string& path, int depth) {
    Json array = Json::array();
    for (std::size_t i = 0; i < node.size(); ++i) {
      TRY_ASSIGN(Json item, convert(node[i], path + "[" + std::to_string(i) + "]", depth + 1));
      array.push_back(std::move(item));
    }
    return array;
  }

  Result<Json> convert_map(const YAML::Node& node, const std::string& path, int depth) {
    Json object = Json::object();
    for (const auto& entry : node) {
      const int line = line_at(entry.first.Mark());
      if (!entry.first.IsScalar()) return fail(Errc::kInvalidArgument, at_line(line, "a key is not text"));
      const std::string& key = entry.first.Scalar();
      if (object.contains(key)) {
        return fail(Errc::kInvalidArgument, at_line(line, "the key " + key + " is there twice"));
      }
      const std::string inner = path.empty() ? key : path + "." + key;
      if (lines_ && line > 0) lines_->try_emplace(inner, line);
      TRY_ASSIGN(object[key], convert(entry.second, inner, depth + 1));
    }
    return object;
  }

  std::map<std::string, int>* lines_;
  std::size_t nodes_ = 0;
};

// yaml-cpp's parser recurses: text that would nest deeper than it can bear is refused before it is parsed.
Result<> check_flow_depth(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > 500) return fail(Errc::kLimitExceeded, "the document is nested too deeply");
  }
  std::size_t line_start = 0;
  while (line_start < text.size()) {
    std::size_t at = line_start;
    int markers = 0;
    while (at < text.size() && (text[at] == ' ' || text[at] == '-' || text[at] == '?')) {
      markers += text[at] != ' ';
      ++at;
    }
    if (markers > 500 || at - line_start > 4096)
      return fail(Errc::kLimitExceeded, "the document is nested too deeply");
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) break;
    line_start = end + 1;
  }
  return {};
}

}  // namespace

int ManifestDocument::line_of(std::string_view path) const {
  for (std::string name(path);;) {
    if (auto found = lines.find(name); found != lines.end()) return found->second;
    const std::size_t cut = name.find_last_of(".[");
    if (cut == std::string::npos) return line;
    name.resize(cut);
  }
}

Result<std::vector<ManifestDocument>> parse_manifest(std::string_view text) {
  if (text.size() > kManifestBytesMax) return fail(Errc::kLimitExceeded, "the manifest is larger than 4 MiB");
  TRY(check_flow_depth(text));
  std::vector<ManifestDocument> documents;
  try {
    const std::vector<YAML::Node> nodes = YAML::LoadAll(std::string(text));
    if (nodes.size() > kDocumentsMax)
      return fail(Errc::kLimitExceeded, "the manifest has more than 10000 documents");
    int index = 0;
    for (const YAML::Node& node : nodes) {
      ++index;
      if (!node.IsDefined() || node.IsNull()) continue;
      ManifestDocument document;
      document.index = index;
      document.line = line_at(node.Mark());
      auto object = Converter(&document.lines).convert(node, "", 0);
      if (!object) return fail(object.error().context("document " + std::to_string(index)));
      if (!object->is_object()) {
        return fail(Errc::kInvalidArgument, "document " + std::to_string(index) + ": " +
                                                at_line(document.line, "is not a map of fields"));
      }
      document.object = std::make_shared<Json>(std::move(*object));
      documents.push_back(std::move(document));
    }
  } catch (const YAML::Exception& exception) {
    return fail(Errc::kInvalidArgument, at_line(line_at(exception.mark), exception.msg));
  }
  return documents;
}

std::string describe(const ManifestDocument& document, const FieldError& error) {
  return "document " + std::to_string(document.index) + ", line " +
         std::to_string(document.line_of(error.path)) + ", " + error.to_string();
}

Result<Json> yaml_to_json(std::string_view text) {
  TRY_ASSIGN(auto documents, parse_manifest(text));
  if (documents.size() != 1) return fail(Errc::kInvalidArgument, "expected one YAML document");
  return std::move(*documents[0].object);
}

}  // namespace penstock::resources
