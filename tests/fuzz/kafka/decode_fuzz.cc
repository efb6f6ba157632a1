// Decodes any bytes as any message. Input: message number (2 bytes), version (1 byte), body.
//
// What decodes must encode, decode again to the same bytes, and keep the second encoding: the first may
// differ from the input, since unknown tags are dropped and varints may be longer than they need to be.
#include <algorithm>
#include <cstdlib>

#include "kafka/message_registry.h"

namespace penstock {

namespace {

void require(bool held) {
  if (!held) std::abort();
}

base::Bytes encoded(const kafka::AnyMessage& message, std::int16_t version) {
  base::ByteWriter writer;
  require(message.encode(version, writer).has_value());
  return writer.take();
}

void decode_one(base::ByteReader& reader) {
  const auto types = kafka::all_messages();
  const kafka::MessageDescriptor& type = *types[reader.read_uint16() % types.size()];
  const std::int16_t versions = static_cast<std::int16_t>(type.versions.highest - type.versions.lowest + 1);
  const std::int16_t version =
      static_cast<std::int16_t>(type.versions.lowest + reader.read_uint8() % versions);
  if (reader.failed()) return;
  kafka::AnyMessage message(type);
  if (!message.decode(reader, version)) return;
  const base::Bytes first = encoded(message, version);
  base::ByteReader again(first);
  kafka::AnyMessage copy(type);
  require(copy.decode(again, version).has_value());
  require(again.remaining() == 0);
  require(encoded(copy, version) == first);
}

}  // namespace

}  // namespace penstock

// Longer inputs could be refused the second time: without their unknown tags they may take too much memory
// for the bytes that are left.
constexpr std::size_t kInputBytesMax = 1024;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kInputBytesMax) return -1;
  penstock::base::ByteReader reader({data, size});
  penstock::decode_one(reader);
  return 0;
}
