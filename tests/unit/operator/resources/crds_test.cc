#include "operator/resources/crds.h"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/resources/rules.h"

namespace penstock::resources {
namespace {

// Calls `visit(path, schema)` for the schema and everything in it.
template <typename Visit>
void walk(const Json& schema, const std::string& path, const Visit& visit) {
  visit(path, schema);
  if (schema.contains("properties")) {
    for (const auto& [name, field] : schema["properties"].items())
      walk(field, path.empty() ? name : path + "." + name, visit);
  }
  if (schema.contains("items")) walk(schema["items"], path + "[]", visit);
  if (schema.contains("additionalProperties")) walk(schema["additionalProperties"], path + ".*", visit);
}

TEST(Crds, BothKindsAreEmbedded) {
  ASSERT_EQ(embedded_crds().size(), 2u);
  EXPECT_TRUE(schema_of("KafkaCluster").is_object());
  EXPECT_TRUE(schema_of("KafkaTopic").is_object());
  EXPECT_TRUE(schema_of("Pod").is_null());
}

TEST(Crds, EveryFieldIsDescribed) {
  for (const Json& crd : embedded_crds()) {
    int fields = 0;
    walk(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "",
         [&](const std::string& path, const Json& schema) {
           ++fields;
           // An API server has its own words for metadata and refuses ours.
           if (path == "metadata") return;
           const std::string description = schema.value("description", "");
           EXPECT_TRUE(description.ends_with('.')) << crd["metadata"]["name"] << " " << path;
           EXPECT_GT(description.size(), 10u) << path;
         });
    EXPECT_GT(fields, 25);
    for (const Json& column : crd["spec"]["versions"][0]["additionalPrinterColumns"]) {
      EXPECT_TRUE(column.contains("description")) << column["name"];
    }
  }
}

TEST(Crds, SchemasAreStructural) {
  for (const Json& crd : embedded_crds()) {
    walk(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], "",
         [](const std::string& path, const Json& schema) {
           EXPECT_TRUE(schema.contains("type") || schema.contains("x-kubernetes-int-or-string")) << path;
           EXPECT_FALSE(schema.contains("properties") && schema.contains("additionalProperties")) << path;
           for (const char* unknown : {"$ref", "oneOf", "definitions", "dependencies", "uniqueItems"}) {
             EXPECT_FALSE(schema.contains(unknown)) << path;
           }
         });
  }
}

// An API server refuses anything else there.
TEST(Crds, OfMetadataOnlyTheNameIsRestricted) {
  for (const Json& crd : embedded_crds()) {
    const Json& meta = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["metadata"];
    EXPECT_EQ(meta.size(), 2u) << meta.dump();
    EXPECT_EQ(meta["type"], "object");
    EXPECT_EQ(meta["properties"].size(), 1u);
    EXPECT_TRUE(meta["properties"].contains("name"));
  }
}

TEST(Crds, AreSmallEnoughForClientSideApply) {
  for (const Json& crd : embedded_crds()) EXPECT_LT(crd.dump().size(), 200u << 10);
}

TEST(Crds, ConditionsAreAMapByTypeAndStartAsUnknown) {
  for (const char* kind : {"KafkaCluster", "KafkaTopic"}) {
    const Json& status = schema_of(kind)["properties"]["status"];
    EXPECT_EQ(status["properties"]["conditions"]["x-kubernetes-list-type"], "map");
    EXPECT_EQ(status["default"]["conditions"][0]["type"], "Ready");
    EXPECT_EQ(status["default"]["conditions"][0]["status"], "Unknown");
  }
}

TEST(Crds, PrintReadyAndAge) {
  for (const Json& crd : embedded_crds()) {
    std::set<std::string> names;
    for (const Json& column : crd["spec"]["versions"][0]["additionalPrinterColumns"])
      names.insert(column["name"]);
    EXPECT_TRUE(names.contains("Ready"));
    EXPECT_TRUE(names.contains("Age"));
  }
}

// One table: what the API server checks by CEL, the operator checks by itself, and the other way round.
TEST(Crds, EveryCelRuleHasItsTwin) {
  std::multiset<std::string> in_crds;
  for (const char* kind : {"KafkaCluster", "KafkaTopic"}) {
    walk(schema_of(kind), "", [&](const std::string& path, const Json& schema) {
      if (!schema.contains("x-kubernetes-validations")) return;
      for (const Json& rule : schema["x-kubernetes-validations"]) {
        in_crds.insert(std::string(kind) + " | " + path + " | " + rule["rule"].get<std::string>() + " | " +
                       rule["message"].get<std::string>());
      }
    });
  }
  std::multiset<std::string> in_table;
  for (const Rule& rule : rules()) {
    in_table.insert(std::string(rule.kind) + " | " + std::string(rule.path) + " | " + std::string(rule.cel) +
                    " | " + std::string(rule.message));
    EXPECT_EQ(rule.is_transition, rule.cel.contains("oldSelf")) << rule.cel;
  }
  EXPECT_EQ(in_crds, in_table);
}

}  // namespace
}  // namespace penstock::resources
