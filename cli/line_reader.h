// Lines of text as records, as Kafka's LineMessageReader reads them.
//
// Threads: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/error.h"

namespace penstock::cli {

struct InputRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

class LineReader {
 public:
  // parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, headers.key.separator,
  // null.marker, ignore.error. ERRORS: kInvalidArgument when two of the separators are the same.
  static base::Result<LineReader> make(const base::Properties& properties);

  // One line without its end. ERRORS: kInvalidArgument naming the line's number.
  base::Result<InputRecord> read(std::string_view line);

 private:
  // What is before `separator`; nullopt when it is missing and errors are ignored.
  base::Result<std::optional<std::string_view>> take(std::string_view& rest, const std::string& separator,
                                                     std::string_view separator_name,
                                                     std::string_view line) const;
  base::Result<> read_headers(std::string_view text, InputRecord& record) const;
  std::optional<std::string> unless_null(std::string_view text) const;

  bool parses_key_ = false;
  bool parses_headers_ = false;
  bool ignores_errors_ = false;
  std::string key_separator_ = "\t";
  std::string headers_delimiter_ = "\t";
  std::string headers_separator_ = ",";
  std::string header_key_separator_ = ":";
  std::optional<std::string> null_marker_;
  std::int64_t line_number_ = 0;
};

// Splits bytes into lines that end with \n, \r or \r\n, as Java's BufferedReader does.
class LineSplitter {
 public:
  void add(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole line; with `is_end` also the last one without an end.
  std::optional<std::string> next(bool is_end);

 private:
  std::string buffer_;
  std::size_t at_ = 0;
  bool skips_newline_ = false;
};

}  // namespace penstock::cli
