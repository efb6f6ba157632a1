// Brokers as far as replication goes: the real publisher, replicas, logs on simulated disks and handlers,
// under a controller that is no more than an image that the test changes.
//
// Threads: one, a seeded scheduler. A process that crashed goes on without disk and network until the end, as
// nothing else can end its coroutines.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/coordinator/group/config.h"
#include "broker/handlers/fetch_session.h"
#include "broker/metadata/image_builder.h"
#include "broker/security/authorizer.h"
#include "broker/server/metadata_publisher.h"
#include "kafka/record_batch.h"
#include "memory_network.h"
#include "process_disk.h"
#include "tests/support/sim_disk.h"
#include "tests/unit/broker/replication/fixture.h"

namespace penstock::server::testing {

using kafka::ErrorCode;
using replication::testing::key_of;

class Cluster;

// One run of a broker.
struct Process {
  Process(Cluster& cluster, int id, base::Uuid incarnation);
  void start();
  void stop();  // Resumes the scheduler until it is done.
  replication::Partition* partition(std::int32_t index = 0) {
    return replicas->set_of(key_of(index)).find(key_of(index));
  }
  aio::Task<> follow_metadata();

  Cluster& cluster;
  const int id;
  const base::Uuid incarnation;
  aio::SimReactor home, door, first, second;
  ProcessDisk disk;
  replication::ReplicationConfig config;
  coordinator::GroupConfig group_config;
  base::SeededRandom random;
  security::AllowAll authorizer;
  metadata::ImageSource images;
  metadata::BrokerConfigView config_view;
  MemoryTransport to_first, to_second;
  coordinator::GroupCoordinators groups;
  handlers::FetchSessions sessions;
  std::unique_ptr<storage::LogDirectory> logs;
  std::unique_ptr<replication::ReplicaManager> replicas;
  std::unique_ptr<MetadataPublisher> publisher;
  handlers::Services services;
  kafka::BrokerEpoch epoch = kafka::kNoBrokerEpoch;
  std::size_t applied = 0;  // Of the cluster's updates.
  bool is_stopping = false;
  aio::Gate gate;
};

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed, int brokers = 3, base::Properties properties = {});
  ~Cluster();

  // --- The controller --------------------------------------------------------------------------------------
  void create_topic(std::vector<int> replicas, int min_insync_replicas, metadata::Configs configs = {});
  const metadata::Partition& state(std::int32_t index = 0) const {
    return *builder.image().partition(key_of(index).topic_id, kafka::PartitionId(index));
  }
  void change(kafka::PartitionChangeRecord record);
  void move_leader(int to);
  // Out of service and out of the ISR; leaders move to a member that is left.
  void fence(int id);
  void unfence(int id);
  void register_broker(int id, base::Uuid incarnation);
  void publish();
  aio::Task<kafka::AlterPartitionResponse> alter_partition(Process& from,
                                                           kafka::AlterPartitionRequest request);

  // --- The brokers -----------------------------------------------------------------------------------------
  Process& node(int id) { return *nodes.at(id); }
  // By the controller.
  bool is_reachable(const Process& process) const {
    const auto now = nodes.find(process.id);
    return now != nodes.end() && now->second.get() == &process && !network.is_cut(process.id, 0);
  }
  void crash(int id);
  void restart(int id);

  void run_for(base::Duration time) { scheduler.run_for(time); }
  template <typename Condition>
  bool run_until(Condition condition, base::Duration limit = base::seconds(30)) {
    const base::MonoTime end = scheduler.now() + limit;
    while (!condition() && scheduler.now() < end) scheduler.run_for(base::milliseconds(1));
    return condition();
  }
  template <typename T>
  T run(aio::SimReactor& reactor, aio::Task<T> task, base::Duration limit = base::seconds(30)) {
    replication::testing::Running<T> running(reactor, std::move(task));
    EXPECT_TRUE(run_until([&] { return running.is_done(); }, limit));
    return std::move(running.value());
  }
  bool is_isr(std::vector<std::int32_t> isr, std::int32_t index = 0) {
    std::vector<std::int32_t> now = state(index).isr;
    std::ranges::sort(now);
    return now == isr;
  }
  // acks=all to the broker, whoever it is.
  replication::AppendOutcome produce(int id, int records, std::int16_t acks = -1,
                                     base::Duration timeout = base::seconds(3));
  // The whole log of a replica.
  base::Bytes log_of(int id);

  aio::SimScheduler scheduler;
  MemoryNetwork network;
  aio::SimReactor controller;
  base::Properties properties;
  metadata::ImageBuilder builder;
  std::vector<metadata::ImageUpdate> updates;
  std::map<int, std::unique_ptr<penstock::testing::SimDisk>> disks;
  std::map<int, std::unique_ptr<Process>> nodes;
  std::vector<std::unique_ptr<Process>> crashed;
  std::int64_t next_epoch = 100;
  int isr_changes = 0;
};

