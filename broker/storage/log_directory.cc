#include "broker/storage/log_directory.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "broker/storage/checkpoint_file.h"

namespace penstock::storage {

namespace {

using base::Errc;

constexpr base::Logger log("storage");
constexpr std::string_view kCleanShutdownFile = ".kafka_cleanshutdown";
constexpr std::string_view kPartitionMetadataFile = "partition.metadata";
constexpr std::string_view kDeleteSuffix = "-delete";
constexpr std::string_view kStraySuffix = "-stray";
constexpr std::string_view kFutureSuffix = "-future";
constexpr std::size_t kDirectoryNameMax = 255;

// A checkpoint file and the offset that it holds for each partition.
struct OffsetFile {
  std::string_view name;
  Offset PartitionOffsets::* field;
};
constexpr OffsetFile kOffsetFiles[] = {
    {"recovery-point-offset-checkpoint", &PartitionOffsets::recovery_point},
    {"replication-offset-checkpoint", &PartitionOffsets::high_watermark},
    {"log-start-offset-checkpoint", &PartitionOffsets::log_start_offset},
};

base::Result<TopicPartition> parse_partition_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash != std::string_view::npos && dash > 0) {
    if (auto number = parse_number(name.substr(dash + 1)); number && *number >= 0 && *number <= INT32_MAX)
      return TopicPartition{std::string(name.substr(0, dash)),
                            kafka::PartitionId(static_cast<std::int32_t>(*number))};
  }
  return base::fail(Errc::kCorrupt, fmt::format("directory '{}' is no partition's", name));
}

// Another process must not write here. Kafka takes a POSIX lock on the same file; ours conflicts with it.
base::Result<> lock_file(base::File& file) {
  if (file.descriptor() < 0) return {};
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file.descriptor(), F_OFD_SETLK, &whole) == 0) return {};
  if (errno == EAGAIN || errno == EACCES)
    return base::fail(Errc::kUnavailable, fmt::format("{} is locked by another broker", file.path()));
  return base::fail(base::Error::from_errno(errno, fmt::format("lock {}", file.path())));
}

// {"version":0,"brokerEpoch":12}; -1 when it says nothing that we understand.
kafka::BrokerEpoch parse_clean_shutdown(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("brokerEpoch")) return kafka::kNoBrokerEpoch;
  const auto& epoch = json["brokerEpoch"];
  if (epoch.is_number_integer()) return kafka::BrokerEpoch(epoch.get<std::int64_t>());
  if (epoch.is_string())
    if (auto number = parse_number(epoch.get<std::string>())) return kafka::BrokerEpoch(*number);
  return kafka::kNoBrokerEpoch;
}

base::Result<base::Uuid> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view kTopicId = "topic_id: ";
  const std::size_t at = text.find(kTopicId);
  if (!text.starts_with("version: 0\n") || at == std::string_view::npos)
    return base::fail(Errc::kCorrupt, "partition.metadata is malformed");
  const std::string_view rest = text.substr(at + kTopicId.size());
  return base::Uuid::parse(rest.substr(0, rest.find('\n')));
}

base::Result<> load_offsets(base::Disk& disk, const std::string& path, const OffsetFile& file,
                            std::map<TopicPartition, PartitionOffsets>& into) {
  const std::string name = fmt::format("{}/{}", path, file.name);
  if (!disk.exists(name)) return {};
  TRY_ASSIGN(const base::Bytes content, base::read_file(disk, name));
  auto entries = parse_checkpoint(base::as_text(content), 3);
  if (!entries) {
    // Without it more is scanned and less is known, but nothing is lost.
    log.warn("{}: {}; going on without it", name, entries.error().what());
    return {};
  }
  for (const auto& entry : *entries) {
    TRY_ASSIGN(const auto partition, parse_partition_name(entry[0] + "-" + entry[1]));
    TRY_ASSIGN(const std::int64_t offset, parse_number(entry[2]));
    if (offset < 0)
      return base::fail(Errc::kCorrupt,
                        fmt::format("{}: {} has offset {}", name, partition.to_string(), offset));
    into[partition].*file.field = Offset(offset);
  }
  return {};
}

}  // namespace

std::string TopicPartition::to_string() const { return fmt::format("{}-{}", topic, partition); }

