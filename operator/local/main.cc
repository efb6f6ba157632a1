// penstock-local: a very small Kubernetes for one machine, in which the operator and its brokers run.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/core.h>
#include <boost/asio/signal_set.hpp>

#include "base/aio/gate.h"
#include "base/log.h"
#include "operator/local/runtime.h"

namespace {

using namespace penstock;

constexpr base::Logger log("local");

constexpr const char* kHelp =
    "penstock-local: a very small Kubernetes for one machine. Pods run as processes on 127.0.0.2 and up.\n"
    "\n"
    "  penstock-local [--home DIR] [--port N] [--manifests PATH] [--leave-pods] [--log-level LEVEL]\n"
    "\n"
    "  --home DIR         state, volumes and logs; $PENSTOCK_HOME, else .penstock\n"
    "  --port N           of the API, on 127.0.0.1; by default the one of before, or any that is free\n"
    "  --manifests PATH   a file or directory of manifests to keep applied\n"
    "  --leave-pods       on SIGTERM and SIGINT the pods run on, for the next penstock-local to take up\n"
    "  --log-level LEVEL  debug, info, warn or error\n"
    "\n"
    "Talk to it with: kubectl --kubeconfig HOME/kubeconfig get kafkaclusters,kafkatopics\n";

struct Options {
  local::RuntimeOptions runtime;
  bool leaves_pods = false;
  bool shows_help = false;
};

base::Result<Options> parse(int argc, char** argv) {
  Options options;
  const char* home = ::getenv("PENSTOCK_HOME");
  options.runtime.home = home != nullptr && *home != '\0' ? home : ".penstock";
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    std::string value;
    if (name == "--help" || name == "-h") options.shows_help = true;
    if (name == "--leave-pods") options.leaves_pods = true;
    if (options.shows_help || name == "--leave-pods") continue;
    if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return base::fail(base::Errc::kInvalidArgument, fmt::format("{} needs a value; see --help", name));
    }
    if (name == "--home") {
      options.runtime.home = value;
    } else if (name == "--port") {
      const int port = std::atoi(value.c_str());
      if (port < 0 || port > 65535)
        return base::fail(base::Errc::kInvalidArgument, "--port: must be a number from 0 to 65535");
      options.runtime.port = static_cast<std::uint16_t>(port);
    } else if (name == "--manifests") {
      options.runtime.manifests = value;
    } else if (name == "--log-level") {
      TRY_ASSIGN(const base::LogLevel level, base::parse_log_level(value));
      base::set_log_level(level);
    } else {
      return base::fail(base::Errc::kInvalidArgument, fmt::format("unknown option {}; see --help", name));
    }
  }
  std::error_code failed;
  options.runtime.home = std::filesystem::absolute(options.runtime.home).lexically_normal().string();
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  options.runtime.bin_directory = self.parent_path().string();
  return options;
}

aio::Task<> shut_down(local::Runtime& runtime, aio::AsioReactor& reactor, bool leaves_pods) {
  co_await runtime.stop(leaves_pods);
  reactor.stop();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    fmt::print(stderr, "penstock-local: {}\n", options.error().what());
    return 2;
  }
  if (options->shows_help) {
    fmt::print("{}", kHelp);
    return 0;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const base::SystemClock clock;
  base::SystemRandom random;
  base::PosixDisk disk;
  aio::BlockingPool pool(2);
  aio::AsioReactor reactor(clock, pool);
  local::Runtime runtime(reactor, clock, random, disk, options->runtime);
  int exit_code = 0;
  boost::asio::signal_set signals(reactor.context(), SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& code, int signal) {
    if (code) return;
    log.info("{}: stopping{}", ::strsignal(signal),
             options->leaves_pods ? ", the pods run on" : " with its pods");
    aio::start_detached(shut_down(runtime, reactor, options->leaves_pods));
  });
  reactor.post([&] {
    const auto started = runtime.start();
    if (started) return;
    fmt::print(stderr, "penstock-local: {}\n", started.error().what());
    exit_code = 1;
    aio::start_detached(shut_down(runtime, reactor, true));
  });
  reactor.run();
  return exit_code;
}
