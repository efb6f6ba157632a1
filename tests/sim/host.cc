#include "tests/sim/host.h"

#include <utility>

#include <fmt/core.h>

#include "base/aio/gate.h"
#include "base/assert.h"

namespace penstock::sim {

Run::Run(SimNetwork& network, base::Disk& disk, std::string host, std::size_t lanes,
         base::Properties properties)
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
  parts_->properties = std::move(properties);
  parts_->environment = this;
}

void Run::start() {
  base::Result<> opened = parts_->load();
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
  control_.set_halted(is_halted);
  for (auto& lane : lanes_) lane->set_halted(is_halted);
}

aio::Task<> Run::run_start(Run* run) { run->started = co_await run->parts_->start_parts(); }
aio::Task<> Run::run_stop(Run* run) { run->stopped = co_await run->parts_->stop_parts(); }

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
  base::SeededRandom random(network.scheduler().random().next());
  const auto formatted = server::format_directories(disk_, random, network.scheduler().wall_ms(), plan);
  BASE_ASSERT(formatted.has_value(), "a simulated disk is formatted");
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
  run_ = new Run(network_, disk_, name_, kLanes, properties_);
  run_->start();
}

void Host::kill() {
  tell("is killed");
  end(false);
}

void Host::lose_power() {
  tell("loses power");
  end(true);
  disk_.crash(network_.scheduler().random());
}

void Host::pause() {
  tell("is paused");
  run_->set_halted(true);
}

void Host::resume() {
  tell("runs");
  run_->set_halted(false);
}

void Host::end(bool is_silent) {
  run_->set_halted(true);
  network_.end_process(name_, is_silent);
  run_ = nullptr;
}

}  // namespace penstock::sim
