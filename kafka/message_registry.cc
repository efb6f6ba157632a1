#include "kafka/message_registry.h"

#include "kafka/codec.h"

namespace penstock::kafka {

const MessageDescriptor* descriptor(ApiKey key, bool is_request) {
  const MessageKind kind = is_request ? MessageKind::kRequest : MessageKind::kResponse;
  for (const MessageDescriptor* message : all_messages()) {
    if (message->kind == kind && message->key == static_cast<std::int16_t>(key)) return message;
  }
  return nullptr;
}

const MessageDescriptor* find_message(std::string_view name) {
  for (const MessageDescriptor* message : all_messages()) {
    if (message->name == name) return message;
  }
  return nullptr;
}

base::Result<> AnyMessage::decode(base::ByteReader& reader, std::int16_t version) {
  return decode_message(*type_, message_.get(), version, reader, nullptr);
}

base::Result<> AnyMessage::encode(std::int16_t version, base::ByteWriter& writer) const {
  return encode_message(*type_, message_.get(), version, writer, nullptr);
}

}  // namespace penstock::kafka
