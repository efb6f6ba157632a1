// Text in aligned columns, two spaces apart, as kubectl prints it.
//
// Threads: values.
#pragma once

#include <string>
#include <vector>

namespace penstock::cli {

class Columns {
 public:
  explicit Columns(std::vector<std::string> titles) { rows_.push_back(std::move(titles)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Each line starts with `indent`. Empty cells print as "-".
  std::string text(const std::string& indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace penstock::cli
