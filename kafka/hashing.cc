#include "kafka/hashing.h"

#include <cstdlib>
#include <limits>

#include "base/assert.h"

namespace penstock::kafka {

// MurmurHash2 (Austin Appleby, public domain) with Kafka's seed, reading little-endian words.
std::int32_t murmur2(base::ByteSpan bytes) {
  constexpr std::uint32_t kSeed = 0x9747b28c;
  constexpr std::uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;

  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  const std::size_t left = bytes.size() - at;
  if (left == 3) hash ^= static_cast<std::uint32_t>(bytes[at + 2]) << 16;
  if (left >= 2) hash ^= static_cast<std::uint32_t>(bytes[at + 1]) << 8;
  if (left >= 1) {
    hash ^= bytes[at];
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return static_cast<std::int32_t>(hash);
}

std::int32_t partition_for_key(base::ByteSpan key, std::int32_t partition_count) {
  BASE_ASSERT(partition_count > 0, "a topic has partitions");
  return to_positive(murmur2(key)) % partition_count;
}

namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

// The code point at `at`, which moves behind it. A malformed sequence is consumed up to its first wrong byte.
std::uint32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<std::uint8_t>(text[at++]);
  if (lead < 0x80) return lead;
  std::size_t more;
  std::uint32_t point;
  std::uint8_t low = 0x80;  // The range of the second byte excludes overlong forms and surrogates.
  std::uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    more = 1;
    point = lead & 0x1fu;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    more = 2;
    point = lead & 0x0fu;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    more = 3;
    point = lead & 0x07u;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return kReplacement;
  }
  for (; more > 0; --more, ++at) {
    if (at >= text.size()) return kReplacement;
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte < low || byte > high) return kReplacement;
    point = point << 6 | (byte & 0x3fu);
    low = 0x80;
    high = 0xbf;
  }
  return point;
}

}  // namespace

std::int32_t java_hash_code(std::string_view utf8) {
  std::uint32_t hash = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::uint32_t point = next_code_point(utf8, at);
    if (point < 0x10000) {
      hash = hash * 31 + point;
    } else {
      hash = hash * 31 + (0xd7c0 + (point >> 10));
      hash = hash * 31 + (0xdc00 + (point & 0x3ff));
    }
  }
  return static_cast<std::int32_t>(hash);
}

std::int32_t coordinator_partition(std::string_view id, std::int32_t partition_count) {
  BASE_ASSERT(partition_count > 0, "a coordinator topic has partitions");
  const std::int32_t hash = java_hash_code(id);
  return (hash == std::numeric_limits<std::int32_t>::min() ? 0 : std::abs(hash)) % partition_count;
}

}  // namespace penstock::kafka
