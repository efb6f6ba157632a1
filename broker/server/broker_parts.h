// Everything a broker is made of, in the order in which it is built; the same on threads and in a simulation.
// Internal to broker/server and tests/sim.
//
// Lifetime: load(), then environment, open(), start_parts(), stop_parts(). What runs is stopped before it
// goes. Threads:  start_parts(), stop_parts() and give_up_start() on the control reactor, the rest before
// anything runs.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/transport.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/group_coordinators.h"
#include "broker/handlers/config.h"
#include "broker/handlers/fetch_session.h"
#include "broker/handlers/producer_ids.h"
#include "broker/handlers/services.h"
#include "broker/metadata/broker_lifecycle.h"
#include "broker/metadata/config.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/metadata_node.h"
#include "broker/net/http_server.h"
#include "broker/net/listener.h"
#include "broker/replication/config.h"
#include "broker/replication/replica_manager.h"
#include "broker/security/authorizer.h"
#include "broker/server/admin_api.h"
#include "broker/server/broker.h"
#include "broker/server/config.h"
#include "broker/server/directory_assigner.h"
#include "broker/server/environment.h"
#include "broker/server/metadata_publisher.h"
#include "broker/server/metrics.h"
#include "broker/server/request_router.h"
#include "broker/storage/log_directory.h"

namespace penstock::server {

// The name of this machine, for listeners that advertise none.
std::string host_name();

struct Broker::Parts {
  base::Properties properties;
  ServerConfig server;
  metadata::MetadataConfig metadata_config;
  replication::ReplicationConfig replication_config;
  coordinator::GroupConfig group_config;
  handlers::HandlerConfig handler_config;

  bool is_broker = false;  // process.roles
  bool is_controller = false;
  Listeners listeners;
  std::string directory;

  Environment* environment = nullptr;
  security::AllowAll authorizer;
  Metrics metrics;
  std::atomic<bool> is_ready = false;
  bool is_start_given_up = false;  // Control reactor.
  bool is_stopping = false;        // Control reactor.

  base::Uuid incarnation_id;                                // Of this process.
  std::vector<std::unique_ptr<aio::Transport>> transports;  // One per lane.
  std::unique_ptr<aio::Transport> control_transport;
  std::unique_ptr<storage::LogDirectory> logs;
  std::unique_ptr<metadata::BrokerConfigView> config_view;
  std::unique_ptr<metadata::MetadataNode> metadata;
  // From here to the services: null without the broker role.
  std::unique_ptr<replication::ReplicaManager> replicas;
  std::unique_ptr<coordinator::GroupCoordinators> groups;
  std::unique_ptr<handlers::FetchSessions> fetch_sessions;
  std::unique_ptr<handlers::ProducerIdSource> producer_id_source;
  std::unique_ptr<handlers::ProducerIds> producer_ids;
  std::unique_ptr<metadata::BrokerLifecycle> lifecycle;
  std::unique_ptr<MetadataPublisher> publisher;
  std::unique_ptr<DirectoryAssigner> directory_assigner;
  handlers::Services services;
  std::unique_ptr<RequestRouter> router;
  handlers::Services controller_services;
  std::unique_ptr<RequestRouter> controller_router;
  std::vector<std::unique_ptr<net::Listener>> sockets;
  std::vector<std::unique_ptr<net::Listener>> controller_sockets;
  std::unique_ptr<AdminApi> admin_api;  // With `admin`.
  std::unique_ptr<net::HttpServer> admin;

  std::vector<const base::ConfigSection*> sections() const {
    return {&server, &metadata_config, &replication_config, &group_config, &handler_config};
  }
  base::Result<> load();
  void warn_unknown() const;
  bool has_failed() const;  // Any thread.
  bool is_controller_listener(const std::string& name) const;
  // ERRORS: kUnavailable when another process has it.
  base::Result<> open_directory();
  base::Result<> open();  // After open_directory().
  base::Result<> open_metadata();
  void open_broker();
  base::Result<> start_admin();
  // On `reactors`, the first of which it is called on.
  base::Result<> start_listeners(bool of_controllers, const std::vector<aio::Reactor*>& reactors);
  void add_gauges();
  std::string_view state() const;
  aio::Task<net::HttpReply> answer_admin(net::HttpRequest request);
  net::HttpReply answer_open(std::string_view path) const;
  metadata::LifecycleOptions lifecycle_options();
  void connect_replicas();
  aio::Task<base::Result<>> start_parts();
  aio::Task<base::Result<>> start_broker();
  base::Result<> check_start_wanted() const;
  void give_up_start();
  aio::Task<base::Result<>> stop_parts();
  aio::Task<base::Result<>> stop_broker();
};

}  // namespace penstock::server