inline Process::Process(Cluster& c, int number, base::Uuid incarnation_of)
    : cluster(c),
      id(number),
      incarnation(incarnation_of),
      home(c.scheduler),
      door(c.scheduler),
      first(c.scheduler),
      second(c.scheduler),
      disk(*c.disks.at(number)),
      random(static_cast<std::uint64_t>(number)),
      config_view(kafka::NodeId(number), {}, {&config, &group_config}),
      to_first(c.network, number, first),
      to_second(c.network, number, second),
      groups(group_config, random),
      sessions({&door}, 100, random.next()) {
  EXPECT_TRUE(config.load(c.properties));
}

inline void Process::start() {
  auto opened = storage::LogDirectory::open(disk, "/data");
  ASSERT_TRUE(opened) << opened.error().what();
  logs = std::move(*opened);
  const kafka::NodeId node(id);
  replicas = std::make_unique<replication::ReplicaManager>(
      node, config, std::vector<aio::Reactor*>{&first, &second}, *logs);
  replicas->connect(home, {.transports = {&to_first, &to_second},
                           .controller = {.alter_partition =
                                              [this](kafka::AlterPartitionRequest request) {
                                                return cluster.alter_partition(*this, std::move(request));
                                              },
                                          .broker_epoch = [this] { return epoch; }}});
  publisher = std::make_unique<MetadataPublisher>(
      MetadataPublisher::Parts{.self = node,
                               .reactor = home,
                               .images = images,
                               .config = config_view,
                               .replicas = *replicas,
                               .groups = groups,
                               .replica_lag_max_ms = config.replica_lag_time_max_ms(),
                               .incarnation_id = incarnation,
                               .inter_broker_listener = ""});
  services.node_id = id;
  services.images = &images;
  services.replicas = replicas.get();
  services.fetch_sessions = &sessions;
  services.authorizer = &authorizer;
  ASSERT_TRUE(cluster.run(home, replicas->start(home)));
  cluster.network.listen(id, {&door, &services, &gate});
  auto begin = [this] {
    publisher->start();
    aio::spawn(gate, "metadata", follow_metadata());
  };
  home.post(begin);
}

inline aio::Task<> Process::follow_metadata() {
  while (!is_stopping) {
    (void)co_await aio::sleep_for(home, cluster.network.delay());
    if (applied < cluster.updates.size() && !cluster.network.is_cut(id, 0)) {
      images.publish(cluster.updates[applied++]);
    }
  }
}

inline void Process::stop() {
  is_stopping = true;
  (void)cluster.run(home, replication::testing::finish(publisher->stop()));
  const auto stopped = cluster.run(home, replicas->stop(home, epoch));
  if (cluster.network.find(id) != nullptr && cluster.network.find(id)->reactor == &door) {
    cluster.network.close(id);
    EXPECT_TRUE(stopped) << stopped.error().what();
  }
  (void)cluster.run(home, replication::testing::finish(groups.stop(home)));
  (void)cluster.run(home, replication::testing::finish(gate.close()));
}

