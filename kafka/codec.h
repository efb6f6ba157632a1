// Encoding and decoding of every Kafka message, in every version, byte for byte as Kafka does.
//
// decode() reads no further than the message; what follows stays in the reader. It is bounded: counts and
// lengths are checked against the bytes left before anything is allocated, and what a message occupies in
// memory is limited to a small multiple of its bytes.
//
// Source: KIP-482 (flexible versions, tagged fields), KIP-893 (nullable structs), kafka/schema.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/descriptor.h"
#include "kafka/records_ref.h"

namespace penstock::kafka {

// With `pieces`, records are not copied into the writer: their length is, and where they belong is noted.
// ERRORS: kUnsupported (no such version, or a field that is set and not ignorable is not in that version:
//         the error names message and field), kInvalidArgument (null where the version has no null, a file
//         range without `pieces`, a string or array too long for the protocol). The writer and `pieces`
//         are then as they were.
base::Result<> encode_message(const MessageDescriptor& descriptor, const void* message, std::int16_t version,
                              base::ByteWriter& writer, std::vector<RecordsPiece>* pieces);

// REQUIRES: `message` is freshly made by descriptor.create() or a default constructor.
// ERRORS:   kUnsupported (no such version), kCorrupt (malformed; the reader has failed).
base::Result<> decode_message(const MessageDescriptor& descriptor, void* message, std::int16_t version,
                              base::ByteReader& reader, const std::shared_ptr<const void>& owner);

template <typename T>
base::Result<> encode(const T& message, std::int16_t version, base::ByteWriter& writer,
                      std::vector<RecordsPiece>* pieces = nullptr) {
  return encode_message(T::kDescriptor, &message, version, writer, pieces);
}

// `owner` keeps the reader's bytes alive and is given to every RecordsRef; without it they borrow the bytes.
template <typename T>
base::Result<T> decode(base::ByteReader& reader, std::int16_t version,
                       const std::shared_ptr<const void>& owner = nullptr) {
  base::Result<T> message;
  if (auto done = decode_message(T::kDescriptor, &*message, version, reader, owner); !done) {
    return std::unexpected(std::move(done).error());
  }
  return message;
}

// The version of the header that goes with a body.
std::int16_t request_header_version(ApiKey key, std::int16_t version);
std::int16_t response_header_version(ApiKey key, std::int16_t version);

}  // namespace penstock::kafka
