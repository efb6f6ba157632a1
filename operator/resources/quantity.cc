#include "operator/resources/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace penstock::resources {

base::Result<double> parse_quantity(std::string_view text) {
  static constexpr auto kSuffixes = std::to_array<std::pair<std::string_view, double>>({
      {"", 1},
      {"n", 1e-9},
      {"u", 1e-6},
      {"m", 1e-3},
      {"k", 1e3},
      {"M", 1e6},
      {"G", 1e9},
      {"T", 1e12},
      {"P", 1e15},
      {"E", 1e18},
      {"Ki", 1024.0},
      {"Mi", 1048576.0},
      {"Gi", 1073741824.0},
      {"Ti", 1099511627776.0},
      {"Pi", 1125899906842624.0},
      {"Ei", 1152921504606846976.0},
  });
  std::size_t end = 0;
  if (end < text.size() && (text[end] == '+' || text[end] == '-')) ++end;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == '.')) ++end;
  std::string_view number_text = text.substr(0, end);
  std::string_view suffix = text.substr(end);
  // "1e3" is an exponent, "1E" is 10^18.
  if (suffix.size() > 1 && (suffix[0] == 'e' || suffix[0] == 'E')) {
    number_text = text;
    suffix = "";
  }
  if (number_text.starts_with('+')) number_text.remove_prefix(1);
  double number = 0;
  const auto parsed = std::from_chars(number_text.data(), number_text.data() + number_text.size(), number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == number_text.data() + number_text.size();
  for (const auto& [name, factor] : kSuffixes) {
    if (is_number && std::isfinite(number) && suffix == name) return number * factor;
  }
  return base::fail(base::Errc::kInvalidArgument,
                    "\"" + std::string(text) + "\" is no quantity such as 10Gi");
}

}  // namespace penstock::resources
