#include "cli/topic_request.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

base::Result<TopicRequest> read(std::vector<std::string> args) {
  const auto options = Options::parse(topic_options(), args);
  if (!options) return base::fail(options.error());
  return read_topic_request(*options);
}

std::string error_of(std::vector<std::string> args) {
  const auto request = read(std::move(args));
  return request ? "no error" : request.error().what();
}

TEST(TopicRequest, Create) {
  const TopicRequest request =
      read({"--create", "--topic", "t", "--partitions=3", "--replication-factor", "2", "--config",
            "retention.ms = 5", "--config", "cleanup.policy=compact,delete"})
          .value();
  EXPECT_EQ(request.action, TopicAction::kCreate);
  EXPECT_EQ(request.topic, "t");
  EXPECT_EQ(request.partitions, 3);
  EXPECT_EQ(request.replication_factor, 2);
  EXPECT_EQ(request.configs[0], std::pair(std::string("retention.ms"), std::string("5")));
  EXPECT_EQ(request.configs[1].second, "compact,delete");
}

TEST(TopicRequest, Assignment) {
  const TopicRequest request =
      read({"--create", "--topic", "t", "--replica-assignment", "1:2,2 : 3"}).value();
  EXPECT_EQ(request.assignment, (std::vector<std::vector<std::int32_t>>{{1, 2}, {2, 3}}));
  EXPECT_EQ(error_of({"--create", "--topic", "t", "--replica-assignment", "1:1"}),
            "Partition replica lists may not contain duplicate entries: 1");
  EXPECT_EQ(error_of({"--create", "--topic", "t", "--replica-assignment", "1:2,3"}),
            "Partition 1 has different replication factor: [3]");
  EXPECT_EQ(error_of({"--create", "--topic", "t", "--replica-assignment", "1,2", "--partitions", "2"}),
            "Option \"[replica-assignment]\" can't be used with option \"[partitions]\"");
}

// The words of Kafka's own tool.
TEST(TopicRequest, RefusesWhatKafkasToolRefuses) {
  EXPECT_EQ(error_of({"--topic", "t"}),
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
  EXPECT_EQ(error_of({"--list", "--create"}),
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
  EXPECT_EQ(error_of({"--list", "--partitions", "3"}),
            "Option \"[partitions]\" can't be used with option \"[list]\"");
  EXPECT_EQ(error_of({"--alter", "--topic", "t"}), "Missing required argument \"[partitions]\"");
  EXPECT_EQ(error_of({"--delete"}), "Missing required argument \"[topic]\"");
  EXPECT_EQ(error_of({"--create", "--topic", "t", "--partitions", "0"}),
            "The partitions must be greater than 0");
  EXPECT_EQ(error_of({"--create", "--topic", "t", "--config", "x"}),
            "Invalid topic config 'x': all configs to be added must be in the format \"key=val\".");
}

}  // namespace
}  // namespace penstock::cli
