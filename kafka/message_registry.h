// Every message that there is, for tools that work on any of them: conformance, fuzzing, dumps.
//
// A program that uses this links the tables of all messages.
// Lifetime: an AnyMessage owns the message that it made.
// Threads:  constants; AnyMessage is a value of one thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/descriptor.h"

namespace penstock::kafka {

std::span<const MessageDescriptor* const> all_messages();

// Null when there is none.
const MessageDescriptor* descriptor(ApiKey key, bool is_request);
const MessageDescriptor* find_message(std::string_view name);

// A message of a type known only at run time.
class AnyMessage {
 public:
  explicit AnyMessage(const MessageDescriptor& type) : type_(&type), message_(type.create(), type.destroy) {}

  const MessageDescriptor& type() const { return *type_; }
  void* get() { return message_.get(); }
  const void* get() const { return message_.get(); }

  // Codec.h says what these do and which errors they have. decode() is for a message that was just made.
  base::Result<> decode(base::ByteReader& reader, std::int16_t version);
  base::Result<> encode(std::int16_t version, base::ByteWriter& writer) const;

 private:
  const MessageDescriptor* type_;
  std::unique_ptr<void, void (*)(void*)> message_;
};

}  // namespace penstock::kafka
