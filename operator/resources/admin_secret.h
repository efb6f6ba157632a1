// The Secret with the token that the brokers' admin ports ask for. Made once, then kept.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "base/error.h"
#include "operator/resources/desired.h"

namespace penstock::resources {

inline constexpr const char* kAdminSecretDirectory = "/etc/penstock-admin";
inline constexpr const char* kAdminTokenKey = "token";

std::string admin_secret_name(const KafkaCluster& cluster);
Json build_admin_secret(const KafkaCluster& cluster, const std::string& token);
// ERRORS: kCorrupt when it has none.
base::Result<std::string> read_admin_token(const Json& secret);

}  // namespace penstock::resources
