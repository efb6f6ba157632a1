#include <fmt/format.h>

#include "cli/client_config.h"
#include "cli/command.h"
#include "cli/rdkafka_handle.h"
#include "cli/session.h"
#include "cli/topic_admin.h"
#include "cli/topic_request.h"

namespace penstock::cli {

namespace {

constexpr std::string_view kFailed = "Error while executing topic command : {}\n";

aio::Task<int> topics_main(kafka::AdminClient& admin, TopicRequest request) {
  const auto done = co_await execute(admin, std::move(request));
  if (done) co_return 0;
  fmt::print(fmt::runtime(kFailed), done.error().what());
  co_return 1;
}

base::Result<int> run_topics(const Options& options) {
  const auto request = read_topic_request(options);
  if (!request && request.error().code() == base::Errc::kOutOfRange) {
    fmt::print(fmt::runtime(kFailed), request.error().what());
    return 1;
  }
  if (!request) return base::fail(request.error());
  TRY_ASSIGN(const auto properties, properties_of(options, {"command-config"}, {}));
  kafka::AdminClientOptions client;
  TRY_ASSIGN(client.bootstrap, bootstrap_of(options, properties));
  client.on_retry = [](const base::Error& cause) { report_client_error(cause.what()); };
  return run_with_admin(std::move(client), [request = *request](kafka::AdminClient& admin) {
    return topics_main(admin, request);
  });
}

}  // namespace

extern const Command topics_command;
const Command topics_command = {
    .name = "topics",
    .tool_name = "kafka-topics",
    .summary = "Create, list, describe, grow and delete topics.",
    .synopsis = "--create | --list | --describe | --alter | --delete  [options]",
    .details =
        "examples:\n"
        "  kafka-topics.sh --create --topic orders --partitions 3 --replication-factor 1\n"
        "  kafka-topics.sh --describe --topic 'orders.*'",
    .options = topic_options(),
    .run = run_topics,
};

}  // namespace penstock::cli
