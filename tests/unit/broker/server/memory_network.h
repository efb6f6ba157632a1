// Connections between brokers of one process of tests, carried by a seeded scheduler: the client's side is an
// aio::Transport, the other answers with the real handlers.
//
// Threads: one. Lifetime: outlives every node, transport and stream.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "base/aio/sleep.h"
#include "base/aio/transport.h"
#include "broker/handlers/handler_table.h"
#include "broker/handlers/services.h"
#include "kafka/messages/request_header.h"
#include "kafka/messages/response_header.h"

namespace penstock::server::testing {

// A process that takes connections.
struct Endpoint {
  aio::SimReactor* reactor = nullptr;
  handlers::Services* services = nullptr;
  aio::Gate* gate = nullptr;  // Of the requests.
};

class MemoryNetwork {
 public:
  explicit MemoryNetwork(aio::SimScheduler& scheduler) : scheduler_(scheduler) {}

  aio::SimScheduler& scheduler() { return scheduler_; }
  void listen(int node, Endpoint endpoint) { endpoints_[node] = endpoint; }
  void close(int node) { endpoints_.erase(node); }
  Endpoint* find(int node) {
    const auto found = endpoints_.find(node);
    return found == endpoints_.end() ? nullptr : &found->second;
  }
  // Nothing goes from one to the other, nor back.
  void cut(int a, int b) { cuts_.insert(std::minmax(a, b)); }
  void heal() { cuts_.clear(); }
  bool is_cut(int a, int b) const { return cuts_.contains(std::minmax(a, b)); }
  base::Duration delay() {
    return base::microseconds(50 + static_cast<std::int64_t>(scheduler_.random().below(2000)));
  }

 private:
  aio::SimScheduler& scheduler_;
  std::map<int, Endpoint> endpoints_;
  std::set<std::pair<int, int>> cuts_;
};

// What both ends of a connection see of the bytes that go to the client.
struct Inbox {
  explicit Inbox(aio::SimReactor& r) : reactor(r) {}
  aio::SimReactor& reactor;
  std::deque<std::uint8_t> bytes;
  std::optional<aio::Completion<bool>> waiter;
  bool is_ended = false;

  void wake() {
    if (waiter) reactor.post([done = *std::exchange(waiter, std::nullopt)] { done.set(true); });
  }
};

// The serving end.
class ServedConnection : public std::enable_shared_from_this<ServedConnection> {
 public:
  ServedConnection(MemoryNetwork& network, int client, int server, std::shared_ptr<Inbox> inbox)
      : network_(network),
        client_(client),
        server_(server),
        endpoint_(*network.find(server)),
        inbox_(std::move(inbox)) {}

  aio::SimReactor& reactor() { return *endpoint_.reactor; }
  void receive(const base::Bytes& bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    while (buffer_.size() >= 4) {
      const auto size = static_cast<std::size_t>(base::load_be<std::int32_t>(buffer_.data()));
      if (buffer_.size() < 4 + size) return;
      base::Bytes frame(buffer_.begin() + 4, buffer_.begin() + 4 + static_cast<std::ptrdiff_t>(size));
      buffer_.erase(buffer_.begin(), buffer_.begin() + 4 + static_cast<std::ptrdiff_t>(size));
      aio::spawn(*endpoint_.gate, "request", serve(shared_from_this(), std::move(frame)));
    }
  }
  void disconnect() { disconnected_.cancel(); }

 private:
  static aio::Task<> serve(std::shared_ptr<ServedConnection> self, base::Bytes frame) {
    const auto key = static_cast<kafka::ApiKey>(base::load_be<std::int16_t>(frame.data()));
    const auto version = base::load_be<std::int16_t>(frame.data() + 2);
    base::ByteReader reader(frame);
    const auto header =
        *kafka::decode<kafka::RequestHeader>(reader, kafka::request_header_version(key, version));
    handlers::RequestContext context{.api_key = key,
                                     .api_version = version,
                                     .reactor = self->reactor(),
                                     .services = *self->endpoint_.services,
                                     .disconnected = self->disconnected_.token()};
    context.listener_name = "PLAINTEXT";
    const auto* handler = handlers::find_handler(static_cast<std::int16_t>(key));
    const handlers::Reply reply = co_await handler->handle(context, reader.rest());
    if (reply.must_close || self->disconnected_.is_cancelled()) co_return;
    self->send(header.correlation_id, kafka::response_header_version(key, version), reply);
  }

