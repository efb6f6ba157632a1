#include "broker/net/frame_buffer.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include <fmt/core.h>

namespace penstock::net {

namespace {
constexpr std::size_t kLengthBytes = 4;
// Below this much room a read would be a waste of a system call.
constexpr std::size_t kSpaceMin = 4 * 1024;
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
  if (!block_) move_to_new_block(kBlockBytes);
  // Nobody holds a frame of this block: start over in it.
  if (pending_bytes() == 0 && block_.use_count() == 1) {
    // Pairs with the release of the last frame, which may have been on another reactor.
    std::atomic_thread_fence(std::memory_order_acquire);
    begin_ = end_ = 0;
  }
  const std::size_t missing = wanted_ > pending_bytes() ? wanted_ - pending_bytes() : 0;
  const std::size_t room = block_->size - end_;
  if (room < kSpaceMin || (missing > room && wanted_ > block_->size)) {
    // At most double what has arrived, so that announcing a large frame costs the sender and not us.
    const std::size_t grown = std::max(kBlockBytes, std::min(wanted_, 2 * pending_bytes()));
    move_to_new_block(std::max(grown, pending_bytes() + kSpaceMin));
  } else if (missing > room) {
    move_to_new_block(block_->size);
  }
  return {block_->bytes.get() + end_, block_->size - end_};
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
  wanted_ = 0;
  return std::optional(std::move(frame));
}

void FrameBuffer::release_if_empty() {
  if (pending_bytes() > 0) return;
  block_.reset();
  begin_ = end_ = 0;
}

}  // namespace penstock::net
