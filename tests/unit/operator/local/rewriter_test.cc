#include "operator/local/rewriter.h"

#include <gtest/gtest.h>

namespace penstock::local {
namespace {

Rewriter make_rewriter() {
  Rewriter rewriter([](const std::string& ns, const std::string& pod, const std::string& service) {
    return pod.empty() ? "<" + ns + "/" + service + ">" : "<" + ns + "/" + pod + ">";
  });
  rewriter.add_mount("/data", "/host/d");
  rewriter.add_mount("/data/logs", "/host/l");
  return rewriter;
}

TEST(Rewriter, NamesOfPodsAndServicesBecomeAddresses) {
  const Rewriter rewriter = make_rewriter();
  EXPECT_EQ(rewriter.rewrite("PLAINTEXT://demo-0.demo-brokers.shop.svc:9092,X://a.shop.svc.cluster.local:1"),
            "PLAINTEXT://<shop/demo-0>:9092,X://<shop/a>:1");
  EXPECT_EQ(rewriter.rewrite("www.example.org svc a.svc"), "www.example.org svc a.svc");
}

TEST(Rewriter, TheLongestMountWinsAndWholeNamesOnlyCount) {
  const Rewriter rewriter = make_rewriter();
  EXPECT_EQ(rewriter.rewrite("log.dirs=/data/a,/data/logs/b"), "log.dirs=/host/d/a,/host/l/b");
  EXPECT_EQ(rewriter.rewrite("/database /other/data x/data"), "/database /other/data x/data");
}

TEST(Expansion, FollowsKubelet) {
  const std::map<std::string, std::string> variables = {{"A", "1"}};
  EXPECT_EQ(expand_variables("$(A) $$(A) $(B) $A $(", variables), "1 $(A) $(B) $A $(");
}

}  // namespace
}  // namespace penstock::local
