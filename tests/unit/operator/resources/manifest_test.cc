#include "operator/resources/manifest.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/resources/conditions.h"
#include "operator/resources/quantity.h"
#include "operator/resources/validation.h"

namespace penstock::resources {
namespace {

TEST(Manifest, KnowsTheLineOfEachField) {
  auto documents = parse_manifest(
      "# first\nkind: KafkaCluster\nmetadata:\n  name: demo\nspec:\n  storage:\n    size: 1Gi\n---\n---\n"
      "kind: KafkaTopic\nmetadata:\n  name: test\nspec:\n  clusterRef:\n    name: demo\n  partitions: 0\n");
  ASSERT_TRUE(documents) << documents.error().what();
  ASSERT_EQ(documents->size(), 2u);
  const ManifestDocument& topic = documents->back();
  EXPECT_EQ(topic.index, 3);
  const auto errors = validate(*topic.object);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(describe(topic, errors[0]), "document 3, line 16, spec.partitions: must be at least 1, but is 0");
  EXPECT_EQ(topic.line_of("spec.clusterRef.name"), 15);
  EXPECT_EQ(topic.line_of("spec.clusterRef.missing.deeper"), 14);
}

TEST(Manifest, ReadsScalarsAsKubernetesDoes) {
  auto value =
      yaml_to_json("{a: 1, b: '1', c: yes, d: true, e: 1.5, f: ~, g: \"x\", h: 1Gi, i: 0x1f, j: -3}");
  ASSERT_TRUE(value) << value.error().what();
  EXPECT_EQ(
      *value,
      Json::parse(
          R"({"a":1,"b":"1","c":"yes","d":true,"e":1.5,"f":null,"g":"x","h":"1Gi","i":"0x1f","j":-3})"));
}

TEST(Manifest, RefusesWhatIsNoManifestNamingTheLine) {
  EXPECT_EQ(parse_manifest("a: 1\nb: [1,\n").error().code(), base::Errc::kInvalidArgument);
  EXPECT_EQ(parse_manifest("a: 1\nb: 2\na: 3\n").error().what(),
            "document 1: line 3: the key a is there twice");
  EXPECT_EQ(parse_manifest("- 1\n").error().what(), "document 1: line 1: is not a map of fields");
  EXPECT_TRUE(parse_manifest("a: b: c\n").error().what().starts_with("line 1: "));
}

TEST(Manifest, BoundsWhatItReads) {
  EXPECT_EQ(parse_manifest(std::string(100'000, '[')).error().code(), base::Errc::kLimitExceeded);
  EXPECT_EQ(parse_manifest("a: " + std::string(100, '[') + std::string(100, ']')).error().code(),
            base::Errc::kLimitExceeded);
  std::string dashes;
  for (int i = 0; i < 5000; ++i) dashes += "- ";
  EXPECT_EQ(parse_manifest(dashes).error().code(), base::Errc::kLimitExceeded);
  EXPECT_EQ(parse_manifest(std::string(kManifestBytesMax + 1, ' ')).error().code(),
            base::Errc::kLimitExceeded);
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) bomb += "," + before;
    bomb += "]\n";
  }
  EXPECT_EQ(parse_manifest(bomb).error().code(), base::Errc::kLimitExceeded);
}

TEST(Quantity, ReadsSuffixesAndExponents) {
  EXPECT_EQ(parse_quantity("10Gi").value(), 10.0 * (1 << 30));
  EXPECT_EQ(parse_quantity("500m").value(), 0.5);
  EXPECT_EQ(parse_quantity("1e3").value(), 1000);
  EXPECT_EQ(parse_quantity("2E").value(), 2e18);
  for (const char* bad : {"", "Gi", "1 Gi", "1Gib", "1.2.3", "ten", "1e", "-"})
    EXPECT_FALSE(parse_quantity(bad)) << bad;
}

TEST(Conditions, TransitionTimeMovesOnlyWithTheStatus) {
  Json conditions;
  set_condition(conditions, {"Ready", "False", "Creating", "one"}, 1, "2026-01-01T00:00:00Z");
  set_condition(conditions, {"Ready", "False", "Waiting", "two"}, 2, "2026-01-02T00:00:00Z");
  EXPECT_EQ(conditions[0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(conditions[0]["reason"], "Waiting");
  EXPECT_EQ(conditions[0]["observedGeneration"], 2);
  set_condition(conditions, {"Ready", "True", "Ready", ""}, 2, "2026-01-03T00:00:00Z");
  EXPECT_EQ(conditions[0]["lastTransitionTime"], "2026-01-03T00:00:00Z");
  ASSERT_EQ(conditions.size(), 1u);
  Json object = {{"metadata", {{"generation", 2}}}, {"status", {{"conditions", conditions}}}};
  EXPECT_TRUE(is_condition_true(object, "Ready"));
  object["metadata"]["generation"] = 3;
  EXPECT_FALSE(is_condition_true(object, "Ready"));
  EXPECT_EQ(rfc3339(1'700'000'000'123), "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace penstock::resources
