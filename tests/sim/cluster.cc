#include "tests/sim/cluster.h"

#include <fmt/core.h>

#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "broker/raft/voters.h"

namespace penstock::sim {

namespace {

constexpr const char* kTopic = "orders";
constexpr const char* kClusterId = "4L6g3nShT-eMCtK--X86sw";
constexpr auto kPatience = std::chrono::minutes(1);

base::Uuid directory_of(int id) {
  return {.most_significant = 0x51, .least_significant = static_cast<std::uint64_t>(id)};
}

base::Properties properties_of(int id, const ClusterOptions& options) {
  std::string quorum;
  for (int node = 1; node <= options.nodes; ++node)
    quorum += fmt::format("{}n{}:9093", node > 1 ? "," : "", node);
  base::Properties properties{
      {"node.id", std::to_string(id)},
      {"process.roles", "broker,controller"},
      {"listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"},
      {"advertised.listeners", fmt::format("PLAINTEXT://n{0}:9092,CONTROLLER://n{0}:9093", id)},
      {"controller.listener.names", "CONTROLLER"},
      {"controller.quorum.bootstrap.servers", quorum},
      {"log.dirs", "/data"},
      {"penstock.admin.listener", ""},
      {"auto.create.topics.enable", "false"},
      {"penstock.log.level", "error"},
  };
  if (options.is_flushed) properties["log.flush.interval.messages"] = "1";
  return properties;
}

server::FormatPlan plan_of(int id, const ClusterOptions& options) {
  server::FormatPlan plan;
  plan.cluster_id = kClusterId;
  plan.node = kafka::NodeId(id);
  plan.directories = {"/data"};
  plan.metadata_directory = "/data";
  plan.directory_id = directory_of(id);
  std::string voters;
  for (int node = 1; node <= options.nodes; ++node) {
    voters +=
        fmt::format("{}{}@n{}:9093:{}", node > 1 ? "," : "", node, node, directory_of(node).to_string());
  }
  plan.voters = *raft::parse_voters(voters, "CONTROLLER");
  return plan;
}

}  // namespace

Cluster::Cluster(std::uint64_t seed, aio::SimScheduler::Options speed, ClusterOptions the_options)
    : scheduler(seed, speed), network(scheduler), options(the_options) {
  for (int id = 1; id <= options.nodes; ++id) {
    hosts.push_back(std::make_unique<Host>(network, id, properties_of(id, options), plan_of(id, options)));
  }
  client = std::make_unique<Client>(network, "client", options.nodes);
}

base::Duration Cluster::some_time(base::Duration at_most) {
  return base::Duration(
      static_cast<std::int64_t>(random().below(static_cast<std::uint64_t>(at_most.count()) + 1)));
}

void Cluster::run_for(base::Duration duration) {
  (void)run_until([] { return false; }, duration);
}

bool Cluster::run_until(const std::function<bool()>& condition, base::Duration limit) {
  // An event of its own at the end, so that time gets there when nothing else happens.
  aio::SimReactor clock(scheduler);
  bool is_over = false;
  clock.call_after(limit, [&is_over] { is_over = true; });
  while (!is_over && !has_failed()) {
    if (condition()) return true;
    if (!scheduler.step()) break;
    check();
  }
  return condition();
}

void Cluster::check() {
  for (auto& host : hosts) {
    Run* run = host->run();
    if (run == nullptr) continue;
    if (run->started && !*run->started)
      history.violation(fmt::format("node {} does not start: {}", host->id(), run->started->error().what()));
    if (run->parts().metadata == nullptr) continue;
    const raft::RaftNode& raft = run->parts().metadata->raft();
    raft_checks.look(
        {.node = host->id(),
         .run = run,
         .epoch = raft.epoch().value(),
         .leader = raft.leader().value(),
         .is_leader = raft.is_leader(),
         .start_offset = raft.start_offset().value(),
         .high_watermark = raft.high_watermark().value(),
         .end_offset = raft.end_offset().value(),
         .read = [&raft](std::int64_t from) { return raft.read(kafka::Offset(from), 1 << 20); }});
  }
}

void Cluster::start_host(int id) {
  host(id).start();
  check();
}

bool Cluster::is_whole() {
  for (auto& host : hosts) {
    if (!host->is_ready()) return false;
  }
  return true;
}

bool Cluster::is_in_sync() {
  for (auto& host : hosts) {
    if (!host->is_ready()) return false;
    const auto image = host->run()->parts().metadata->images().current();
    for (int i = 0; i < options.partitions; ++i) {
      const auto* partition = image->partition(client->topic_id(), kafka::PartitionId(i));
      if (partition == nullptr || partition->isr.size() != static_cast<std::size_t>(options.replicas))
        return false;
    }
  }
  return true;
}

void Cluster::start_clients() {
  bool is_created = false;
  const auto create = [](Cluster* self, bool* done) -> aio::Task<> {
    co_await self->client->create_topic(
        kTopic, self->options.partitions, self->options.replicas,
        {{"min.insync.replicas", std::to_string(self->options.min_insync_replicas)}});
    co_await self->client->refresh(kTopic);
    *done = true;
  };
  client->reactor().post([this, &create, &is_created] { aio::start_detached(create(this, &is_created)); });
  if (!run_until([&] { return is_created; }, kPatience))
    history.violation("no topic within a minute of the start");
  constexpr int kProducers = 3;
  for (int i = 0; i < kProducers; ++i) {
    producers.push_back(
        std::make_unique<Producer>(*client, history, kTopic, options.partitions, (i + 1) * 1'000'000'000LL));
    producers.back()->start();
  }
  reader = std::make_unique<Reader>(*client, history, kTopic, options.partitions);
  reader->start();
}

void Cluster::finish() {
  if (!run_until([this] { return is_whole() && is_in_sync(); }, kPatience) && !has_failed())
    history.violation(
        "not every node serves, or not every replica is in sync, a minute after the last fault");
  std::vector<std::uint64_t> goals;
  for (auto& producer : producers) goals.push_back(producer->batches_acked() + 3);
  const auto has_progress = [&] {
    for (std::size_t i = 0; i < producers.size(); ++i) {
      if (producers[i]->batches_acked() < goals[i]) return false;
    }
    return true;
  };
  if (!run_until(has_progress, kPatience) && !has_failed())
    history.violation("a producer makes no progress within a minute after the last fault");
  for (auto& producer : producers) producer->stop();
  reader->stop();
  const auto are_stopped = [this] {
    for (auto& producer : producers) {
      if (!producer->is_stopped()) return false;
    }
    return true;
  };
  if (!run_until(are_stopped, kPatience) && !has_failed())
    history.violation("a producer does not come to its end");
  if (has_failed()) return;
  Reader last(*client, history, kTopic, options.partitions);
  run_for(base::seconds(1));
  last.start_final_read();
  if (!run_until([&last] { return last.is_done(); }, kPatience) && !has_failed())
    history.violation("the partitions cannot be read within a minute after the last fault");
}

void Cluster::forget_unsynced(int id) {
  for (int i = 0; i < options.partitions; ++i) {
    const replication::PartitionKey key{client->topic_id(), kafka::PartitionId(i)};
    replication::Partition* partition = nullptr;
    const auto is_open = [&] {
      if (!host(id).is_ready()) return false;
      partition = host(id).run()->parts().replicas->set_of(key).find(key);
      return partition != nullptr;
    };
    if (!run_until(is_open, kPatience)) {
      history.violation(fmt::format("node {} does not open partition {} again", id, i));
      return;
    }
    const std::int64_t end = partition->log().log_end_offset().value();
    history.forget_from(i, end);
    reader->rewind(i, end);
  }
}

}  // namespace penstock::sim
