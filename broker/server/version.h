// What this build calls itself.
#pragma once

namespace penstock::server {

inline constexpr const char* kVersionText = "penstock-broker 0.1.0 (serves the protocol of Apache Kafka 4.3)";

}  // namespace penstock::server
