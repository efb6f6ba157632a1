#include "broker/handlers/handler.h"

#include "base/log.h"

namespace penstock::handlers {

namespace {

constexpr base::Logger log("handlers");
constexpr auto kLogEvery = base::seconds(1);

// At most one line a second on each reactor thread.
bool may_log(const RequestContext& context) {
  thread_local base::MonoTime next{};
  const base::MonoTime now = context.reactor.now();
  if (now < next) return false;
  next = now + kLogEvery;
  return true;
}

}  // namespace

Reply encode_reply(const RequestContext& context, base::Result<> encoded, base::Bytes bytes,
                   std::vector<kafka::RecordsPiece> pieces) {
  if (!encoded) {
    log.error("{} v{} from {}: cannot encode the answer: {}", kafka::api_name(context.api_key),
              context.api_version, context.client_host, encoded.error().what());
    return closing_reply();
  }
  return Reply{
      .bytes = std::move(bytes), .pieces = std::move(pieces), .is_silent = false, .must_close = false};
}

Reply malformed_reply(const RequestContext& context, const base::Error& error) {
  if (may_log(context)) {
    log.warn("{} v{} from {}: malformed request, closing: {}", kafka::api_name(context.api_key),
             context.api_version, context.client_host, error.what());
  }
  return closing_reply();
}

}  // namespace penstock::handlers
