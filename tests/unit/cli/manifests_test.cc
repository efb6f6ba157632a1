#include "cli/manifests.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

constexpr const char* kTopic = R"(apiVersion: penstock.dev/v1alpha1
kind: KafkaTopic
metadata:
  name: orders
spec:
  clusterRef:
    name: demo
  partitions: 3
)";

Manifests load(const std::string& text) {
  Manifests manifests;
  add_manifest("topics.yaml", text, manifests);
  return manifests;
}

TEST(Manifests, AGoodDocument) {
  const Manifests manifests = load(kTopic);
  ASSERT_TRUE(manifests.errors.empty()) << manifests.errors[0];
  ASSERT_EQ(manifests.objects.size(), 1u);
  EXPECT_EQ(manifests.objects[0].title(), "kafkatopics.penstock.dev/orders");
  EXPECT_EQ(manifests.objects[0].ns(), "");
}

TEST(Manifests, AnErrorNamesFileDocumentLineAndField) {
  std::string text = std::string(kTopic) + "---\n" + kTopic;
  text.replace(text.rfind("partitions: 3"), 13, "partitions: 0");
  const Manifests manifests = load(text);
  ASSERT_EQ(manifests.errors.size(), 1u);
  EXPECT_TRUE(manifests.errors[0].starts_with("topics.yaml: document 2, line 17, spec.partitions: "))
      << manifests.errors[0];
}

TEST(Manifests, AnUnknownFieldIsAnError) {
  const Manifests manifests = load(std::string(kTopic) + "  partitons: 3\n");
  ASSERT_EQ(manifests.errors.size(), 1u);
  EXPECT_EQ(manifests.errors[0], "topics.yaml: document 1, line 9, spec.partitons: there is no such field");
}

TEST(Manifests, AStrangeKindIsAnError) {
  const Manifests manifests = load("apiVersion: v1\nkind: Node\nmetadata:\n  name: x\n");
  ASSERT_EQ(manifests.errors.size(), 1u);
  EXPECT_EQ(manifests.errors[0],
            "topics.yaml: document 1, line 2, kind: v1 Node is not a kind that penstock applies");
  EXPECT_EQ(load("apiVersion: v1\nkind: ConfigMap\n").errors[0],
            "topics.yaml: document 1, line 1, metadata.name: is missing");
}

}  // namespace
}  // namespace penstock::cli
