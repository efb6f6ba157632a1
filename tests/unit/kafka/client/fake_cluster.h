// Brokers in memory for tests of the client: scripted answers over the Transport interface, on a seeded
// scheduler.
//
// Lifetime: outlives the client. Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "base/aio/transport.h"
#include "kafka/client/endpoint.h"
#include "kafka/codec.h"
#include "kafka/messages/api_versions_request.h"
#include "kafka/messages/api_versions_response.h"
#include "kafka/messages/request_header.h"
#include "kafka/messages/response_header.h"

namespace penstock::kafka::fake {

struct Call {
  ApiKey key;
  std::int16_t version;
  std::int32_t correlation_id;
  base::Bytes body;

  template <typename Request>
  Request as() const {
    base::ByteReader reader(body);
    return decode<Request>(reader, version).value();
  }
};

template <typename Response>
base::Bytes answer(const Call& call, const Response& response, std::int16_t version) {
  base::ByteWriter writer;
  writer.write_int32(0);
  ResponseHeader header;
  header.correlation_id = call.correlation_id;
  EXPECT_TRUE(encode(header, response_header_version(call.key, version), writer).has_value());
  EXPECT_TRUE(encode(response, version, writer).has_value());
  writer.patch_int32(0, static_cast<std::int32_t>(writer.size()) - 4);
  return writer.take();
}
template <typename Response>
base::Bytes answer(const Call& call, const Response& response) {
  return answer(call, response, call.version);
}

class Broker;

class Stream final : public aio::Stream {
 public:
  Stream(aio::Reactor& reactor, Broker& broker) : reactor_(reactor), broker_(broker) {}
  ~Stream() override;

  aio::Task<base::Result<std::size_t>> read_some(std::span<std::uint8_t> buffer) override {
    if (inbox_.empty() && !is_ended_) {
      waiting_.emplace();
      const aio::Completion<bool> woken = *waiting_;
      co_await woken.wait();
    }
    if (is_closed_) co_return base::fail(base::Errc::kCancelled, "closed");
    const std::size_t size = std::min(buffer.size(), inbox_.size());
    std::copy_n(inbox_.begin(), size, buffer.begin());
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(size));
    co_return size;
  }
  aio::Task<base::Result<>> write_all(base::ByteSpan bytes) override;
  void close() override {
    is_closed_ = true;
    end();
  }

  // The broker's side.
  void deliver(const base::Bytes& bytes) {
    inbox_.insert(inbox_.end(), bytes.begin(), bytes.end());
    wake();
  }
  void end() {
    is_ended_ = true;
    wake();
  }

 private:
  void wake() {
    if (!waiting_) return;
    reactor_.post([woken = *std::exchange(waiting_, std::nullopt)] { woken.set(true); });
  }

  aio::Reactor& reactor_;
  Broker& broker_;
  std::deque<std::uint8_t> inbox_;
  base::Bytes outbox_;
  std::optional<aio::Completion<bool>> waiting_;
  bool is_ended_ = false;
  bool is_closed_ = false;
};

class Broker {
 public:
  // What it does with a call that is not ApiVersions: usually stream.deliver(answer(...)).
  using Handler = std::function<void(const Call&, Stream&)>;

  Handler handler = [](const Call&, Stream&) {};
  std::map<ApiKey, std::pair<std::int16_t, std::int16_t>> versions;
  std::int16_t api_versions_highest = 4;
  std::vector<Call> calls;
  std::vector<Stream*> streams;
  int connections = 0;

  void receive(Call call, Stream& stream) {
    if (call.key != ApiKey::kApiVersions) {
      calls.push_back(call);
      handler(call, stream);
      return;
    }
    ApiVersionsResponse response;
    for (const auto& [key, range] : versions) {
      response.api_keys.push_back({static_cast<std::int16_t>(key), range.first, range.second});
    }
    const bool is_known = call.version <= api_versions_highest;
    if (!is_known) response.error_code = 35;
    stream.deliver(answer(call, response, is_known ? call.version : std::int16_t{0}));
  }
};

inline Stream::~Stream() { std::erase(broker_.streams, this); }

inline aio::Task<base::Result<>> Stream::write_all(base::ByteSpan bytes) {
  outbox_.insert(outbox_.end(), bytes.begin(), bytes.end());
  while (outbox_.size() >= 4) {
    const auto size = static_cast<std::size_t>(base::load_be<std::int32_t>(outbox_.data()));
    if (outbox_.size() < 4 + size) break;
    base::ByteReader reader(base::ByteSpan(outbox_).subspan(4, size));
    const auto key = static_cast<ApiKey>(base::load_be<std::int16_t>(outbox_.data() + 4));
    const auto version = base::load_be<std::int16_t>(outbox_.data() + 6);
    const auto header = decode<RequestHeader>(reader, request_header_version(key, version)).value();
    const base::ByteSpan body = reader.rest();
    const Call call{key, version, header.correlation_id, base::Bytes(body.begin(), body.end())};
    outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(4 + size));
    broker_.receive(call, *this);
  }
  co_return base::Result<>{};
}

class Cluster final : public aio::Transport {
 public:
  explicit Cluster(aio::Reactor& reactor) : reactor_(reactor) {}

  std::map<Endpoint, Broker> brokers;

  aio::Task<base::Result<std::unique_ptr<aio::Stream>>> connect(std::string host, std::uint16_t port,
                                                                base::MonoTime) override {
    const Endpoint endpoint{host, port};
    const auto found = brokers.find(endpoint);
    if (found == brokers.end()) {
      co_return base::fail(base::Errc::kUnavailable, endpoint.to_string() + ": connection refused");
    }
    auto stream = std::make_unique<Stream>(reactor_, found->second);
    ++found->second.connections;
    found->second.streams.push_back(stream.get());
    co_return std::unique_ptr<aio::Stream>(std::move(stream));
  }

 private:
  aio::Reactor& reactor_;
};

// Runs a task to its end, time included.
template <typename T>
aio::Task<> keep_result(aio::Task<T> task, std::optional<T>& result) {
  result.emplace(co_await task);
}

}  // namespace penstock::kafka::fake
