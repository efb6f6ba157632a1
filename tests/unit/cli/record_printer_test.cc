#include "cli/record_printer.h"

#include <gtest/gtest.h>

namespace penstock::cli {
namespace {

std::string printed(const base::Properties& properties, const OutputRecord& record) {
  std::string out;
  RecordPrinter(properties).append(record, out);
  return out;
}

OutputRecord full_record() {
  OutputRecord record;
  record.partition = 2;
  record.offset = 7;
  record.timestamp = 1700000000000;
  record.key = "k";
  record.value = "v";
  record.headers = {{"h1", "x"}, {"h2", std::nullopt}};
  return record;
}

TEST(RecordPrinter, JustTheValue) { EXPECT_EQ(printed({}, full_record()), "v\n"); }

// The line is what Kafka's console consumer prints for such a record.
TEST(RecordPrinter, AllColumnsInKafkasOrder) {
  const base::Properties all = {{"print.timestamp", "true"},
                                {"print.key", "true"},
                                {"print.offset", "true"},
                                {"print.headers", "true"},
                                {"print.partition", "true"}};
  EXPECT_EQ(printed(all, full_record()),
            "CreateTime:1700000000000\tPartition:2\tOffset:7\th1:x,h2:null\tk\tv\n");
}

TEST(RecordPrinter, NullsAndSeparators) {
  OutputRecord record;
  record.is_log_append_time = true;
  EXPECT_EQ(printed({{"print.timestamp", "true"},
                     {"print.key", "true"},
                     {"print.headers", "true"},
                     {"key.separator", "|"},
                     {"null.literal", "-"},
                     {"line.separator", ";"}},
                    record),
            "NO_TIMESTAMP|NO_HEADERS|-|-;");
  record.timestamp = 5;
  EXPECT_EQ(printed({{"print.timestamp", "true"}, {"print.value", "false"}}, record), "LogAppendTime:5\n");
}

}  // namespace
}  // namespace penstock::cli
