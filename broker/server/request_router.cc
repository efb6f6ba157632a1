#include "broker/server/request_router.h"

#include <utility>

#include "base/log.h"
#include "broker/handlers/handler_table.h"
#include "kafka/error_codes.h"
#include "kafka/messages/api_versions_response.h"
#include "kafka/messages/request_header.h"
#include "kafka/messages/response_header.h"

namespace penstock::server {

namespace {

constexpr base::Logger log("server");
constexpr std::size_t kKeyAndVersionBytes = 4;

std::int16_t key_of(base::ByteSpan frame) {
  return frame.size() < kKeyAndVersionBytes ? std::int16_t{-1} : base::load_be<std::int16_t>(frame.data());
}

net::OutPart part_of(base::Bytes bytes) {
  net::OutPart part;
  part.bytes = std::move(bytes);
  return part;
}

net::OutPart part_of(const kafka::RecordsRef& records) {
  net::OutPart part;
  part.owner = records.owner;
  if (records.is_file()) {
    part.descriptor = records.descriptor;
    part.position = records.position;
    part.length = static_cast<std::size_t>(records.length);
  } else {
    part.borrowed = records.bytes;
  }
  return part;
}

// Size and response header, then the body with its records in between. Nothing of the body is copied when it
// has no records.
net::Response framed(kafka::ApiKey key, std::int16_t version, std::int32_t correlation_id,
                     handlers::Reply reply) {
  std::size_t size = reply.bytes.size();
  for (const kafka::RecordsPiece& piece : reply.pieces) size += piece.records.size();
  base::ByteWriter head;
  head.write_int32(0);
  kafka::ResponseHeader header;
  header.correlation_id = correlation_id;
  // Cannot fail: the header has one field that is in every version.
  (void)kafka::encode(header, kafka::response_header_version(key, version), head);
  head.patch_int32(0, static_cast<std::int32_t>(head.size() - 4 + size));

  net::Response response;
  if (reply.pieces.empty()) {
    response.parts.push_back(part_of(head.take()));
    response.parts.push_back(part_of(std::move(reply.bytes)));
    return response;
  }
  std::size_t done = 0;
  for (const kafka::RecordsPiece& piece : reply.pieces) {
    head.write_bytes(base::ByteSpan(reply.bytes).subspan(done, piece.position - done));
    done = piece.position;
    if (piece.records.size() == 0) continue;
    if (head.size() > 0) response.parts.push_back(part_of(head.take()));
    head = {};
    response.parts.push_back(part_of(piece.records));
  }
  head.write_bytes(base::ByteSpan(reply.bytes).subspan(done));
  if (head.size() > 0) response.parts.push_back(part_of(head.take()));
  return response;
}

// KIP-511: a client that is newer than we are learns what we have, in the form that every client reads.
net::Response answer_unknown_api_versions(std::int32_t correlation_id, const handlers::Handler& handler) {
  kafka::ApiVersionsResponse body;
  body.error_code = kafka::to_wire(kafka::ErrorCode::kUnsupportedVersion);
  body.api_keys.push_back({.api_key = static_cast<std::int16_t>(kafka::ApiKey::kApiVersions),
                           .min_version = handler.lowest_version,
                           .max_version = handler.highest_version});
  base::ByteWriter writer;
  (void)kafka::encode(body, 0, writer);
  handlers::Reply reply;
  reply.bytes = writer.take();
  return framed(kafka::ApiKey::kApiVersions, 0, correlation_id, std::move(reply));
}

net::Response closing() { return net::Response{.parts = {}, .must_close = true}; }

}  // namespace

bool RequestRouter::is_pipelined(base::ByteSpan frame) const {
  const handlers::Handler* handler = handlers::find_handler(key_of(frame), services_.listener_kind);
  return handler != nullptr && handler->is_pipelined;
}

aio::Task<net::Response> RequestRouter::handle(const net::ConnectionInfo& info, aio::Reactor& reactor,
                                               aio::CancelToken disconnected, net::Frame frame) {
  const std::int16_t key = key_of(frame.bytes);
  const handlers::Handler* handler = handlers::find_handler(key, services_.listener_kind);
  metrics_.count_request(key, frame.bytes.size());
  if (handler == nullptr || frame.bytes.size() < kKeyAndVersionBytes + sizeof(std::int32_t)) {
    metrics_.count_refused();
    log.debug("connection {} from {}: api key {} is not served", info.id, info.peer_host, key);
    co_return closing();
  }
  const auto version = base::load_be<std::int16_t>(frame.bytes.data() + 2);
  if (version < handler->lowest_version || version > handler->highest_version) {
    if (handler->key == kafka::ApiKey::kApiVersions) {
      co_return answer_unknown_api_versions(base::load_be<std::int32_t>(frame.bytes.data() + 4), *handler);
    }
    metrics_.count_refused();
    log.debug("connection {} from {}: {} version {} is not served", info.id, info.peer_host,
              kafka::api_name(handler->key), version);
    co_return closing();
  }
  base::ByteReader reader(frame.bytes);
  auto header =
      kafka::decode<kafka::RequestHeader>(reader, kafka::request_header_version(handler->key, version));
  if (!header) {
    metrics_.count_refused();
    co_return closing();
  }
  handlers::RequestContext context{.api_key = handler->key,
                                   .api_version = version,
                                   .client_id = std::move(header->client_id),
                                   .client_host = info.peer_host,
                                   .principal = "User:ANONYMOUS",
                                   .listener_name = info.listener_name,
                                   .reactor = reactor,
                                   .services = services_,
                                   .disconnected = std::move(disconnected),
                                   .frame = std::move(frame.owner)};
  handlers::Reply reply = co_await handler->handle(context, reader.rest());
  if (reply.must_close) metrics_.count_refused();
  if (reply.must_close) co_return closing();
  if (reply.is_silent) co_return net::Response{};
  net::Response response = framed(handler->key, version, header->correlation_id, std::move(reply));
  std::uint64_t bytes_out = 0;
  for (const net::OutPart& part : response.parts) {
    bytes_out += part.descriptor >= 0 ? part.length : part.borrowed.size() + part.bytes.size();
  }
  metrics_.count_response(bytes_out);
  co_return response;
}

}  // namespace penstock::server
