#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

base::Result<> check_value(base::ConfigType type, const std::string& name, const std::string& value) {
  const auto check = [&]<typename T>() -> base::Result<> {
    TRY(base::ConfigValue<T>::parse(name, value, {}));
    return {};
  };
  switch (type) {
    case base::ConfigType::kBoolean:
      return check.operator()<bool>();
    case base::ConfigType::kShort:
      return check.operator()<std::int16_t>();
    case base::ConfigType::kInt:
      return check.operator()<std::int32_t>();
    case base::ConfigType::kLong:
      return check.operator()<std::int64_t>();
    case base::ConfigType::kDouble:
      return check.operator()<double>();
    default:
      return {};
  }
}

}  // namespace

// A value that cannot be read would end the broker at its next start. The one that runs knows its properties'
// types, so it is asked, once for each revision. Ranges are not among what Kafka's protocol tells.
StepResult check_config(ClusterContext& context) {
  const auto& meta = context.cluster.meta;
  const std::string revision = resources::build_config_map(context.cluster)["metadata"]["name"];
  const bool is_known = context.deps.store.config_maps.find(meta.ns, revision).is_object();
  const std::string endpoints = ready_endpoints(context.deps, meta.ns, meta.name);
  // Without a broker there is none to protect, and the change may be what mends it.
  if (context.cluster.config.empty() || is_known || endpoints.empty()) co_return StepOutcome::go_on();
  const auto admin = context.deps.admins.of(meta.key(), endpoints);
  const auto types = co_await admin->describe_types(context.identity.node_id_base);
  if (!types) {
    log.warn("cluster {}: its new configuration is not checked: {}", meta.key(), types.error().what());
    co_return StepOutcome::go_on();
  }
  for (const auto& [name, value] : context.cluster.config) {
    const auto type = types->find(name);
    if (type == types->end()) continue;
    if (const auto checked = check_value(type->second, name, value); !checked) {
      context.blocked_reason = "InvalidConfig";
      context.blocked_message = "spec.config: " + checked.error().what();
      co_return StepOutcome::stop();
    }
  }
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
