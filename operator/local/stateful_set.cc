#include "operator/local/stateful_set.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "base/log.h"
#include "operator/local/selector.h"

namespace penstock::local {

namespace {

constexpr base::Logger log("statefulsets");
constexpr const char* kRevisionLabel = "controller-revision-hash";

WriteOptions quiet() {
  WriteOptions options;
  options.tracks_fields = false;
  return options;
}

bool is_ready(const Json& pod) {
  const Json& conditions = value_at(pod, "/status/conditions");
  if (!conditions.is_array()) return false;
  return std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
    return text_at(condition, "/type") == "Ready" && text_at(condition, "/status") == "True";
  });
}

Json owner_reference(const Json& owner) {
  return {{"apiVersion", text_at(owner, "/apiVersion")},
          {"kind", text_at(owner, "/kind")},
          {"name", name_of(owner)},
          {"uid", uid_of(owner)},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

// One StatefulSet in one pass.
class Pass {
 public:
  Pass(Objects& objects, const Json& set)
      : objects_(objects),
        set_(set),
        ns_(namespace_of(set)),
        name_(name_of(set)),
        revision_(revision_of(set)),
        replicas_(std::max<std::int64_t>(0, number_at(set, "/spec/replicas", 1))) {}

  void run() {
    collect_pods();
    if (!is_being_deleted(set_)) {
      const bool is_parallel = text_at(set_, "/spec/podManagementPolicy") == "Parallel";
      for (std::int64_t ordinal = 0; ordinal < replicas_; ++ordinal) {
        const auto found = pods_.find(ordinal);
        if (found == pods_.end()) make_pod(ordinal);
        if (!is_parallel && (found == pods_.end() || !is_ready(*found->second))) break;
      }
      for (const auto& [ordinal, pod] : pods_)
        if (ordinal >= replicas_ && !is_being_deleted(*pod)) remove(*pod);
      if (text_at(set_, "/spec/updateStrategy/type") == "RollingUpdate") roll();
    }
    report();
  }

 private:
  void collect_pods() {
    for (const ObjectPtr& pod : objects_.store().list("pods", ns_)) {
      const Json& owners = value_at(*pod, "/metadata/ownerReferences");
      const std::string name = name_of(*pod);
      if (!owners.is_array() || owners.empty() || text_at(owners[0], "/uid") != uid_of(set_)) continue;
      std::int64_t ordinal = -1;
      const char* digits = name.c_str() + name.rfind('-') + 1;
      std::from_chars(digits, name.c_str() + name.size(), ordinal);
      if (ordinal >= 0) pods_[ordinal] = pod;
    }
  }

  void make_pod(std::int64_t ordinal) {
    const std::string pod_name = fmt::format("{}-{}", name_, ordinal);
    Json pod = value_at(set_, "/spec/template");
    if (!pod.is_object()) return;
    pod["metadata"]["name"] = pod_name;
    pod["metadata"]["labels"][kRevisionLabel] = name_ + "-" + revision_;
    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = pod_name;
    pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = std::to_string(ordinal);
    pod["metadata"]["ownerReferences"] = Json::array({owner_reference(set_)});
    pod["spec"]["hostname"] = pod_name;
    pod["spec"]["subdomain"] = text_at(set_, "/spec/serviceName");
    const Json& claims = value_at(set_, "/spec/volumeClaimTemplates");
    if (claims.is_array())
      for (const Json& claim : claims) make_claim(claim, pod_name, pod["spec"]["volumes"]);
    const auto made = objects_.create(*objects_.kinds().find_resource("pods"), ns_, std::move(pod), quiet());
    if (!made && made.error().code() != base::Errc::kAlreadyExists)
      log.warn("pod {}/{}: {}", ns_, pod_name, made.error().what());
  }

  void make_claim(const Json& claim_template, const std::string& pod_name, Json& volumes) {
    const std::string volume = name_of(claim_template);
    const std::string claim_name = volume + "-" + pod_name;
    if (!volumes.is_array()) volumes = Json::array();
    std::erase_if(volumes.get_ref<Json::array_t&>(),
                  [&](const Json& v) { return text_at(v, "/name") == volume; });
    volumes.push_back({{"name", volume}, {"persistentVolumeClaim", {{"claimName", claim_name}}}});
    Json claim = claim_template;
    claim["metadata"]["name"] = claim_name;
    if (text_at(set_, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete")
      claim["metadata"]["ownerReferences"] = Json::array({owner_reference(set_)});
    const auto made = objects_.create(*objects_.kinds().find_resource("persistentvolumeclaims"), ns_,
                                      std::move(claim), quiet());
    if (!made && made.error().code() != base::Errc::kAlreadyExists)
      log.warn("claim {}/{}: {}", ns_, claim_name, made.error().what());
  }

  bool is_current(const Json& pod) const { return label_of(pod, kRevisionLabel) == name_ + "-" + revision_; }

  // The highest ordinal first, one at a time, and only while all others are ready.
  void roll() {
    for (const auto& [ordinal, pod] : pods_)
      if (is_being_deleted(*pod) || (is_current(*pod) && !is_ready(*pod))) return;
    for (auto at = pods_.rbegin(); at != pods_.rend(); ++at)
      if (!is_current(*at->second)) return remove(*at->second);
  }

  void remove(const Json& pod) {
    const auto done = objects_.remove(*objects_.kinds().find_resource("pods"), ns_, name_of(pod), {});
    if (!done) log.warn("delete pod {}/{}: {}", ns_, name_of(pod), done.error().what());
  }

  void report() {
    pods_.clear();
    collect_pods();
    const auto count = [this](auto predicate) {
      return std::count_if(pods_.begin(), pods_.end(),
                           [&](const auto& pod) { return predicate(*pod.second); });
    };
    const auto ready = count([](const Json& pod) { return is_ready(pod) && !is_being_deleted(pod); });
    const auto updated = count([this](const Json& pod) { return is_current(pod); });
    Json changed = set_;
    Json& status = changed["status"];
    const bool is_rolled = updated == static_cast<std::int64_t>(pods_.size());
    status["observedGeneration"] = number_at(set_, "/metadata/generation", 1);
    status["replicas"] = pods_.size();
    status["readyReplicas"] = ready;
    status["availableReplicas"] = ready;
    status["updatedReplicas"] = updated;
    status["updateRevision"] = name_ + "-" + revision_;
    if (is_rolled || !status.contains("currentRevision")) status["currentRevision"] = name_ + "-" + revision_;
    status["currentReplicas"] = is_rolled ? updated : static_cast<std::int64_t>(pods_.size()) - updated;
    WriteOptions options = quiet();
    options.subresource = "status";
    const auto done = objects_.update(*objects_.kinds().find_resource("statefulsets.apps"), ns_, name_,
                                      std::move(changed), options);
    if (!done) log.warn("status of {}/{}: {}", ns_, name_, done.error().what());
  }

  Objects& objects_;
  const Json& set_;
  const std::string ns_;
  const std::string name_;
  const std::string revision_;
  const std::int64_t replicas_;
  std::map<std::int64_t, ObjectPtr> pods_;  // By ordinal.
};

}  // namespace

std::string revision_of(const Json& stateful_set) {
  const std::string text = value_at(stateful_set, "/spec/template").dump();
  return fmt::format("{:08x}", base::crc32c(base::as_bytes(text)));
}

void reconcile_stateful_sets(Objects& objects) {
  for (const ObjectPtr& set : objects.store().list("statefulsets.apps", "")) Pass(objects, *set).run();
}

}  // namespace penstock::local
