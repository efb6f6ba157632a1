// What `kafka-topics` was asked to do, read from its options and checked as Kafka's tool checks it.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "cli/options.h"

namespace penstock::cli {

enum class TopicAction { kCreate, kList, kDescribe, kAlter, kDelete };

struct TopicRequest {
  TopicAction action = TopicAction::kList;
  std::optional<std::string> topic;  // A name for create, else a regular expression.
  std::optional<base::Uuid> topic_id;
  std::optional<std::int32_t> partitions;
  std::optional<std::int16_t> replication_factor;
  std::vector<std::vector<std::int32_t>> assignment;  // Brokers by partition; empty when not given.
  std::vector<std::pair<std::string, std::string>> configs;
  bool if_exists = false;
  bool if_not_exists = false;
  bool exclude_internal = false;
  bool only_overridden = false;
  bool only_under_replicated = false;
  bool only_unavailable = false;
  bool only_under_min_isr = false;
  bool only_at_min_isr = false;

  // Whether describe shows only some partitions, and no topic lines.
  bool is_report() const {
    return only_under_replicated || only_unavailable || only_under_min_isr || only_at_min_isr;
  }
};

std::span<const OptionSpec> topic_options();

// ERRORS: kInvalidArgument, in the words of Kafka's tool where it has them.
base::Result<TopicRequest> read_topic_request(const Options& options);

}  // namespace penstock::cli