inline Cluster::Cluster(std::uint64_t seed, int brokers, base::Properties with)
    : scheduler(seed), network(scheduler), controller(scheduler), properties(std::move(with)) {
  for (int id = 1; id <= brokers; ++id) {
    auto& disk = *(disks[id] = std::make_unique<penstock::testing::SimDisk>());
    EXPECT_TRUE(disk.create_directories("/data"));
    EXPECT_TRUE(storage::write_meta_properties(
        disk, "/data",
        {.cluster_id = "test",
         .node_id = kafka::NodeId(id),
         .directory_id = {.most_significant = 3, .least_significant = static_cast<std::uint64_t>(id)}},
        replication::testing::kWallMs));
    restart(id);
  }
}

inline Cluster::~Cluster() {
  network.heal();
  for (auto& [id, process] : nodes) process->stop();
  for (auto& process : crashed) process->stop();
  // Questions to the controller that were under way end unheard.
  run_for(base::seconds(1));
}

inline void Cluster::publish() { updates.push_back(builder.publish()); }

inline void Cluster::register_broker(int id, base::Uuid incarnation) {
  kafka::RegisterBrokerRecord record;
  record.broker_id = id;
  record.broker_epoch = next_epoch++;
  record.incarnation_id = incarnation;
  record.end_points.push_back({.name = "PLAINTEXT", .host = std::to_string(id), .port = 9092});
  record.fenced = true;
  EXPECT_TRUE(builder.replay(record));
  nodes.at(id)->epoch = kafka::BrokerEpoch(record.broker_epoch);
  publish();
}

inline void Cluster::create_topic(std::vector<int> replicas, int min_insync_replicas,
                                  metadata::Configs configs) {
  EXPECT_TRUE(builder.replay(kafka::TopicRecord{.name = "orders", .topic_id = key_of(0).topic_id}));
  kafka::PartitionRecord record;
  record.partition_id = 0;
  record.topic_id = key_of(0).topic_id;
  record.replicas = record.isr = std::vector<std::int32_t>(replicas.begin(), replicas.end());
  record.leader = replicas.front();
  record.leader_epoch = record.partition_epoch = 0;
  EXPECT_TRUE(builder.replay(record));
  configs["min.insync.replicas"] = std::to_string(min_insync_replicas);
  for (const auto& [name, value] : configs) {
    EXPECT_TRUE(builder.replay(
        kafka::ConfigRecord{.resource_type = 2, .resource_name = "orders", .name = name, .value = value}));
  }
  publish();
}

inline void Cluster::change(kafka::PartitionChangeRecord record) {
  record.partition_id = 0;
  record.topic_id = key_of(0).topic_id;
  EXPECT_TRUE(builder.replay(record));
  publish();
}

inline void Cluster::move_leader(int to) {
  kafka::PartitionChangeRecord record;
  record.leader = to;
  change(std::move(record));
}

inline void Cluster::fence(int id) {
  const auto* broker = builder.image().broker(kafka::NodeId(id));
  EXPECT_TRUE(builder.replay(kafka::FenceBrokerRecord{.id = id, .epoch = broker->epoch.value()}));
  publish();
  if (builder.image().topic_count() == 0) return;
  const metadata::Partition& partition = state();
  std::vector<std::int32_t> isr = partition.isr;
  std::erase(isr, id);
  if (isr.empty() || isr.size() == partition.isr.size()) return;
  kafka::PartitionChangeRecord record;
  if (partition.leader == id) record.leader = isr.front();
  record.isr = isr;
  change(std::move(record));
}

inline void Cluster::unfence(int id) {
  const auto* broker = builder.image().broker(kafka::NodeId(id));
  EXPECT_TRUE(builder.replay(kafka::UnfenceBrokerRecord{.id = id, .epoch = broker->epoch.value()}));
  publish();
}

