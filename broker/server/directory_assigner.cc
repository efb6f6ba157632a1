#include "broker/server/directory_assigner.h"

#include <algorithm>
#include <utility>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "kafka/error_codes.h"

namespace penstock::server {

namespace {

constexpr base::Logger log("directories");
constexpr std::size_t kReplicasMax = 2000;
// Until the image has what was said; doubled while the controller does not take it.
constexpr base::Duration kPause = base::milliseconds(500);
constexpr base::Duration kPauseMax = base::seconds(16);

}  // namespace

void DirectoryAssigner::start() { aio::spawn(gate_, "directory assigner", run()); }

aio::Task<> DirectoryAssigner::stop() {
  stopping_.cancel();
  co_await gate_.close();
}

kafka::AssignReplicasToDirsRequest DirectoryAssigner::misplaced(const metadata::MetadataImage& image,
                                                                kafka::NodeId self,
                                                                const base::Uuid& directory) {
  kafka::AssignReplicasToDirsRequest request;
  request.broker_id = self.value();
  std::size_t replicas = 0;
  for (const auto& topic : image.topics()) {
    decltype(request.directories.front().topics.front().partitions) partitions;
    for (std::int32_t index = 0; index < topic->partition_count() && replicas < kReplicasMax; ++index) {
      const auto* partition = topic->partition(kafka::PartitionId(index));
      if (partition == nullptr || !partition->has_replica(self)) continue;
      if (partition->directory_of(self) == directory) continue;
      partitions.emplace_back().partition_index = index;
      ++replicas;
    }
    if (partitions.empty()) continue;
    if (request.directories.empty()) request.directories.emplace_back().id = directory;
    auto& entry = request.directories.front().topics.emplace_back();
    entry.topic_id = topic->id;
    entry.partitions = std::move(partitions);
  }
  return request;
}

aio::Task<> DirectoryAssigner::run() {
  for (base::Duration pause = kPause; !stopping_.is_cancelled(); pause = std::min(2 * pause, kPauseMax)) {
    auto request = misplaced(*parts_.images.current(), parts_.self, parts_.directory);
    if (request.directories.empty()) co_return;
    request.broker_epoch = parts_.epoch().value();
    const auto response =
        co_await parts_.controller.assign_replicas_to_dirs(parts_.reactor, std::move(request));
    if (response.error_code != 0) {
      log.info("the controller does not take where replicas live: {}",
               kafka::error_name(static_cast<kafka::ErrorCode>(response.error_code)));
    }
    (void)co_await aio::sleep_for(parts_.reactor, pause, stopping_.token());
  }
}

}  // namespace penstock::server
