// A network between hosts of one simulation: byte streams that a client connects and a listener accepts.
//
// Bytes of one direction arrive in order, each piece after a delay of the seed's choice. While a direction is
// cut, they wait, as TCP sends them again, and arrive after heal(). A process that ends resets its
// connections; a machine that loses power says nothing, and its peers learn of it when it is up again. At
// most kWindowBytes of a direction are under way.
//
// TCP delivers nothing twice. What it may do is to deliver late: a connection is lost to whoever asked, who
// asks again by a new one, and the first question arrives when the second was answered (stragglers).
//
// Threads: one, a seeded scheduler. Lifetime: outlives every transport, acceptor and stream.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/aio/sim_scheduler.h"
#include "base/aio/transport.h"
#include "broker/net/acceptor.h"

namespace penstock::sim {

class SimNetwork;
class SimAcceptor;

// One end of a connection.
struct End : std::enable_shared_from_this<End> {
  struct Piece {
    base::MonoTime due;
    base::Bytes bytes;  // Empty: the sender has closed.
  };
  End(SimNetwork& n, std::string h, aio::SimReactor& r) : network(n), host(std::move(h)), reactor(r) {}

  void send(base::Bytes bytes);
  std::size_t take(std::span<std::uint8_t> into);
  bool may_send() const { return out_bytes < kWindowBytes; }
  void close();
  void reset();
  // As reset(), but what is under way still arrives, by so much later; then the peer hears of the loss.
  void straggle(base::Duration later);
  void wake(std::function<void()>& waiter);

  static constexpr std::size_t kWindowBytes = 256 * 1024;

  SimNetwork& network;
  const std::string host;
  aio::SimReactor& reactor;
  std::shared_ptr<End> peer;
  std::deque<std::uint8_t> inbox;
  std::deque<Piece> out;  // To the peer.
  std::size_t out_bytes = 0;
  base::MonoTime last_due{};
  bool is_ended = false;   // The peer has closed.
  bool is_reset = false;   // The connection was lost.
  bool is_closed = false;  // By this side.
  bool is_gone = false;    // With its process.
  bool is_straggling = false;
  bool is_opener = false;  // The one that connected.
  std::function<void()> on_readable;
  std::function<void()> on_writable;
};

class SimNetwork {
 public:
  explicit SimNetwork(aio::SimScheduler& scheduler) : scheduler_(scheduler), wire_(scheduler) {}

  aio::SimScheduler& scheduler() { return scheduler_; }
  base::Duration delay();
  void set_delay_max(base::Duration delay_max) { delay_max_ = delay_max; }
  // One in so many pieces loses its connection; 0: none.
  void set_reset_one_in(std::uint64_t pieces) { reset_one_in_ = pieces; }

  // Of the connections that are lost with something under way, every other one loses nothing of it: it
  // arrives by up to so much later. 0: none.
  void set_late_max(base::Duration late_max) { late_max_ = late_max; }
  std::uint64_t late_count() const { return late_count_; }

  // Nothing arrives any more from the one at the other, until heal().
  void cut(const std::string& from, const std::string& to) { cuts_.insert({from, to}); }
  void heal();
  bool is_cut(const std::string& from, const std::string& to) const { return cuts_.contains({from, to}); }

  // Somebody on the way resets the connections that the one has opened to the other, and refuses new ones in
  // its name, until heal().
  void reject(const std::string& from, const std::string& to);
  bool is_rejected(const std::string& from, const std::string& to) const {
    return rejects_.contains({from, to});
  }
  bool is_calm() const { return cuts_.empty() && rejects_.empty(); }

  // The process on the host is over. `is_silent`: with its machine.
  void end_process(const std::string& host, bool is_silent);
  void power_on(const std::string& host);
  bool has_power(const std::string& host) const { return !dark_.contains(host); }

  std::unique_ptr<aio::Transport> transport(std::string host, aio::SimReactor& reactor);
  std::unique_ptr<net::Acceptor> acceptor(std::string host, std::uint16_t port,
                                          std::vector<aio::SimReactor*> reactors);

 private:
  friend struct End;
  friend class SimAcceptor;
  friend class SimTransport;

  std::shared_ptr<End> make_end(const std::string& host, aio::SimReactor& reactor);
  void pump(const std::shared_ptr<End>& end);
  // The end is over; its peer hears of that now or later.
  void lose(End& end);
  void pump_all();

  aio::SimScheduler& scheduler_;
  aio::SimReactor wire_;
  base::Duration delay_max_ = base::milliseconds(2);
  std::uint64_t reset_one_in_ = 0;
  base::Duration late_max_{};
  std::uint64_t late_count_ = 0;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::set<std::pair<std::string, std::string>> rejects_;
  std::set<std::string> dark_;  // Hosts without power.
  std::map<std::pair<std::string, std::uint16_t>, SimAcceptor*> acceptors_;
  std::vector<std::weak_ptr<End>> ends_;
};

}  // namespace penstock::sim
