#include "cli/record_printer.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace penstock::cli {

RecordPrinter::RecordPrinter(const base::Properties& properties) {
  const auto read_flag = [&](std::string_view name, bool& flag) {
    const auto found = properties.find(name);
    if (found == properties.end()) return;
    std::string text = found->second;
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    flag = text == "true";
  };
  const auto read_text = [&](std::string_view name, std::string& text) {
    if (const auto found = properties.find(name); found != properties.end()) text = found->second;
  };
  read_flag("print.timestamp", prints_timestamp_);
  read_flag("print.partition", prints_partition_);
  read_flag("print.offset", prints_offset_);
  read_flag("print.delivery", prints_delivery_);
  read_flag("print.epoch", prints_epoch_);
  read_flag("print.headers", prints_headers_);
  read_flag("print.key", prints_key_);
  read_flag("print.value", prints_value_);
  read_text("key.separator", separator_);
  read_text("line.separator", line_end_);
  read_text("headers.separator", headers_separator_);
  read_text("null.literal", null_literal_);
}

void RecordPrinter::append(const OutputRecord& record, std::string& out) const {
  // Between columns the separator, behind the last one the end of the line.
  std::string columns[8];
  std::size_t count = 0;
  if (prints_timestamp_) {
    columns[count++] = record.timestamp
                           ? fmt::format("{}:{}", record.is_log_append_time ? "LogAppendTime" : "CreateTime",
                                         *record.timestamp)
                           : "NO_TIMESTAMP";
  }
  if (prints_partition_) columns[count++] = fmt::format("Partition:{}", record.partition);
  if (prints_offset_) columns[count++] = fmt::format("Offset:{}", record.offset);
  if (prints_delivery_) columns[count++] = "Delivery:NOT_PRESENT";
  if (prints_epoch_) columns[count++] = "Epoch:NOT_PRESENT";
  if (prints_headers_) {
    std::string& column = columns[count++];
    for (const auto& [key, value] : record.headers) {
      column += fmt::format("{}{}:{}", column.empty() ? "" : headers_separator_, key,
                            value.value_or(null_literal_));
    }
    if (record.headers.empty()) column = "NO_HEADERS";
  }
  if (prints_key_) columns[count++] = record.key.value_or(null_literal_);
  if (prints_value_) columns[count++] = record.value.value_or(null_literal_);
  for (std::size_t i = 0; i < count; ++i) {
    out += columns[i];
    out += i + 1 < count ? separator_ : line_end_;
  }
}

}  // namespace penstock::cli
