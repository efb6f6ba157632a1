// Readiness and liveness, as kubelet asks for them: httpGet and tcpSocket.
//
// Until a container is ready it is asked every kEager rather than every period: starting up here takes
// milliseconds, and nobody should wait for a schedule made for clusters.
//
// Threads: one reactor.
#pragma once

#include <cstdint>
#include <string>

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/aio/transport.h"
#include "operator/local/object.h"

namespace penstock::local {

inline constexpr base::Duration kEager = base::milliseconds(100);

struct ProbeSpec {
  bool is_set = false;
  std::string path;  // Empty: only a connection is made.
  std::uint16_t port = 0;
  base::Duration initial_delay{};
  base::Duration period{};
  base::Duration timeout{};
  int failure_threshold = 3;
  int success_threshold = 1;
};

// `container`'s "readinessProbe", "livenessProbe" or "startupProbe". A probe by exec counts as not set.
ProbeSpec probe_of(const Json& container, const char* name);

// Whether the container answers: a status from 200 to 399, or a connection.
aio::Task<bool> ask(aio::Reactor& reactor, aio::Transport& transport, ProbeSpec probe, std::string address);

// Counts answers as kubelet does.
class ProbeState {
 public:
  explicit ProbeState(ProbeSpec spec) : spec_(std::move(spec)) {}
  const ProbeSpec& spec() const { return spec_; }
  // Takes an answer. `is_passing` changes after as many in a row as its threshold says.
  void record(bool answer);
  bool is_passing() const { return is_passing_; }
  // As many failures in a row as the threshold, whatever was before.
  bool has_failed() const { return failures_ >= spec_.failure_threshold; }

 private:
  ProbeSpec spec_;
  int failures_ = 0;
  int successes_ = 0;
  bool is_passing_ = false;
};

}  // namespace penstock::local
