// Where the brokers are, and how to talk to them: --bootstrap-server, --command-config and their older names.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/error.h"
#include "cli/options.h"
#include "kafka/client/endpoint.h"

namespace penstock::cli {

inline constexpr std::string_view kDefaultBootstrap = "localhost:9092";
// In a broker's pod it names the cluster.
inline constexpr const char* kBootstrapVariable = "PENSTOCK_BOOTSTRAP_SERVERS";

// From --bootstrap-server or --broker-list, else bootstrap.servers of the properties, else
// PENSTOCK_BOOTSTRAP_SERVERS of the environment, else localhost:9092.
// ERRORS: kInvalidArgument.
base::Result<std::vector<kafka::Endpoint>> bootstrap_of(const Options& options,
                                                        const base::Properties& properties);
// The same as one string, for librdkafka.
std::string join(const std::vector<kafka::Endpoint>& endpoints);

// The properties of the file options (in order), then of the "key=value" options, which win.
// ERRORS: kInvalidArgument, kIo, kNotFound, naming the file or the text.
base::Result<base::Properties> properties_of(const Options& options,
                                             const std::vector<std::string_view>& file_options,
                                             const std::vector<std::string_view>& pair_options);

// The whole content of a file. ERRORS: kNotFound, kIo.
base::Result<std::string> read_file(const std::string& path);

}  // namespace penstock::cli
