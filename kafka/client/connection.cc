#include "kafka/client/connection.h"

#include <algorithm>

#include <fmt/format.h>

#include "kafka/error_codes.h"
#include "kafka/messages/api_versions_request.h"
#include "kafka/messages/api_versions_response.h"
#include "kafka/messages/request_header.h"
#include "kafka/messages/response_header.h"

namespace penstock::kafka {

using aio::Task;
using base::Bytes;
using base::Errc;
using base::Error;
using base::fail;
using base::Result;

namespace {
constexpr std::size_t kSizeBytes = 4;
}

Connection::Connection(aio::Reactor& reactor, std::unique_ptr<aio::Stream> stream, Endpoint endpoint,
                       ConnectionOptions options)
    : reactor_(reactor),
      stream_(std::move(stream)),
      endpoint_(std::move(endpoint)),
      options_(std::move(options)) {}

Connection::~Connection() = default;

Task<Result<std::shared_ptr<Connection>>> Connection::open(aio::Reactor& reactor, aio::Transport& transport,
                                                           aio::Gate& gate, Endpoint endpoint,
                                                           ConnectionOptions options,
                                                           base::MonoTime deadline) {
  auto stream = co_await transport.connect(endpoint.host, endpoint.port, deadline);
  if (!stream) co_return fail(std::move(stream).error());
  std::shared_ptr<Connection> connection(
      new Connection(reactor, std::move(*stream), std::move(endpoint), std::move(options)));
  if (gate.is_closed()) co_return fail(Errc::kShuttingDown, "kafka client is stopping");
  connection->gate_ = &gate;
  aio::spawn(gate, "kafka client reader", read_loop(connection));
  const auto negotiated = co_await connection->negotiate(deadline);
  if (!negotiated) {
    connection->close(negotiated.error());
    co_return fail(negotiated.error().context(connection->endpoint_.to_string()));
  }
  co_return connection;
}

void Connection::close(const Error& reason) {
  if (!std::exchange(is_open_, false)) return;
  const auto self = shared_from_this();
  stream_->close();
  outgoing_.clear();
  while (!waiting_.empty()) {
    auto node = waiting_.extract(waiting_.begin());
    node.mapped().set(fail(reason));
  }
}

std::optional<std::int16_t> Connection::common_version(ApiKey key, std::int16_t lowest,
                                                       std::int16_t highest) const {
  const auto found = versions_.find(static_cast<std::int16_t>(key));
  if (found == versions_.end()) return std::nullopt;
  const std::int16_t version = std::min(highest, found->second.highest);
  if (version < lowest || version < found->second.lowest) return std::nullopt;
  return version;
}

Error Connection::no_common_version(ApiKey key) const {
  return Error(Errc::kUnsupported, fmt::format("broker {} has no version of {} that we have",
                                               endpoint_.to_string(), api_name(key)));
}

Result<> Connection::begin_frame(ApiKey key, std::int16_t version, base::ByteWriter& frame) {
  frame.write_int32(0);
  RequestHeader header;
  header.request_api_key = static_cast<std::int16_t>(key);
  header.request_api_version = version;
  header.correlation_id = 0;  // exchange() gives it one.
  header.client_id = options_.client_id;
  return encode(header, request_header_version(key, version), frame);
}

Task<Connection::Answer> Connection::exchange(ApiKey key, Bytes frame, base::MonoTime deadline) {
  constexpr std::size_t kCorrelationIdAt = kSizeBytes + 4;
  if (!is_open_) {
    co_return fail(Errc::kUnavailable, fmt::format("connection to {} is closed", endpoint_.to_string()));
  }
  if (gate_->is_closed()) co_return fail(Errc::kShuttingDown, "kafka client is stopping");
  if (waiting_.size() >= options_.in_flight_max) {
    co_return fail(Errc::kLimitExceeded,
                   fmt::format("{} requests to {} are in flight", waiting_.size(), endpoint_.to_string()));
  }
  const std::int32_t correlation_id = next_correlation_id_++;
  if (next_correlation_id_ < 0) next_correlation_id_ = 1;
  base::store_be(frame.data(), static_cast<std::int32_t>(frame.size() - kSizeBytes));
  base::store_be(frame.data() + kCorrelationIdAt, correlation_id);

  aio::Completion<Answer> answer;
  waiting_.emplace(correlation_id, answer);
  outgoing_.push_back(std::move(frame));
  std::string late = fmt::format("{} to {}: no answer in time", api_name(key), endpoint_.to_string());
  const aio::TimerId timer = reactor_.call_at(
      deadline, [answer, late = std::move(late)] { answer.set(fail(Errc::kTimedOut, late)); });
  if (!is_writing_) aio::spawn(*gate_, "kafka client writer", write_loop(shared_from_this()));

  auto result = co_await answer.wait();
  reactor_.cancel(timer);
  waiting_.erase(correlation_id);
  co_return result;
}

Task<> Connection::write_loop(std::shared_ptr<Connection> self) {
  self->is_writing_ = true;
  while (self->is_open_ && !self->outgoing_.empty()) {
    const Bytes frame = std::move(self->outgoing_.front());
    self->outgoing_.pop_front();
    const auto written = co_await self->stream_->write_all(frame);
    if (!written) self->close(written.error().context(self->endpoint_.to_string()));
  }
  self->is_writing_ = false;
}

Task<Result<Bytes>> Connection::read_frame() {
  std::uint8_t size_bytes[kSizeBytes];
  CO_TRY(co_await aio::read_exactly(*stream_, size_bytes));
  const auto size = base::load_be<std::int32_t>(size_bytes);
  if (size < 4 || size > options_.response_bytes_max) {
    co_return fail(Errc::kCorrupt, fmt::format("a response of {} bytes", size));
  }
  Bytes frame(static_cast<std::size_t>(size));
  CO_TRY(co_await aio::read_exactly(*stream_, frame));
  co_return frame;
}

Task<> Connection::read_loop(std::shared_ptr<Connection> self) {
  while (self->is_open_) {
    auto frame = co_await self->read_frame();
    if (!frame) {
      self->close(Error(frame.error().code() == Errc::kCorrupt ? Errc::kCorrupt : Errc::kUnavailable,
                        fmt::format("{}: {}", self->endpoint_.to_string(), frame.error().what())));
      break;
    }
    // An answer that nobody waits for any more came too late.
    auto node = self->waiting_.extract(base::load_be<std::int32_t>(frame->data()));
    if (!node.empty()) node.mapped().set(std::move(*frame));
  }
}

Result<> Connection::skip_header(ApiKey key, std::int16_t version, base::ByteReader& reader) const {
  TRY(decode<ResponseHeader>(reader, response_header_version(key, version)));
  return {};
}

Task<Result<>> Connection::negotiate(base::MonoTime deadline) {
  constexpr ApiKey kKey = ApiKey::kApiVersions;
  ApiVersionsRequest request;
  request.client_software_name = "penstock";
  request.client_software_version = "0.1.0";
  base::ByteWriter frame;
  CO_TRY(begin_frame(kKey, ApiVersionsRequest::kHighestVersion, frame));
  CO_TRY(encode(request, ApiVersionsRequest::kHighestVersion, frame));
  const Answer answer = co_await exchange(kKey, frame.take(), deadline);
  if (!answer) co_return fail(answer.error());

  // A broker that lacks our version answers in version 0, with its range inside (KIP-511).
  std::int16_t version = ApiVersionsRequest::kHighestVersion;
  if (answer->size() >= 6 &&
      base::load_be<std::int16_t>(answer->data() + 4) == to_wire(ErrorCode::kUnsupportedVersion)) {
    version = 0;
  }
  const auto response = decode_answer<ApiVersionsResponse>(kKey, version, *answer);
  if (!response) co_return fail(response.error());
  if (response->error_code != 0 && version != 0) {
    co_return fail(Errc::kUnsupported,
                   fmt::format("ApiVersions: {}", error_name(static_cast<ErrorCode>(response->error_code))));
  }
  for (const auto& api : response->api_keys) versions_[api.api_key] = {api.min_version, api.max_version};
  if (versions_.empty()) co_return fail(Errc::kUnsupported, "the broker names no API versions");
  co_return Result<>{};
}

}  // namespace penstock::kafka
