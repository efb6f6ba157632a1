// The composition root: builds every part of a broker on the threads of a program, starts them in order,
// stops them in the reverse. The parts themselves (broker_parts.h) run in any environment.
//
// Start: data directory -> metadata (raft, controller) -> replicas -> registration -> listeners -> unfenced.
// Stop:  controlled shutdown -> listeners -> coordinators -> replicas (clean-shutdown file) -> metadata.
//
// Threads: start() and stop() from the main thread; both block.
// Lifetime: stop() before destruction when start() succeeded.
#pragma once

#include <functional>
#include <memory>

#include "base/config.h"
#include "base/error.h"

namespace penstock::server {

class ThreadEnvironment;

class Broker {
 public:
  // ERRORS: kInvalidArgument naming the key.
  static base::Result<std::unique_ptr<Broker>> create(base::Properties properties);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Serves requests and, as a broker, is registered when it returns. Meanwhile `is_stop_wanted` is asked a
  // few times a second; once it says yes, nothing is waited for any more that others would have to do.
  // ERRORS: kShuttingDown when it was given up so; everything has been stopped in order then.
  base::Result<> start(const std::function<bool()>& is_stop_wanted);
  // Whether the broker must end: a disk error in the metadata log or in the data directory.
  bool has_failed() const;
  base::Result<> stop();

  struct Parts;

 private:
  explicit Broker(std::unique_ptr<Parts> parts);
  std::unique_ptr<ThreadEnvironment> environment_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace penstock::server
