// Kafka's checkpoint files: a version line ("0"), a line with the number of entries, one entry per line.
//
// On disk:  docs/formats/checkpoints.md.
// Threads:  values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::storage {

// `fields` values per entry, separated by white space.
// ERRORS: kCorrupt (malformed, wrong count), kUnsupported (version is not 0).
base::Result<std::vector<std::vector<std::string>>> parse_checkpoint(std::string_view text,
                                                                     std::size_t fields);

std::string format_checkpoint(const std::vector<std::string>& lines);

// ERRORS: kCorrupt unless all of `text` is a number.
base::Result<std::int64_t> parse_number(std::string_view text);

}  // namespace penstock::storage
