#include "tests/sim/network.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/aio/completion.h"
#include "base/aio/refusal.h"
#include "base/aio/sleep.h"

namespace penstock::sim {

void End::send(base::Bytes bytes) {
  last_due = std::max(last_due, network.scheduler_.now() + network.delay());
  out_bytes += bytes.size();
  out.push_back({last_due, std::move(bytes)});
  if (out.size() > 1) return;
  network.wire_.call_at(last_due, [self = shared_from_this()] { self->network.pump(self); });
}

std::size_t End::take(std::span<std::uint8_t> into) {
  const std::size_t size = std::min(into.size(), inbox.size());
  std::copy_n(inbox.begin(), size, into.begin());
  inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

void End::close() {
  if (std::exchange(is_closed, true)) return;
  on_readable = nullptr;
  on_writable = nullptr;
  if (!is_reset) send({});
}

void End::reset() {
  if (std::exchange(is_reset, true)) return;
  out.clear();
  out_bytes = 0;
  wake(on_readable);
  wake(on_writable);
}

void End::straggle(base::Duration later) {
  is_straggling = true;
  for (Piece& piece : out) piece.due += later;
  if (!is_gone && !std::exchange(is_reset, true)) {
    wake(on_readable);
    wake(on_writable);
  }
  network.wire_.call_at(out.front().due, [self = shared_from_this()] { self->network.pump(self); });
}

void End::wake(std::function<void()>& waiter) {
  if (!waiter || is_gone) return;
  reactor.post([self = shared_from_this(), ready = std::exchange(waiter, nullptr)] {
    if (!self->is_closed) ready();
  });
}

namespace {

// The client's side.
class SimStream final : public aio::Stream {
 public:
  explicit SimStream(std::shared_ptr<End> end) : end_(std::move(end)) {}
  ~SimStream() override { end_->close(); }

  aio::Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override {
    while (true) {
      if (end_->is_closed) co_return base::fail(base::Errc::kCancelled, "closed");
      if (!end_->inbox.empty()) co_return end_->take(buffer);
      if (end_->is_reset) co_return base::fail(base::Errc::kUnavailable, "connection reset");
      if (end_->is_ended) co_return std::size_t{0};
      const aio::Completion<bool> woken;
      reader_ = woken;
      end_->on_readable = [woken] { woken.set(true); };
      co_await woken.wait();
    }
  }

  aio::Task<base::Result<>> write_all(base::ByteSpan bytes) override {
    while (!end_->is_closed && !end_->is_reset && !end_->may_send()) {
      const aio::Completion<bool> woken;
      writer_ = woken;
      end_->on_writable = [woken] { woken.set(true); };
      co_await woken.wait();
    }
    if (end_->is_closed) co_return base::fail(base::Errc::kCancelled, "closed");
    if (end_->is_reset) co_return base::fail(base::Errc::kUnavailable, "connection reset");
    end_->send(base::Bytes(bytes.begin(), bytes.end()));
    co_return base::Result<>{};
  }

  void close() override {
    end_->close();
    end_->reactor.post([reader = reader_, writer = writer_] {
      reader.set(true);
      writer.set(true);
    });
  }

 private:
  const std::shared_ptr<End> end_;
  aio::Completion<bool> reader_;
  aio::Completion<bool> writer_;
};

// The server's side.
class SimChannel final : public net::Channel {
 public:
  explicit SimChannel(std::shared_ptr<End> end) : end_(std::move(end)) {}
  ~SimChannel() override { end_->close(); }

  base::Result<net::IoStatus> try_read(std::span<std::uint8_t> into) override {
    if (!end_->inbox.empty()) return net::IoStatus{.bytes = end_->take(into)};
    if (end_->is_reset || end_->is_ended) return net::IoStatus{.is_closed = true};
    return net::IoStatus{.would_block = true};
  }
  base::Result<net::IoStatus> try_write(std::span<const iovec> parts, bool) override {
    if (end_->is_reset) return net::IoStatus{.is_closed = true};
    if (!end_->may_send()) return net::IoStatus{.would_block = true};
    base::Bytes bytes;
    for (const iovec& part : parts) {
      const auto* at = static_cast<const std::uint8_t*>(part.iov_base);
      bytes.insert(bytes.end(), at, at + part.iov_len);
    }
    // Short writes happen.
    const std::size_t size = std::min<std::size_t>(
        bytes.size(), 1 + end_->network.scheduler().random().below(2 * bytes.size() + 1));
    bytes.resize(size);
    if (size > 0) end_->send(std::move(bytes));
    return net::IoStatus{.bytes = size};
  }
  base::Result<net::IoStatus> try_send_file(int, std::int64_t, std::size_t) override {
    return base::fail(base::Errc::kUnsupported, "a simulated disk has no descriptors");
  }
  void wait_readable(std::function<void()> ready) override {
    end_->on_readable = std::move(ready);
    if (!end_->inbox.empty() || end_->is_reset || end_->is_ended) end_->wake(end_->on_readable);
  }
  void wait_writable(std::function<void()> ready) override {
    end_->on_writable = std::move(ready);
    if (end_->is_reset || end_->may_send()) end_->wake(end_->on_writable);
  }
  void close() override { end_->close(); }
  const std::string& peer_host() const override { return end_->peer->host; }

 private:
  const std::shared_ptr<End> end_;
};

}  // namespace

class SimAcceptor final : public net::Acceptor {
 public:
  SimAcceptor(SimNetwork& network, std::string host, std::uint16_t port,
              std::vector<aio::SimReactor*> reactors)
      : network_(network), host_(std::move(host)), port_(port), reactors_(std::move(reactors)) {}
  ~SimAcceptor() override { close(); }

  base::Result<> listen() override {
    const bool is_free = network_.acceptors_.emplace(std::pair{host_, port_}, this).second;
    if (!is_free) return base::fail(base::Errc::kAlreadyExists, fmt::format("{}:{}", host_, port_));
    return {};
  }
  void accept(std::size_t lane, Accepted accepted) override {
    accepted_ = std::move(accepted);
    lane_ = lane;
    hand_over();
  }
  void close() override {
    accepted_ = nullptr;
    const auto found = network_.acceptors_.find({host_, port_});
    if (found != network_.acceptors_.end() && found->second == this) network_.acceptors_.erase(found);
    for (auto& client : waiting_) client->reset();
    waiting_.clear();
  }
  std::uint16_t port() const override { return port_; }

  // By the network.
  void arrive(std::shared_ptr<End> client) {
    waiting_.push_back(std::move(client));
    hand_over();
  }

 private:
  void hand_over() {
    if (!accepted_ || waiting_.empty()) return;
    auto end = network_.make_end(host_, *reactors_.at(lane_));
    end->peer = std::move(waiting_.front());
    waiting_.pop_front();
    end->peer->peer = end;
    network_.pump(end->peer);
    reactors_.front()->post([accepted = std::exchange(accepted_, nullptr), end]() mutable {
      accepted(std::make_unique<SimChannel>(std::move(end)));
    });
  }

  SimNetwork& network_;
  const std::string host_;
  const std::uint16_t port_;
  const std::vector<aio::SimReactor*> reactors_;
  Accepted accepted_;
  std::size_t lane_ = 0;
  std::deque<std::shared_ptr<End>> waiting_;
};

class SimTransport final : public aio::Transport {
 public:
  SimTransport(SimNetwork& network, std::string host, aio::SimReactor& reactor)
      : network_(network), host_(std::move(host)), reactor_(reactor) {}

  aio::Task<base::Result<std::unique_ptr<aio::Stream>>> connect(std::string host, std::uint16_t port,
                                                                base::MonoTime deadline) override {
    (void)co_await aio::sleep_for(reactor_, network_.delay());
    if (network_.is_cut(host_, host) || network_.is_cut(host, host_) || !network_.has_power(host)) {
      (void)co_await aio::sleep_until(reactor_, deadline);
      co_return base::fail(base::Errc::kTimedOut, fmt::format("connect to {}:{}", host, port));
    }
    const auto found = network_.acceptors_.find({host, port});
    if (found == network_.acceptors_.end() || network_.is_rejected(host_, host)) {
      co_return base::fail(aio::refusal_by(fmt::format("{}:{}", host, port)));
    }
    auto end = network_.make_end(host_, reactor_);
    end->is_opener = true;
    found->second->arrive(end);
    (void)co_await aio::sleep_for(reactor_, network_.delay());
    co_return std::make_unique<SimStream>(std::move(end));
  }

 private:
  SimNetwork& network_;
  const std::string host_;
  aio::SimReactor& reactor_;
};

base::Duration SimNetwork::delay() {
  const auto spread = static_cast<std::uint64_t>(delay_max_.count());
  return base::microseconds(30) +
         base::Duration(static_cast<std::int64_t>(scheduler_.random().below(spread)));
}

std::shared_ptr<End> SimNetwork::make_end(const std::string& host, aio::SimReactor& reactor) {
  std::erase_if(ends_, [](const auto& end) { return end.expired(); });
  auto end = std::make_shared<End>(*this, host, reactor);
  ends_.push_back(end);
  return end;
}

void SimNetwork::pump(const std::shared_ptr<End>& end) {
  while (!end->out.empty() && (end->is_straggling || (!end->is_reset && !end->is_gone))) {
    // Not accepted yet: what was sent waits.
    if (!end->peer || is_cut(end->host, end->peer->host)) return;
    End& peer = *end->peer;
    if (peer.is_gone) {
      if (has_power(peer.host)) end->reset();
      return;
    }
    End::Piece& piece = end->out.front();
    if (piece.due > scheduler_.now()) {
      wire_.call_at(piece.due, [this, end] { pump(end); });
      return;
    }
    if (!piece.bytes.empty() && reset_one_in_ > 0 && scheduler_.random().below(reset_one_in_) == 0) {
      lose(*end);
      end->reset();
      return;
    }
    if (piece.bytes.empty()) peer.is_ended = true;
    // Who has given up on the connection takes nothing from it any more.
    if (!peer.is_reset) peer.inbox.insert(peer.inbox.end(), piece.bytes.begin(), piece.bytes.end());
    end->out_bytes -= piece.bytes.size();
    end->out.pop_front();
    peer.wake(peer.on_readable);
    end->wake(end->on_writable);
  }
  if (end->is_straggling && end->out.empty()) end->peer->reset();
}

void SimNetwork::lose(End& end) {
  if (late_max_ > base::Duration::zero() && !end.is_straggling && !end.out.empty() &&
      scheduler_.random().below(2) == 0) {
    ++late_count_;
    end.straggle(base::Duration(
        static_cast<std::int64_t>(scheduler_.random().below(static_cast<std::uint64_t>(late_max_.count())))));
    return;
  }
  end.peer->reset();
}

void SimNetwork::reject(const std::string& from, const std::string& to) {
  rejects_.insert({from, to});
  for (const auto& weak : std::vector(ends_)) {
    const auto end = weak.lock();
    if (!end || !end->is_opener || !end->peer || end->host != from || end->peer->host != to) continue;
    end->peer->reset();
    end->reset();
  }
}

void SimNetwork::pump_all() {
  for (const auto& weak : std::vector(ends_)) {
    if (const auto end = weak.lock()) pump(end);
  }
}

void SimNetwork::heal() {
  cuts_.clear();
  rejects_.clear();
  pump_all();
}

void SimNetwork::end_process(const std::string& host, bool is_silent) {
  if (is_silent) dark_.insert(host);
  std::erase_if(acceptors_, [&host](const auto& entry) { return entry.first.first == host; });
  for (const auto& weak : std::vector(ends_)) {
    const auto end = weak.lock();
    if (!end || end->host != host) continue;
    end->is_gone = true;
    if (end->peer && !is_silent && !is_cut(host, end->peer->host)) lose(*end);
  }
}

void SimNetwork::power_on(const std::string& host) {
  dark_.erase(host);
  // Whoever still speaks to the machine's last life is told.
  for (const auto& weak : std::vector(ends_)) {
    const auto end = weak.lock();
    if (end && end->host == host && end->is_gone && end->peer && !is_cut(host, end->peer->host))
      end->peer->reset();
  }
}

std::unique_ptr<aio::Transport> SimNetwork::transport(std::string host, aio::SimReactor& reactor) {
  return std::make_unique<SimTransport>(*this, std::move(host), reactor);
}

std::unique_ptr<net::Acceptor> SimNetwork::acceptor(std::string host, std::uint16_t port,
                                                    std::vector<aio::SimReactor*> reactors) {
  return std::make_unique<SimAcceptor>(*this, std::move(host), port, std::move(reactors));
}

}  // namespace penstock::sim
