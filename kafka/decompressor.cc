#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/assert.h"
#include "kafka/compression.h"

namespace penstock::kafka {

using base::Bytes;
using base::ByteSpan;
using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kFirstBufferBytes = 64 << 10;
constexpr std::size_t kKeptBufferBytes = 4 << 20;  // A larger one is given back at the next call.

// The output of one call: grows as output comes, up to bytes_max, never by what a header claims.
class Output {
 public:
  Output(Bytes& buffer, std::size_t bytes_max) : buffer_(buffer), bytes_max_(bytes_max) {}

  // Makes room for at least one more byte.
  // ERRORS: kLimitExceeded.
  Result<> grow() {
    if (used_ < buffer_.size() && used_ < bytes_max_) return {};
    if (used_ >= bytes_max_) {
      return fail(Errc::kLimitExceeded, fmt::format("decompresses to more than {} bytes", bytes_max_));
    }
    buffer_.resize(std::min(bytes_max_, std::max(kFirstBufferBytes, buffer_.size() * 2)));
    return {};
  }
  // ERRORS: kLimitExceeded.
  Result<> reserve(std::size_t more) {
    if (more > bytes_max_ - used_) {
      return fail(Errc::kLimitExceeded, fmt::format("decompresses to more than {} bytes", bytes_max_));
    }
    if (buffer_.size() - used_ < more) buffer_.resize(std::max(used_ + more, kFirstBufferBytes));
    return {};
  }
  std::uint8_t* at() { return buffer_.data() + used_; }
  std::size_t room() const { return std::min(buffer_.size(), bytes_max_) - used_; }
  void advance(std::size_t n) { used_ += n; }
  ByteSpan span() const { return {buffer_.data(), used_}; }

 private:
  Bytes& buffer_;
  const std::size_t bytes_max_;
  std::size_t used_ = 0;
};

bool begins_with_snappy_magic(ByteSpan in) {
  constexpr std::uint8_t kMagic[] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
  return in.size() >= sizeof kMagic && std::equal(std::begin(kMagic), std::end(kMagic), in.begin());
}

Result<> snappy_block(ByteSpan block, Output& out) {
  const char* data = reinterpret_cast<const char*>(block.data());
  std::size_t length = 0;
  // No element of the format makes more than 64 bytes out of three, so a larger claim is a lie.
  if (!snappy::GetUncompressedLength(data, block.size(), &length) || length > block.size() * 32) {
    return fail(Errc::kCorrupt, "snappy: bad length of a block");
  }
  TRY(out.reserve(length));
  if (!snappy::RawUncompress(data, block.size(), reinterpret_cast<char*>(out.at()))) {
    return fail(Errc::kCorrupt, "snappy: malformed block");
  }
  out.advance(length);
  return {};
}

Result<> snappy_stream(ByteSpan in, Output& out) {
  if (!begins_with_snappy_magic(in)) return snappy_block(in, out);
  base::ByteReader reader(in);
  reader.skip(8);
  reader.read_int32();  // Version; snappy-java writes 1 and reads every one with a compatible version of 1.
  const std::int32_t compatible = reader.read_int32();
  if (reader.failed() || compatible > 1) return fail(Errc::kCorrupt, "snappy: bad stream header");
  while (reader.remaining() > 0) {
    const std::int32_t length = reader.read_int32();
    if (length <= 0) return fail(Errc::kCorrupt, "snappy: bad size of a block");
    const ByteSpan block = reader.read_span(static_cast<std::size_t>(length));
    if (reader.failed()) return fail(Errc::kCorrupt, "snappy: a block ends past the data");
    TRY(snappy_block(block, out));
  }
  return {};
}

}  // namespace

struct Decompressor::Contexts {
  z_stream gzip{};
  bool has_gzip = false;
  LZ4F_dctx* lz4 = nullptr;
  ZSTD_DCtx* zstd = nullptr;

  ~Contexts() {
    if (has_gzip) inflateEnd(&gzip);
    if (lz4 != nullptr) LZ4F_freeDecompressionContext(lz4);
    if (zstd != nullptr) ZSTD_freeDCtx(zstd);
  }

  Result<> read_gzip(ByteSpan in, Output& out);
  Result<> read_lz4(ByteSpan in, Output& out);
  Result<> read_zstd(ByteSpan in, Output& out, std::size_t bytes_max);
};

