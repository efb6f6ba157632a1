// The two hashes that clients and brokers must compute alike.
//
// Source: Kafka's Utils.murmur2 and BuiltInPartitioner (keys to partitions); Java's String.hashCode (groups
// and transactional ids to coordinator partitions). Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace penstock::kafka {

std::int32_t murmur2(base::ByteSpan bytes);

// Clears the sign bit (Kafka's Utils.toPositive; not the absolute value).
constexpr std::int32_t to_positive(std::int32_t number) { return number & 0x7fffffff; }

// The partition that Java's producer gives a record with this key.
std::int32_t partition_for_key(base::ByteSpan key, std::int32_t partition_count);

// Over the UTF-16 code units of the text. Malformed UTF-8 counts as U+FFFD, as Java decodes it.
std::int32_t java_hash_code(std::string_view utf8);

// abs(hash) % partitions, with Java's Utils.abs: the coordinator's partition of a group or transactional id.
std::int32_t coordinator_partition(std::string_view id, std::int32_t partition_count);

}  // namespace penstock::kafka
