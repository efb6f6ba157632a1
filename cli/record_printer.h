// Records as text, as Kafka's DefaultMessageFormatter writes them.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"

namespace penstock::cli {

struct OutputRecord {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::optional<std::int64_t> timestamp;
  bool is_log_append_time = false;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;
};

class RecordPrinter {
 public:
  // print.timestamp, .key, .offset, .epoch, .partition, .headers, .value, .delivery; key.separator,
  // line.separator, headers.separator, null.literal.
  explicit RecordPrinter(const base::Properties& properties);

  void append(const OutputRecord& record, std::string& out) const;

 private:
  bool prints_timestamp_ = false;
  bool prints_partition_ = false;
  bool prints_offset_ = false;
  bool prints_delivery_ = false;
  bool prints_epoch_ = false;
  bool prints_headers_ = false;
  bool prints_key_ = false;
  bool prints_value_ = true;
  std::string separator_ = "\t";
  std::string line_end_ = "\n";
  std::string headers_separator_ = ",";
  std::string null_literal_ = "null";
};

}  // namespace penstock::cli
