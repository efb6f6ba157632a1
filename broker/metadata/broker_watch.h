// Watches every broker in service by an idle connection to its own listener, so that a process that dies is
// noticed when the kernel closes its sockets, and not when its session ends.
//
// Every controller watches, also those that do not lead: the next one knows at once who died with the last.
// An end of the connection says only that it is lost; the proof is in death_evidence.h. A broker that was
// never reached from here proves nothing by refusing.
//
// Threads: the control reactor. Lifetime: stop() before destruction; nothing is told after it.
// Bounds: one connection to each broker that is registered.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "broker/metadata/image.h"
#include "broker/raft/death_evidence.h"
#include "kafka/client/endpoint.h"

namespace penstock::metadata {

class BrokerWatch {
 public:
  enum class Sign : std::uint8_t {
    kLost,  // The connection has ended.
    kBack,  // There is one again.
    kDead,  // Proved; told once for each loss.
  };
  struct Options {
    aio::Reactor* reactor = nullptr;
    aio::Transport* transport = nullptr;
    kafka::NodeId self{};
    std::string listener_name;  // Empty, or not a broker's: its first.
    // About the incarnation with that epoch.
    std::function<void(kafka::NodeId, kafka::BrokerEpoch, Sign)> tell;
  };

  explicit BrokerWatch(Options options) : options_(std::move(options)) {}

  void on_image(const MetadataImage& image);
  aio::Task<> stop();
  // The process of a broker in service, as far as it is known by now.
  bool is_dead(kafka::NodeId broker) const;

 private:
  struct Watched {
    kafka::NodeId id{};
    kafka::BrokerEpoch epoch{};
    kafka::Endpoint at{};
    std::unique_ptr<aio::Stream> stream{};
    raft::DeathEvidence evidence{};
    bool is_told_dead = false;
    unsigned short_lives = 0;  // Connections in a row that ended as soon as they were there.
    aio::CancelSource ended{};
  };

  aio::Task<> run(std::shared_ptr<Watched> watched);
  // How long to wait before the next try.
  base::Duration note_loss(Watched& watched, base::MonoTime since);
  base::Duration note_failure(Watched& watched, const base::Error& error);
  void end(Watched& watched);
  void tell(const Watched& watched, Sign sign);

  const Options options_;
  std::map<kafka::NodeId, std::shared_ptr<Watched>> watched_;
  bool is_stopped_ = false;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
