#include "broker/net/frame_buffer.h"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include "base/sole_owner.h"

namespace penstock::net {

namespace {
constexpr std::size_t kLengthBytes = 4;
// Below this much room a read would be a waste of a system call.
constexpr std::size_t kSpaceMin = 4 * 1024;
// A frame with at least so much missing is read to its end and no further, so that the next one begins in a
// block of its own and need not be moved there.
constexpr std::size_t kReadAloneMin = 16 * 1024;
// A connection that sends frames of some size gets room for the next one at once, up to this.
constexpr std::size_t kExpectedMax = 2 * 1024 * 1024;
}  // namespace

void FrameBuffer::move_to_new_block(std::size_t size) {
  auto block = std::make_shared<Block>(size);
  const std::size_t pending = pending_bytes();
  if (pending > 0) std::memcpy(block->bytes.get(), block_->bytes.get() + begin_, pending);
  block_ = std::move(block);
  begin_ = 0;
  end_ = pending;
}

std::span<std::uint8_t> FrameBuffer::space() {
  const std::size_t usual = std::max(kBlockBytes, expected_);
  if (!block_) move_to_new_block(usual);
  // Nobody holds a frame of this block, on any reactor: start over in it.
  if (pending_bytes() == 0 && base::is_sole_owner(block_)) begin_ = end_ = 0;
  const std::size_t missing = wanted_ > pending_bytes() ? wanted_ - pending_bytes() : 0;
  const std::size_t room = block_->size - end_;
  if (pending_bytes() == 0 && room < expected_) {
    move_to_new_block(usual);
  } else if (room < kSpaceMin || (missing > room && wanted_ > block_->size)) {
    // At most double what has arrived, or what came before, so that announcing a large frame costs the sender
    // and not us.
    const std::size_t grown =
        std::max(kBlockBytes, std::min(wanted_, std::max(2 * pending_bytes(), expected_)));
    move_to_new_block(std::max(grown, pending_bytes() + kSpaceMin));
  } else if (missing > room) {
    move_to_new_block(block_->size);
  }
  const std::size_t free = block_->size - end_;
  const std::size_t still_missing = wanted_ > pending_bytes() ? wanted_ - pending_bytes() : 0;
  return {block_->bytes.get() + end_, still_missing >= kReadAloneMin ? std::min(free, still_missing) : free};
}

base::Result<std::optional<Frame>> FrameBuffer::next_frame() {
  wanted_ = 0;
  if (pending_bytes() < kLengthBytes) return std::nullopt;
  const std::int32_t length = base::load_be<std::int32_t>(block_->bytes.get() + begin_);
  if (length < 0) return base::fail(base::Errc::kCorrupt, fmt::format("frame of {} bytes", length));
  if (length > frame_bytes_max_) {
    return base::fail(
        base::Errc::kLimitExceeded,
        fmt::format("frame of {} bytes is over socket.request.max.bytes {}", length, frame_bytes_max_));
  }
  wanted_ = kLengthBytes + static_cast<std::size_t>(length);
  if (pending_bytes() < wanted_) return std::nullopt;
  Frame frame{{block_->bytes.get() + begin_ + kLengthBytes, static_cast<std::size_t>(length)}, block_};
  begin_ += wanted_;
  // Forgotten little by little when smaller ones follow.
  expected_ = std::min(std::max(wanted_, expected_ - expected_ / 8), kExpectedMax);
  wanted_ = 0;
  return std::optional(std::move(frame));
}

void FrameBuffer::release_if_empty() {
  if (pending_bytes() > 0) return;
  block_.reset();
  begin_ = end_ = 0;
}

}  // namespace penstock::net