Result<> Decompressor::Contexts::read_gzip(ByteSpan in, Output& out) {
  if (!has_gzip) {
    if (inflateInit2(&gzip, 15 + 16) != Z_OK) return fail(Errc::kInternal, "gzip: inflateInit2 failed");
    has_gzip = true;
  } else {
    inflateReset(&gzip);
  }
  gzip.next_in = const_cast<Bytef*>(in.data());
  gzip.avail_in = static_cast<uInt>(in.size());
  while (true) {
    TRY(out.grow());
    const auto room = static_cast<uInt>(std::min<std::size_t>(out.room(), 1 << 30));
    gzip.next_out = out.at();
    gzip.avail_out = room;
    const int status = inflate(&gzip, Z_NO_FLUSH);
    out.advance(room - gzip.avail_out);
    if (status == Z_STREAM_END) {
      if (gzip.avail_in == 0) return {};
      inflateReset(&gzip);  // The next member.
      continue;
    }
    const bool is_truncated = gzip.avail_in == 0 && gzip.avail_out > 0;
    if ((status != Z_OK && status != Z_BUF_ERROR) || is_truncated) {
      return fail(Errc::kCorrupt,
                  gzip.msg != nullptr ? fmt::format("gzip: {}", gzip.msg) : "gzip: truncated");
    }
  }
}

Result<> Decompressor::Contexts::read_lz4(ByteSpan in, Output& out) {
  if (lz4 == nullptr) {
    if (LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION))) {
      return fail(Errc::kInternal, "lz4: no decompression context");
    }
  } else {
    LZ4F_resetDecompressionContext(lz4);
  }
  std::size_t at = 0;
  while (true) {
    TRY(out.grow());
    std::size_t produced = out.room();
    std::size_t consumed = in.size() - at;
    const std::size_t status = LZ4F_decompress(lz4, out.at(), &produced, in.data() + at, &consumed, nullptr);
    if (LZ4F_isError(status)) return fail(Errc::kCorrupt, fmt::format("lz4: {}", LZ4F_getErrorName(status)));
    out.advance(produced);
    at += consumed;
    if (status == 0) break;
    if (produced == 0 && consumed == 0) return fail(Errc::kCorrupt, "lz4: truncated");
    if (at == in.size() && out.room() > 0) return fail(Errc::kCorrupt, "lz4: truncated");
  }
  if (at != in.size()) return fail(Errc::kCorrupt, "lz4: bytes after the end of the frame");
  return {};
}

Result<> Decompressor::Contexts::read_zstd(ByteSpan in, Output& out, std::size_t bytes_max) {
  if (zstd == nullptr) {
    zstd = ZSTD_createDCtx();
    if (zstd == nullptr) return fail(Errc::kInternal, "zstd: no decompression context");
  } else {
    ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
  }
  // A header must not make us allocate more than the output may need; Java's client writes windows of 8 MiB.
  const int window_log = std::clamp(static_cast<int>(std::bit_width(bytes_max)), 23, 27);
  ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, window_log);
  ZSTD_inBuffer input{in.data(), in.size(), 0};
  if (in.empty()) return fail(Errc::kCorrupt, "zstd: empty");
  while (true) {
    TRY(out.grow());
    ZSTD_outBuffer output{out.at(), out.room(), 0};
    const std::size_t status = ZSTD_decompressStream(zstd, &output, &input);
    if (ZSTD_isError(status)) {
      const bool is_too_large = ZSTD_getErrorCode(status) == ZSTD_error_frameParameter_windowTooLarge;
      return fail(is_too_large ? Errc::kLimitExceeded : Errc::kCorrupt,
                  fmt::format("zstd: {}", ZSTD_getErrorName(status)));
    }
    out.advance(output.pos);
    if (status == 0 && input.pos == input.size) return {};
    if (status != 0 && input.pos == input.size && output.pos < output.size) {
      return fail(Errc::kCorrupt, "zstd: truncated");
    }
  }
}

Decompressor::Decompressor() : contexts_(std::make_unique<Contexts>()) {}
Decompressor::~Decompressor() = default;

Result<ByteSpan> Decompressor::decompress(Compression codec, ByteSpan in, std::size_t bytes_max) {
  if (codec == Compression::kNone) return in;
  if (out_.size() > kKeptBufferBytes) out_ = Bytes();
  // One byte more than the cap, so that output of exactly the cap is seen to end.
  Output out(out_, bytes_max + 1);
  switch (codec) {
    case Compression::kNone:
      break;
    case Compression::kGzip:
      TRY(contexts_->read_gzip(in, out));
      break;
    case Compression::kSnappy:
      TRY(snappy_stream(in, out));
      break;
    case Compression::kLz4:
      TRY(contexts_->read_lz4(in, out));
      break;
    case Compression::kZstd:
      TRY(contexts_->read_zstd(in, out, bytes_max));
      break;
  }
  if (out.span().size() > bytes_max) {
    return fail(Errc::kLimitExceeded, fmt::format("decompresses to more than {} bytes", bytes_max));
  }
  return out.span();
}

}  // namespace penstock::kafka
