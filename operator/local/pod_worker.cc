#include "operator/local/pod_worker.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::local {

namespace {

constexpr base::Logger log("pods");
constexpr const char* kPidAnnotation = "penstock.dev/pid";

}  // namespace

PodWorker::PodWorker(PodRunner& runner, ObjectPtr pod)
    : runner_(runner),
      key_{"pods", namespace_of(*pod), name_of(*pod)},
      uid_(uid_of(*pod)),
      pod_(std::move(pod)) {}

void PodWorker::end(End how) {
  if (end_ != End::kNone) return;
  end_ = how;
  ending_.cancel();
  ended_.set(true);
}

ObjectPtr PodWorker::current() const {
  ObjectPtr now = runner_.objects_.store().get(key_);
  return now && uid_of(*now) == uid_ ? now : nullptr;
}

base::Duration PodWorker::grace() const {
  const ObjectPtr pod = current();
  if (!pod) return {};
  const std::int64_t configured = number_at(*pod, "/spec/terminationGracePeriodSeconds", 30);
  return base::seconds(number_at(*pod, "/metadata/deletionGracePeriodSeconds", configured));
}

aio::Task<> PodWorker::run() {
  const auto self = shared_from_this();
  // What it needs, such as a ConfigMap, may come later than the pod.
  while (end_ == End::kNone) {
    const auto prepared = prepare();
    if (prepared) break;
    if (problem_ != prepared.error().what()) {
      problem_ = prepared.error().what();
      log.warn("{} cannot start: {}", key_.to_string(), problem_);
      report();
    }
    (void)co_await aio::sleep_for(runner_.reactor_, base::milliseconds(200), ending_.token());
  }
  problem_.clear();
  if (end_ == End::kNone) {
    for (const auto& container : containers_) container->start();
    report();
    co_await ended_.wait();
  }
  const base::Duration patience = grace();
  for (const auto& container : containers_) {
    if (end_ == End::kRelease) {
      co_await container->release();
    } else {
      co_await container->stop(patience);
    }
  }
  if (end_ == End::kDelete) {
    co_await end_leftovers();
    clean_up();
  }
  if (end_ == End::kShutdown) report();
  runner_.forget(uid_);
}

// Processes of an earlier penstock-local whose pod was deleted before this one took them up.
aio::Task<> PodWorker::end_leftovers() {
  for (const ProcessId process : runner_.take_processes(uid_)) {
    signal_process(process, SIGTERM);
    const base::MonoTime deadline = runner_.reactor_.now() + grace();
    while (is_alive(process) && runner_.reactor_.now() < deadline)
      (void)co_await aio::sleep_for(runner_.reactor_, base::milliseconds(20));
    signal_process(process, SIGKILL);
  }
}

base::Result<PodPlan> PodWorker::plan(const Json& pod) {
  AddressBook& addresses = runner_.addresses_;
  const auto resolve = [&addresses](const std::string& ns, const std::string& name, const std::string&) {
    if (name.empty()) return std::string("127.0.0.1");  // A Service: its proxy listens there.
    return addresses.address_of(ns, name).value_or("");
  };
  Json with_address = pod;
  with_address["status"]["podIP"] = address_;
  return plan_pod(with_address, runner_.objects_.store(), runner_.paths_, resolve);
}

base::Result<> PodWorker::prepare() {
  const ObjectPtr pod = current();
  if (!pod) return base::fail(base::Errc::kNotFound, "the pod is gone");
  TRY_ASSIGN(address_, runner_.addresses_.address_of(key_.ns, key_.name));
  TRY_ASSIGN(const PodPlan planned, plan(*pod));
  TRY(write_files(planned));
  container_specs_ = std::make_shared<Json>(value_at(*pod, "/spec/containers"));
  const Json& statuses = value_at(*pod, "/status/containerStatuses");
  for (std::size_t i = 0; i < planned.containers.size(); ++i) {
    Container::Options options;
    options.plan = planned.containers[i];
    options.spec = &(*container_specs_)[i];
    options.marker =
        fmt::format("{}|{}|{}|{}|{}", runner_.paths_.home, key_.ns, key_.name, options.plan.name, uid_);
    options.log_path = runner_.paths_.log_of(key_.ns, key_.name);
    options.address = address_;
    options.grace = grace();
    options.restarts = text_at(*pod, "/spec/restartPolicy") != "Never";
    options.adopted = runner_.take_process(options.marker);
    if (statuses.is_array() && i < statuses.size()) {
      const bool has_run = value_at(statuses[i], "/state/running").is_object() ||
                           value_at(statuses[i], "/lastState/terminated").is_object();
      options.restart_count = static_cast<int>(number_at(statuses[i], "/restartCount", 0));
      if (has_run && !options.adopted) ++options.restart_count;
    }
    containers_.push_back(std::make_unique<Container>(runner_.reactor_, runner_.transport_,
                                                      std::move(options), [this] { report(); }));
  }
  return {};
}

