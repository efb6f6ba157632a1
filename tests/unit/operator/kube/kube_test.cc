#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/kube/cache.h"
#include "operator/kube/watch_lines.h"

namespace penstock::kube {
namespace {

Json object(const char* name, const char* uid, const char* version) {
  return {{"metadata", {{"namespace", "ns"}, {"name", name}, {"uid", uid}, {"resourceVersion", version}}}};
}

TEST(Kind, HasTheApiServersPaths) {
  EXPECT_EQ(kPodKind.path("ns", "a"), "/api/v1/namespaces/ns/pods/a");
  EXPECT_EQ(kPodKind.path(""), "/api/v1/pods");
  EXPECT_EQ(kKafkaTopicKind.path("ns", "t", "status"),
            "/apis/penstock.dev/v1alpha1/namespaces/ns/kafkatopics/t/status");
}

TEST(WatchLines, GivesTheSameEventsHoweverTheStreamIsCut) {
  const std::string stream = R"({"type":"ADDED","object":{"a":1}})"
                             "\r\n\n"
                             R"({"type":"MODIFIED","object":{"a":"é"}})"
                             "\n"
                             R"({"type":"NEWER","object":{}})"
                             "\n"
                             R"({"type":"DELETED","object":{"a":3}})"
                             "\n"
                             R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})"
                             "\n";
  std::string whole;
  for (std::size_t size = stream.size(); size > 0; --size) {
    std::string seen;
    WatchLines lines([&](WatchEventType type, const Json& value) {
      seen += std::to_string(static_cast<int>(type)) + value.dump() + ";";
    });
    for (std::size_t at = 0; at < stream.size(); at += size)
      lines.feed(std::string_view(stream).substr(at, size));
    EXPECT_FALSE(lines.error());
    if (whole.empty()) whole = seen;
    ASSERT_EQ(seen, whole) << size;
  }
  EXPECT_EQ(whole, R"(0{"a":1};1{"a":"é"};2{"a":3};3{"metadata":{"resourceVersion":"9"}};)");
}

TEST(WatchLines, ReportsExpiryInsideTheStreamAndGarbage) {
  WatchLines expired([](WatchEventType, const Json&) { FAIL(); });
  expired.feed("{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n");
  ASSERT_TRUE(expired.error());
  EXPECT_EQ(expired.error()->code(), base::Errc::kOutOfRange);
  for (const char* bad :
       {"{\n", "[]\n", "{\"type\":1,\"object\":{}}\n", "{\"type\":\"ADDED\"}\n", "\xff\n"}) {
    WatchLines lines([](WatchEventType, const Json&) { FAIL(); });
    lines.feed(bad);
    ASSERT_TRUE(lines.error()) << bad;
    EXPECT_EQ(lines.error()->code(), base::Errc::kCorrupt) << bad;
  }
}

TEST(ObjectCache, NeverGoesBackToAnOlderVersion) {
  ObjectCache cache;
  int changes = 0;
  cache.set_listener([&](const Json&, bool) { ++changes; });
  cache.put(object("a", "u1", "5"));
  cache.put(object("a", "u1", "4"));
  cache.put(object("a", "u1", "5"));
  EXPECT_EQ(changes, 1);
  cache.put(object("a", "u2", "7"));
  cache.remove(object("a", "u1", "6"));
  EXPECT_EQ(cache.find("ns", "a")["metadata"]["uid"], "u2");
  cache.replace(Json::array({object("b", "u3", "8")}));
  EXPECT_TRUE(cache.find("ns", "a").is_null());
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(changes, 4);
}

TEST(ObjectCache, KeepsWhatOtherNamespacesHaveAndNoManagedFields) {
  ObjectCache cache;
  Json other = object("a", "u9", "3");
  other["metadata"]["namespace"] = "ns-2";
  other["metadata"]["managedFields"] = Json::array({1, 2});
  cache.put(other);
  cache.put(object("a", "u1", "5"));
  cache.replace(Json::array(), "ns");
  EXPECT_TRUE(cache.find("ns", "a").is_null());
  ASSERT_TRUE(cache.find("ns-2", "a").is_object());
  EXPECT_FALSE(cache.find("ns-2", "a")["metadata"].contains("managedFields"));
  cache.replace(Json::array(), "");
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace penstock::kube
