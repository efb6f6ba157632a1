// A connection to one address, opened when it is wanted and again after it was lost.
//
// Lifetime: shared: whoever waits for it holds it. The gate is its owner's, which closes it in its stop() and
// then the gate. Threads: one reactor.
#pragma once

#include <memory>
#include <vector>

#include "base/aio/completion.h"
#include "kafka/client/connection.h"

namespace penstock::kafka {

class Link : public std::enable_shared_from_this<Link> {
 public:
  using Opened = base::Result<std::shared_ptr<Connection>>;

  Link(aio::Reactor& reactor, aio::Transport& transport, aio::Gate& gate, Endpoint endpoint,
       ConnectionOptions options)
      : reactor_(reactor),
        transport_(transport),
        gate_(gate),
        endpoint_(std::move(endpoint)),
        options_(std::move(options)) {}

  // Those that ask while it is being opened share the outcome, also the first one's deadline.
  // ERRORS: as Connection::open; kShuttingDown once closed.
  aio::Task<Opened> connection(base::MonoTime deadline);
  // Ends it for good; whoever waits for an answer gets `reason`.
  void close(const base::Error& reason);
  // Ends the connection of now, so that the next one to ask opens another.
  void drop(const base::Error& reason);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  aio::Reactor& reactor_;
  aio::Transport& transport_;
  aio::Gate& gate_;
  const Endpoint endpoint_;
  const ConnectionOptions options_;
  std::shared_ptr<Connection> connection_;
  bool is_opening_ = false;
  bool is_closed_ = false;
  std::vector<aio::Completion<Opened>> waiters_;  // As many as their owner lets ask at a time.
};

}  // namespace penstock::kafka
