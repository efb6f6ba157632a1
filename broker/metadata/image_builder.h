// ImageBuilder: an image under change. replay() is the only thing that changes it; publish() hands out what
// it has become as an immutable image, at the cost of a few pointers.
//
// Threads: one reactor.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "broker/metadata/image.h"
#include "broker/metadata/image_source.h"
#include "broker/metadata/records.h"

namespace penstock::metadata {

class ImageBuilder {
 public:
  explicit ImageBuilder(const MetadataImage& from = {});

  // What the records so far have made. Pointers into it end with the next replay().
  const MetadataImage& image() const { return image_; }

  // Records between BeginTransaction and EndTransaction count from the end on.
  // ERRORS: kCorrupt naming the record: it does not fit what came before.
  base::Result<> replay(const Record& record);
  // The log is read up to and including `offset`.
  void set_position(kafka::Offset offset, kafka::LeaderEpoch epoch);

  // Takes over another image of the same cluster, as a snapshot has it; what differs counts as changed.
  void become(const MetadataImage& image);

  bool is_in_transaction() const { return transaction_.has_value(); }

  // The image as of now and what changed since the last publish().
  ImageUpdate publish();
  // Hands out the records that make this image from nothing, in Kafka's order. ERRORS: those of `take`.
  static base::Result<> take_apart(const MetadataImage& image,
                                   const std::function<base::Result<>(Record)>& take);

 private:
  static base::Result<> take_opaque(const MetadataImage& image, std::string_view kind,
                                    const std::function<base::Result<>(Record)>& take);
  base::Result<> apply(const kafka::RegisterBrokerRecord& record);
  base::Result<> apply(const kafka::UnregisterBrokerRecord& record);
  base::Result<> apply(const kafka::TopicRecord& record);
  base::Result<> apply(const kafka::PartitionRecord& record);
  base::Result<> apply(const kafka::ConfigRecord& record);
  base::Result<> apply(const kafka::PartitionChangeRecord& record);
  base::Result<> apply(const kafka::FenceBrokerRecord& record);
  base::Result<> apply(const kafka::UnfenceBrokerRecord& record);
  base::Result<> apply(const kafka::RemoveTopicRecord& record);
  base::Result<> apply(const kafka::FeatureLevelRecord& record);
  base::Result<> apply(const kafka::ProducerIdsRecord& record);
  base::Result<> apply(const kafka::BrokerRegistrationChangeRecord& record);
  base::Result<> apply(const kafka::NoOpRecord& record);
  base::Result<> apply(const kafka::BeginTransactionRecord& record);
  base::Result<> apply(const kafka::EndTransactionRecord& record);
  base::Result<> apply(const kafka::AbortTransactionRecord& record);
  base::Result<> apply(const kafka::RegisterControllerRecord& record);
  base::Result<> apply(const kafka::ClearElrRecord& record);
  base::Result<> apply(const kafka::ZkMigrationStateRecord& record);
  base::Result<> apply(const OpaqueRecord& record);

  base::Result<Topic*> topic_for_change(const base::Uuid& id);
  base::Result<BrokerRegistration*> broker_for_change(std::int32_t id, std::int64_t epoch);

  MetadataImage image_;
  std::optional<Records> transaction_;
  ImagePtr published_;
  std::set<base::Uuid> changed_topics_;
  std::set<Resource> changed_configs_;
  bool is_brokers_changed_ = false;
};

}  // namespace penstock::metadata
