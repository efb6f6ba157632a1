#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/config.h"
#include "base/crc32c.h"
#include "base/random.h"
#include "base/uuid.h"

namespace penstock::base {
namespace {

TEST(Crc32c, MatchesThePublishedCheckValue) {
  // RFC 3720 B.4: 32 bytes of zeros, and the check string of every CRC catalogue.
  EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
}

TEST(Crc32c, HardwareAndTableAgreeAtEveryLengthAndWhenSplit) {
  SeededRandom random(7);
  Bytes bytes(10'000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  for (std::size_t size = 0; size < bytes.size(); size += 37) {
    const ByteSpan part(bytes.data(), size);
    const std::uint32_t whole = crc32c_portable(part);
    ASSERT_EQ(crc32c(part), whole) << size;
    ASSERT_EQ(crc32c(part.subspan(size / 3), crc32c(part.first(size / 3))), whole) << size;
  }
}

TEST(Uuid, PrintsAsKafkaDoes) {
  // The id of __cluster_metadata, from Kafka's Uuid.METADATA_TOPIC_ID.
  EXPECT_EQ((Uuid{0, 1}).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
  SeededRandom random(1);
  const Uuid id = Uuid::random(random);
  EXPECT_EQ(Uuid::parse(id.to_string()).value(), id);
  EXPECT_FALSE(Uuid::parse("short").has_value());
  EXPECT_FALSE(Uuid::parse("AAAAAAAAAAAAAAAAAAAA+Q").has_value());
}

TEST(Properties, FollowsJavasFormat) {
  const auto properties = parse_properties(
      "# comment\n\n! too\n a = 1 \nb:2\nc 3\r\nlist=x,\\\n   "
      "y\nempty=\npath=C:\\\\x\nu=\\u00e9\nlast=1\nlast=2");
  ASSERT_TRUE(properties.has_value());
  EXPECT_EQ(properties->at("a"), "1 ");
  EXPECT_EQ(properties->at("b"), "2");
  EXPECT_EQ(properties->at("c"), "3");
  EXPECT_EQ(properties->at("list"), "x,y");
  EXPECT_EQ(properties->at("empty"), "");
  EXPECT_EQ(properties->at("path"), "C:\\x");
  EXPECT_EQ(properties->at("u"), "\xc3\xa9");
  EXPECT_EQ(properties->at("last"), "2");
  EXPECT_FALSE(parse_properties("a=\\u12").has_value());
}

struct SampleConfig : ConfigSection {
  Key<std::int32_t> port{this, "port", 9092, {.min = 1, .max = 65535}, Update::kReadOnly, "A port."};
  Key<std::vector<std::string>> policy{
      this, "cleanup.policy", {"delete"}, {.one_of = {"delete", "compact"}}, Update::kClusterWide, "A list."};
  Key<bool> enabled{this, "enabled", true, {}, Update::kPerBroker, "A switch."};
};

TEST(Config, LoadsAndNamesTheBadKey) {
  SampleConfig config;
  ASSERT_TRUE(
      config.load({{"port", " 1234 "}, {"cleanup.policy", "compact, delete"}, {"other", "x"}}).has_value());
  EXPECT_EQ(config.port(), 1234);
  EXPECT_TRUE(config.port.is_set());
  EXPECT_EQ(config.policy(), (std::vector<std::string>{"compact", "delete"}));
  EXPECT_TRUE(config.enabled());
  EXPECT_FALSE(config.enabled.is_set());

  for (const Properties& bad :
       {Properties{{"port", "0"}}, {{"port", "x"}}, {{"cleanup.policy", "shred"}}, {{"enabled", "yes"}}}) {
    SampleConfig refused;
    const auto result = refused.load(bad);
    ASSERT_FALSE(result.has_value());
    EXPECT_NE(result.error().what().find(bad.begin()->first), std::string::npos) << result.error().what();
  }
  EXPECT_EQ(unknown_keys({{"port", "1"}, {"zap", "2"}}, {&config}), std::vector<std::string>{"zap"});
}

}  // namespace
}  // namespace penstock::base
