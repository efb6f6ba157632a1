#include "broker/server/config.h"

#include <gtest/gtest.h>

#include "broker/server/options.h"

namespace penstock::server {
namespace {

TEST(Listeners, AdvertisesWhatIsSaidElseWhatIsBound) {
  ServerConfig config;
  ASSERT_TRUE(config
                  .load({{"listeners", "PLAINTEXT://:9092,controller://127.0.0.1:9093,IN://[::1]:0"},
                         {"advertised.listeners", "PLAINTEXT://broker.example:19092"},
                         {"listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,IN:PLAINTEXT"}})
                  .has_value());
  const auto listeners = resolve_listeners(config, {"CONTROLLER"}, "here");
  ASSERT_TRUE(listeners.has_value()) << listeners.error().what();
  EXPECT_EQ(listeners->bound[1], (ListenerAddress{"CONTROLLER", "127.0.0.1", 9093}));
  EXPECT_EQ(listeners->bound[2], (ListenerAddress{"IN", "::1", 0}));
  EXPECT_EQ(listeners->advertised[0], (ListenerAddress{"PLAINTEXT", "broker.example", 19092}));
  EXPECT_EQ(listeners->advertised[1], (ListenerAddress{"CONTROLLER", "127.0.0.1", 9093}));
}

TEST(Listeners, RefusesWhatCannotWorkAndNamesTheKey) {
  struct Case {
    base::Properties properties;
    std::string names;
  };
  const std::vector<Case> cases = {
      {{{"listeners", "9092"}}, "listeners"},
      {{{"listeners", "PLAINTEXT://:x"}}, "listeners"},
      {{{"listeners", "PLAINTEXT://:70000"}}, "listeners"},
      {{{"listeners", "A://:1,a://:2"}}, "listeners"},
      {{{"listeners", "OTHER://:1"}}, "listener.security.protocol.map"},
      {{{"listeners", "SSL://:1"}}, "listener.security.protocol.map"},
      {{{"listeners", "PLAINTEXT://0.0.0.0:1"}}, "advertised.listeners"},
      {{{"advertised.listeners", "SSL://h:1"}}, "advertised.listeners"},
      {{{"inter.broker.listener.name", "X"}}, "inter.broker.listener.name"},
  };
  for (const Case& bad : cases) {
    ServerConfig config;
    ASSERT_TRUE(config.load(bad.properties).has_value());
    const auto listeners = resolve_listeners(config, {}, "here");
    ASSERT_FALSE(listeners.has_value()) << bad.names;
    EXPECT_NE(listeners.error().what().find(bad.names), std::string::npos) << listeners.error().what();
  }
}

TEST(Options, TakesBothFormsAndRefusesUnknownOnes) {
  const auto options =
      parse_options({"--config=a.properties", "--override", "log.dirs=/x", "--override=a=b=c",
                     "--format-if-empty", "--cluster-id", "C", "--standalone"});
  ASSERT_TRUE(options.has_value()) << options.error().what();
  EXPECT_EQ(options->config_path, "a.properties");
  EXPECT_EQ(options->overrides, (base::Properties{{"log.dirs", "/x"}, {"a", "b=c"}}));
  EXPECT_EQ(options->format_arguments, (std::vector<std::string>{"--cluster-id", "C", "--standalone"}));
  for (const auto& bad : {std::vector<std::string>{"--confg", "x"},
                          {"--config"},
                          {},
                          {"--config", "x", "--override", "y"},
                          {"--config", "x", "--cluster-id", "C"}}) {
    EXPECT_FALSE(parse_options(bad).has_value());
  }
}

}  // namespace
}  // namespace penstock::server
