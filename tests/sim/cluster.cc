#include "tests/sim/cluster.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/aio/gate.h"
#include "base/aio/sleep.h"
#include "broker/metadata/features.h"
#include "broker/raft/voters.h"
#include "tests/sim/scenarios.h"

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
      {"penstock.log.level", log_level()},
  };
  if (options.is_flushed) properties["log.flush.interval.messages"] = "1";
  if (options.session > base::Duration::zero()) {
    properties["broker.session.timeout.ms"] =
        std::to_string(std::chrono::duration_cast<base::milliseconds>(options.session).count());
  }
  for (const auto& [name, value] : options.properties) properties[name] = value;
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
  plan.features.insert(metadata::default_levels().begin(), metadata::default_levels().end());
  plan.voters = *raft::parse_voters(voters, "CONTROLLER");
  return plan;
}

}  // namespace

std::string& log_level() {
  static std::string level = "error";
  return level;
}

Cluster::Cluster(std::uint64_t seed, aio::SimScheduler::Options speed, ClusterOptions the_options)
    : scheduler(seed, speed),
      network(scheduler),
      options(std::move(the_options)),
      partition_checks(history, options.min_insync_replicas),
      fence_checks(history, options.session) {
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
    // An event changes only what runs on its reactor.
    for (auto& host : hosts) {
      if (!host->is_running() || !host->run()->owns(scheduler.last())) continue;
      check(*host);
      host->end_if_stopped();
      if (host->is_running() && host->run()->parts().has_failed() && !host->is_stopping()) {
        // As the program does when a disk has failed.
        host->stop();
      }
    }
  }
  return condition();
}

void Cluster::start_host(int id) {
  fence_checks.has_power(id);
  host(id).start();
  check(host(id));
}

metadata::ImagePtr Cluster::newest_image() {
  metadata::ImagePtr newest;
  for (auto& host : hosts) {
    if (!host->is_running() || host->run()->parts().metadata == nullptr) continue;
    auto image = host->run()->parts().metadata->images().current();
    if (!newest || image->last_offset() > newest->last_offset()) newest = std::move(image);
  }
  return newest;
}

bool Cluster::may_lose_power(int id) { return options.is_flushed || (damaged_ == 0 && is_spared(id)); }

bool Cluster::is_spared(int id) {
  // The others have everything, and nobody takes them for broken.
  for (auto& host : hosts) {
    if (host->id() != id && !host->is_ready()) return false;
  }
  const auto image = newest_image();
  for (const auto& topic : image->topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition->isr.size() != partition->replicas.size() || partition->is_being_reassigned())
        return false;
    }
  }
  return std::ranges::all_of(hosts, [&](const auto& host) {
    const auto* broker = image->broker(kafka::NodeId(host->id()));
    return broker != nullptr &&
           (host->id() == id || broker->epoch == host->run()->parts().lifecycle->epoch());
  });
}

void Cluster::lose_power(int id) {
  host(id).lose_power();
  partition_checks.lost_power(id);
  if (options.is_flushed) return;
  damaged_ = id;
  is_damage_noticed_ = false;
}

void Cluster::lose_disk(int id) {
  server::FormatPlan plan = plan_of(id, options);
  // The first disk has voted: this one begins as another replica, which knows of no voter.
  plan.voters.reset();
  plan.directory_id.reset();
  host(id).lose_disk(plan);
  partition_checks.lost_power(id);
  raft_checks.lost_disk(id);
  snapshots.lost_disk(id);
}

bool Cluster::is_voted() {
  return std::ranges::all_of(hosts, [](const auto& host) {
    if (!host->is_ready()) return false;
    const raft::RaftNode& raft = host->run()->parts().metadata->raft();
    return raft.is_self_voter() && raft.voters_offset() < raft.high_watermark();
  });
}

void Cluster::follow_damage() {
  const auto image = newest_image();
  const auto* broker = image->broker(kafka::NodeId(damaged_));
  Run* run = host(damaged_).run();
  const bool is_registered = run != nullptr && run->parts().lifecycle != nullptr && broker != nullptr &&
                             broker->epoch == run->parts().lifecycle->epoch();
  bool is_in_sync = true;
  bool is_trusted = false;  // In an ISR or eligible.
  for (const auto& topic : image->topics()) {
    for (const auto& partition : topic->partitions) {
      if (!partition->has_replica(kafka::NodeId(damaged_))) continue;
      const bool is_in_isr = partition->is_in_isr(kafka::NodeId(damaged_));
      is_in_sync = is_in_sync && is_in_isr;
      is_trusted = is_trusted || is_in_isr || std::ranges::count(partition->elr, damaged_) > 0;
    }
  }
  is_damage_noticed_ = is_damage_noticed_ || is_registered || !is_trusted;
  if (!is_registered || !is_in_sync) return;
  partition_checks.is_repaired(damaged_);
  damaged_ = 0;
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
      const auto replicas = static_cast<std::size_t>(options.replicas);
      if (partition == nullptr || partition->isr.size() != replicas || partition->is_being_reassigned())
        return false;
    }
  }
  return true;
}

void Cluster::start_clients() {
  bool is_created = false;
  const auto create = [](Cluster* self, bool* done) -> aio::Task<> {
    auto configs = self->options.topic_configs;
    configs["min.insync.replicas"] = std::to_string(self->options.min_insync_replicas);
    co_await self->client->create_topic(kTopic, self->options.partitions, self->options.replicas, configs);
    co_await self->client->refresh(kTopic);
    *done = true;
  };
  client->reactor().post([this, &create, &is_created] { aio::start_detached(create(this, &is_created)); });
  if (!run_until([&] { return is_created; }, kPatience))
    history.violation("no topic within a minute of the start");
  constexpr int kProducers = 3;
  for (int i = 0; i < kProducers; ++i) {
    const bool is_losable = options.has_losable_producer && i == 0;
    producers.push_back(std::make_unique<Producer>(
        *client, history,
        ProducerOptions{
            .topic = kTopic,
            .partitions = options.partitions,
            .first_value = (is_losable ? History::kUnordered : 0) + (i + 1) * History::kValuesPerProducer,
            .in_flight_max = options.in_flight_max,
            .is_losable = is_losable}));
    producers.back()->start();
  }
  reader = std::make_unique<Reader>(*client, history,
                                    ReaderOptions{.topic = kTopic,
                                                  .partitions = options.partitions,
                                                  .is_high_watermark_checked = options.replicas == 1});
  reader->start();
  if (!options.has_admin) return;
  admin = std::make_unique<Admin>(
      network, history,
      AdminOptions{.topic = kTopic, .partitions = options.partitions, .brokers = options.nodes});
  admin->start();
}

void Cluster::finish() {
  if (admin) {
    admin->stop();
    if (!run_until([this] { return admin->is_stopped(); }, kPatience) && !has_failed())
      history.violation("what the admin asks for is not done a minute after the last fault");
  }
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
  // Followers hear of the last high watermark with their next fetch.
  run_for(base::seconds(2));
  if (options.replicas > 1) check_equal();
  Reader last(*client, history, {.topic = kTopic, .partitions = options.partitions});
  last.start_final_read();
  if (!run_until([&last] { return last.is_done(); }, kPatience) && !has_failed())
    history.violation("the partitions cannot be read within a minute after the last fault");
}

void Cluster::check_equal() {
  for (int i = 0; i < options.partitions; ++i) {
    partition_checks.expect_equal({client->topic_id(), kafka::PartitionId(i)},
                                  static_cast<std::size_t>(options.replicas));
  }
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
