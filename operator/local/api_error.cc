#include <nlohmann/json.hpp>

#include "operator/local/api.h"

namespace penstock::local {

using base::Errc;

namespace {

struct Row {
  int status;
  const char* reason;
};

Row row_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return {422, "Invalid"};
    case Errc::kCorrupt:
      return {400, "BadRequest"};
    case Errc::kNotFound:
      return {404, "NotFound"};
    case Errc::kAlreadyExists:
      return {409, "AlreadyExists"};
    case Errc::kConflict:
      return {409, "Conflict"};
    case Errc::kOutOfRange:
      return {410, "Expired"};
    case Errc::kLimitExceeded:
      return {413, "RequestEntityTooLarge"};
    case Errc::kUnsupported:
      return {405, "MethodNotAllowed"};
    case Errc::kPermissionDenied:
      return {403, "Forbidden"};
    case Errc::kUnavailable:
    case Errc::kShuttingDown:
    case Errc::kCancelled:
      return {503, "ServiceUnavailable"};
    case Errc::kTimedOut:
      return {504, "Timeout"};
    case Errc::kNoSpace:
    case Errc::kIo:
    case Errc::kInternal:
      return {500, "InternalError"};
  }
  return {500, "InternalError"};
}

}  // namespace

int http_status_of(Errc code) { return row_of(code).status; }

Json status_of(const base::Error& error) {
  const Row row = row_of(error.code());
  return {{"kind", "Status"},    {"apiVersion", "v1"},      {"metadata", Json::object()},
          {"status", "Failure"}, {"message", error.what()}, {"reason", row.reason},
          {"code", row.status}};
}

}  // namespace penstock::local
