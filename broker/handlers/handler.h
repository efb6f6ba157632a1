// What an API handler is. One file per API, named after it: broker/handlers/list_offsets.cc defines
//
//   extern const Handler list_offsets_handler = make_handler<ListOffsetsRequest, ListOffsetsResponse,
//   handle>();
//
// where `handle` is `aio::Task<ListOffsetsResponse> handle(RequestContext&, ListOffsetsRequest)`. CMake finds
// the file by its name and puts the handler into the table (handler_table.h); ApiVersions is computed from
// it. An API that differs between the listeners of brokers and of controllers has a second file,
// controller_NAME.cc.
//
// Threads: a handler runs on the reactor of its connection (context.reactor) and reaches state of other
// reactors only by aio::call_on / run_on. Lifetime: the RequestContext lives until the handler's Task has
// ended.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/bytes.h"
#include "base/error.h"
#include "kafka/api_keys.h"
#include "kafka/codec.h"
#include "kafka/records_ref.h"

namespace penstock::handlers {

// Which listeners serve an API.
enum class ListenerKind : std::uint8_t { kBroker = 1, kController = 2, kBoth = 3 };

struct Services;  // What handlers work with: broker/handlers/services.h.

// Who sent a request, over which connection.
struct RequestContext {
  kafka::ApiKey api_key{};
  std::int16_t api_version = 0;
  std::optional<std::string> client_id;
  std::string client_host;  // The peer's address, without port: "127.0.0.1".
  std::string principal = "User:ANONYMOUS";
  std::string listener_name;  // The listener that took the connection: "PLAINTEXT".
  aio::Reactor& reactor;
  Services& services;
  // Cancelled when the connection closes; waiting handlers give up on it.
  aio::CancelToken disconnected;
  // Keeps the request's bytes alive: hold it as long as a span of the request is held.
  std::shared_ptr<const void> frame;
};

// The encoded response body, ready to be framed.
struct Reply {
  base::Bytes bytes;  // Body only; the connection adds size and header.
  std::vector<kafka::RecordsPiece>
      pieces;               // Record data to be sent in between; positions are within `bytes`.
  bool is_silent = false;   // Produce with acks=0: nothing is sent.
  bool must_close = false;  // The connection is closed in place of an answer.
};

inline Reply silent_reply() {
  return Reply{.bytes = {}, .pieces = {}, .is_silent = true, .must_close = false};
}
inline Reply closing_reply() {
  return Reply{.bytes = {}, .pieces = {}, .is_silent = false, .must_close = true};
}

struct Handler {
  kafka::ApiKey key{};
  std::int16_t lowest_version = 0;
  std::int16_t highest_version = -1;
  // Pipelined requests of one connection run side by side and are answered in order; others run alone.
  bool is_pipelined = false;
  // The body is decoded from `body`, which borrows from context.frame. A malformed body closes the
  // connection.
  aio::Task<Reply> (*handle)(RequestContext& context, base::ByteSpan body) = nullptr;
  ListenerKind listeners = ListenerKind::kBroker;

  bool is_on(ListenerKind kind) const {
    return (static_cast<unsigned>(listeners) & static_cast<unsigned>(kind)) != 0;
  }
};

constexpr Handler on_both_listeners(Handler handler) {
  handler.listeners = ListenerKind::kBoth;
  return handler;
}
constexpr Handler on_controller_listener(Handler handler) {
  handler.listeners = ListenerKind::kController;
  return handler;
}

// Encodes a response for the request's version; a response that cannot be encoded is our mistake and closes
// the connection after a log line.
Reply encode_reply(const RequestContext& context, base::Result<> encoded, base::Bytes bytes,
                   std::vector<kafka::RecordsPiece> pieces);
// Logs why a body could not be decoded, at most one line a second per reactor, and closes.
Reply malformed_reply(const RequestContext& context, const base::Error& error);

template <typename Response>
Reply reply_with(const RequestContext& context, const Response& response) {
  base::ByteWriter writer;
  std::vector<kafka::RecordsPiece> pieces;
  auto encoded = kafka::encode(response, context.api_version, writer, &pieces);
  return encode_reply(context, std::move(encoded), writer.take(), std::move(pieces));
}

namespace internal {

template <typename Request, typename Response, auto handle>
aio::Task<Reply> decode_and_handle(RequestContext& context, base::ByteSpan body) {
  base::ByteReader reader(body);
  auto request = kafka::decode<Request>(reader, context.api_version, context.frame);
  if (!request) co_return malformed_reply(context, request.error());
  Response response = co_await handle(context, std::move(*request));
  co_return reply_with(context, response);
}

}  // namespace internal

// For handlers that answer with a response message. One that must also be silent or close the connection
// (Produce) fills Handler::handle itself.
template <typename Request, typename Response, auto handle>
constexpr Handler make_handler(std::int16_t lowest_version = Request::kLowestVersion,
                               std::int16_t highest_version = Request::kHighestVersion) {
  return Handler{Request::kApiKey, lowest_version, highest_version, false,
                 &internal::decode_and_handle<Request, Response, handle>};
}

}  // namespace penstock::handlers
