// The format command: gives an empty data directory its identity (cluster id, node id, directory id), its
// first feature levels and, for a controller, the quorum it begins with. What it writes is what Apache
// Kafka's kafka-storage.sh format writes.
//
// Threads: the main thread, before anything runs; calls block.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/random.h"

namespace penstock::server {

// `penstock-broker format ARGUMENTS`. Prints what it did or why not; returns the exit status.
int run_format(const std::vector<std::string>& arguments);

// Formats the data directories that hold no meta.properties; leaves the others alone.
// ERRORS: kInvalidArgument naming the argument, kUnsupported (a feature level), kIo.
base::Result<> format_if_empty(const base::Properties& properties, const std::vector<std::string>& arguments);

}  // namespace penstock::server
