#include "kafka/client/endpoint.h"

#include <gtest/gtest.h>

namespace penstock::kafka {
namespace {

TEST(Endpoint, ReadsWhatPeopleWrite) {
  const auto endpoints = parse_endpoints("localhost:9093, broker ,[::1]:9094,[fe80::2]").value();
  const std::vector<Endpoint> expected = {
      {"localhost", 9093}, {"broker", 9092}, {"::1", 9094}, {"fe80::2", 9092}};
  EXPECT_EQ(endpoints, expected);
  EXPECT_EQ(endpoints[2].to_string(), "[::1]:9094");
  EXPECT_EQ(endpoints[0].to_string(), "localhost:9093");
}

TEST(Endpoint, RefusesNonsense) {
  for (const char* text :
       {"", "a,,b", ":9092", "a:", "a:0", "a:65536", "a:9x", "[::1", "[]:1", "[::1]9092"}) {
    const auto endpoints = parse_endpoints(text);
    ASSERT_FALSE(endpoints.has_value()) << text;
    EXPECT_EQ(endpoints.error().code(), base::Errc::kInvalidArgument);
  }
}

}  // namespace
}  // namespace penstock::kafka
