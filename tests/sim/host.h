// A machine of a simulation: its disk, and one run of the broker after another on it.
//
// A run that was killed is kept, halted, until the program ends: nothing else can end its coroutines. So each
// seed has a process of its own (see main.cc).
//
// Threads: one, a seeded scheduler. Lifetime: the network outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/sim_scheduler.h"
#include "base/config.h"
#include "broker/server/broker_parts.h"
#include "broker/server/environment.h"
#include "broker/server/storage_format.h"
#include "tests/sim/network.h"
#include "tests/support/sim_disk.h"

namespace penstock::sim {

// How far a machine's clocks are wrong.
struct MachineClock {
  std::int64_t ahead_ms = 0;
  std::int64_t fast_permille = 0;
};

// One run of a broker, from its start to its end or death.
class Run final : public server::Environment {
 public:
  Run(SimNetwork& network, base::Disk& disk, std::string host, std::size_t lanes, base::Properties properties,
      const MachineClock& clock);

  // Opens and starts; `outcome` is set later.
  void start();
  // Asks it to stop; `stopped` is set later.
  void stop();
  // Tells the controller here, if it is the active one, that the process of that incarnation has ended.
  void report_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch);
  void set_halted(bool is_halted);
  void set_wall_ahead_ms(std::int64_t ahead_ms);
  // Of work that may block; nullopt: what the scheduler's options say.
  void set_blocking_max(std::optional<base::Duration> blocking_max);
  server::Broker::Parts& parts() { return *parts_; }
  // Whether the reactor is one of this run's.
  bool owns(const aio::SimReactor* reactor) const;

  std::optional<base::Result<>> started;
  std::optional<base::Result<>> stopped;

  base::Disk& disk() override { return disk_; }
  base::Random& random() override { return random_; }
  aio::Reactor& control() override { return control_; }
  const std::vector<aio::Reactor*>& lanes() override { return lane_bases_; }
  std::unique_ptr<aio::Transport> transport(aio::Reactor& reactor) override;
  std::unique_ptr<net::Acceptor> acceptor(std::string host, std::uint16_t port,
                                          const std::vector<aio::Reactor*>& reactors) override;
  base::Result<std::unique_ptr<net::HttpServer>> serve_http(const std::string& host, std::uint16_t port,
                                                            net::HttpServer::Route route) override;

 private:
  static aio::Task<> run_start(Run* run);
  static aio::Task<> run_stop(Run* run);
  static aio::Task<> run_report(Run* run, kafka::NodeId broker, kafka::BrokerEpoch epoch);
  template <typename Do>
  void for_each_reactor(Do run) {
    run(control_);
    for (auto& lane : lanes_) run(*lane);
  }

  SimNetwork& network_;
  base::Disk& disk_;
  const std::string host_;
  base::SeededRandom random_;
  aio::SimReactor control_;
  std::vector<std::unique_ptr<aio::SimReactor>> lanes_;
  std::vector<aio::Reactor*> lane_bases_;
  std::unique_ptr<server::Broker::Parts> parts_;
};

class Host {
 public:
  // Formats the disk. `id` is the node id; the host's name is "n<id>".
  Host(SimNetwork& network, int id, base::Properties properties, server::FormatPlan plan);

  void start();
  // The process dies; the page cache survives.
  void kill();
  // The machine loses power: what was not synced is lost in part, torn in part.
  void lose_power();
  // The machine is switched off after its processes have ended: they say goodbye, and then it is silent.
  void go_dark();
  // Told to stop, the broker goes when it is ready to.
  void stop();
  // Ends what has stopped since.
  void end_if_stopped();
  // The machine and its disk are lost; another one takes its name.
  void lose_disk(const server::FormatPlan& plan);
  void pause();
  void resume();
  // The wall clock is set; the monotonic one is as wrong from the next start on.
  void set_clock(MachineClock clock);
  // The disk takes up to so long; nullopt: it is as quick as the others again.
  void set_blocking_max(std::optional<base::Duration> blocking_max);
  void fail_syncs(bool is_failing);
  // The disk takes `room_bytes` more; nullopt: there is room.
  void fill_disk(std::optional<std::int64_t> room_bytes);

  bool is_running() const { return run_ != nullptr; }
  bool is_paused() const { return is_paused_; }
  bool is_stopping() const { return is_stopping_; }
  // Null between a death and a start.
  Run* run() { return run_; }
  bool is_ready() const { return run_ != nullptr && run_->started && *run_->started && !is_stopping_; }
  int id() const { return id_; }
  const std::string& name() const { return name_; }
  testing::SimDisk& disk() { return *disks_.back(); }

 private:
  void end(bool is_silent);
  void add_disk(const server::FormatPlan& plan);
  // On standard error, for whoever looks at one seed.
  void tell(const char* what) const;

  SimNetwork& network_;
  const int id_;
  const std::string name_;
  const base::Properties properties_;
  std::vector<std::unique_ptr<testing::SimDisk>>
      disks_;  // The last is in use; runs that ended hold the others.
  MachineClock clock_;
  bool is_paused_ = false;
  bool is_stopping_ = false;
  bool is_disk_slow_ = false;
  Run* run_ = nullptr;  // Never freed, see above.
};

}  // namespace penstock::sim