LogDirectory::LogDirectory(base::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
LogDirectory::~LogDirectory() = default;

base::Result<std::unique_ptr<LogDirectory>> LogDirectory::open(base::Disk& disk, std::string path) {
  std::unique_ptr<LogDirectory> self(new LogDirectory(disk, std::move(path)));
  TRY_ASSIGN(self->meta_, read_meta_properties(disk, self->path_));
  TRY_ASSIGN(self->lock_, disk.open(self->path_ + "/.lock", base::OpenMode::kCreate));
  TRY(lock_file(*self->lock_));
  for (const OffsetFile& file : kOffsetFiles) TRY(load_offsets(disk, self->path_, file, self->saved_));
  const std::string clean = fmt::format("{}/{}", self->path_, kCleanShutdownFile);
  if (disk.exists(clean)) {
    TRY_ASSIGN(const base::Bytes content, base::read_file(disk, clean, 4096));
    self->was_clean_ = true;
    self->previous_broker_epoch_ = parse_clean_shutdown(base::as_text(content));
    // Gone before anything is written: a crash from now on is one.
    TRY(disk.remove(clean));
    TRY(disk.sync_directory(self->path_));
  }
  return self;
}

base::Result<std::vector<PartitionDirectory>> LogDirectory::partitions() {
  TRY_ASSIGN(const auto entries, disk_.list(path_));
  std::vector<PartitionDirectory> found;
  for (const auto& entry : entries) {
    const std::string_view name = entry.name;
    if (!entry.is_directory || name == kMetadataPartitionDirectory || name == "lost+found" ||
        name.ends_with(kDeleteSuffix) || name.ends_with(kStraySuffix) || name.ends_with(kFutureSuffix)) {
      continue;
    }
    auto partition = parse_partition_name(name);
    if (!partition) return base::fail(partition.error().context(path_));
    PartitionDirectory directory{.partition = std::move(*partition), .topic_id = std::nullopt};
    const std::string metadata = fmt::format("{}/{}/{}", path_, name, kPartitionMetadataFile);
    if (disk_.exists(metadata)) {
      TRY_ASSIGN(const base::Bytes content, base::read_file(disk_, metadata, 4096));
      auto id = parse_partition_metadata(base::as_text(content));
      if (!id) return base::fail(id.error().context(metadata));
      directory.topic_id = *id;
    }
    found.push_back(std::move(directory));
  }
  return found;
}

base::Result<std::vector<BackgroundJob>> LogDirectory::deleted_leftovers() {
  TRY_ASSIGN(const auto entries, disk_.list(path_));
  std::vector<BackgroundJob> jobs;
  for (const auto& entry : entries) {
    if (!entry.is_directory || !entry.name.ends_with(kDeleteSuffix)) continue;
    const std::string name = path_ + "/" + entry.name;
    jobs.push_back({"remove " + name, [&disk = disk_, name]() { return disk.remove_all(name); }});
  }
  return jobs;
}

base::Result<std::unique_ptr<Log>> LogDirectory::open_log(const TopicPartition& partition,
                                                          LogOptions options) {
  options.disk = &disk_;
  options.directory = path_ + "/" + partition.to_string();
  options.is_clean = was_clean_;
  {
    const std::lock_guard lock(checkpoint_mutex_);
    if (const auto known = saved_.find(partition); known != saved_.end()) {
      options.recovery_point = known->second.recovery_point;
      options.high_watermark = known->second.high_watermark;
      options.log_start_offset = known->second.log_start_offset;
    }
  }
  return Log::open(std::move(options));
}

base::Result<std::unique_ptr<Log>> LogDirectory::create_log(const TopicPartition& partition,
                                                            const base::Uuid& topic_id, LogOptions options) {
  options.disk = &disk_;
  options.directory = path_ + "/" + partition.to_string();
  options.is_clean = true;
  if (disk_.exists(options.directory)) return base::fail(Errc::kAlreadyExists, options.directory + " exists");
  {
    // Offsets of an earlier topic of this name must not be taken for this one's after a crash: its log start
    // would lie above our log's end.
    const std::lock_guard lock(checkpoint_mutex_);
    if (saved_.erase(partition) > 0) TRY(write_checkpoints());
  }
  TRY(disk_.create_directories(options.directory));
  const std::string text = fmt::format("version: 0\ntopic_id: {}", topic_id.to_string());
  TRY(base::write_file_atomically(disk_, fmt::format("{}/{}", options.directory, kPartitionMetadataFile),
                                  base::as_bytes(text)));
  TRY(disk_.sync_directory(path_));
  return Log::open(std::move(options));
}

base::Result<BackgroundJob> LogDirectory::delete_log(const TopicPartition& partition, const base::Uuid& id) {
  const std::string from = path_ + "/" + partition.to_string();
  const std::string hex = fmt::format("{:016x}{:016x}", id.most_significant, id.least_significant);
  const std::string suffix = fmt::format("-{}.{}{}", partition.partition, hex, kDeleteSuffix);
  // Topic names may be as long as a file name; what is cut off is not needed again.
  const std::string to = path_ + "/" + partition.topic.substr(0, kDirectoryNameMax - suffix.size()) + suffix;
  TRY(disk_.rename(from, to));
  TRY(disk_.sync_directory(path_));
  return BackgroundJob{"remove " + to, [&disk = disk_, to]() { return disk.remove_all(to); }};
}

base::Result<> LogDirectory::checkpoint(const std::map<TopicPartition, PartitionOffsets>& offsets) {
  const std::lock_guard lock(checkpoint_mutex_);
  std::erase_if(saved_, [&](const auto& known) {
    return !offsets.contains(known.first) && !disk_.exists(path_ + "/" + known.first.to_string());
  });
  for (const auto& [partition, known] : offsets) saved_[partition] = known;
  return write_checkpoints();
}

base::Result<> LogDirectory::write_checkpoints() {
  for (const OffsetFile& file : kOffsetFiles) {
    std::vector<std::string> lines;
    lines.reserve(saved_.size());
    for (const auto& [partition, known] : saved_) {
      const Offset offset = known.*file.field;
      // Kafka leaves out log starts that a log's first segment says anyway; 0 is the common case.
      if (file.field == &PartitionOffsets::log_start_offset && offset == Offset{0}) continue;
      lines.push_back(fmt::format("{} {} {}", partition.topic, partition.partition, offset));
    }
    TRY(base::write_file_atomically(disk_, fmt::format("{}/{}", path_, file.name),
                                    base::as_bytes(format_checkpoint(lines))));
  }
  return {};
}

base::Result<> LogDirectory::shut_down_cleanly(kafka::BrokerEpoch broker_epoch) {
  const std::string text = fmt::format(R"({{"version":0,"brokerEpoch":{}}})", broker_epoch);
  return base::write_file_atomically(disk_, fmt::format("{}/{}", path_, kCleanShutdownFile),
                                     base::as_bytes(text));
}

}  // namespace penstock::storage
