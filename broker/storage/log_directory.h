// A data directory (one entry of log.dirs): meta.properties, lock, checkpoints and the partitions'
// directories.
//
// Start:  open(), partitions(), open_log() each (also in parallel), then hand the logs to their reactors.
// Runs:   checkpoint() every minute with offsets collected from the reactors; delete_log() for deleted
// topics. Stop:   Log::close() each, checkpoint(), shut_down_cleanly().
//
// Threads:  any; calls block, so they are made from the blocking pool or before the reactors run.
// Lifetime: outlives nothing: a Log does not need its LogDirectory.
// On disk:  docs/formats/checkpoints.md, meta-properties.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "base/uuid.h"
#include "broker/storage/log.h"
#include "kafka/ids.h"

namespace penstock::storage {

inline constexpr std::string_view kMetadataPartitionDirectory = "__cluster_metadata-0";

struct TopicPartition {
  std::string topic;
  kafka::PartitionId partition{0};
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  std::string to_string() const;  // "orders-3"
};

struct MetaProperties {
  std::string cluster_id;
  kafka::NodeId node_id{-1};
  base::Uuid directory_id;
};
// ERRORS: kNotFound (not formatted), kCorrupt, kUnsupported (version is not 1), kIo.
base::Result<MetaProperties> read_meta_properties(base::Disk& disk, const std::string& directory);
// Writes atomically. `now_ms` goes into the comment that java.util.Properties writes.
base::Result<> write_meta_properties(base::Disk& disk, const std::string& directory,
                                     const MetaProperties& meta, std::int64_t now_ms);

struct PartitionDirectory {
  TopicPartition partition;
  std::optional<base::Uuid> topic_id;  // From partition.metadata; absent in very old directories.
};

struct PartitionOffsets {
  Offset recovery_point{0};
  Offset high_watermark{0};
  Offset log_start_offset{0};
  friend bool operator==(const PartitionOffsets&, const PartitionOffsets&) = default;
};

class LogDirectory {
 public:
  // Locks the directory, reads meta.properties and the checkpoints, takes the clean-shutdown file away.
  // ERRORS: kUnavailable (locked by another process), those of read_meta_properties().
  static base::Result<std::unique_ptr<LogDirectory>> open(base::Disk& disk, std::string path);
  ~LogDirectory();

  const std::string& path() const { return path_; }
  const MetaProperties& meta() const { return meta_; }
  bool was_clean() const { return was_clean_; }
  // The epoch of the broker that shut down cleanly here, else -1.
  kafka::BrokerEpoch previous_broker_epoch() const { return previous_broker_epoch_; }

  // What is on disk, without __cluster_metadata-0. Directories left by an interrupted deletion are listed
  // apart by deleted_leftovers(). ERRORS: kCorrupt (a directory name that is no partition), kIo.
  base::Result<std::vector<PartitionDirectory>> partitions();
  // Removal of directories whose deletion did not finish.
  base::Result<std::vector<BackgroundJob>> deleted_leftovers();

  // Fills directory, offsets and clean flag of `options` from this directory; the caller sets the rest.
  // ERRORS: those of Log::open.
  base::Result<std::unique_ptr<Log>> open_log(const TopicPartition& partition, LogOptions options);
  // New directory with partition.metadata. ERRORS: kAlreadyExists, kIo.
  base::Result<std::unique_ptr<Log>> create_log(const TopicPartition& partition, const base::Uuid& topic_id,
                                                LogOptions options);
  // Renames the directory to "<topic>-<n>.<id>-delete"; the job removes it. Run it after
  // file.delete.delay.ms. `id` makes the name unique. The log may be open still.
  base::Result<BackgroundJob> delete_log(const TopicPartition& partition, const base::Uuid& id);

  // Writes the three offset checkpoints. A partition of the directory that `offsets` does not name keeps what
  // was known of it: its log may not be open yet.
  base::Result<> checkpoint(const std::map<TopicPartition, PartitionOffsets>& offsets);
  // REQUIRES: every log is closed and checkpointed.
  base::Result<> shut_down_cleanly(kafka::BrokerEpoch broker_epoch);

 private:
  LogDirectory(base::Disk& disk, std::string path);

  base::Disk& disk_;
  const std::string path_;
  MetaProperties meta_;
  bool was_clean_ = false;
  kafka::BrokerEpoch previous_broker_epoch_{-1};
  base::Result<> write_checkpoints();

  std::mutex checkpoint_mutex_;  // One writer of the checkpoint files at a time; also guards `saved_`.
  std::map<TopicPartition, PartitionOffsets> saved_;  // What the checkpoint files say.
  std::unique_ptr<base::File> lock_;                  // Held locked until the end.
};

}  // namespace penstock::storage
