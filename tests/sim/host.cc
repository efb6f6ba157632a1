#include "tests/sim/host.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "base/aio/gate.h"
#include "base/assert.h"

namespace penstock::sim {

Run::Run(SimNetwork& network, base::Disk& disk, std::string host, std::size_t lanes,
         base::Properties properties, const MachineClock& clock)
    : network_(network),
      disk_(disk),
      host_(std::move(host)),
      random_(network.scheduler().random().next()),
      control_(network.scheduler()),
      parts_(std::make_unique<server::Broker::Parts>()) {
  for (std::size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<aio::SimReactor>(network.scheduler()));
    lane_bases_.push_back(lanes_.back().get());
  }
  for_each_reactor([&clock](aio::SimReactor& reactor) {
    reactor.set_wall_ahead_ms(clock.ahead_ms);
    reactor.set_fast_permille(clock.fast_permille);
  });
  parts_->properties = std::move(properties);
  parts_->environment = this;
}

void Run::start() {
  base::Result<> opened = parts_->load();
  if (opened) opened = parts_->open_directory();
  if (opened) opened = parts_->open();
  if (!opened) {
    started = std::move(opened);
    return;
  }
  control_.post([this] { aio::start_detached(run_start(this)); });
}

void Run::stop() {
  control_.post([this] { aio::start_detached(run_stop(this)); });
}

void Run::set_halted(bool is_halted) {
  for_each_reactor([is_halted](aio::SimReactor& reactor) { reactor.set_halted(is_halted); });
}

void Run::set_wall_ahead_ms(std::int64_t ahead_ms) {
  for_each_reactor([ahead_ms](aio::SimReactor& reactor) { reactor.set_wall_ahead_ms(ahead_ms); });
}

void Run::set_blocking_max(std::optional<base::Duration> blocking_max) {
  for_each_reactor([blocking_max](aio::SimReactor& reactor) { reactor.set_blocking_max(blocking_max); });
}

bool Run::owns(const aio::SimReactor* reactor) const {
  if (reactor == &control_) return true;
  return std::ranges::any_of(lanes_, [reactor](const auto& lane) { return lane.get() == reactor; });
}

aio::Task<> Run::run_start(Run* run) { run->started = co_await run->parts_->start_parts(); }
aio::Task<> Run::run_stop(Run* run) { run->stopped = co_await run->parts_->stop_parts(); }

aio::Task<> Run::run_report(Run* run, kafka::NodeId broker, kafka::BrokerEpoch epoch) {
  if (run->started && *run->started && run->parts_->metadata != nullptr)
    (void)co_await run->parts_->metadata->fence_dead(broker, epoch);
}

void Run::report_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch) {
  control_.post([this, broker, epoch] { aio::start_detached(run_report(this, broker, epoch)); });
}

std::unique_ptr<aio::Transport> Run::transport(aio::Reactor& reactor) {
  return network_.transport(host_, static_cast<aio::SimReactor&>(reactor));
}

std::unique_ptr<net::Acceptor> Run::acceptor(std::string, std::uint16_t port,
                                             const std::vector<aio::Reactor*>& reactors) {
  std::vector<aio::SimReactor*> ours;
  for (aio::Reactor* reactor : reactors) ours.push_back(static_cast<aio::SimReactor*>(reactor));
  return network_.acceptor(host_, port, std::move(ours));
}

base::Result<std::unique_ptr<net::HttpServer>> Run::serve_http(const std::string& host, std::uint16_t port,
                                                               net::HttpServer::Route) {
  return base::fail(base::Errc::kUnsupported,
                    fmt::format("listen on {}:{}: no HTTP in a simulation", host, port));
}

Host::Host(SimNetwork& network, int id, base::Properties properties, server::FormatPlan plan)
    : network_(network), id_(id), name_(fmt::format("n{}", id)), properties_(std::move(properties)) {
  add_disk(plan);
}

void Host::add_disk(const server::FormatPlan& plan) {
  disks_.push_back(std::make_unique<testing::SimDisk>());
  base::SeededRandom random(network_.scheduler().random().next());
  const auto formatted =
      server::format_directories(*disks_.back(), random, network_.scheduler().wall_ms(), plan);
  BASE_ASSERT(formatted.has_value(), "a simulated disk is formatted");
}

void Host::lose_disk(const server::FormatPlan& plan) {
  tell("loses its disk");
  if (run_ != nullptr) end(true);
  add_disk(plan);
}

void Host::tell(const char* what) const {
  const auto now =
      std::chrono::duration_cast<base::milliseconds>(network_.scheduler().now().time_since_epoch());
  fmt::print(stderr, "{:>7} ms: {} {}\n", now.count(), name_, what);
}

void Host::start() {
  tell("starts");
  constexpr std::size_t kLanes = 2;
  network_.power_on(name_);
  run_ = new Run(network_, *disks_.back(), name_, kLanes, properties_, clock_);
  run_->start();
}

void Host::kill() {
  tell("is killed");
  end(false);
}

void Host::lose_power() {
  tell("loses power");
  end(true);
  disks_.back()->crash(network_.scheduler().random());
}

void Host::go_dark() {
  tell("is switched off");
  end(false);
  network_.end_process(name_, true);
}

void Host::stop() {
  if (!is_ready()) return;
  tell("is told to stop");
  is_stopping_ = true;
  run_->stop();
}

void Host::end_if_stopped() {
  if (!is_stopping_ || !run_->stopped) return;
  tell("has stopped");
  end(false);
}

void Host::pause() {
  tell("is paused");
  is_paused_ = true;
  run_->set_halted(true);
}

void Host::resume() {
  tell("runs");
  is_paused_ = false;
  run_->set_halted(false);
}

void Host::set_clock(MachineClock clock) {
  tell("has another time");
  clock_ = clock;
  if (run_ != nullptr) run_->set_wall_ahead_ms(clock.ahead_ms);
}

void Host::set_blocking_max(std::optional<base::Duration> blocking_max) {
  if (std::exchange(is_disk_slow_, blocking_max.has_value()) == blocking_max.has_value()) return;
  tell(blocking_max ? "has a slow disk" : "has a quick disk");
  if (run_ != nullptr) run_->set_blocking_max(blocking_max);
}

void Host::fail_syncs(bool is_failing) {
  tell(is_failing ? "has a disk that does not sync" : "has a disk that syncs");
  disks_.back()->fail_syncs(is_failing);
}

void Host::fill_disk(std::optional<std::int64_t> room_bytes) {
  tell(room_bytes ? "has a full disk" : "has room on its disk");
  disks_.back()->set_capacity(room_bytes ? disks_.back()->used_bytes() + *room_bytes : INT64_MAX);
}

void Host::end(bool is_silent) {
  if (run_ == nullptr) return;
  run_->set_halted(true);
  network_.end_process(name_, is_silent);
  run_ = nullptr;
  is_paused_ = false;
  is_stopping_ = false;
  is_disk_slow_ = false;
}

}  // namespace penstock::sim
