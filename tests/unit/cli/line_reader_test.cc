#include "cli/line_reader.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

LineReader reader(base::Properties properties) { return LineReader::make(properties).value(); }

TEST(LineReader, ALineIsAValue) {
  const InputRecord record = reader({}).read("a\tb").value();
  EXPECT_FALSE(record.key.has_value());
  EXPECT_EQ(record.value, "a\tb");
}

TEST(LineReader, KeysAndHeaders) {
  LineReader both = reader({{"parse.key", "true"}, {"parse.headers", "TRUE"}});
  const InputRecord record = both.read("h1:v1,h2:\tkey\tvalue\tx").value();
  EXPECT_EQ(record.key, "key");
  EXPECT_EQ(record.value, "value\tx");
  ASSERT_EQ(record.headers.size(), 2u);
  EXPECT_EQ(record.headers[0], std::pair(std::string("h1"), std::optional<std::string>("v1")));
  EXPECT_EQ(record.headers[1].second, "");
  EXPECT_EQ(both.read("no headers").error().what(),
            "No headers delimiter found on line number 2: 'no headers'");
  EXPECT_EQ(both.read("h:v\tno key").error().what(),
            "No key separator found on line number 3: 'h:v\tno key'");
}

TEST(LineReader, TheMarkerIsNull) {
  LineReader marked = reader({{"parse.key", "true"}, {"key.separator", ":"}, {"null.marker", "NUL"}});
  const InputRecord record = marked.read("NUL:NUL").value();
  EXPECT_FALSE(record.key.has_value());
  EXPECT_FALSE(record.value.has_value());
  EXPECT_EQ(marked.read(":").value().key, "");
}

TEST(LineReader, ErrorsMayBeIgnored) {
  LineReader lenient = reader({{"parse.key", "true"}, {"ignore.error", "true"}});
  const InputRecord record = lenient.read("no key").value();
  EXPECT_FALSE(record.key.has_value());
  EXPECT_EQ(record.value, "no key");
}

TEST(LineReader, SeparatorsDiffer) {
  EXPECT_EQ(LineReader::make({{"headers.separator", ":"}}).error().what(),
            "headers.separator and headers.key.separator may not be equal");
  EXPECT_EQ(LineReader::make({{"null.marker", "\t"}}).error().what(),
            "null.marker and key.separator may not be equal");
}

TEST(LineSplitter, EveryLineEndInEveryChunking) {
  const std::string text = "a\nb\r\nc\rd\n\n\re";
  const std::vector<std::string> expected = {"a", "b", "c", "d", "", "", "e"};
  for (std::size_t chunk = 1; chunk <= text.size(); ++chunk) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += chunk) {
      splitter.add(std::string_view(text).substr(at, chunk));
      while (auto line = splitter.next(false)) lines.push_back(*line);
    }
    while (auto line = splitter.next(true)) lines.push_back(*line);
    EXPECT_EQ(lines, expected) << chunk;
  }
}

}  // namespace
}  // namespace penstock::cli
