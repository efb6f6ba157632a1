#include "operator/kube/lease.h"

#include <ctime>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "operator/kube/api_call.h"
#include "operator/kube/kind.h"

namespace penstock::kube {
namespace {

std::string text_in(const Json& spec, const char* field) {
  const auto found = spec.find(field);
  return found != spec.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t number_in(const Json& spec, const char* field) {
  const auto found = spec.find(field);
  return found != spec.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

Json lease_spec(const LeaseRecord& record) {
  Json spec = {{"leaseDurationSeconds", record.duration_s},
               {"acquireTime", record.acquire_time},
               {"renewTime", record.renew_time},
               {"leaseTransitions", record.transitions}};
  // The API takes no empty name: a lease that nobody holds names nobody.
  spec["holderIdentity"] = record.holder.empty() ? Json() : Json(record.holder);
  return spec;
}

}  // namespace

LeaseRecord read_lease(const Json& object) {
  LeaseRecord record;
  record.resource_version = meta_string(object, "resourceVersion");
  if (!object.is_object() || !object.contains("spec") || !object["spec"].is_object()) return record;
  const Json& spec = object["spec"];
  record.holder = text_in(spec, "holderIdentity");
  record.duration_s = number_in(spec, "leaseDurationSeconds");
  record.acquire_time = text_in(spec, "acquireTime");
  record.renew_time = text_in(spec, "renewTime");
  record.transitions = number_in(spec, "leaseTransitions");
  return record;
}

Json new_lease(const std::string& ns, const std::string& name, const LeaseRecord& record) {
  return {{"apiVersion", kLeaseKind.api_version()},
          {"kind", kLeaseKind.kind},
          {"metadata", {{"namespace", ns}, {"name", name}}},
          {"spec", lease_spec(record)}};
}

Json lease_patch(const LeaseRecord& record) {
  return {{"metadata", {{"resourceVersion", record.resource_version}}}, {"spec", lease_spec(record)}};
}

std::string micro_time(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, wall_ms % 1000);
}

}  // namespace penstock::kube
