// The broker configs that the controller, raft and the broker's registration read.
//
// Threads: loaded once, then read by any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace penstock::metadata {

struct MetadataConfig : base::ConfigSection {
  template <typename T>
  using Key = base::Key<T>;
  using Update = base::Update;

  Key<std::int32_t> node_id{this, "node.id", -1, {.min = -1}, Update::kReadOnly, "The id of this node."};
  Key<std::vector<std::string>> process_roles{this,
                                              "process.roles",
                                              {},
                                              {.one_of = {"broker", "controller"}},
                                              Update::kReadOnly,
                                              "What this node is: broker, controller."};
  Key<std::string> rack{this, "broker.rack", "", {}, Update::kReadOnly, "The rack of this broker."};
  Key<std::int32_t> heartbeat_interval_ms{this,
                                          "broker.heartbeat.interval.ms",
                                          2000,
                                          {.min = 1},
                                          Update::kReadOnly,
                                          "Time between a broker's heartbeats."};
  Key<std::int32_t> session_timeout_ms{
      this,       "broker.session.timeout.ms", 9000,
      {.min = 1}, Update::kReadOnly,           "A broker that was silent for so long is fenced."};
  Key<std::int32_t> registration_timeout_ms{this,
                                            "initial.broker.registration.timeout.ms",
                                            60'000,
                                            {.min = 1},
                                            Update::kReadOnly,
                                            "A broker that cannot register for so long gives up."};
  Key<bool> controlled_shutdown{
      this, "controlled.shutdown.enable", true, {}, Update::kReadOnly, "Move leaders away before stopping."};
  Key<std::int32_t> num_partitions{
      this,       "num.partitions",  1,
      {.min = 1}, Update::kReadOnly, "Partitions of a topic whose creator asked for the default."};
  Key<std::int32_t> default_replication_factor{this,
                                               "default.replication.factor",
                                               1,
                                               {.min = 1, .max = 32767},
                                               Update::kReadOnly,
                                               "Replicas of a topic whose creator asked for the default."};
  Key<bool> auto_leader_rebalance{this,
                                  "auto.leader.rebalance.enable",
                                  true,
                                  {},
                                  Update::kReadOnly,
                                  "Give leaderships back to the preferred replicas from time to time."};
  Key<std::int64_t> leader_imbalance_check_seconds{this,
                                                   "leader.imbalance.check.interval.seconds",
                                                   300,
                                                   {.min = 1, .max = 1e9},
                                                   Update::kReadOnly,
                                                   "Time between two such rounds."};
  Key<std::int64_t> unclean_election_interval_ms{
      this,
      "unclean.leader.election.interval.ms",
      300'000,
      {.min = 1, .max = 1e12},
      Update::kReadOnly,
      "Time between two looks for leaderless partitions that may have an unclean leader."};
  Key<std::vector<std::string>> controller_listener_names{
      this, "controller.listener.names", {},
      {},   Update::kReadOnly,           "The listeners that controllers talk on."};
  Key<std::vector<std::string>> quorum_bootstrap_servers{this,
                                                         "controller.quorum.bootstrap.servers",
                                                         {},
                                                         {},
                                                         Update::kReadOnly,
                                                         "host:port of controllers to find the quorum by."};
  Key<std::vector<std::string>> quorum_voters{
      this, "controller.quorum.voters", {},
      {},   Update::kReadOnly,          "id@host:port of each voter of a static quorum."};
  Key<bool> quorum_auto_join{this,
                             "controller.quorum.auto.join.enable",
                             false,
                             {},
                             Update::kReadOnly,
                             "A controller that is no voter adds itself to the quorum."};
  Key<std::int32_t> quorum_election_timeout_ms{this,
                                               "controller.quorum.election.timeout.ms",
                                               1000,
                                               {.min = 0},
                                               Update::kReadOnly,
                                               "Time without a leader before an election."};
  Key<std::int32_t> quorum_election_backoff_max_ms{this,
                                                   "controller.quorum.election.backoff.max.ms",
                                                   1000,
                                                   {.min = 0},
                                                   Update::kReadOnly,
                                                   "The longest wait after a lost election."};
  Key<std::int32_t> quorum_fetch_timeout_ms{this,
                                            "controller.quorum.fetch.timeout.ms",
                                            2000,
                                            {.min = 0},
                                            Update::kReadOnly,
                                            "Time without a successful fetch before an election."};
  Key<std::int32_t> quorum_request_timeout_ms{this,
                                              "controller.quorum.request.timeout.ms",
                                              2000,
                                              {.min = 0},
                                              Update::kReadOnly,
                                              "Time to wait for a quorum answer."};
  Key<std::int64_t> snapshot_record_bytes{this,
                                          "metadata.log.max.record.bytes.between.snapshots",
                                          20'971'520,
                                          {.min = 1},
                                          Update::kReadOnly,
                                          "Bytes of metadata log after which a snapshot is made."};
  Key<std::int64_t> snapshot_interval_ms{this,
                                         "metadata.log.max.snapshot.interval.ms",
                                         3'600'000,
                                         {.min = 0},
                                         Update::kReadOnly,
                                         "Time after which a snapshot is made; 0 is never."};
  Key<std::int32_t> log_segment_bytes{this,
                                      "metadata.log.segment.bytes",
                                      1 << 30,
                                      {.min = 8'388'608},
                                      Update::kReadOnly,
                                      "The size of a segment of the metadata log."};
  Key<bool> fast_failover{
      this,
      "penstock.fast.failover.enable",
      true,
      {},
      Update::kReadOnly,
      "Replace a node whose process is proved dead at once, without waiting for its session "
      "or a time-out of the quorum."};
  Key<std::int32_t> stop_wait_max_ms{this,
                                     "penstock.stop.wait.max.ms",
                                     15'000,
                                     {.min = 0},
                                     Update::kReadOnly,
                                     "How long a broker that is told to stop waits for others to be back."};
  Key<std::int64_t> log_segment_ms{
      this,       "metadata.log.segment.ms", 604'800'000,
      {.min = 1}, Update::kReadOnly,         "A segment of the metadata log takes no more after this time."};
  Key<std::int64_t> retention_bytes{
      this,
      "metadata.max.retention.bytes",
      104'857'600,
      {.min = -1},
      Update::kReadOnly,
      "The size of metadata log and snapshots above which old snapshots go; -1 is no limit."};
  Key<std::int64_t> retention_ms{this,
                                 "metadata.max.retention.ms",
                                 604'800'000,
                                 {.min = -1},
                                 Update::kReadOnly,
                                 "The age at which a snapshot goes when there is a newer one; -1 is never."};
  Key<std::string> log_dir{
      this, "metadata.log.dir", "",
      {},   Update::kReadOnly,  "Where the metadata log lives; by default in the first of log.dirs."};
};

}  // namespace penstock::metadata
