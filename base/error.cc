#include "base/error.h"

#include <cerrno>
#include <cstring>

#include <fmt/core.h>

namespace penstock::base {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return "invalid_argument";
    case Errc::kCorrupt:
      return "corrupt";
    case Errc::kNotFound:
      return "not_found";
    case Errc::kAlreadyExists:
      return "already_exists";
    case Errc::kOutOfRange:
      return "out_of_range";
    case Errc::kLimitExceeded:
      return "limit_exceeded";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kConflict:
      return "conflict";
    case Errc::kUnavailable:
      return "unavailable";
    case Errc::kTimedOut:
      return "timed_out";
    case Errc::kCancelled:
      return "cancelled";
    case Errc::kShuttingDown:
      return "shutting_down";
    case Errc::kPermissionDenied:
      return "permission_denied";
    case Errc::kNoSpace:
      return "no_space";
    case Errc::kIo:
      return "io";
    case Errc::kInternal:
      return "internal";
  }
  return "unknown";
}

namespace {

Errc errc_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Errc::kNotFound;
    case EEXIST:
      return Errc::kAlreadyExists;
    case EACCES:
    case EPERM:
      return Errc::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return Errc::kNoSpace;
    case EMFILE:
    case ENFILE:
      return Errc::kLimitExceeded;
    case ETIMEDOUT:
      return Errc::kTimedOut;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return Errc::kUnavailable;
    default:
      return Errc::kIo;
  }
}

}  // namespace

Error Error::from_errno(int error_number, std::string_view what) {
  char buffer[128];
  const char* text = strerror_r(error_number, buffer, sizeof buffer);
  return Error(errc_of_errno(error_number), fmt::format("{}: {}", what, text));
}

Error Error::context(std::string_view outer) const {
  return Error(code_, fmt::format("{}: {}", outer, what_));
}

}  // namespace penstock::base
