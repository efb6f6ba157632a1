// A topic's effective configuration in the shapes that storage and replication take.
#pragma once

#include <string_view>

#include "base/error.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/image.h"
#include "broker/replication/replica_manager.h"

namespace penstock::server {

// ERRORS: kInvalidArgument naming the key, when a dynamic broker default is out of bounds.
base::Result<replication::TopicSettings> topic_settings(const metadata::BrokerConfigView& view,
                                                        const metadata::MetadataImage& image,
                                                        std::string_view topic,
                                                        std::int64_t replica_lag_max_ms);

}  // namespace penstock::server
