// What the format command does to directories.
//
// Threads: any; calls block.
// Source: KIP-853 (kraft.version 1: the voters are in the bootstrap snapshot of the metadata log).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/error.h"
#include "base/random.h"
#include "base/uuid.h"
#include "broker/raft/types.h"

namespace penstock::server {

struct FormatPlan {
  std::string cluster_id;
  kafka::NodeId node{};
  std::vector<std::string> directories{};
  std::string metadata_directory;                      // One of them.
  std::optional<base::Uuid> directory_id{};            // Of the metadata directory; random when absent.
  bool is_standalone = false;                          // This node is the one voter.
  std::optional<raft::VoterSet> voters{};              // --initial-controllers
  std::vector<raft::Endpoint> controller_endpoints{};  // Of this node, for is_standalone.
  std::map<std::string, std::int16_t> features{};      // Level 0 is as good as none.
  bool is_ignoring_formatted = false;
};

// ERRORS: kAlreadyExists (formatted, and not is_ignoring_formatted), kInvalidArgument (this node is not among
// the voters it must be among), kIo.
base::Result<std::vector<std::string>> format_directories(base::Disk& disk, base::Random& random,
                                                          std::int64_t now_ms, const FormatPlan& plan);

}  // namespace penstock::server
