#include "operator/local/pod_runner.h"

#include <signal.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "operator/local/pod_worker.h"

namespace penstock::local {

namespace {
constexpr base::Logger log("pods");
}

PodRunner::PodRunner(aio::AsioReactor& reactor, aio::Transport& transport, base::Disk& disk, Objects& objects,
                     AddressBook& addresses, HostPaths paths)
    : reactor_(reactor),
      transport_(transport),
      disk_(disk),
      objects_(objects),
      addresses_(addresses),
      paths_(std::move(paths)) {}

PodRunner::~PodRunner() = default;

void PodRunner::take_up() {
  std::map<std::string, bool> known;
  for (const ObjectPtr& pod : objects_.store().list("pods", "")) known[uid_of(*pod)] = true;
  for (FoundProcess& process : find_processes(kMarkerName, paths_.home + "|")) {
    const std::string uid = process.value.substr(process.value.rfind('|') + 1);
    if (known.contains(uid)) {
      found_[process.value] = process.id;
    } else {
      log.warn("process {} belongs to a pod that is gone; it is ended", process.id.pid);
      signal_process(process.id, SIGKILL);
    }
  }
}

ProcessId PodRunner::take_process(const std::string& marker) {
  const auto found = found_.find(marker);
  if (found == found_.end()) return {};
  const ProcessId process = found->second;
  found_.erase(found);
  return is_alive(process) ? process : ProcessId{};
}

std::vector<ProcessId> PodRunner::take_processes(const std::string& uid) {
  std::vector<ProcessId> taken;
  std::erase_if(found_, [&](const auto& found) {
    if (!found.first.ends_with("|" + uid)) return false;
    taken.push_back(found.second);
    return true;
  });
  return taken;
}

void PodRunner::sync() {
  if (is_stopping_) return;
  std::map<std::string, bool> present;
  for (const ObjectPtr& pod : objects_.store().list("pods", "")) {
    const std::string uid = uid_of(*pod);
    present[uid] = true;
    std::shared_ptr<PodWorker>& worker = workers_[uid];
    if (!worker) {
      worker = std::make_shared<PodWorker>(*this, pod);
      const std::shared_ptr<PodWorker> started = worker;
      if (is_being_deleted(*pod)) started->stop_for_deletion();
      aio::spawn(gate_, "pod", started->run());
    } else if (is_being_deleted(*pod)) {
      worker->stop_for_deletion();
    }
  }
  auto workers = workers_;
  for (const auto& [uid, worker] : workers)
    if (!present.contains(uid)) worker->stop_for_deletion();
}

void PodRunner::refresh_files() {
  auto workers = workers_;
  for (const auto& [uid, worker] : workers) worker->refresh_files();
}

void PodRunner::forget(const std::string& uid) { workers_.erase(uid); }

aio::Task<> PodRunner::stop(bool keeps_processes) {
  is_stopping_ = true;
  auto workers = workers_;
  for (const auto& [uid, worker] : workers) worker->stop(keeps_processes);
  workers.clear();
  co_await gate_.close();
}

}  // namespace penstock::local
