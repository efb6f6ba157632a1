// Text in the exposition format of Prometheus.
//
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
// Threads: one.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

namespace penstock::server {

class MetricsText {
 public:
  struct Label {
    std::string_view name;
    std::string_view value;  // Of ours: nothing in it needs an escape.
  };

  // Begins a family; its samples follow.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    family_ = name;
    text_ += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <typename Number>
    requires std::integral<Number>
  void sample(const std::vector<Label>& labels, Number value) {
    text_ += family_;
    for (std::size_t i = 0; i < labels.size(); ++i)
      text_ += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].name, labels[i].value);
    text_ += fmt::format("{} {}\n", labels.empty() ? "" : "}", value);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string family_;
  std::string text_;
};

}  // namespace penstock::server
