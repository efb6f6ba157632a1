// Base64 (RFC 4648).
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace penstock::base {

// Decodes up to the first character that is not of the alphabet.
std::string decode_base64(std::string_view text);
// With padding, as Secrets hold it.
std::string encode_base64(std::string_view bytes);
// The alphabet of URLs and file names, without padding.
std::string encode_base64url(std::string_view bytes);

}  // namespace penstock::base
