#include "broker/coordinator/group/consumer_protocol.h"

namespace penstock::coordinator {

std::optional<std::set<std::string>> subscribed_topics(base::ByteSpan subscription) {
  base::ByteReader reader(subscription);
  const std::int16_t version = reader.read_int16();
  const std::int32_t count = reader.read_int32();
  // A topic takes at least its length prefix.
  if (reader.failed() || version < 0 || count < 0 || static_cast<std::size_t>(count) > reader.remaining() / 2)
    return std::nullopt;
  std::set<std::string> topics;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int16_t length = reader.read_int16();
    if (length < 0) return std::nullopt;
    topics.emplace(base::as_text(reader.read_span(static_cast<std::size_t>(length))));
    if (reader.failed()) return std::nullopt;
  }
  return topics;
}

}  // namespace penstock::coordinator
