#include "operator/local/fields.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/local/patch.h"

namespace penstock::local {
namespace {

Json config_map(const Json& data) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}}}, {"data", data}};
}

Json applied(const Json& live, const Json& wanted, const std::string& manager, bool is_forced = false) {
  const auto result = apply(live, wanted, nullptr, {manager, is_forced, "2026-01-01T00:00:00Z"});
  return result ? *result : Json(result.error().what());
}

TEST(Fields, SetsSurviveFieldsV1) {
  const Json pod = {{"spec", {{"containers", {{{"name", "a"}, {"image", "x"}}}}, {"nodeName", "n"}}}};
  const FieldSet fields = fields_of(pod, nullptr);
  EXPECT_EQ(fields.size(), 4u);  // The item, its two fields, nodeName.
  EXPECT_EQ(from_fields_v1(to_fields_v1(fields)), fields);
}

TEST(Apply, FieldsThatAreNoLongerAppliedGo) {
  const Json first = applied(nullptr, config_map({{"x", "1"}, {"y", "2"}}), "a");
  const Json second = applied(first, config_map({{"x", "1"}}), "a");
  EXPECT_EQ(second["data"], Json({{"x", "1"}}));
}

TEST(Apply, FieldsOfAnotherManagerStay) {
  const Json first = applied(nullptr, config_map({{"x", "1"}}), "a");
  const Json both = applied(first, config_map({{"y", "2"}}), "b");
  const Json last = applied(both, config_map(Json::object()), "a");
  EXPECT_EQ(last["data"], Json({{"y", "2"}}));
}

TEST(Apply, AnotherValueIsAConflictUnlessForced) {
  const Json first = applied(nullptr, config_map({{"x", "1"}}), "a");
  EXPECT_EQ(applied(first, config_map({{"x", "2"}}), "b"),
            Json("Apply failed with 1 conflict: conflict with \"a\": .data.x"));
  const Json forced = applied(first, config_map({{"x", "2"}}), "b", true);
  EXPECT_EQ(forced["data"]["x"], "2");
  // The field is b's now, so a has nothing left to remove.
  EXPECT_EQ(applied(forced, config_map(Json::object()), "a")["data"]["x"], "2");
}

TEST(Apply, TwiceIsNoChange) {
  const Json first = applied(nullptr, config_map({{"x", "1"}}), "a");
  EXPECT_EQ(applied(first, config_map({{"x", "1"}}), "a"), first);
}

TEST(Apply, ListsOfNamedItemsAreMerged) {
  const auto with_env = [](const Json& env) {
    return Json{{"spec", {{"containers", {{{"name", "c"}, {"env", env}}}}}}};
  };
  const Json first = applied(nullptr, with_env({{{"name", "A"}, {"value", "1"}}}), "a");
  const Json both = applied(first, with_env({{{"name", "B"}, {"value", "2"}}}), "b");
  EXPECT_EQ(both["spec"]["containers"][0]["env"].size(), 2u);
  const Json last = applied(both, with_env(Json::array()), "a");
  ASSERT_EQ(last["spec"]["containers"][0]["env"].size(), 1u);
  EXPECT_EQ(last["spec"]["containers"][0]["env"][0]["name"], "B");
}

TEST(Apply, AnUpdateTakesTheFieldsItChanges) {
  const Json first = applied(nullptr, config_map({{"x", "1"}}), "a");
  Json edited = first;
  edited["data"]["x"] = "9";
  track_update(first, edited, nullptr, "kubectl-edit", "", "2026-01-01T00:00:00Z");
  EXPECT_EQ(applied(edited, config_map({{"x", "1"}}), "a"),
            Json("Apply failed with 1 conflict: conflict with \"kubectl-edit\": .data.x"));
}

TEST(Patch, StrategicMergeFindsItemsByTheirKey) {
  const Json pod = {
      {"spec", {{"containers", {{{"name", "a"}, {"image", "1"}}, {{"name", "b"}, {"image", "1"}}}}}}};
  const Json patch = {
      {"spec", {{"containers", {{{"name", "b"}, {"image", "2"}}, {{"name", "a"}, {"$patch", "delete"}}}}}}};
  const Json patched = strategic_merge_patch(pod, patch);
  ASSERT_EQ(patched["spec"]["containers"].size(), 1u);
  EXPECT_EQ(patched["spec"]["containers"][0]["image"], "2");
}

}  // namespace
}  // namespace penstock::local
