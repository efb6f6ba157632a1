// penstock-broker: the program around server::Broker.

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.h"
#include "broker/server/broker.h"
#include "broker/server/format.h"
#include "broker/server/options.h"
#include "broker/server/version.h"

namespace {

using penstock::base::Error;
using penstock::base::Result;
using penstock::server::Options;

constexpr penstock::base::Logger log("server");

int refuse(const Error& error, const char* hint) {
  std::fprintf(stderr, "penstock-broker: %s\n", error.what().c_str());
  if (hint != nullptr) std::fprintf(stderr, "%s\n", hint);
  return 1;
}

// Blocked here, before any thread is made, so that only the main thread takes them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file over the process's limit is a failed write.
  return signals;
}

// A signal that came within the time, or 0.
int take_signal(const sigset_t& signals, time_t seconds) {
  const timespec patience{.tv_sec = seconds, .tv_nsec = 0};
  return std::max(sigtimedwait(&signals, nullptr, &patience), 0);
}

// Returns the signal, or 0 when the broker has failed.
int wait_for_end(const sigset_t& signals, const penstock::server::Broker& broker) {
  for (;;) {
    if (const int signal = take_signal(signals, 1); signal != 0) return signal;
    if (broker.has_failed()) return 0;
  }
}

// Receive blocks and cached batches come and go all the time. Given back to the kernel and taken again, each
// of their pages costs a fault; so the allocator keeps a bounded amount.
void keep_freed_memory() {
  constexpr int kMapBytesMin = 8 << 20;
  constexpr int kKeptBytesMax = 16 << 20;  // Per arena.
  constexpr int kArenasMax = 4;
  mallopt(M_MMAP_THRESHOLD, kMapBytesMin);
  mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  mallopt(M_ARENA_MAX, kArenasMax);
}

int serve(const Options& options) {
  auto properties = penstock::server::load_properties(options);
  if (!properties) return refuse(properties.error(), nullptr);
  if (options.format_if_empty) {
    if (auto formatted = penstock::server::format_if_empty(*properties, options.format_arguments);
        !formatted) {
      return refuse(formatted.error(), nullptr);
    }
  }
  const sigset_t signals = block_signals();
  auto broker = penstock::server::Broker::create(std::move(*properties));
  if (!broker) return refuse(broker.error(), nullptr);
  int signal = 0;
  const auto is_stop_wanted = [&] { return (signal = take_signal(signals, 0)) != 0; };
  if (auto started = (*broker)->start(is_stop_wanted); !started) {
    if (signal == 0 || started.error().code() != penstock::base::Errc::kShuttingDown)
      return refuse(started.error(), nullptr);
    log.info("stopped on a signal before it was ready");
    return 0;
  }
  if (signal == 0) signal = wait_for_end(signals, **broker);
  log.info("{}", signal == 0 ? "stopping after a failure" : "stopping on a signal");
  const auto stopped = (*broker)->stop();
  if (!stopped) return refuse(stopped.error(), nullptr);
  return signal == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "format") {
    return penstock::server::run_format({arguments.begin() + 1, arguments.end()});
  }
  const auto options = penstock::server::parse_options(arguments);
  if (!options) return refuse(options.error(), "Try: penstock-broker --help");
  if (options->wants_help) {
    std::fputs(penstock::server::usage().c_str(), stdout);
    return 0;
  }
  if (options->wants_version) {
    std::puts(penstock::server::kVersionText);
    return 0;
  }
  keep_freed_memory();
  return serve(*options);
}
