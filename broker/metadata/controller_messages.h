// The messages that the controller answers, and the list of its calls.
//
// Threads: constants.
#pragma once

#include "kafka/messages/add_raft_voter_request.h"
#include "kafka/messages/add_raft_voter_response.h"
#include "kafka/messages/allocate_producer_ids_request.h"
#include "kafka/messages/allocate_producer_ids_response.h"
#include "kafka/messages/alter_configs_request.h"
#include "kafka/messages/alter_configs_response.h"
#include "kafka/messages/alter_partition_reassignments_request.h"
#include "kafka/messages/alter_partition_reassignments_response.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"
#include "kafka/messages/assign_replicas_to_dirs_request.h"
#include "kafka/messages/assign_replicas_to_dirs_response.h"
#include "kafka/messages/broker_heartbeat_request.h"
#include "kafka/messages/broker_heartbeat_response.h"
#include "kafka/messages/broker_registration_request.h"
#include "kafka/messages/broker_registration_response.h"
#include "kafka/messages/controller_registration_request.h"
#include "kafka/messages/controller_registration_response.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/describe_quorum_request.h"
#include "kafka/messages/describe_quorum_response.h"
#include "kafka/messages/elect_leaders_request.h"
#include "kafka/messages/elect_leaders_response.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/remove_raft_voter_request.h"
#include "kafka/messages/remove_raft_voter_response.h"
#include "kafka/messages/unregister_broker_request.h"
#include "kafka/messages/unregister_broker_response.h"
#include "kafka/messages/update_features_request.h"
#include "kafka/messages/update_features_response.h"

// X(method, Message, decision): ControllerApi::method answers MessageRequest; `decision` is the call of
// Controller that decides it, of `asked` at `when`.
#define PENSTOCK_CONTROLLER_CALLS(X)                                                                  \
  X(register_broker, BrokerRegistration, register_broker(asked, when))                                \
  X(broker_heartbeat, BrokerHeartbeat, broker_heartbeat(asked, when))                                 \
  X(create_topics, CreateTopics, create_topics(asked))                                                \
  X(delete_topics, DeleteTopics, delete_topics(asked))                                                \
  X(create_partitions, CreatePartitions, create_partitions(asked))                                    \
  X(incremental_alter_configs, IncrementalAlterConfigs, incremental_alter_configs(asked))             \
  X(alter_configs, AlterConfigs, alter_configs(asked))                                                \
  X(allocate_producer_ids, AllocateProducerIds, allocate_producer_ids(asked))                         \
  X(list_partition_reassignments, ListPartitionReassignments, list_partition_reassignments(asked))    \
  X(alter_partition, AlterPartition, alter_partition(asked))                                          \
  X(alter_partition_reassignments, AlterPartitionReassignments, alter_partition_reassignments(asked)) \
  X(elect_leaders, ElectLeaders, elect_leaders(asked))                                                \
  X(assign_replicas_to_dirs, AssignReplicasToDirs, assign_replicas_to_dirs(asked))                    \
  X(unregister_broker, UnregisterBroker, unregister_broker(asked))                                    \
  X(update_features, UpdateFeatures, update_features(asked))

// What the leader of the metadata quorum answers without the controller; without decisions.
#define PENSTOCK_QUORUM_CALLS(X)       \
  X(describe_quorum, DescribeQuorum, ) \
  X(add_raft_voter, AddRaftVoter, )    \
  X(remove_raft_voter, RemoveRaftVoter, )
