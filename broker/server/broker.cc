#include "broker/server/broker.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "broker/metadata/topic_config.h"
#include "broker/server/blocking_call.h"
#include "broker/server/broker_parts.h"
#include "broker/server/cpu_count.h"
#include "broker/server/thread_environment.h"
#include "broker/server/version.h"

namespace penstock::server {

namespace {

constexpr base::Logger log("server");
// How often a broker that starts looks whether it is to stop.
constexpr auto kLookEvery = base::milliseconds(100);
// How long it waits for the process that has its data directory. A pod that was deleted by force is there
// again while the last one still ends, and if it gave up at once its kubelet would let it wait longer each
// time.
constexpr auto kLockedMax = base::seconds(10);

// Kafka's names that are accepted without acting on them: threads and sockets are sized by other means here,
// and the topics of transactions and share groups are not made yet.
constexpr std::string_view kWithoutEffect[] = {
    "num.network.threads",
    "num.io.threads",
    "num.replica.fetchers",
    "socket.send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "num.recovery.threads.per.data.dir",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
};

// A broker config that is the default of a topic config: log.retention.ms.
bool is_topic_default(std::string_view key) {
  return std::ranges::any_of(metadata::topic_keys(), [key](const metadata::TopicKey& topic_key) {
    return std::ranges::find(topic_key.synonyms, key, &metadata::TopicKeySynonym::broker_key) !=
           topic_key.synonyms.end();
  });
}

}  // namespace

base::Result<> Broker::Parts::load() {
  for (base::ConfigSection* section : std::initializer_list<base::ConfigSection*>{
           &server, &metadata_config, &replication_config, &group_config, &handler_config}) {
    TRY(section->load(properties));
  }
  TRY_ASSIGN(const base::LogLevel level, base::parse_log_level(server.log_level()));
  base::set_log_level(level);
  TRY_ASSIGN(directory, data_directory(server));
  TRY_ASSIGN(listeners, resolve_listeners(server, metadata_config.controller_listener_names(), host_name()));
  const auto has_role = [this](std::string_view role) {
    const auto& roles = metadata_config.process_roles();
    return std::ranges::find(roles, role) != roles.end();
  };
  is_broker = has_role("broker");
  is_controller = has_role("controller");
  const auto of_controllers = std::ranges::count_if(
      listeners.bound, [this](const ListenerAddress& at) { return is_controller_listener(at.name); });
  if (!is_broker && !is_controller) {
    return base::fail(base::Errc::kInvalidArgument,
                      "config process.roles: must name broker, controller or both");
  }
  if (metadata_config.controller_listener_names().empty()) {
    return base::fail(base::Errc::kInvalidArgument, "config controller.listener.names: must name a listener");
  }
  if (is_controller != (of_controllers > 0)) {
    return base::fail(base::Errc::kInvalidArgument,
                      is_controller
                          ? "config listeners: a controller needs a listener of controller.listener.names"
                          : "config listeners: a broker has no listener of controller.listener.names");
  }
  if (!is_broker && of_controllers < static_cast<std::ptrdiff_t>(listeners.bound.size())) {
    return base::fail(base::Errc::kInvalidArgument,
                      "config listeners: a controller has only listeners of controller.listener.names");
  }
  return {};
}

void Broker::Parts::warn_unknown() const {
  for (const std::string& key : base::unknown_keys(properties, sections())) {
    // Defaults of topics are resolved with the topics.
    if (is_topic_default(key)) continue;
    if (std::ranges::find(kWithoutEffect, key) != std::end(kWithoutEffect)) {
      log.debug("config {} has no effect here", key);
    } else {
      log.warn("config {} is unknown and ignored", key);
    }
  }
}

bool Broker::Parts::has_failed() const {
  return (metadata && metadata->has_failed()) || (replicas && replicas->has_failed());
}

bool Broker::Parts::is_controller_listener(const std::string& name) const {
  const auto& names = metadata_config.controller_listener_names();
  return std::ranges::find(names, name) != names.end();
}

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Broker::~Broker() {
  // Threads first: nothing may run while the parts go.
  if (environment_) environment_->stop();
}

base::Result<std::unique_ptr<Broker>> Broker::create(base::Properties properties) {
  auto parts = std::make_unique<Parts>();
  parts->properties = std::move(properties);
  TRY(parts->load());
  return std::unique_ptr<Broker>(new Broker(std::move(parts)));
}

namespace {

// Blocks the main thread.
base::Result<> open_directory(Broker::Parts& parts, const std::function<bool()>& is_stop_wanted) {
  for (base::Duration waited{}; !is_stop_wanted(); waited += kLookEvery) {
    auto opened = parts.open_directory();
    const bool is_locked = !opened && opened.error().code() == base::Errc::kUnavailable;
    if (!is_locked || waited >= kLockedMax) return opened;
    if (waited == base::Duration::zero()) log.warn("{}; waiting for its end", opened.error().what());
    std::this_thread::sleep_for(kLookEvery);
  }
  return base::fail(base::Errc::kShuttingDown, "asked to stop while another process has the data directory");
}

}  // namespace

base::Result<> Broker::start(const std::function<bool()>& is_stop_wanted) {
  Parts& parts = *parts_;
  log.info("{}", kVersionText);
  parts.warn_unknown();
  const std::size_t wanted = static_cast<std::size_t>(parts.server.reactors());
  const std::size_t lanes = wanted > 0 ? wanted : available_cores();
  environment_ =
      std::make_unique<ThreadEnvironment>(lanes, static_cast<std::size_t>(parts.server.blocking_threads()));
  parts.environment = environment_.get();
  TRY(open_directory(parts, is_stop_wanted));
  TRY(parts.open());
  auto starting = begin_call(environment_->control(), [&parts] { return parts.start_parts(); });
  bool is_given_up = false;
  while (starting.wait_for(kLookEvery) != std::future_status::ready) {
    if (is_given_up || !is_stop_wanted()) continue;
    is_given_up = true;
    environment_->control().post([&parts] { parts.give_up_start(); });
  }
  auto started = starting.get();
  // What did start is stopped in order; why it failed is what the caller wants to know.
  if (!started) (void)stop();
  return started;
}

bool Broker::has_failed() const { return parts_->has_failed(); }

base::Result<> Broker::stop() {
  Parts& parts = *parts_;
  return blocking_call(environment_->control(), [&parts] { return parts.stop_parts(); });
}

}  // namespace penstock::server
