// CRC-32C (Castagnoli), the checksum of record batches. Uses the CPU's instruction where it is present.
//
// Source: RFC 3720 appendix B.4.
// Threads: any.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace penstock::base {

// The checksum of `bytes` continued from `seed`, which is the checksum of what came before (0 at the start).
std::uint32_t crc32c(ByteSpan bytes, std::uint32_t seed = 0);

// The table version, for CPUs without the instruction and for the test that compares both.
std::uint32_t crc32c_portable(ByteSpan bytes, std::uint32_t seed = 0);

}  // namespace penstock::base
