#include "broker/server/storage_format.h"

#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/features.h"
#include "broker/metadata/records.h"
#include "broker/raft/snapshot.h"
#include "broker/storage/log_directory.h"

namespace penstock::server {

namespace {

// The feature levels of a new cluster, which the first controller writes into the log.
base::Result<base::Bytes> bootstrap_snapshot(const FormatPlan& plan, std::int64_t now_ms) {
  raft::SnapshotBuilder builder({.now_ms = now_ms});
  std::vector<base::Bytes> records;
  const auto add = [&](const std::string& name, std::int16_t level) {
    kafka::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = level;
    records.push_back(metadata::encode_record(record));
  };
  // metadata.version first: it says how to read what follows.
  const std::string version(metadata::kMetadataVersion);
  add(version, plan.features.contains(version) ? plan.features.at(version) : metadata::kMetadataVersionLevel);
  for (const auto& [name, level] : plan.features) {
    if (name != version && name != metadata::kKraftVersionFeature && level > 0) add(name, level);
  }
  TRY(builder.add_batch(records));
  return builder.finish();
}

base::Result<> write_quorum(base::Disk& disk, const std::string& directory, const base::Uuid& directory_id,
                            std::int64_t now_ms, const FormatPlan& plan) {
  raft::VoterSet voters;
  if (plan.is_standalone) {
    raft::Voter self;
    self.key = {plan.node, directory_id};
    self.endpoints = plan.controller_endpoints;
    voters = {self};
  } else if (plan.voters) {
    voters = *plan.voters;
  } else {
    return {};
  }
  raft::SnapshotBuilder builder(
      {.now_ms = now_ms, .last_contained_log_timestamp_ms = now_ms, .voters = std::move(voters)});
  TRY_ASSIGN(const auto content, builder.finish());
  const std::string log = directory + "/" + std::string(storage::kMetadataPartitionDirectory);
  TRY(disk.create_directories(log));
  return base::write_file_atomically(disk, log + "/" + raft::snapshot_file_name({}), content);
}

base::Result<base::Uuid> choose_directory_id(const FormatPlan& plan, base::Random& random) {
  if (!plan.voters) return plan.directory_id.value_or(base::Uuid::random(random));
  const auto self =
      std::ranges::find(*plan.voters, plan.node, [](const raft::Voter& voter) { return voter.key.id; });
  if (self == plan.voters->end()) {
    return base::fail(base::Errc::kInvalidArgument,
                      fmt::format("--initial-controllers does not name node {}", plan.node.value()));
  }
  if (plan.directory_id && *plan.directory_id != self->key.directory) {
    return base::fail(base::Errc::kInvalidArgument, "--directory-id differs from --initial-controllers");
  }
  return self->key.directory;
}

}  // namespace

base::Result<std::vector<std::string>> format_directories(base::Disk& disk, base::Random& random,
                                                          std::int64_t now_ms, const FormatPlan& plan) {
  std::vector<std::string> unformatted;
  for (const auto& directory : plan.directories) {
    if (!disk.exists(directory + "/meta.properties")) {
      unformatted.push_back(directory);
    } else if (!plan.is_ignoring_formatted) {
      return base::fail(
          base::Errc::kAlreadyExists,
          fmt::format("Log directory {} is already formatted. Use --ignore-formatted to ignore this "
                      "directory and format the others.",
                      directory));
    }
  }
  for (const auto& directory : unformatted) {
    TRY(disk.create_directories(directory));
    base::Uuid id = base::Uuid::random(random);
    if (directory == plan.metadata_directory) {
      TRY_ASSIGN(id, choose_directory_id(plan, random));
      TRY_ASSIGN(const auto bootstrap, bootstrap_snapshot(plan, now_ms));
      TRY(base::write_file_atomically(disk, directory + "/bootstrap.checkpoint", bootstrap));
      TRY(write_quorum(disk, directory, id, now_ms, plan));
    }
    // Last: a directory counts as formatted only when all of it is there.
    TRY(storage::write_meta_properties(disk, directory, {plan.cluster_id, plan.node, id}, now_ms));
  }
  return unformatted;
}

}  // namespace penstock::server
