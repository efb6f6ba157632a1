#include "cli/options.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

constexpr OptionSpec kSpecs[] = {
    {"topic", "TOPIC", "A topic."},
    {"config", "K=V", "May be repeated.", 'c', true},
    {"list", "", "A flag.", 'l'},
    {"codec", "CODEC", "May be bare.", 0, false, "gzip"},
};

base::Result<Options> parse(std::vector<std::string> args) { return Options::parse(kSpecs, args); }

TEST(Options, BothFormsAndShortOnes) {
  for (const auto& args : {std::vector<std::string>{"--topic", "t", "--config", "a=b", "--list"},
                           std::vector<std::string>{"--topic=t", "--config=a=b", "-l"},
                           std::vector<std::string>{"-l", "-ca=b", "--topic=t"},
                           std::vector<std::string>{"-c", "a=b", "-l", "--topic", "t"}}) {
    const Options options = parse(args).value();
    EXPECT_EQ(options.value("topic"), "t");
    EXPECT_EQ(options.values("config"), std::vector<std::string>{"a=b"});
    EXPECT_TRUE(options.has("list"));
    EXPECT_FALSE(options.has("codec"));
  }
}

TEST(Options, RepeatsOnlyWhatMayBe) {
  EXPECT_EQ(parse({"--config", "a=1", "--config", "b=2"})->values("config").size(), 2u);
  EXPECT_EQ(parse({"--topic", "a", "--topic", "b"}).error().what(), "option --topic is given twice");
}

TEST(Options, ABareValueHasItsMeaning) {
  EXPECT_EQ(parse({"--codec", "lz4"})->value("codec"), "lz4");
  EXPECT_EQ(parse({"--codec", "--list"})->value("codec"), "gzip");
  EXPECT_EQ(parse({"--codec"})->value("codec"), "gzip");
}

TEST(Options, ErrorsNameTheOption) {
  EXPECT_EQ(parse({"--foo"}).error().what(), "unknown option --foo");
  EXPECT_EQ(parse({"--foo=1"}).error().what(), "unknown option --foo");
  EXPECT_EQ(parse({"-x"}).error().what(), "unknown option -x");
  EXPECT_EQ(parse({"--topic"}).error().what(), "option --topic needs a value");
  EXPECT_EQ(parse({"--list=yes"}).error().what(), "option --list takes no value");
}

TEST(Options, WhatIsNoOptionIsKept) {
  EXPECT_EQ(parse({"a", "--list", "-", "--", "--topic"})->positional(),
            (std::vector<std::string>{"a", "-", "--topic"}));
}

TEST(Options, NumbersAreChecked) {
  const Options options = parse({"--topic", "12", "--codec", "x"}).value();
  EXPECT_EQ(options.number("topic", 0, 100).value(), 12);
  EXPECT_FALSE(options.number("config", 0, 100)->has_value());
  EXPECT_EQ(options.number("topic", 0, 11).error().what(), "12 of --topic is not between 0 and 11");
  EXPECT_EQ(options.number("codec", 0, 11).error().what(), "'x' of --codec is not a number");
}

}  // namespace
}  // namespace penstock::cli
