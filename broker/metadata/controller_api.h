// What the controller answers, as handlers and the broker's own lifecycle ask it. The answer to a change is
// given after its records are below the high watermark; while this node is not the active controller every
// answer carries NOT_CONTROLLER.
//
// Threads: every call from the reactor `home`, where its task also ends; the work is done on the
// controller's own reactor.
// ERRORS: in the response, as the protocol has them.
#pragma once

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "kafka/messages/allocate_producer_ids_request.h"
#include "kafka/messages/allocate_producer_ids_response.h"
#include "kafka/messages/alter_configs_request.h"
#include "kafka/messages/alter_configs_response.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"
#include "kafka/messages/broker_heartbeat_request.h"
#include "kafka/messages/broker_heartbeat_response.h"
#include "kafka/messages/broker_registration_request.h"
#include "kafka/messages/broker_registration_response.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/update_features_request.h"
#include "kafka/messages/update_features_response.h"

namespace penstock::metadata {

class ControllerApi {
 public:
  virtual ~ControllerApi() = default;

#define PENSTOCK_CONTROLLER_CALL(method, Message) \
  virtual aio::Task<kafka::Message##Response> method(aio::Reactor& home, kafka::Message##Request request) = 0

  PENSTOCK_CONTROLLER_CALL(register_broker, BrokerRegistration);
  PENSTOCK_CONTROLLER_CALL(broker_heartbeat, BrokerHeartbeat);
  PENSTOCK_CONTROLLER_CALL(create_topics, CreateTopics);
  PENSTOCK_CONTROLLER_CALL(delete_topics, DeleteTopics);
  PENSTOCK_CONTROLLER_CALL(create_partitions, CreatePartitions);
  PENSTOCK_CONTROLLER_CALL(incremental_alter_configs, IncrementalAlterConfigs);
  PENSTOCK_CONTROLLER_CALL(alter_configs, AlterConfigs);
  PENSTOCK_CONTROLLER_CALL(allocate_producer_ids, AllocateProducerIds);
  PENSTOCK_CONTROLLER_CALL(list_partition_reassignments, ListPartitionReassignments);
  PENSTOCK_CONTROLLER_CALL(alter_partition, AlterPartition);
  PENSTOCK_CONTROLLER_CALL(update_features, UpdateFeatures);
#undef PENSTOCK_CONTROLLER_CALL
};

}  // namespace penstock::metadata
