#include "operator/local/objects.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/local/housekeeping.h"
#include "operator/local/selector.h"
#include "operator/local/table.h"
#include "operator/local/watch.h"

namespace penstock::local {
namespace {

class ObjectsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(objects_.create(kind("namespaces"), "", {{"metadata", {{"name", "default"}}}}, {}));
  }
  const Kind& kind(const std::string& resource) { return *kinds_.find_resource(resource); }
  ObjectPtr make(const std::string& name, Json metadata = Json::object()) {
    metadata["name"] = name;
    const auto made = objects_.create(kind("configmaps"), "default", {{"metadata", metadata}}, {});
    return made ? *made : nullptr;
  }
  ObjectPtr find(const std::string& name) { return store_.get({"configmaps", "default", name}); }

  base::ManualClock clock_;
  base::SeededRandom random_{1};
  Store store_;
  Kinds kinds_;
  Objects objects_{store_, kinds_, clock_, random_};
};

TEST_F(ObjectsTest, AStaleResourceVersionIsAConflict) {
  const ObjectPtr first = make("a");
  Json changed = *first;
  changed["data"]["x"] = "1";
  ASSERT_TRUE(objects_.update(kind("configmaps"), "default", "a", changed, {}));
  changed["data"]["x"] = "2";
  const auto again = objects_.update(kind("configmaps"), "default", "a", changed, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), base::Errc::kConflict);
}

TEST_F(ObjectsTest, WritingTheSameIsNoChange) {
  const ObjectPtr first = make("a");
  const std::int64_t revision = store_.revision();
  const auto same = objects_.update(kind("configmaps"), "default", "a", *first, {});
  ASSERT_TRUE(same);
  EXPECT_EQ(store_.revision(), revision);
}

TEST_F(ObjectsTest, StatusMovesNoGeneration) {
  const Json set = {{"metadata", {{"name", "s"}}}, {"spec", {{"replicas", 1}}}};
  const auto made = objects_.create(kind("statefulsets.apps"), "default", set, {});
  ASSERT_TRUE(made);
  Json changed = **made;
  changed["status"]["replicas"] = 1;
  changed["spec"]["replicas"] = 7;  // Not the business of a status write.
  WriteOptions status;
  status.subresource = "status";
  const auto reported = objects_.update(kind("statefulsets.apps"), "default", "s", changed, status);
  ASSERT_TRUE(reported);
  EXPECT_EQ((**reported)["metadata"]["generation"], 1);
  EXPECT_EQ((**reported)["spec"]["replicas"], 1);
  EXPECT_EQ((**reported)["status"]["replicas"], 1);
}

TEST_F(ObjectsTest, AFinalizerHoldsTheObjectUntilItIsGone) {
  make("a", {{"finalizers", {"example.org/f"}}});
  ASSERT_TRUE(objects_.remove(kind("configmaps"), "default", "a", {}));
  ASSERT_TRUE(find("a"));
  EXPECT_TRUE(is_being_deleted(*find("a")));
  Json released = *find("a");
  released["metadata"]["finalizers"] = Json::array();
  ASSERT_TRUE(objects_.update(kind("configmaps"), "default", "a", released, {}));
  EXPECT_FALSE(find("a"));
}

TEST_F(ObjectsTest, DependentsGoWithTheirOwner) {
  const ObjectPtr owner = make("owner");
  make("child", {{"ownerReferences", {{{"uid", uid_of(*owner)}}}}});
  make("other");
  collect_garbage(objects_);
  EXPECT_TRUE(find("child"));
  ASSERT_TRUE(objects_.remove(kind("configmaps"), "default", "owner", {}));
  collect_garbage(objects_);
  EXPECT_FALSE(find("child"));
  EXPECT_TRUE(find("other"));
}

TEST_F(ObjectsTest, OddBodiesAreRefused) {
  for (const char* body : {"3", R"({"metadata": 3})", R"({"metadata": {"name": "a", "labels": 3}})",
                           R"({"metadata": {"name": "a"}, "spec": []})", R"({"metadata": {"name": "../a"}})"})
    EXPECT_FALSE(objects_.create(kind("configmaps"), "default", Json::parse(body), {})) << body;
}

TEST_F(ObjectsTest, AWatchReportsWhatEntersAndLeavesItsSelection) {
  WatchRequest request;
  request.kind = kind("configmaps");
  request.selector = *Selector::parse("app=x", "");
  request.revision = store_.revision();
  Watch watch(store_, std::move(request));
  make("a");
  EXPECT_EQ(watch.next_lines(0), "");
  Json labelled = *find("a");
  labelled["metadata"]["labels"]["app"] = "x";
  ASSERT_TRUE(objects_.update(kind("configmaps"), "default", "a", labelled, {}));
  EXPECT_NE(watch.next_lines(0).find("\"ADDED\""), std::string::npos);
  ASSERT_TRUE(objects_.remove(kind("configmaps"), "default", "a", {}));
  EXPECT_NE(watch.next_lines(0).find("\"DELETED\""), std::string::npos);
}

TEST_F(ObjectsTest, AWatchOfThePastIsToldToListAgain) {
  for (std::size_t i = 0; i < Store::kHistoryMax + 2; ++i)
    store_.put({"configmaps", "default", "a"}, Json::object());
  const auto changes = store_.changes_since("configmaps", "", 1);
  ASSERT_FALSE(changes);
  EXPECT_EQ(changes.error().code(), base::Errc::kOutOfRange);
}

TEST(Selector, UnderstandsSetsAndNegation) {
  const Json object = {{"metadata", {{"name", "n"}, {"labels", {{"a", "1"}, {"b", "2"}}}}}};
  EXPECT_TRUE(Selector::parse("a in (1,3),b!=3,!c", "metadata.name=n")->matches(object));
  EXPECT_FALSE(Selector::parse("a notin (1,3)", "")->matches(object));
  EXPECT_FALSE(Selector::parse("", "metadata.name=m")->matches(object));
}

TEST(Table, JsonPathsOfPrinterColumns) {
  const Json object = Json::parse(
      R"({"metadata": {"annotations": {"a.b/c": "x"}}, "l": [{"type": "Ready", "s": "True"}, {"type": "B", "s": "F"}]})");
  EXPECT_EQ(evaluate_json_path(object, ".l[?(@.type==\"Ready\")].s"), "True");
  EXPECT_EQ(evaluate_json_path(object, ".metadata.annotations.a\\.b/c"), "x");
  EXPECT_EQ(evaluate_json_path(object, ".l[*].s"), "True,F");
  EXPECT_TRUE(evaluate_json_path(object, ".nothing[0].s").is_null());
}

}  // namespace
}  // namespace penstock::local
