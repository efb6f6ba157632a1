#include "cli/columns.h"

#include <algorithm>

#include <fmt/format.h>

namespace penstock::cli {

std::string Columns::text(const std::string& indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()), 1);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line = indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string& cell = row[i].empty() ? "-" : row[i];
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", cell, widths[i]) : cell;
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace penstock::cli
