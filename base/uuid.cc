#include "base/uuid.h"

#include <fmt/core.h>

#include "base/random.h"

namespace penstock::base {

namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextSize = 22;
// Ids up to this one are reserved (Kafka's Uuid.RESERVED: zero, one and the metadata topic, and below 100 for
// directory ids).
constexpr std::uint64_t kReservedBelow = 100;
}  // namespace

std::string Uuid::to_string() const {
  std::array<std::uint8_t, 18> raw{};
  for (int i = 0; i < 8; ++i) {
    raw[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(most_significant >> (56 - 8 * i));
    raw[static_cast<std::size_t>(i + 8)] = static_cast<std::uint8_t>(least_significant >> (56 - 8 * i));
  }
  std::string text;
  for (std::size_t i = 0; i < raw.size(); i += 3) {
    const std::uint32_t group =
        static_cast<std::uint32_t>(raw[i]) << 16 | static_cast<std::uint32_t>(raw[i + 1]) << 8 | raw[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) text.push_back(kAlphabet[(group >> shift) & 63]);
  }
  text.resize(kTextSize);
  return text;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() != kTextSize)
    return fail(Errc::kInvalidArgument, fmt::format("uuid '{}': expected 22 base64 characters", text));
  std::array<std::uint8_t, 18> raw{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < 24; i += 4) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 4; ++j) {
      const char c = j < text.size() ? text[j] : 'A';
      const std::size_t digit = kAlphabet.find(c);
      if (digit == std::string_view::npos)
        return fail(Errc::kInvalidArgument, fmt::format("uuid '{}': not URL-safe base64", text));
      group = group << 6 | static_cast<std::uint32_t>(digit);
    }
    raw[at++] = static_cast<std::uint8_t>(group >> 16);
    raw[at++] = static_cast<std::uint8_t>(group >> 8);
    raw[at++] = static_cast<std::uint8_t>(group);
  }
  Uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.most_significant = id.most_significant << 8 | raw[i];
    id.least_significant = id.least_significant << 8 | raw[i + 8];
  }
  return id;
}

Uuid Uuid::random(Random& random) {
  for (;;) {
    Uuid id{random.next(), random.next()};
    id.most_significant = (id.most_significant & ~0xf000ULL) | 0x4000ULL;
    id.least_significant = (id.least_significant & ~(3ULL << 62)) | (2ULL << 62);
    const bool is_reserved = id.most_significant == 0 && id.least_significant < kReservedBelow;
    if (!is_reserved && id.to_string().front() != '-') return id;
  }
}

}  // namespace penstock::base
