// The local runtime, put together: store, API, controllers, pods, proxies.
//
// Threads: start() and stop() on the reactor.
// Lifetime: stop() before destruction.
#pragma once

#include <memory>
#include <string>

#include "base/aio/asio_reactor.h"
#include "base/aio/task.h"
#include "base/disk.h"
#include "base/random.h"

namespace penstock::local {

struct RuntimeOptions {
  std::string home;           // An absolute path.
  std::string bin_directory;  // Of our programs.
  std::uint16_t port = 0;     // Of the API, on 127.0.0.1; 0 for the one of before, or any.
  std::string manifests;      // A file or directory to keep applied, or empty.
};

class Runtime {
 public:
  Runtime(aio::AsioReactor& reactor, const base::Clock& clock, base::Random& random, base::Disk& disk,
          RuntimeOptions options);
  ~Runtime();

  // Loads what was saved, takes up what runs, serves, and writes HOME/kubeconfig.
  // ERRORS: kConflict when another penstock-local has this home; kCorrupt, kIo, kUnavailable.
  base::Result<> start();
  // `keeps_processes`: the pods run on, for the next penstock-local to take up.
  aio::Task<> stop(bool keeps_processes);

  std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::local
