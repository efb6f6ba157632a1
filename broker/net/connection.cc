#include "broker/net/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"

namespace penstock::net {

namespace {
constexpr base::Logger log("net");
constexpr std::size_t kPartsPerWriteMax = 64;
// How much one connection may read before others of its reactor have their turn.
constexpr std::size_t kReadsPerTurnMax = 8;

base::ByteSpan memory_of(const OutPart& part) {
  return part.borrowed.empty() ? base::ByteSpan(part.bytes) : part.borrowed;
}
// What a part costs besides its bytes: its place in the queue and the allocator's share. Without it a flood
// of tiny answers would hold many times out_bytes_max.
constexpr std::size_t kPartCostBytes = 512;

std::size_t size_of(const OutPart& part) {
  return part.descriptor >= 0 ? part.length : memory_of(part).size();
}
}  // namespace

Connection::Connection(ConnectionInfo info, std::unique_ptr<Channel> channel, aio::Reactor& reactor,
                       RequestSink& sink, ConnectionLimits limits,
                       std::function<void(std::uint64_t id)> closed)
    : info_(std::move(info)),
      channel_(std::move(channel)),
      reactor_(reactor),
      sink_(sink),
      limits_(limits),
      closed_(std::move(closed)),
      in_(limits.frame_bytes_max),
      last_active_(reactor.now()) {}

Connection::~Connection() = default;

void Connection::start() { arm_read(); }

void Connection::close() {
  if (std::exchange(is_closed_, true)) return;
  const auto self = shared_from_this();
  channel_->close();
  held_.reset();
  disconnected_.cancel();
  // Slots stay until their requests end; they find the connection closed.
  if (auto closed = std::exchange(closed_, nullptr)) closed(info_.id);
}

void Connection::fail(const base::Error& error) {
  log.info("closing connection {} from {} on {}: {}", info_.id, info_.peer_host, info_.listener_name,
           error.what());
  close();
}

void Connection::arm_read() {
  if (is_closed_ || is_read_armed_ || held_ || is_alone_running_) return;
  is_read_armed_ = true;
  channel_->wait_readable([self = shared_from_this()] {
    self->is_read_armed_ = false;
    self->read_ready();
  });
}

void Connection::read_ready() {
  for (std::size_t i = 0; i < kReadsPerTurnMax && read_once(); ++i) {
  }
  if (is_closed_) return;
  // An idle connection holds no buffer.
  in_.release_if_empty();
  go_on();
}

// Starts what may start and writes what is ready. Writing makes room for a frame that was held back, and
// nothing else would come to start it.
void Connection::go_on() {
  do {
    take_frames();
    flush();
  } while (!is_closed_ && !close_after_out_ && held_ && may_start(held_->bytes));
  arm_read();
}

bool Connection::read_once() {
  if (is_closed_ || held_ || is_alone_running_) return false;
  const auto space = in_.space();
  const auto status = channel_->try_read(space);
  if (!status) {
    fail(status.error());
    return false;
  }
  if (status->is_closed) {
    close();
    return false;
  }
  if (status->would_block) return false;
  received_ += status->bytes;
  if (received_ >= kProgressBytes) set_active();
  in_.received(status->bytes);
  take_frames();
  return !is_closed_ && status->bytes == space.size();
}

bool Connection::may_start(base::ByteSpan frame) const {
  if (is_resting_ || out_bytes_ > limits_.out_bytes_max) return false;
  if (slots_.empty()) return true;
  if (is_alone_running_ || !sink_.is_pipelined(frame)) return false;
  return slots_.size() < limits_.requests_in_flight_max &&
         bytes_in_flight_ + frame.size() <= limits_.bytes_in_flight_max;
}

void Connection::take_frames() {
  // A request that completes at once calls back into here; the outer loop goes on then.
  if (std::exchange(is_taking_, true)) return;
  while (!is_closed_ && !close_after_out_) {
    if (!held_) {
      auto next = in_.next_frame();
      if (!next) {
        is_taking_ = false;
        return fail(next.error());
      }
      if (!*next) break;
      held_ = std::move(**next);
    }
    if (!may_start(held_->bytes)) break;
    if (turn_left_ == 0) {
      rest();
      break;
    }
    --turn_left_;
    Frame frame = std::move(*held_);
    held_.reset();
    start_request(std::move(frame));
  }
  is_taking_ = false;
}

// Small requests that are answered at once would keep a reactor for as long as a client sends them: others
// first.
void Connection::rest() {
  is_resting_ = true;
  reactor_.post([self = shared_from_this()] {
    self->is_resting_ = false;
    self->turn_left_ = kRequestsPerTurnMax;
    if (!self->is_closed_) self->go_on();
  });
}

void Connection::set_active() {
  last_active_ = reactor_.now();
  received_ = 0;
}

void Connection::start_request(Frame frame) {
  set_active();
  const std::uint64_t sequence = first_sequence_ + slots_.size();
  slots_.push_back(Slot{.request_bytes = frame.bytes.size(), .response = std::nullopt});
  bytes_in_flight_ += frame.bytes.size();
  is_alone_running_ = !sink_.is_pipelined(frame.bytes);
  aio::start_detached(run_request(shared_from_this(), sequence, std::move(frame)));
}

aio::Task<> Connection::run_request(std::shared_ptr<Connection> self, std::uint64_t sequence, Frame frame) {
  Response response =
      co_await self->sink_.handle(self->info_, self->reactor_, self->disconnected_.token(), std::move(frame));
  self->complete(sequence, std::move(response));
}

void Connection::complete(std::uint64_t sequence, Response response) {
  if (is_closed_) return;
  slots_[static_cast<std::size_t>(sequence - first_sequence_)].response = std::move(response);
  while (!slots_.empty() && slots_.front().response && !close_after_out_) {
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    ++first_sequence_;
    bytes_in_flight_ -= slot.request_bytes;
    for (OutPart& part : slot.response->parts) {
      out_bytes_ += size_of(part) + kPartCostBytes;
      out_.push_back(std::move(part));
    }
    close_after_out_ = slot.response->must_close;
  }
  if (slots_.empty()) is_alone_running_ = false;
  // Within take_frames() the write waits, so that the responses of one read leave together.
  if (is_taking_) return;
  go_on();
}

void Connection::flush() {
  while (!is_closed_ && !is_write_armed_ && !out_.empty()) {
    if (!write_some()) return;
  }
  if (!is_closed_ && out_.empty() && close_after_out_) close();
}

// Writes once. False when it must wait, or when the connection has ended.
bool Connection::write_some() {
  base::Result<IoStatus> status = IoStatus{};
  if (out_.front().descriptor >= 0) {
    const OutPart& part = out_.front();
    status = channel_->try_send_file(part.descriptor, part.position + static_cast<std::int64_t>(out_done_),
                                     part.length - out_done_);
  } else {
    std::array<iovec, kPartsPerWriteMax> parts;
    std::size_t count = 0;
    std::size_t skip = out_done_;
    for (; count < parts.size() && count < out_.size() && out_[count].descriptor < 0; ++count) {
      const base::ByteSpan memory = memory_of(out_[count]).subspan(skip);
      parts[count] = {const_cast<std::uint8_t*>(memory.data()), memory.size()};
      skip = 0;
    }
    status = channel_->try_write(std::span(parts).first(count), count < out_.size());
  }
  if (!status) {
    fail(status.error());
    return false;
  }
  if (status->is_closed) {
    close();
    return false;
  }
  if (status->would_block) {
    is_write_armed_ = true;
    channel_->wait_writable([self = shared_from_this()] {
      self->is_write_armed_ = false;
      self->flush();
      self->go_on();
    });
    return false;
  }
  set_active();
  out_done_ += status->bytes;
  while (!out_.empty()) {
    const std::size_t size = size_of(out_.front());
    if (out_done_ < size) break;
    out_done_ -= size;
    out_bytes_ -= size + kPartCostBytes;
    out_.pop_front();
  }
  return true;
}

}  // namespace penstock::net
