// Invariant checks that stay on in release builds. For our own mistakes only, never for bytes from a peer.
#pragma once

#include <string_view>

namespace penstock::base {
[[noreturn]] void assert_failed(std::string_view condition, std::string_view message, const char* file,
                                int line);
}  // namespace penstock::base

// BASE_ASSERT(offset >= start, "append goes backwards");
#define BASE_ASSERT(condition, message)                                         \
  do {                                                                          \
    if (!(condition)) [[unlikely]]                                              \
      ::penstock::base::assert_failed(#condition, message, __FILE__, __LINE__); \
  } while (false)
