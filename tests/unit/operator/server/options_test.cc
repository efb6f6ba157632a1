#include "operator/server/options.h"

#include <map>

#include <gtest/gtest.h>

namespace penstock::server {
namespace {

using Variables = std::map<std::string, std::string>;

base::Result<Arguments> parse(const std::vector<std::string>& words, const Variables& variables = {}) {
  return parse_arguments(words, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

TEST(Options, HaveDefaults) {
  const auto read = parse({});
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_TRUE(read->options.namespaces.empty());
  EXPECT_EQ(read->options.default_image, "localhost/penstock:dev");
  EXPECT_FALSE(read->leader_elect);
  EXPECT_EQ(read->lease_name, "penstock-operator");
  EXPECT_EQ(read->lease_namespace, "");
  EXPECT_EQ(read->health, "127.0.0.1:8081");
}

TEST(Options, AreTakenFromTheEnvironmentAndTheCommandLineWins) {
  const Variables variables = {
      {"WATCH_NAMESPACE", "a, b,,a"}, {"POD_NAMESPACE", "system"}, {"PENSTOCK_IMAGE", "i:1"}};
  auto read = parse({}, variables);
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->options.namespaces, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read->lease_namespace, "system");
  EXPECT_EQ(read->options.default_image, "i:1");
  read = parse({"--namespace=c", "--image", "i:2", "--lease-namespace=d", "--leader-elect"}, variables);
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->options.namespaces, (std::vector<std::string>{"c"}));
  EXPECT_EQ(read->lease_namespace, "d");
  EXPECT_EQ(read->options.default_image, "i:2");
  EXPECT_TRUE(read->leader_elect);
  read = parse({"--namespace=", "--leader-elect=false"}, variables);
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_TRUE(read->options.namespaces.empty());
  EXPECT_FALSE(read->leader_elect);
}

TEST(Options, RefuseNamingTheOption) {
  const std::map<std::string, std::string> refused = {
      {"--nope", "unknown option --nope"},
      {"--kubeconfig", "--kubeconfig needs a value"},
      {"--leader-elect=yes", "--leader-elect: must be true or false, and is yes"},
      {"--namespace=A", "--namespace: A is no namespace's name"},
      {"--namespace=a/b", "--namespace: a/b is no namespace's name"},
      {"--lease-namespace=-", "--lease-namespace: - is no namespace's name"},
      {"--lease-name=", "--lease-name needs a value"}};
  for (const auto& [word, why] : refused) {
    const auto read = parse({word});
    ASSERT_FALSE(read) << word;
    EXPECT_EQ(read.error().what(), why);
    EXPECT_EQ(read.error().code(), base::Errc::kInvalidArgument);
  }
  EXPECT_EQ(parse({}, {{"WATCH_NAMESPACE", "x_y"}}).error().what(),
            "WATCH_NAMESPACE: x_y is no namespace's name");
  std::string many;
  for (int i = 0; i < 101; ++i) many += "n" + std::to_string(i) + ",";
  EXPECT_FALSE(parse({"--namespace=" + many}));
}

TEST(Options, AreAllInTheHelp) {
  for (const char* option : {"--kubeconfig", "--namespace", "$WATCH_NAMESPACE", "--image", "$PENSTOCK_IMAGE",
                             "--leader-elect", "--lease-name", "--lease-namespace", "$POD_NAMESPACE",
                             "--health", "--log-level", "--help", "--version"}) {
    EXPECT_NE(std::string(kUsage).find(option), std::string::npos) << option;
  }
}

TEST(MetricsText, IsInPrometheusFormat) {
  MetricsText text;
  text.family("a_total", "counter", "Things.");
  text.sample({{"kind", "x"}, {"result", "y"}}, 3);
  text.sample({}, -1);
  EXPECT_EQ(
      text.take(),
      "# HELP a_total Things.\n# TYPE a_total counter\na_total{kind=\"x\",result=\"y\"} 3\na_total -1\n");
}

}  // namespace
}  // namespace penstock::server