base::Result<> PodWorker::write_files(const PodPlan& planned) {
  for (const std::string& directory : planned.directories) TRY(runner_.disk_.create_directories(directory));
  TRY(runner_.disk_.create_directories(runner_.paths_.home + "/logs"));
  for (const auto& [path, content] : planned.files) {
    const auto present = base::read_file(runner_.disk_, path);
    if (present && base::as_text(*present) == content) continue;
    TRY(base::write_file_atomically(runner_.disk_, path, base::as_bytes(content)));
  }
  return {};
}

void PodWorker::refresh_files() {
  const ObjectPtr pod = current();
  if (!pod || containers_.empty()) return;
  if (const auto planned = plan(*pod))
    if (const auto written = write_files(*planned); !written)
      log.warn("{}: {}", key_.to_string(), written.error().what());
}

Json PodWorker::status_of_container(const Container& container) const {
  const ContainerStatus& status = container.status();
  Json state;
  if (status.state == ContainerStatus::State::kRunning) {
    state = {{"running", {{"startedAt", status.started_at}}}};
  } else if (status.state == ContainerStatus::State::kTerminated) {
    state = {{"terminated",
              {{"exitCode", status.last_exit_code},
               {"reason", status.reason},
               {"startedAt", status.started_at},
               {"finishedAt", status.last_finished_at}}}};
  } else {
    state = {{"waiting", {{"reason", status.reason}}}};
    if (!status.message.empty()) state["waiting"]["message"] = status.message;
  }
  Json last = Json::object();
  if (!status.last_finished_at.empty())
    last = {{"terminated",
             {{"exitCode", status.last_exit_code},
              {"reason", status.last_exit_code == 0 ? "Completed" : "Error"},
              {"finishedAt", status.last_finished_at}}}};
  std::string image;
  for (const Json& spec : *container_specs_)
    if (text_at(spec, "/name") == container.name()) image = text_at(spec, "/image");
  return {{"name", container.name()},
          {"ready", status.is_ready},
          {"started", status.state == ContainerStatus::State::kRunning},
          {"restartCount", status.restart_count},
          {"image", image},
          {"imageID", ""},
          {"state", std::move(state)},
          {"lastState", std::move(last)}};
}

void PodWorker::report() {
  const ObjectPtr pod = current();
  if (!pod) return;
  Objects& objects = runner_.objects_;
  Json changed = *pod;
  Json& status = changed["status"];
  const bool is_running = std::any_of(containers_.begin(), containers_.end(), [](const auto& container) {
    return container->status().state == ContainerStatus::State::kRunning;
  });
  const bool is_ready = !containers_.empty() && end_ == End::kNone &&
                        std::all_of(containers_.begin(), containers_.end(),
                                    [](const auto& container) { return container->status().is_ready; });
  status["phase"] = is_running || !containers_.empty() ? "Running" : "Pending";
  status["hostIP"] = "127.0.0.1";
  if (!address_.empty()) {
    status["podIP"] = address_;
    status["podIPs"] = Json::array({{{"ip", address_}}});
  }
  status.emplace("startTime", objects.now());
  const std::string now = objects.now();
  Json& conditions = status["conditions"];
  set_condition(conditions, "PodScheduled", true, "", "", now);
  set_condition(conditions, "ContainersReady", is_ready, is_ready ? "" : "ContainersNotReady", problem_, now);
  set_condition(conditions, "Ready", is_ready, is_ready ? "" : "ContainersNotReady", problem_, now);
  Json statuses = Json::array();
  for (const auto& container : containers_) statuses.push_back(status_of_container(*container));
  status["containerStatuses"] = std::move(statuses);
  const Kind* kind = objects.kinds().find_resource("pods");
  WriteOptions options;
  options.tracks_fields = false;
  options.subresource = "status";
  const auto written = objects.update(*kind, key_.ns, key_.name, changed, options);
  if (!written) return log.warn("status of {}: {}", key_.to_string(), written.error().what());
  const pid_t pid = containers_.empty() ? 0 : containers_.front()->status().process.pid;
  const std::string pid_text = pid == 0 ? "" : std::to_string(pid);
  if (annotation_of(**written, kPidAnnotation) == pid_text) return;
  Json annotated = **written;
  annotated["metadata"]["annotations"][kPidAnnotation] = pid_text;
  options.subresource.clear();
  if (const auto done = objects.update(*kind, key_.ns, key_.name, std::move(annotated), options); !done)
    log.warn("annotation of {}: {}", key_.to_string(), done.error().what());
}

void PodWorker::clean_up() {
  std::error_code ignored;
  std::filesystem::remove_all(runner_.paths_.pod_directory(key_.ns, key_.name), ignored);
  if (current()) runner_.objects_.forget(key_);
}

}  // namespace penstock::local
