#include "broker/handlers/topic_view.h"

namespace penstock::handlers {

PartitionView view_partition(const metadata::MetadataImage& image, const metadata::Partition& partition,
                             std::string_view listener) {
  PartitionView view;
  view.leader_epoch = partition.leader_epoch;
  for (const std::int32_t replica : partition.replicas) {
    const auto* broker = image.broker(kafka::NodeId(replica));
    if (broker == nullptr || broker->is_fenced || broker->endpoint(listener) == nullptr)
      view.offline_replicas.push_back(replica);
  }
  const auto* leader = image.broker(kafka::NodeId(partition.leader));
  if (leader == nullptr || leader->is_fenced) {
    view.error = kafka::ErrorCode::kLeaderNotAvailable;
  } else if (leader->endpoint(listener) == nullptr) {
    view.error = kafka::ErrorCode::kListenerNotFound;
  } else {
    view.leader_id = partition.leader;
  }
  return view;
}

bool is_internal_topic(std::string_view name) {
  return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state";
}

}  // namespace penstock::handlers
