// The receive side of a connection: bytes as they arrive, and the frames found in them.
//
// Frames are handed out as spans of a shared block, so a batch is never copied between the socket and the
// log. A block is written only behind its last frame, so spans given out stay as they are; when a block is
// full, what is left of an unfinished frame moves to a new one.
//
// A frame's announced size allocates nothing by itself: a block grows with the bytes that have arrived, at
// most doubling, once past kBlockBytes and past the size of the frames before. Threads: one reactor; blocks
// may be released on any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/error.h"

namespace penstock::net {

struct Frame {
  base::ByteSpan bytes;               // Without the four bytes of length.
  std::shared_ptr<const void> owner;  // Keeps `bytes` alive.
};

class FrameBuffer {
 public:
  static constexpr std::size_t kBlockBytes = 128 * 1024;

  explicit FrameBuffer(std::int32_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  // Room to read into, never empty. Valid until the next call.
  std::span<std::uint8_t> space();
  // `n` bytes were read into space().
  void received(std::size_t n) { end_ += n; }

  // The next whole frame, or nothing yet.
  // ERRORS: kLimitExceeded when a frame announces more than the limit, kCorrupt for a negative length.
  base::Result<std::optional<Frame>> next_frame();

  // Bytes received and not yet handed out.
  std::size_t pending_bytes() const { return end_ - begin_; }
  // Gives an empty buffer's block back; an idle connection then holds no memory.
  void release_if_empty();

 private:
  struct Block {
    explicit Block(std::size_t bytes_max)
        : bytes(std::make_unique_for_overwrite<std::uint8_t[]>(bytes_max)), size(bytes_max) {}
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size;
  };

  void move_to_new_block(std::size_t size);

  const std::int32_t frame_bytes_max_;
  std::shared_ptr<Block> block_;
  std::size_t begin_ = 0;     // First byte not handed out.
  std::size_t end_ = 0;       // Behind the last byte received.
  std::size_t wanted_ = 0;    // Bytes of the unfinished frame with its length, 0 when unknown.
  std::size_t expected_ = 0;  // About the size of the frames before.
};

}  // namespace penstock::net
