// Envelope: a broker passes on what a client asked of it (KIP-590). The request inside is served as if it had
// come to this listener, for the principal that the broker names.
#include "broker/handlers/access.h"
#include "broker/handlers/handler_table.h"
#include "broker/raft/quorum_service.h"
#include "kafka/error_codes.h"
#include "kafka/messages/default_principal_data.h"
#include "kafka/messages/envelope_request.h"
#include "kafka/messages/envelope_response.h"
#include "kafka/messages/request_header.h"
#include "kafka/messages/response_header.h"

namespace penstock::handlers {

namespace {

using kafka::EnvelopeRequest;
using kafka::EnvelopeResponse;
using kafka::ErrorCode;

EnvelopeResponse refuse(ErrorCode code) {
  EnvelopeResponse response;
  response.error_code = kafka::to_wire(code);
  return response;
}

// "User:alice" out of what Kafka's default principal builder wrote: a version, then the message.
std::optional<std::string> read_principal(base::ByteSpan bytes) {
  base::ByteReader reader(bytes);
  const std::int16_t version = reader.read_int16();
  if (reader.failed() || version != 0) return std::nullopt;
  const auto data = kafka::decode<kafka::DefaultPrincipalData>(reader, version);
  if (!data) return std::nullopt;
  return data->type + ":" + data->name;
}

aio::Task<EnvelopeResponse> handle(RequestContext& context, EnvelopeRequest request) {
  if (auto refused = refuse_unless_cluster_action<EnvelopeResponse>(context)) co_return std::move(*refused);
  // Only the envelope's own error makes a broker of Kafka look for the controller anew.
  const kafka::NodeId leader = co_await context.services.quorum->leader(context.reactor);
  if (leader.value() != context.services.node_id) co_return refuse(ErrorCode::kNotController);
  const base::ByteSpan inner(request.request_data);
  if (inner.size() < 8) co_return refuse(ErrorCode::kInvalidRequest);
  const auto key = base::load_be<std::int16_t>(inner.data());
  const auto version = base::load_be<std::int16_t>(inner.data() + 2);
  const kafka::ApiInfo* api = kafka::find_api(key);
  const Handler* handler = find_handler(key, ListenerKind::kController);
  if (api == nullptr || !api->forwardable || handler == nullptr) co_return refuse(ErrorCode::kInvalidRequest);
  if (version < handler->lowest_version || version > handler->highest_version) {
    co_return refuse(ErrorCode::kUnsupportedVersion);
  }
  std::optional<std::string> principal;
  if (request.request_principal) principal = read_principal(*request.request_principal);
  if (!principal) co_return refuse(ErrorCode::kPrincipalDeserializationFailure);
  base::ByteReader reader(inner);
  auto header =
      kafka::decode<kafka::RequestHeader>(reader, kafka::request_header_version(handler->key, version));
  if (!header) co_return refuse(ErrorCode::kInvalidRequest);

  RequestContext forwarded{.api_key = handler->key,
                           .api_version = version,
                           .client_id = std::move(header->client_id),
                           .client_host = context.client_host,
                           .principal = std::move(*principal),
                           .listener_name = context.listener_name,
                           .reactor = context.reactor,
                           .services = context.services,
                           .disconnected = context.disconnected,
                           .frame = context.frame};
  const Reply reply = co_await handler->handle(forwarded, reader.rest());
  if (reply.must_close || reply.is_silent || !reply.pieces.empty())
    co_return refuse(ErrorCode::kInvalidRequest);
  base::ByteWriter writer;
  kafka::ResponseHeader answered;
  answered.correlation_id = header->correlation_id;
  // Cannot fail: the header has one field that is in every version.
  (void)kafka::encode(answered, kafka::response_header_version(handler->key, version), writer);
  writer.write_bytes(reply.bytes);
  EnvelopeResponse response;
  response.response_data = writer.take();
  co_return response;
}

}  // namespace

extern const Handler envelope_handler =
    on_controller_listener(make_handler<EnvelopeRequest, EnvelopeResponse, handle>());

}  // namespace penstock::handlers
