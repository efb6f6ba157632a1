// The little JSON that the admin port reads and writes.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::server {

// Quoted.
std::string json_string(std::string_view text);

// The members of one flat object, values as text. Bounds: the caller bounds the text. ERRORS:
// kInvalidArgument.
base::Result<std::map<std::string, std::string>> read_json_object(const std::string& text);

// ERRORS: kInvalidArgument naming the member.
base::Result<std::int64_t> json_integer(const std::map<std::string, std::string>& object,
                                        const std::string& name);

}  // namespace penstock::server