  void send(std::int32_t correlation_id, std::int16_t header_version, const handlers::Reply& reply) {
    base::ByteWriter writer;
    writer.write_int32(0);
    kafka::ResponseHeader header;
    header.correlation_id = correlation_id;
    (void)kafka::encode(header, header_version, writer);
    base::Bytes out = writer.take();
    std::size_t at = 0;
    for (const kafka::RecordsPiece& piece : reply.pieces) {
      out.insert(out.end(), reply.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                 reply.bytes.begin() + static_cast<std::ptrdiff_t>(piece.position));
      out.insert(out.end(), piece.records.bytes.begin(), piece.records.bytes.end());
      at = piece.position;
    }
    out.insert(out.end(), reply.bytes.begin() + static_cast<std::ptrdiff_t>(at), reply.bytes.end());
    base::store_be(out.data(), static_cast<std::int32_t>(out.size() - 4));
    inbox_->reactor.call_after(network_.delay(), [self = shared_from_this(), bytes = std::move(out)] {
      if (self->network_.is_cut(self->client_, self->server_)) return;
      self->inbox_->bytes.insert(self->inbox_->bytes.end(), bytes.begin(), bytes.end());
      self->inbox_->wake();
    });
  }

  MemoryNetwork& network_;
  const int client_;
  const int server_;
  const Endpoint endpoint_;
  const std::shared_ptr<Inbox> inbox_;
  base::Bytes buffer_;
  aio::CancelSource disconnected_;
};

class MemoryStream final : public aio::Stream {
 public:
  MemoryStream(MemoryNetwork& network, int client, int server, std::shared_ptr<Inbox> inbox,
               std::shared_ptr<ServedConnection> peer)
      : network_(network),
        client_(client),
        server_(server),
        inbox_(std::move(inbox)),
        peer_(std::move(peer)) {}

  aio::Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override {
    if (inbox_->bytes.empty() && !inbox_->is_ended) {
      const aio::Completion<bool> woken;
      inbox_->waiter = woken;
      co_await woken.wait();
    }
    if (inbox_->is_ended) co_return base::fail(base::Errc::kCancelled, "closed");
    const std::size_t size = std::min(buffer.size(), inbox_->bytes.size());
    std::copy_n(inbox_->bytes.begin(), size, buffer.begin());
    inbox_->bytes.erase(inbox_->bytes.begin(), inbox_->bytes.begin() + static_cast<std::ptrdiff_t>(size));
    co_return size;
  }
  aio::Task<base::Result<>> write_all(base::ByteSpan bytes) override {
    deliver([peer = peer_, copy = base::Bytes(bytes.begin(), bytes.end())] { peer->receive(copy); });
    co_return base::Result<>{};
  }
  void close() override {
    if (std::exchange(inbox_->is_ended, true)) return;
    deliver([peer = peer_] { peer->disconnect(); });
    inbox_->wake();
  }

 private:
  template <typename Work>
  void deliver(Work work) {
    // A process that is gone, or was started anew, takes nothing of the old connection.
    Endpoint* endpoint = network_.find(server_);
    if (endpoint == nullptr || endpoint->reactor != &peer_->reactor()) return;
    peer_->reactor().call_after(network_.delay(), [this_network = &network_, client = client_,
                                                   server = server_, work = std::move(work)] {
      if (!this_network->is_cut(client, server) && this_network->find(server) != nullptr) work();
    });
  }

  MemoryNetwork& network_;
  const int client_;
  const int server_;
  const std::shared_ptr<Inbox> inbox_;
  const std::shared_ptr<ServedConnection> peer_;
};

// The transport of one reactor of one node. Hosts are node ids.
class MemoryTransport final : public aio::Transport {
 public:
  MemoryTransport(MemoryNetwork& network, int node, aio::SimReactor& reactor)
      : network_(network), node_(node), reactor_(reactor) {}

  aio::Task<base::Result<std::unique_ptr<aio::Stream>>> connect(std::string host, std::uint16_t,
                                                                base::MonoTime) override {
    (void)co_await aio::sleep_for(reactor_, network_.delay());
    const int server = std::stoi(host);
    if (network_.find(server) == nullptr || network_.is_cut(node_, server)) {
      co_return base::fail(base::Errc::kUnavailable, "connection refused by " + host);
    }
    ++connections;
    auto inbox = std::make_shared<Inbox>(reactor_);
    auto peer = std::make_shared<ServedConnection>(network_, node_, server, inbox);
    co_return std::make_unique<MemoryStream>(network_, node_, server, inbox, peer);
  }

  int connections = 0;

 private:
  MemoryNetwork& network_;
  const int node_;
  aio::SimReactor& reactor_;
};

}  // namespace penstock::server::testing
