// What a broker reads of the consumers' own protocol: which topics a member subscribes to.
//
// Source: Kafka's ConsumerProtocolSubscription; version 0 is a prefix of every later one.
// Threads: any.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/bytes.h"

namespace penstock::coordinator {

// nullopt when the bytes are not a subscription; they come from a client and may be anything.
std::optional<std::set<std::string>> subscribed_topics(base::ByteSpan subscription);

}  // namespace penstock::coordinator
