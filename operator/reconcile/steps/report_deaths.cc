#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/reconcile/cluster_context.h"

namespace penstock::reconcile {
namespace {

constexpr base::Logger log("reconcile");

// A process whose pod is gone or whose container has ended or was started again.
bool has_ended(const ClusterContext& context, const std::string& pod_name,
               const BrokerProcesses::Known& known) {
  const Json& pod = context.deps.store.pods.find(context.cluster.meta.ns, pod_name);
  return !pod.is_object() || BrokerProcesses::run_of(pod) != known.run;
}

// True when nothing more is to be told.
aio::Task<bool> tell(ClusterContext& context, BrokerProcess process) {
  const auto* broker = context.view ? context.view->find(process.id) : nullptr;
  const auto controller = context.controller_port();
  if (!controller) co_return false;
  // Out of service already, or another one by now.
  if (broker == nullptr || broker->is_fenced || broker->epoch != process.epoch) co_return true;
  const auto fenced = co_await context.deps.brokers.report_dead(*controller, process);
  if (!fenced) {
    log.debug("death of broker {}: {}", process.id, fenced.error().what());
    co_return false;
  }
  if (*fenced)
    log.info("broker {} of cluster {} has ended and is fenced", process.id, context.cluster.meta.key());
  co_return true;
}

// The epochs of those that run and are not known yet.
aio::Task<> learn(ClusterContext& context) {
  std::map<std::string, std::pair<std::string, AdminPort>> unknown;
  auto& processes = context.deps.processes.of(context.cluster.meta.key());
  for (const Json* pod : context.pods()) {
    const std::string name = resources::read_meta(*pod).name;
    std::string run = BrokerProcesses::run_of(*pod);
    if (run.empty() || !is_pod_ready(*pod) || processes.contains(name)) continue;
    unknown[name] = {std::move(run), context.admin_port(*pod)};
  }
  for (const auto& [name, asked] : unknown) {
    const auto process = co_await context.deps.brokers.describe_broker(asked.second);
    if (process && process->epoch >= 0)
      context.deps.processes.of(context.cluster.meta.key())[name] = {asked.first, *process};
  }
}

}  // namespace

// That a container has ended is known here before a session has: the active controller is told, and fences
// the broker if that was its process (docs/adr/0008).
StepResult report_deaths(ClusterContext& context) {
  const std::string key = context.cluster.meta.key();
  std::map<std::string, BrokerProcesses::Known> ended;
  for (auto& [pod, known] : context.deps.processes.of(key)) {
    if (!has_ended(context, pod, known)) continue;
    if (known.ended_ms < 0) known.ended_ms = context.wall_ms;
    ended[pod] = known;
  }
  for (const auto& [pod, known] : ended) {
    const bool is_late = context.wall_ms - known.ended_ms > BrokerProcesses::kToldMs;
    if (is_late || co_await tell(context, known.process)) {
      context.deps.processes.of(key).erase(pod);
    } else {
      context.look_again_in(base::seconds(1));
    }
  }
  co_await learn(context);
  co_return StepOutcome::go_on();
}

}  // namespace penstock::reconcile
