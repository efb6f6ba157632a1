// Errors are values: every fallible function returns Result<T>, and every Error names the thing it
// happened to ("append orders-3/00000000000000000000.log: no space left on device").
//
// Threads: values; safe to move between threads.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::base {

enum class Errc {
  kInvalidArgument,  // The caller's input is wrong: a flag, a config value, a malformed request.
  kCorrupt,          // Bytes that should be well formed are not.
  kNotFound,
  kAlreadyExists,
  kOutOfRange,
  kLimitExceeded,  // A stated bound was met.
  kUnsupported,    // A version or feature that we do not have.
  kConflict,       // Somebody else changed it first.
  kUnavailable,    // Try again later.
  kTimedOut,
  kCancelled,
  kShuttingDown,
  kPermissionDenied,
  kNoSpace,
  kIo,
  kInternal,
};

// The name of a code, as written in logs: "not_found".
std::string_view errc_name(Errc code);

class [[nodiscard]] Error {
 public:
  Error(Errc code, std::string what) : code_(code), what_(std::move(what)) {}

  // From errno after a failed system call; `what` names the call and the file.
  static Error from_errno(int error_number, std::string_view what);

  Errc code() const { return code_; }
  const std::string& what() const { return what_; }

  // "open log dir: <what>". Returns *this so that it can be used in a return statement.
  Error context(std::string_view outer) const;

 private:
  Errc code_;
  std::string what_;
};

template <typename T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, std::string what) {
  return std::unexpected<Error>(Error(code, std::move(what)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

}  // namespace penstock::base

#define PENSTOCK_CONCAT_INNER(a, b) a##b
#define PENSTOCK_CONCAT(a, b) PENSTOCK_CONCAT_INNER(a, b)

// TRY(expr): returns the error of a Result from the enclosing function, drops the value.
#define TRY(expr)                                                                                      \
  do {                                                                                                 \
    auto&& try_result_ = (expr);                                                                       \
    if (!try_result_) return std::unexpected<::penstock::base::Error>(std::move(try_result_).error()); \
  } while (false)

// TRY_ASSIGN(auto x, expr): the same, and binds the value.
#define TRY_ASSIGN(decl, expr) TRY_ASSIGN_IMPL(PENSTOCK_CONCAT(try_assign_, __COUNTER__), decl, expr)
#define TRY_ASSIGN_IMPL(tmp, decl, expr)                                             \
  auto tmp = (expr);                                                                 \
  if (!tmp) return std::unexpected<::penstock::base::Error>(std::move(tmp).error()); \
  decl = std::move(*tmp)

// The same inside a coroutine.
#define CO_TRY(expr)                                                                                      \
  do {                                                                                                    \
    auto&& try_result_ = (expr);                                                                          \
    if (!try_result_) co_return std::unexpected<::penstock::base::Error>(std::move(try_result_).error()); \
  } while (false)
#define CO_TRY_ASSIGN(decl, expr) CO_TRY_ASSIGN_IMPL(PENSTOCK_CONCAT(try_assign_, __COUNTER__), decl, expr)
#define CO_TRY_ASSIGN_IMPL(tmp, decl, expr)                                             \
  auto tmp = (expr);                                                                    \
  if (!tmp) co_return std::unexpected<::penstock::base::Error>(std::move(tmp).error()); \
  decl = std::move(*tmp)
