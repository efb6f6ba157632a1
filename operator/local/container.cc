#include "operator/local/container.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "base/log.h"

namespace penstock::local {

namespace {
constexpr base::Logger log("pods");
}

Container::Container(aio::AsioReactor& reactor, aio::Transport& transport, Options options,
                     std::function<void()> on_change)
    : reactor_(reactor),
      transport_(transport),
      options_(std::move(options)),
      on_change_(std::move(on_change)),
      readiness_(probe_of(*options_.spec, "readinessProbe")),
      liveness_(probe_of(*options_.spec, "livenessProbe")),
      startup_(probe_of(*options_.spec, "startupProbe")) {
  status_.restart_count = options_.restart_count;
  options_.plan.environment.push_back(std::string(kMarkerName) + "=" + options_.marker);
}

void Container::start() { aio::spawn(gate_, "container", run()); }

aio::Task<> Container::stop(base::Duration grace) {
  stopping_.cancel();
  if (status_.process) co_await terminate(status_.process, grace);
  co_await gate_.close();
}

aio::Task<> Container::release() {
  is_releasing_ = true;
  stopping_.cancel();
  if (exit_) exit_->set({});
  co_await gate_.close();
}

aio::Task<> Container::run() {
  while (!stopping_.is_cancelled()) {
    co_await run_once();
    if (is_releasing_ || stopping_.is_cancelled() || !options_.restarts) co_return;
    ++status_.restart_count;
    fruitless_runs_ = was_ready_ ? 0 : fruitless_runs_ + 1;
    if (fruitless_runs_ > 1) {
      const base::Duration pause =
          std::min<base::Duration>(base::seconds(1) * (1 << std::min(fruitless_runs_ - 2, 5)), kPauseMax);
      status_.state = ContainerStatus::State::kWaiting;
      status_.reason = "CrashLoopBackOff";
      on_change_();
      (void)co_await aio::sleep_for(reactor_, pause, stopping_.token());
    }
  }
}

base::Result<ProcessId> Container::start_or_adopt() {
  if (const ProcessId adopted = std::exchange(options_.adopted, {}); is_alive(adopted)) {
    log.info("{}: took up process {} again", name(), adopted.pid);
    return adopted;
  }
  rotate_log();
  return start_process(
      {options_.plan.argv, options_.plan.environment, options_.plan.working_directory, options_.log_path});
}

aio::Task<> Container::run_once() {
  was_ready_ = false;
  status_.is_ready = false;
  const auto process = start_or_adopt();
  if (!process) {
    status_.state = ContainerStatus::State::kWaiting;
    status_.reason = "RunContainerError";
    status_.message = process.error().what();
    log.warn("{}: {}", name(), status_.message);
    on_change_();
    co_return;
  }
  const std::uint64_t run = ++run_;
  status_.state = ContainerStatus::State::kRunning;
  status_.reason.clear();
  status_.message.clear();
  status_.process = *process;
  status_.started_at = rfc3339(reactor_.wall_ms());
  readiness_ = ProbeState(readiness_.spec());
  liveness_ = ProbeState(liveness_.spec());
  startup_ = ProbeState(startup_.spec());
  status_.is_ready = !readiness_.spec().is_set && !startup_.spec().is_set;
  exit_.emplace();
  const aio::Completion<ExitStatus> exit = *exit_;
  watch_ = std::make_unique<ExitWatch>(reactor_, *process, [exit](ExitStatus status) { exit.set(status); });
  on_change_();
  aio::spawn(gate_, "probe", probe(run));
  const base::MonoTime started = reactor_.now();
  const ExitStatus ended = co_await exit.wait();
  ++run_;
  if (is_releasing_) co_return;
  // Without a readiness probe, having run for a while is what there is to see of success.
  if (!readiness_.spec().is_set && reactor_.now() - started > base::seconds(10)) was_ready_ = true;
  note_exit(ended);
}

void Container::note_exit(ExitStatus exit) {
  log.info("{}: process {} ended with {}", name(), status_.process.pid, exit.code);
  status_.state = ContainerStatus::State::kTerminated;
  status_.reason = exit.code == 0 ? "Completed" : "Error";
  status_.last_exit_code = exit.code < 0 ? 255 : exit.code;
  status_.last_finished_at = rfc3339(reactor_.wall_ms());
  status_.process = {};
  status_.is_ready = false;
  on_change_();
}

aio::Task<> Container::probe(std::uint64_t run) {
  const auto is_current = [this, run] { return run_ == run && !stopping_.is_cancelled(); };
  base::MonoTime next_readiness = reactor_.now();
  base::MonoTime next_liveness = reactor_.now() + liveness_.spec().initial_delay;
  while (is_current()) {
    const base::MonoTime now = reactor_.now();
    const bool has_started = !startup_.spec().is_set || startup_.is_passing();
    if (!has_started) {
      const bool answer = co_await ask(reactor_, transport_, startup_.spec(), options_.address);
      if (!is_current()) co_return;
      startup_.record(answer);
      // Asked more often than its period says, it may fail as much more often.
      const auto patience = startup_.spec().period * startup_.spec().failure_threshold;
      if (!startup_.is_passing() && reactor_.now() - next_readiness > patience) {
        co_await terminate(status_.process, options_.grace);
        co_return;
      }
    } else if (readiness_.spec().is_set && now >= next_readiness) {
      const bool answer = co_await ask(reactor_, transport_, readiness_.spec(), options_.address);
      if (!is_current()) co_return;
      readiness_.record(answer);
      next_readiness = reactor_.now() + (readiness_.is_passing() ? readiness_.spec().period : kEager);
    } else if (liveness_.spec().is_set && now >= next_liveness) {
      const bool answer = co_await ask(reactor_, transport_, liveness_.spec(), options_.address);
      if (!is_current()) co_return;
      liveness_.record(answer);
      next_liveness = reactor_.now() + liveness_.spec().period;
      if (liveness_.has_failed()) {
        log.warn("{}: is not alive by its probe; it is stopped", name());
        co_await terminate(status_.process, options_.grace);
        co_return;
      }
    }
    const bool is_ready = (!startup_.spec().is_set || startup_.is_passing()) &&
                          (!readiness_.spec().is_set || readiness_.is_passing());
    was_ready_ = was_ready_ || (is_ready && readiness_.spec().is_set);
    if (is_ready != std::exchange(status_.is_ready, is_ready)) on_change_();
    (void)co_await aio::sleep_for(reactor_, kEager, stopping_.token());
  }
}

aio::Task<> Container::terminate(ProcessId process, base::Duration grace) {
  signal_process(process, SIGTERM);
  const base::MonoTime deadline = reactor_.now() + grace;
  while (is_alive(process) && reactor_.now() < deadline)
    (void)co_await aio::sleep_for(reactor_, base::milliseconds(20));
  if (is_alive(process)) log.warn("{}: process {} did not end in time and is killed", name(), process.pid);
  signal_process(process, SIGKILL);
  while (is_alive(process)) (void)co_await aio::sleep_for(reactor_, base::milliseconds(20));
}

void Container::rotate_log() {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(options_.log_path, ignored);
  if (!ignored && size > static_cast<std::uintmax_t>(kLogBytesMax))
    std::filesystem::rename(options_.log_path, options_.log_path + ".1", ignored);
}

}  // namespace penstock::local
