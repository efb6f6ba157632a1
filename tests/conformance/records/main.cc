// Prints record batches of every codec, level and shape, one a line:
//   <records> <first value's bytes> <hex of the batch>
// ReadBatches.java reads them with Kafka's classes and checks that every record is what make_record() made.
#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "kafka/compression.h"
#include "kafka/record_batch_builder.h"

namespace {

using namespace penstock;

constexpr std::int64_t kTime = 1700000000000;

// Record i of a batch: "key-i" (null when i % 5 == 4), a value of `size` + i % 7 bytes, one header when i % 3
// == 0.
void add_record(kafka::RecordBatchBuilder& builder, int i, int size) {
  const std::string key = fmt::format("key-{}", i);
  std::string value;
  while (value.size() < static_cast<std::size_t>(size + i % 7)) value += fmt::format("{} ", i * 7919);
  value.resize(static_cast<std::size_t>(size + i % 7));
  const kafka::RecordHeader header{"h", base::as_bytes(key)};
  builder.append(kTime + i, i % 5 == 4 ? std::nullopt : std::optional(base::as_bytes(key)),
                 base::as_bytes(value), std::span(&header, i % 3 == 0 ? 1u : 0u));
}

bool print_batch(kafka::Compression codec, std::optional<int> level, int count, int size) {
  kafka::RecordBatchOptions options;
  options.base_offset = kafka::Offset(1000);
  options.compression = codec;
  options.compression_level = level;
  kafka::RecordBatchBuilder builder(options);
  for (int i = 0; i < count; ++i) add_record(builder, i, size);
  const auto batch = builder.build();
  if (!batch) {
    fmt::print(stderr, "{}\n", batch.error().what());
    return false;
  }
  std::string hex;
  for (const std::uint8_t byte : *batch) hex += fmt::format("{:02x}", byte);
  fmt::print("{} {} {}\n", count, size, hex);
  return true;
}

}  // namespace

int main() {
  struct Choice {
    kafka::Compression codec;
    std::vector<std::optional<int>> levels;
  };
  const Choice choices[] = {{kafka::Compression::kNone, {std::nullopt}},
                            {kafka::Compression::kGzip, {std::nullopt, 1, 9}},
                            {kafka::Compression::kSnappy, {std::nullopt}},
                            {kafka::Compression::kLz4, {std::nullopt, 1, 12, 17}},
                            {kafka::Compression::kZstd, {std::nullopt, 1, 19, -5}}};
  for (const Choice& choice : choices) {
    for (const auto& level : choice.levels) {
      for (const int count : {1, 2, 100, 1500}) {
        for (const int size : {0, 1, 90, 2000}) {
          if (!print_batch(choice.codec, level, count, size)) return 1;
        }
      }
    }
  }
  return 0;
}
