#include "operator/local/rewriter.h"

#include <algorithm>

namespace penstock::local {

namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.';
}

std::vector<std::string> labels_of(std::string_view name) {
  std::vector<std::string> labels;
  while (true) {
    const std::size_t dot = name.find('.');
    labels.emplace_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

void Rewriter::add_mount(std::string mount_path, std::string host_path) {
  while (mount_path.size() > 1 && mount_path.back() == '/') mount_path.pop_back();
  const auto shorter = std::find_if(mounts_.begin(), mounts_.end(),
                                    [&](const auto& m) { return m.first.size() < mount_path.size(); });
  mounts_.emplace(shorter, std::move(mount_path), std::move(host_path));
}

std::string Rewriter::rewrite(std::string_view text) const { return rewrite_paths(rewrite_names(text)); }

std::string Rewriter::rewrite_names(std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (!is_name_char(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_name_char(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    std::string_view name = word;
    constexpr std::string_view kDomain = ".cluster.local";
    if (name.ends_with(".")) name.remove_suffix(1);
    if (name.ends_with(kDomain)) name.remove_suffix(kDomain.size());
    const std::vector<std::string> labels = labels_of(name);
    std::string address;
    if (labels.back() == "svc" && labels.size() == 4) address = resolve_(labels[2], labels[0], labels[1]);
    if (labels.back() == "svc" && labels.size() == 3) address = resolve_(labels[1], "", labels[0]);
    out += address.empty() ? std::string(word) : address;
    at = end;
  }
  return out;
}

std::string Rewriter::rewrite_paths(std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const bool starts_path =
        text[at] == '/' && (at == 0 || (!is_name_char(text[at - 1]) && text[at - 1] != '/'));
    const auto mount =
        !starts_path ? mounts_.end() : std::find_if(mounts_.begin(), mounts_.end(), [&](const auto& m) {
          if (!text.substr(at).starts_with(m.first)) return false;
          const std::size_t after = at + m.first.size();
          return after == text.size() || !is_name_char(text[after]);
        });
    if (mount == mounts_.end()) {
      out += text[at++];
    } else {
      out += mount->second;
      at += mount->first.size();
    }
  }
  return out;
}

std::string expand_variables(std::string_view text, const std::map<std::string, std::string>& variables) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$' || at + 1 == text.size()) {
      out += text[at++];
      continue;
    }
    if (text[at + 1] == '$') {
      out += '$';
      at += 2;
      continue;
    }
    const std::size_t end = text[at + 1] == '(' ? text.find(')', at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[at++];
      continue;
    }
    const auto found = variables.find(std::string(text.substr(at + 2, end - at - 2)));
    out += found == variables.end() ? std::string(text.substr(at, end - at + 1)) : found->second;
    at = end + 1;
  }
  return out;
}

}  // namespace penstock::local
