// The keys that the broker's composition reads, and the listeners that they describe.
//
// Threads: loaded once, then read by any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"

namespace penstock::server {

struct ServerConfig final : base::ConfigSection {
  template <typename T>
  using Key = base::Key<T>;
  using Update = base::Update;

  Key<std::vector<std::string>> listeners{
      this, "listeners",        {"PLAINTEXT://:9092"},
      {},   Update::kPerBroker, "NAME://host:port of each listener; an empty host is every address."};
  Key<std::vector<std::string>> advertised_listeners{
      this, "advertised.listeners", {},
      {},   Update::kPerBroker,     "NAME://host:port that clients are told; by default as in listeners."};
  Key<std::vector<std::string>> security_protocol_map{
      this,
      "listener.security.protocol.map",
      {"SASL_SSL:SASL_SSL", "PLAINTEXT:PLAINTEXT", "SSL:SSL", "SASL_PLAINTEXT:SASL_PLAINTEXT"},
      {},
      Update::kPerBroker,
      "NAME:PROTOCOL of each listener."};
  Key<std::string> inter_broker_listener{this,
                                         "inter.broker.listener.name",
                                         "",
                                         {},
                                         Update::kReadOnly,
                                         "The listener that brokers talk to each other on."};
  Key<std::vector<std::string>> log_dirs{
      this, "log.dirs",        {},
      {},   Update::kReadOnly, "The directories of the logs; log.dir when it is not set."};
  Key<std::vector<std::string>> log_dir{this, "log.dir",         {"/tmp/kafka-logs"},
                                        {},   Update::kReadOnly, "The directory of the logs."};
  Key<std::int32_t> request_bytes_max{this,       "socket.request.max.bytes", 104'857'600,
                                      {.min = 1}, Update::kReadOnly,          "The largest request."};
  Key<std::int32_t> connections_max{this,       "max.connections",    2'147'483'647,
                                    {.min = 0}, Update::kClusterWide, "The most connections at a time."};
  Key<std::int64_t> connections_idle_max_ms{
      this, "connections.max.idle.ms", 600'000,
      {},   Update::kReadOnly,         "A connection that was idle for so long is closed."};
  Key<std::string> admin_listener{
      this, "penstock.admin.listener", "127.0.0.1:9644",
      {},   Update::kReadOnly,         "host:port of the admin port (metrics and health); empty for none."};
  Key<std::string> admin_token_file{this,
                                    "penstock.admin.token.file",
                                    "",
                                    {},
                                    Update::kReadOnly,
                                    "The file with the token that /v1 of the admin port asks for; empty "
                                    "for none, and then /v1 is served on loopback addresses only."};
  Key<std::int32_t> reactors{this,
                             "penstock.reactors",
                             0,
                             {.min = 0, .max = 256},
                             Update::kReadOnly,
                             "Reactor threads for connections and partitions; 0 is one per available core."};
  Key<std::int32_t> blocking_threads{this,
                                     "background.threads",
                                     10,
                                     {.min = 1, .max = 256},
                                     Update::kClusterWide,
                                     "Threads for work that may block: fsync, cold reads, removals."};
  Key<std::string> log_level{this,
                             "penstock.log.level",
                             "info",
                             {.one_of = {"debug", "info", "warn", "error"}},
                             Update::kReadOnly,
                             "How much is logged."};
};

struct ListenerAddress {
  std::string name;  // "PLAINTEXT", upper case as Kafka normalises it.
  std::string host;  // Empty: every address.
  std::uint16_t port = 0;
  bool operator==(const ListenerAddress&) const = default;
};

// "PLAINTEXT://:9092" or "EXTERNAL://[::1]:9094". ERRORS: kInvalidArgument naming `key` and the entry.
base::Result<ListenerAddress> parse_listener(std::string_view key, std::string_view text);
// "host:port". ERRORS: kInvalidArgument naming `key`.
base::Result<ListenerAddress> parse_host_port(std::string_view key, std::string_view text);

// The listeners of this node and what it advertises for each, checked against each other.
struct Listeners {
  std::vector<ListenerAddress> bound;
  std::vector<ListenerAddress> advertised;  // Same names; never an empty host.
};
// `controller_names` is controller.listener.names. ERRORS: kInvalidArgument naming the key: unknown or double
// names, a protocol that is not PLAINTEXT (kUnsupported).
base::Result<Listeners> resolve_listeners(const ServerConfig& config,
                                          const std::vector<std::string>& controller_names,
                                          const std::string& host_name);

// The listener that brokers reach each other on, upper case; empty when none is named: each broker's first.
std::string inter_broker_listener(const ServerConfig& config);

// The data directories. ERRORS: kUnsupported for more than one: several directories are not served yet.
base::Result<std::string> data_directory(const ServerConfig& config);

}  // namespace penstock::server
