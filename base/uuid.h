// Kafka's Uuid: 16 bytes, printed as 22 characters of URL-safe base64 without padding.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::base {

class Random;

struct Uuid {
  std::uint64_t most_significant = 0;
  std::uint64_t least_significant = 0;

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  bool is_zero() const { return most_significant == 0 && least_significant == 0; }

  std::string to_string() const;
  // ERRORS: kInvalidArgument when it is not 22 base64 characters.
  static Result<Uuid> parse(std::string_view text);
  // A random (version 4) id that is not reserved and does not begin with '-', as Kafka's Uuid.randomUuid.
  static Uuid random(Random& random);
};

}  // namespace penstock::base

template <>
struct std::hash<penstock::base::Uuid> {
  std::size_t operator()(const penstock::base::Uuid& id) const noexcept {
    return std::hash<std::uint64_t>()(id.most_significant * 0x9e3779b97f4a7c15ULL ^ id.least_significant);
  }
};
