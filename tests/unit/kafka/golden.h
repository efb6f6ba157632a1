// What Apache Kafka's own classes wrote; see testdata/GoldenBatches.java.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace penstock::kafka::golden {

inline base::Bytes from_hex(std::string_view hex) {
  base::Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline base::Bytes batch(std::string_view name) {
  static const std::map<std::string_view, std::string_view> kBatches = {
#define BATCH(batch_name, hex) {batch_name, hex},
#define CRC(batch_name, crc)
#define MURMUR(hex, hash)
#define HASH(hex, hash, partition)
#include "tests/unit/kafka/testdata/golden_batches.inc"
#undef BATCH
#undef CRC
#undef MURMUR
#undef HASH
  };
  return from_hex(kBatches.at(name));
}

}  // namespace penstock::kafka::golden
