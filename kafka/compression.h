// The four codecs of record batches, as Java's client writes and reads them.
//
// gzip: RFC 1952, members may be concatenated. snappy: snappy-java's stream framing; raw blocks are read too.
// lz4: LZ4 frames with independent blocks. zstd: frames.
// Source: KIP-110 (zstd), KIP-57 (lz4 frame header), KIP-390 (levels).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace penstock::kafka {

// Bits 0 to 2 of a batch's attributes.
enum class Compression : std::int8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// "none", "gzip", "snappy", "lz4", "zstd".
std::string_view compression_name(Compression codec);
// ERRORS: kInvalidArgument for a name that is none of these ("uncompressed" is Kafka's other name of none).
base::Result<Compression> parse_compression(std::string_view name);

// Kafka's default level of each codec; 0 where the codec has none.
int default_compression_level(Compression codec);

// Appends `in` compressed to `out`. `level` is the codec's own scale; nullopt is the default.
// ERRORS: kInvalidArgument for a level out of the codec's range, kInternal when the library refuses.
base::Result<> compress(Compression codec, base::ByteSpan in, base::Bytes& out,
                        std::optional<int> level = {});

// Keeps its contexts and its output buffer from call to call, and gives a buffer that grew large back.
//
// Threads: one thread each.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // All of `in`; the result is valid until the next call. kNone returns `in` itself.
  // Memory: at most bytes_max plus one block, whatever the headers claim.
  // ERRORS: kCorrupt (malformed, truncated, trailing garbage), kLimitExceeded (more than bytes_max).
  base::Result<base::ByteSpan> decompress(Compression codec, base::ByteSpan in, std::size_t bytes_max);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
  base::Bytes out_;
};

}  // namespace penstock::kafka
