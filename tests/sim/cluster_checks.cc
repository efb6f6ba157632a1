// What is looked at after every event of a host.
#include <algorithm>

#include <fmt/core.h>

#include "broker/storage/log_directory.h"
#include "tests/sim/cluster.h"

namespace penstock::sim {

void Cluster::check(Host& host) {
  Run* run = host.run();
  if (run->started && !*run->started)
    history.violation(fmt::format("node {} does not start: {}", host.id(), run->started->error().what()));
  if (run->parts().metadata == nullptr) return;
  const raft::RaftNode& raft = run->parts().metadata->raft();
  std::vector<int> voters;
  for (const auto& voter : raft.voters()) voters.push_back(voter.key.id.value());
  raft_checks.look({.node = host.id(),
                    .run = run,
                    .epoch = raft.epoch().value(),
                    .leader = raft.leader().value(),
                    .is_leader = raft.is_leader(),
                    .start_offset = raft.start_offset().value(),
                    .high_watermark = raft.high_watermark().value(),
                    .end_offset = raft.end_offset().value(),
                    .snapshot_end = raft.snapshot() ? raft.snapshot()->offset.value() : 0,
                    .voters = std::move(voters),
                    .kept = [this, &raft](int voter) { return kept_of(raft, voter); },
                    .read = [&raft](std::int64_t from) { return raft.read(kafka::Offset(from), 1 << 20); }});
  image_checks.look(host.id(), run, run->parts().metadata->images().current());
  snapshots.look(host.id(), raft.start_offset().value(), raft.end_offset().value());
  if (options.session > base::Duration::zero()) check_fences(host);
  check_partitions(host);
  isr_checks.look_at(run->parts().metadata->images().current());
  check_isr(host);
  if (damaged_ != 0) follow_damage();
}

std::optional<KeptQuorum> Cluster::kept_of(const raft::RaftNode& raft, int voter) {
  testing::SimDisk& disk = host(voter).disk();
  // A kernel takes what it failed to sync for clean: a process that starts anew reads it, and syncs nothing.
  if (disk.has_failed_syncs()) return std::nullopt;
  const auto meta = storage::read_meta_properties(disk, "/data");
  const auto found = std::ranges::find(raft.voters(), kafka::NodeId(voter),
                                       [](const raft::Voter& each) { return each.key.id; });
  const bool is_of_disk = meta && found != raft.voters().end() &&
                          (found->key.directory.is_zero() || found->key.directory == meta->directory_id);
  if (!is_of_disk) return std::nullopt;
  return kept_quorum(disk, fmt::format("/data/{}", storage::kMetadataPartitionDirectory));
}

void Cluster::check_fences(Host& host) {
  const base::MonoTime now = scheduler.now();
  fence_checks.look(host.run()->parts().metadata->images().current(), now);
  const bool is_calm =
      network.is_calm() && std::ranges::none_of(hosts, [](const auto& each) { return each->is_paused(); });
  if (!is_calm) return fence_checks.is_unsteady(now);
  const std::int64_t epoch = host.is_ready() ? host.run()->parts().lifecycle->epoch().value() : -1;
  if (!fence_checks.is_in_service(host.id(), epoch)) return fence_checks.is_unsteady(now);
  fence_checks.is_well(host.id(), epoch, now);
}

void Cluster::check_partitions(Host& host) {
  // What a lone replica has not flushed may be gone with its power, committed or not.
  const bool may_lose_committed = options.replicas == 1 && !options.is_flushed;
  auto& replicas = host.run()->parts().replicas;
  if (replicas == nullptr || may_lose_committed) return;
  partition_checks.begin(host.id(), host.run());
  for (std::size_t i = 0; i < replicas->reactor_count(); ++i)
    replicas->set(i).for_each(
        [this](replication::Partition& partition) { partition_checks.look(partition); });
  partition_checks.end(host.is_stopping());
}

void Cluster::check_isr(Host& host) {
  auto& replicas = host.run()->parts().replicas;
  if (replicas == nullptr || options.replicas == 1) return;
  const auto& lifecycle = host.run()->parts().lifecycle;
  const base::MonoTime now = scheduler.now();
  for (std::size_t i = 0; i < replicas->reactor_count(); ++i) {
    replicas->set(i).for_each([&](const replication::Partition& partition) {
      isr_checks.look({.key = partition.key(),
                       .name = partition.name(),
                       .node = host.id(),
                       .run = host.run(),
                       .broker_epoch = lifecycle == nullptr ? -1 : lifecycle->epoch().value(),
                       .role = partition.role(),
                       .leader_epoch = partition.leader_epoch().value(),
                       .partition_epoch = partition.partition_epoch().value(),
                       .end = partition.log_end_offset().value(),
                       .high_watermark = partition.high_watermark().value(),
                       .lag_max = partition.config().replica_lag_max,
                       .isr = &partition.isr_state()},
                      now);
    });
  }
}

}  // namespace penstock::sim
