// The value of a control record of the metadata log.
//
// Threads: pure functions.
#pragma once

#include "base/assert.h"
#include "base/bytes.h"
#include "kafka/codec.h"

namespace penstock::raft {

template <typename Message>
base::Bytes encode_control(const Message& message) {
  base::ByteWriter writer;
  const auto encoded = kafka::encode(message, 0, writer);
  BASE_ASSERT(encoded.has_value(), "a control record encodes");
  return writer.take();
}

}  // namespace penstock::raft
