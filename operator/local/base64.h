// Base64 as Secrets hold it (RFC 4648).
//
// Threads: pure function.
#pragma once

#include <string>
#include <string_view>

namespace penstock::local {

// Decodes up to the first character that is not of the alphabet.
std::string decode_base64(std::string_view text);

}  // namespace penstock::local
