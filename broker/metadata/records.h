// The records of the metadata log: which there are, and their framing (a frame version, type, version, body).
//
// Threads: pure functions.
// Source: KIP-631; versions are those that metadata.version 4.3-IV0 writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "kafka/messages/abort_transaction_record.h"
#include "kafka/messages/begin_transaction_record.h"
#include "kafka/messages/broker_registration_change_record.h"
#include "kafka/messages/clear_elr_record.h"
#include "kafka/messages/config_record.h"
#include "kafka/messages/end_transaction_record.h"
#include "kafka/messages/feature_level_record.h"
#include "kafka/messages/fence_broker_record.h"
#include "kafka/messages/no_op_record.h"
#include "kafka/messages/partition_change_record.h"
#include "kafka/messages/partition_record.h"
#include "kafka/messages/producer_ids_record.h"
#include "kafka/messages/register_broker_record.h"
#include "kafka/messages/register_controller_record.h"
#include "kafka/messages/remove_topic_record.h"
#include "kafka/messages/topic_record.h"
#include "kafka/messages/unfence_broker_record.h"
#include "kafka/messages/unregister_broker_record.h"
#include "kafka/messages/zk_migration_state_record.h"

namespace penstock::metadata {

// A record that this program does not act on but keeps: quotas, ACLs, SCRAM credentials, tokens.
struct OpaqueRecord {
  std::string replaces;  // Records with the same text replace each other.
  bool is_removal = false;
  base::Bytes bytes;  // As it is in the log.
};

using Record =
    std::variant<kafka::RegisterBrokerRecord, kafka::UnregisterBrokerRecord, kafka::TopicRecord,
                 kafka::PartitionRecord, kafka::ConfigRecord, kafka::PartitionChangeRecord,
                 kafka::FenceBrokerRecord, kafka::UnfenceBrokerRecord, kafka::RemoveTopicRecord,
                 kafka::FeatureLevelRecord, kafka::ProducerIdsRecord, kafka::BrokerRegistrationChangeRecord,
                 kafka::NoOpRecord, kafka::BeginTransactionRecord, kafka::EndTransactionRecord,
                 kafka::AbortTransactionRecord, kafka::RegisterControllerRecord, kafka::ClearElrRecord,
                 kafka::ZkMigrationStateRecord, OpaqueRecord>;
using Records = std::vector<Record>;

// "TopicRecord", for errors.
std::string_view record_name(const Record& record);
base::Bytes encode_record(const Record& record);
// ERRORS: kCorrupt, kUnsupported (a record type or version from the future).
base::Result<Record> decode_record(base::ByteSpan bytes);

}  // namespace penstock::metadata
