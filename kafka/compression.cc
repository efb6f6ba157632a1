#include "kafka/compression.h"

#include <array>

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"

namespace penstock::kafka {

using base::Bytes;
using base::ByteSpan;
using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "gzip", "snappy", "lz4", "zstd"};

// snappy-java's stream: magic, version, lowest compatible version, then blocks with their size before them.
constexpr std::array<std::uint8_t, 16> kSnappyHeader = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0,
                                                        0,    0,   0,   1,   0,   0,   0,   1};
constexpr std::size_t kSnappyBlockBytes = 32 << 10;

// Java takes 9 to mean "the fast compressor" and anything else as a level of the thorough one.
constexpr int kLz4FastLevel = 9;

Result<> check_level(Compression codec, int level, int low, int high) {
  if (level >= low && level <= high) return {};
  return fail(Errc::kInvalidArgument, fmt::format("compression level {} of {} is not within [{}, {}]", level,
                                                  compression_name(codec), low, high));
}

Result<> compress_gzip(ByteSpan in, Bytes& out, int level) {
  if (level != Z_DEFAULT_COMPRESSION) TRY(check_level(Compression::kGzip, level, 1, 9));
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(Errc::kInternal, "gzip: deflateInit2 failed");
  }
  const std::size_t start = out.size();
  out.resize(start + deflateBound(&stream, in.size()));
  stream.next_in = const_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data() + start;
  stream.avail_out = static_cast<uInt>(out.size() - start);
  const int status = deflate(&stream, Z_FINISH);
  out.resize(start + stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return fail(Errc::kInternal, "gzip: deflate did not finish");
  return {};
}

void compress_snappy(ByteSpan in, Bytes& out) {
  out.insert(out.end(), kSnappyHeader.begin(), kSnappyHeader.end());
  for (std::size_t at = 0; at < in.size(); at += kSnappyBlockBytes) {
    const ByteSpan block = in.subspan(at, std::min(kSnappyBlockBytes, in.size() - at));
    const std::size_t start = out.size();
    out.resize(start + 4 + snappy::MaxCompressedLength(block.size()));
    std::size_t length = 0;
    snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                        reinterpret_cast<char*>(out.data() + start + 4), &length);
    base::store_be(out.data() + start, static_cast<std::int32_t>(length));
    out.resize(start + 4 + length);
  }
}

Result<> compress_lz4(ByteSpan in, Bytes& out, int level) {
  TRY(check_level(Compression::kLz4, level, 1, 17));
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Java reads no other.
  preferences.compressionLevel = level == kLz4FastLevel ? 0 : level;
  const std::size_t start = out.size();
  out.resize(start + LZ4F_compressFrameBound(in.size(), &preferences));
  const std::size_t written =
      LZ4F_compressFrame(out.data() + start, out.size() - start, in.data(), in.size(), &preferences);
  if (LZ4F_isError(written)) return fail(Errc::kInternal, fmt::format("lz4: {}", LZ4F_getErrorName(written)));
  out.resize(start + written);
  return {};
}

Result<> compress_zstd(ByteSpan in, Bytes& out, int level) {
  TRY(check_level(Compression::kZstd, level, ZSTD_minCLevel(), ZSTD_maxCLevel()));
  const std::size_t start = out.size();
  out.resize(start + ZSTD_compressBound(in.size()));
  const std::size_t written =
      ZSTD_compress(out.data() + start, out.size() - start, in.data(), in.size(), level);
  if (ZSTD_isError(written))
    return fail(Errc::kInternal, fmt::format("zstd: {}", ZSTD_getErrorName(written)));
  out.resize(start + written);
  return {};
}

}  // namespace

std::string_view compression_name(Compression codec) { return kNames[static_cast<std::size_t>(codec)]; }

Result<Compression> parse_compression(std::string_view name) {
  if (name == "uncompressed") return Compression::kNone;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Compression>(i);
  }
  return fail(Errc::kInvalidArgument,
              fmt::format("unknown compression '{}' (none, gzip, snappy, lz4 or zstd)", name));
}

int default_compression_level(Compression codec) {
  switch (codec) {
    case Compression::kGzip:
      return Z_DEFAULT_COMPRESSION;
    case Compression::kLz4:
      return kLz4FastLevel;
    case Compression::kZstd:
      return 3;
    case Compression::kNone:
    case Compression::kSnappy:
      return 0;
  }
  return 0;
}

Result<> compress(Compression codec, ByteSpan in, Bytes& out, std::optional<int> level) {
  const int chosen = level.value_or(default_compression_level(codec));
  switch (codec) {
    case Compression::kNone:
      out.insert(out.end(), in.begin(), in.end());
      return {};
    case Compression::kGzip:
      return compress_gzip(in, out, chosen);
    case Compression::kSnappy:
      compress_snappy(in, out);
      return {};
    case Compression::kLz4:
      return compress_lz4(in, out, chosen);
    case Compression::kZstd:
      return compress_zstd(in, out, chosen);
  }
  return fail(Errc::kInvalidArgument, "unknown compression codec");
}

}  // namespace penstock::kafka
