// One connection to one broker: versions negotiated, requests pipelined, answers matched by correlation id.
//
// Lifetime: shared; its loops run in the owner's gate and hold it until the stream has ended after close().
// Threads:  one reactor.
// Bounds:   requests in flight and bytes of a response, see ConnectionOptions.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/transport.h"
#include "kafka/client/endpoint.h"
#include "kafka/codec.h"
#include "kafka/ids.h"

namespace penstock::kafka {

struct ConnectionOptions {
  std::string client_id = "penstock";
  std::size_t in_flight_max = 64;
  std::int32_t response_bytes_max = 100 << 20;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Connects and asks for the broker's API versions.
  // ERRORS: kUnavailable, kTimedOut, kUnsupported (no common version of ApiVersions), kCorrupt.
  static aio::Task<base::Result<std::shared_ptr<Connection>>> open(aio::Reactor& reactor,
                                                                   aio::Transport& transport, aio::Gate& gate,
                                                                   Endpoint endpoint,
                                                                   ConnectionOptions options,
                                                                   base::MonoTime deadline);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_open() const { return is_open_; }
  const Endpoint& endpoint() const { return endpoint_; }
  // Whoever waits for an answer gets `reason`.
  void close(const base::Error& reason);

  // The highest version that both sides have; nullopt when there is none.
  std::optional<std::int16_t> common_version(ApiKey key, std::int16_t lowest, std::int16_t highest) const;

  // ERRORS: kUnsupported (no common version, or a field that it lacks), kUnavailable (connection lost),
  //         kTimedOut (a late answer is dropped), kLimitExceeded (too many in flight), kCorrupt.
  template <typename Request>
  aio::Task<base::Result<typename Request::Response>> call(Request request, base::MonoTime deadline) {
    const auto version = common_version(Request::kApiKey, Request::kLowestVersion, Request::kHighestVersion);
    if (!version) co_return base::fail(no_common_version(Request::kApiKey));
    base::ByteWriter frame;
    CO_TRY(begin_frame(Request::kApiKey, *version, frame));
    CO_TRY(encode(request, *version, frame));
    auto answer = co_await exchange(Request::kApiKey, frame.take(), deadline);
    if (!answer) co_return base::fail(std::move(answer).error());
    // Records of the response refer to these bytes and keep them.
    const auto bytes = std::make_shared<const base::Bytes>(std::move(*answer));
    co_return decode_answer<typename Request::Response>(Request::kApiKey, *version, *bytes, bytes);
  }

 private:
  using Answer = base::Result<base::Bytes>;

  Connection(aio::Reactor& reactor, std::unique_ptr<aio::Stream> stream, Endpoint endpoint,
             ConnectionOptions options);

  aio::Task<base::Result<>> negotiate(base::MonoTime deadline);
  base::Error no_common_version(ApiKey key) const;
  // Writes room for the size, and the header with the next correlation id.
  base::Result<> begin_frame(ApiKey key, std::int16_t version, base::ByteWriter& frame);
  aio::Task<Answer> exchange(ApiKey key, base::Bytes frame, base::MonoTime deadline);
  // Skips the response header. The correlation id has been used already.
  base::Result<> skip_header(ApiKey key, std::int16_t version, base::ByteReader& reader) const;

  template <typename Response>
  base::Result<Response> decode_answer(ApiKey key, std::int16_t version, const base::Bytes& answer,
                                       const std::shared_ptr<const void>& owner = nullptr) const {
    base::ByteReader reader(answer);
    TRY(skip_header(key, version, reader));
    return decode<Response>(reader, version, owner);
  }

  static aio::Task<> read_loop(std::shared_ptr<Connection> self);
  static aio::Task<> write_loop(std::shared_ptr<Connection> self);
  aio::Task<base::Result<base::Bytes>> read_frame();

  aio::Reactor& reactor_;
  aio::Gate* gate_ = nullptr;
  std::unique_ptr<aio::Stream> stream_;
  const Endpoint endpoint_;
  const ConnectionOptions options_;
  struct Versions {
    std::int16_t lowest;
    std::int16_t highest;
  };
  std::map<std::int16_t, Versions> versions_;
  std::map<std::int32_t, aio::Completion<Answer>> waiting_;  // By correlation id.
  std::deque<base::Bytes> outgoing_;
  std::int32_t next_correlation_id_ = 1;
  bool is_open_ = true;
  bool is_writing_ = false;
};

}  // namespace penstock::kafka
