#include "operator/resources/admin_secret.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "operator/resources/build_json.h"
#include "operator/resources/read_json.h"

namespace penstock::resources {

std::string admin_secret_name(const KafkaCluster& cluster) { return cluster.meta.name + "-admin"; }

Json build_admin_secret(const KafkaCluster& cluster, const std::string& token) {
  Json object = object_of(cluster, "v1", "Secret", admin_secret_name(cluster), "admin");
  object["type"] = "Opaque";
  object["data"][kAdminTokenKey] = base::encode_base64(token);
  return object;
}

base::Result<std::string> read_admin_token(const Json& secret) {
  std::string token = base::decode_base64(text_or(child_of(secret, "data"), kAdminTokenKey));
  if (token.empty()) {
    return base::fail(base::Errc::kCorrupt, "Secret " + read_meta(secret).key() + " has no " +
                                                kAdminTokenKey + "; delete it, and another is made");
  }
  return token;
}

}  // namespace penstock::resources
