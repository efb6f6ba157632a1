// Opening, starting and stopping the parts of a broker.
#include <unistd.h>

#include <utility>

#include <fmt/core.h>

#include "base/aio/cross_reactor.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/metadata/features.h"
#include "broker/server/broker_parts.h"

namespace penstock::server {

namespace {

constexpr base::Logger log("server");
constexpr auto kControlledShutdownMax = base::seconds(30);

aio::Task<bool> stop_listener(net::Listener& listener) {
  co_await listener.stop();
  co_return true;
}

}  // namespace

std::string host_name() {
  char buffer[256] = {};
  if (::gethostname(buffer, sizeof buffer - 1) != 0 || buffer[0] == '\0') return "localhost";
  return buffer;
}

base::Result<> Broker::Parts::open_directory() {
  auto opened = storage::LogDirectory::open(environment->disk(), directory);
  if (!opened && opened.error().code() == base::Errc::kNotFound) {
    return base::fail(base::Errc::kNotFound,
                      fmt::format("log.dirs {} is not formatted; run: penstock-broker format --config FILE "
                                  "--cluster-id $(penstock-broker format --random-uuid) --standalone",
                                  directory));
  }
  if (!opened) return base::fail(opened.error());
  logs = std::move(*opened);
  return {};
}

base::Result<> Broker::Parts::open() {
  const storage::MetaProperties& meta = logs->meta();
  const kafka::NodeId node(metadata_config.node_id());
  if (meta.node_id != node) {
    return base::fail(base::Errc::kInvalidArgument,
                      fmt::format("config node.id: {} is not the {} that {} was formatted for", node.value(),
                                  meta.node_id.value(), directory));
  }
  incarnation_id = base::Uuid::random(environment->random());
  config_view = std::make_unique<metadata::BrokerConfigView>(node, properties, sections());
  TRY(open_metadata());
  if (is_broker) open_broker();
  controller_services = handlers::Services{.node_id = node.value(),
                                           .cluster_id = meta.cluster_id,
                                           .listener_kind = handlers::ListenerKind::kController,
                                           .images = &metadata->images(),
                                           .controller = &metadata->local_controller(),
                                           .quorum = &metadata->quorum(),
                                           .authorizer = &authorizer,
                                           .config = config_view.get(),
                                           .handler_config = &handler_config};
  controller_router = std::make_unique<RequestRouter>(controller_services, metrics);
  return {};
}

base::Result<> Broker::Parts::open_metadata() {
  control_transport = environment->transport(environment->control());
  metadata::MetadataNodeOptions options;
  options.reactor = &environment->control();
  options.disk = &environment->disk();
  options.random = &environment->random();
  options.config = &metadata_config;
  options.configs = config_view.get();
  options.node = kafka::NodeId(metadata_config.node_id());
  options.directory_id = logs->meta().directory_id;
  options.cluster_id = logs->meta().cluster_id;
  options.log_directory = metadata_config.log_dir().empty() ? directory : metadata_config.log_dir();
  options.is_controller = is_controller;
  for (const ListenerAddress& listener : listeners.advertised) {
    if (!is_controller_listener(listener.name)) continue;
    options.controller_listeners.push_back(
        {.name = listener.name, .host = listener.host, .port = listener.port, .security_protocol = 0});
  }
  options.transport = control_transport.get();
  options.inter_broker_listener = inter_broker_listener(server);
  for (const std::string& text : metadata_config.quorum_bootstrap_servers()) {
    TRY_ASSIGN(const ListenerAddress at, parse_host_port("controller.quorum.bootstrap.servers", text));
    options.bootstrap.push_back({at.host, at.port});
  }
  options.on_fatal = [](const base::Error& error) {
    log.error("the metadata log cannot go on: {}", error.what());
  };
  options.is_topic_deletion_enabled = handler_config.delete_topics();
  TRY_ASSIGN(metadata, metadata::MetadataNode::open(std::move(options)));
  return {};
}

void Broker::Parts::open_broker() {
  const storage::MetaProperties& meta = logs->meta();
  const kafka::NodeId node(metadata_config.node_id());
  replicas =
      std::make_unique<replication::ReplicaManager>(node, replication_config, environment->lanes(), *logs);
  connect_replicas();
  groups = std::make_unique<coordinator::GroupCoordinators>(group_config, environment->random());
  fetch_sessions = std::make_unique<handlers::FetchSessions>(
      environment->lanes(), static_cast<std::size_t>(replication_config.fetch_session_slots_max()),
      environment->random().next());
  publisher = std::make_unique<MetadataPublisher>(
      MetadataPublisher::Parts{.self = node,
                               .reactor = environment->control(),
                               .images = metadata->images(),
                               .config = *config_view,
                               .replicas = *replicas,
                               .groups = *groups,
                               .replica_lag_max_ms = replication_config.replica_lag_time_max_ms(),
                               .incarnation_id = incarnation_id,
                               .inter_broker_listener = inter_broker_listener(server)});
  lifecycle = std::make_unique<metadata::BrokerLifecycle>(environment->control(), metadata->controller(),
                                                          lifecycle_options());
  directory_assigner = std::make_unique<DirectoryAssigner>(
      DirectoryAssigner::Parts{.reactor = environment->control(),
                               .images = metadata->images(),
                               .controller = metadata->controller(),
                               .self = node,
                               .directory = meta.directory_id,
                               .epoch = [this] { return lifecycle->epoch(); }});
  producer_id_source = std::make_unique<handlers::ControllerProducerIds>(
      metadata->controller(), node.value(), [this] { return lifecycle->epoch().value(); });
  producer_ids = std::make_unique<handlers::ProducerIds>(environment->control(), *producer_id_source);
  services = handlers::Services{.node_id = node.value(),
                                .cluster_id = meta.cluster_id,
                                .images = &metadata->images(),
                                .controller = &metadata->controller(),
                                .quorum = &metadata->quorum(),
                                .replicas = replicas.get(),
                                .groups = groups.get(),
                                .fetch_sessions = fetch_sessions.get(),
                                .producer_ids = producer_ids.get(),
                                .authorizer = &authorizer,
                                .config = config_view.get(),
                                .handler_config = &handler_config,
                                .group_config = &group_config};
  router = std::make_unique<RequestRouter>(services, metrics);
}

void Broker::Parts::connect_replicas() {
  replication::ReplicaLinks links;
  for (aio::Reactor* lane : environment->lanes()) {
    transports.push_back(environment->transport(*lane));
    links.transports.push_back(transports.back().get());
  }
  links.controller.alter_partition = [this](kafka::AlterPartitionRequest request) {
    return metadata->controller().alter_partition(environment->control(), std::move(request));
  };
  links.controller.broker_epoch = [this] { return lifecycle->epoch(); };
  replicas->connect(environment->control(), std::move(links));
}

metadata::LifecycleOptions Broker::Parts::lifecycle_options() {
  metadata::LifecycleOptions options;
  options.node = kafka::NodeId(metadata_config.node_id());
  options.cluster_id = logs->meta().cluster_id;
  options.incarnation_id = incarnation_id;
  for (const ListenerAddress& listener : listeners.advertised) {
    if (is_controller_listener(listener.name)) continue;
    options.listeners.push_back(
        {.name = listener.name, .host = listener.host, .port = listener.port, .security_protocol = 0});
  }
  options.features = metadata::broker_features();
  if (!metadata_config.rack().empty()) options.rack = metadata_config.rack();
  options.directories = {logs->meta().directory_id};
  options.previous_epoch = logs->previous_broker_epoch();
  options.heartbeat_interval = base::milliseconds(metadata_config.heartbeat_interval_ms());
  options.registration_timeout = base::milliseconds(metadata_config.registration_timeout_ms());
  options.applied_offset = [this] { return publisher->applied(); };
  options.is_quorum_gone = [this] { return metadata->is_quorum_gone(); };
  return options;
}

base::Result<> Broker::Parts::start_listeners(bool of_controllers,
                                              const std::vector<aio::Reactor*>& reactors) {
  for (const ListenerAddress& address : listeners.bound) {
    if (is_controller_listener(address.name) != of_controllers) continue;
    net::ListenerOptions options;
    options.name = address.name;
    options.limits.frame_bytes_max = server.request_bytes_max();
    options.connections_max = static_cast<std::size_t>(server.connections_max());
    if (server.connections_idle_max_ms() >= 0)
      options.idle_max = base::milliseconds(server.connections_idle_max_ms());
    auto socket = std::make_unique<net::Listener>(std::move(options),
                                                  environment->acceptor(address.host, address.port, reactors),
                                                  reactors, of_controllers ? *controller_router : *router);
    TRY(socket->start());
    log.info("listening on {}://{}:{}", address.name, address.host.empty() ? "*" : address.host,
             socket->port());
    (of_controllers ? controller_sockets : sockets).push_back(std::move(socket));
  }
  return {};
}

base::Result<> Broker::Parts::check_start_wanted() const {
  if (is_start_given_up) return base::fail(base::Errc::kShuttingDown, "told to stop while starting");
  return {};
}

void Broker::Parts::give_up_start() {
  is_start_given_up = true;
  if (!is_broker) return;
  lifecycle->give_up_waiting();
  publisher->give_up_waiting();
}

aio::Task<base::Result<>> Broker::Parts::start_parts() {
  CO_TRY(start_admin());
  if (is_broker) {
    CO_TRY(co_await replicas->start(environment->control()));
    CO_TRY(check_start_wanted());
    publisher->start();
  }
  metadata->start();
  // Controllers are served by the control reactor: no busy data path delays a vote or a heartbeat.
  if (is_controller) CO_TRY(start_listeners(true, {&environment->control()}));
  if (is_broker) CO_TRY(co_await start_broker());
  is_ready = true;
  log.info("node {} of cluster {} is ready", metadata_config.node_id(), logs->meta().cluster_id);
  co_return base::Result<>{};
}

aio::Task<base::Result<>> Broker::Parts::start_broker() {
  lifecycle->start();
  CO_TRY(co_await lifecycle->wait_registered());
  // The registration is a record at the offset that is its epoch: with it applied, so is all that came
  // before.
  co_await publisher->wait_applied(kafka::Offset(lifecycle->epoch().value()));
  CO_TRY(check_start_wanted());
  directory_assigner->start();
  auto start_sockets = [this] { return start_listeners(false, environment->lanes()); };
  CO_TRY(
      co_await aio::run_on(environment->control(), *environment->lanes().front(), std::move(start_sockets)));
  lifecycle->set_ready();
  co_return co_await lifecycle->wait_unfenced();
}

aio::Task<base::Result<>> Broker::Parts::stop_broker() {
  if (replicas->has_failed()) lifecycle->set_lost_directories({logs->meta().directory_id});
  if (metadata_config.controlled_shutdown() && !metadata->has_failed()) {
    const bool is_granted = co_await lifecycle->controlled_shutdown(kControlledShutdownMax);
    if (!is_granted) log.warn("stopping without the controller's leave");
  }
  const kafka::BrokerEpoch epoch = lifecycle->epoch();
  for (auto& socket : sockets) {
    net::Listener* at = socket.get();
    co_await aio::call_on(environment->control(), *environment->lanes().front(),
                          [at] { return stop_listener(*at); });
  }
  co_await lifecycle->stop();
  co_await directory_assigner->stop();
  co_await groups->stop(environment->control());
  co_await publisher->stop();
  co_return co_await replicas->stop(environment->control(), epoch);
}

aio::Task<base::Result<>> Broker::Parts::stop_parts() {
  is_ready = false;
  is_stopping = true;
  base::Result<> stopped;
  if (is_broker) stopped = co_await stop_broker();
  co_await metadata->stop();
  // Until then others may still be answered.
  for (auto& socket : controller_sockets) co_await socket->stop();
  if (admin) co_await admin->stop();
  if (stopped) log.info("stopped cleanly");
  co_return stopped;
}

}  // namespace penstock::server