inline aio::Task<kafka::AlterPartitionResponse> Cluster::alter_partition(
    Process& from, kafka::AlterPartitionRequest request) {
  aio::SimReactor& home = from.home;
  kafka::AlterPartitionResponse response;
  (void)co_await aio::sleep_for(home, network.delay());
  const auto* sender = builder.image().broker(kafka::NodeId(from.id));
  const bool is_stale = sender->epoch != kafka::BrokerEpoch(request.broker_epoch);
  if (!is_reachable(from) || is_stale) {
    (void)co_await aio::sleep_for(home, base::milliseconds(100));
    response.error_code =
        kafka::to_wire(is_stale ? ErrorCode::kStaleBrokerEpoch : ErrorCode::kRequestTimedOut);
    co_return response;
  }
  for (const auto& topic : request.topics) {
    auto& answers = response.topics.emplace_back();
    answers.topic_id = topic.topic_id;
    for (const auto& ask : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = ask.partition_index;
      const metadata::Partition now = state(ask.partition_index);
      ErrorCode error = ErrorCode::kNone;
      if (ask.leader_epoch != now.leader_epoch) error = ErrorCode::kFencedLeaderEpoch;
      if (ask.partition_epoch != now.partition_epoch) error = ErrorCode::kInvalidUpdateVersion;
      std::vector<std::int32_t> isr;
      for (const auto& member : ask.new_isr_with_epochs) {
        isr.push_back(member.broker_id);
        const auto* broker = builder.image().broker(kafka::NodeId(member.broker_id));
        const bool is_fit = broker->is_active() && broker->epoch == kafka::BrokerEpoch(member.broker_epoch);
        if (!is_fit && error == ErrorCode::kNone) error = ErrorCode::kIneligibleReplica;
      }
      answer.error_code = kafka::to_wire(error);
      if (error != ErrorCode::kNone) continue;
      ++isr_changes;
      kafka::PartitionChangeRecord record;
      record.isr = isr;
      change(std::move(record));
      answer.leader_id = now.leader;
      answer.leader_epoch = now.leader_epoch;
      answer.partition_epoch = state(ask.partition_index).partition_epoch;
      answer.isr = isr;
    }
  }
  (void)co_await aio::sleep_for(home, network.delay());
  // Done, but the answer may be lost.
  if (!is_reachable(from)) {
    response = {};
    response.error_code = kafka::to_wire(ErrorCode::kRequestTimedOut);
  }
  co_return response;
}

inline void Cluster::crash(int id) {
  network.close(id);
  Process& process = node(id);
  process.is_stopping = true;
  process.disk.end();
  disks.at(id)->crash(scheduler.random());
  crashed.push_back(std::move(nodes.at(id)));
  nodes.erase(id);
}

inline void Cluster::restart(int id) {
  const base::Uuid incarnation = base::Uuid::random(scheduler.random());
  nodes[id] = std::make_unique<Process>(*this, id, incarnation);
  register_broker(id, incarnation);
  node(id).start();
  unfence(id);
}

inline replication::AppendOutcome Cluster::produce(int id, int records, std::int16_t acks,
                                                   base::Duration timeout) {
  base::Bytes batch = replication::testing::batch_of(records);
  replication::ProduceBatch request;
  request.acks = acks;
  request.timeout = timeout;
  request.items.push_back({.key = key_of(0), .records = batch});
  return run(node(id).door, node(id).replicas->produce(node(id).door, std::move(request)))[0];
}

inline base::Bytes Cluster::log_of(int id) {
  base::Bytes all;
  storage::Log& log = node(id).partition()->log();
  for (kafka::Offset at = log.log_start_offset(); at < log.log_end_offset();) {
    const auto read = log.read({.from = at, .bytes_max = 1 << 20, .is_memory_required = true});
    EXPECT_TRUE(read) << read.error().what();
    if (!read || read->records.size() == 0) break;
    all.insert(all.end(), read->records.bytes.begin(), read->records.bytes.end());
    kafka::BatchCursor cursor(read->records.bytes);
    for (auto batch = cursor.next(); batch && *batch; batch = cursor.next()) at = (*batch)->next_offset();
  }
  return all;
}

}  // namespace penstock::server::testing
