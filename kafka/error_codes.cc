#include "kafka/error_codes.h"

#include <algorithm>
#include <iterator>

namespace penstock::kafka {

namespace {

struct ErrorRow {
  ErrorCode code;
  std::string_view name;
  bool retriable;
  std::string_view message;
};

constexpr ErrorRow kErrors[] = {
#define PENSTOCK_ERROR_CODE(enumerator, number, name, retriable, text) \
  {ErrorCode::enumerator, name, retriable, text},
#include "kafka/messages/error_codes.inc"
#undef PENSTOCK_ERROR_CODE
};

const ErrorRow* find_row(std::int16_t number) {
  const auto* found =
      std::ranges::lower_bound(kErrors, number, {}, [](const ErrorRow& row) { return to_wire(row.code); });
  return found != std::end(kErrors) && to_wire(found->code) == number ? found : nullptr;
}

const ErrorRow& row_of(ErrorCode code) {
  const ErrorRow* row = find_row(to_wire(code));
  return row != nullptr ? *row
                        : kErrors[0];  // Unknown numbers are UNKNOWN_SERVER_ERROR, as clients see them.
}

}  // namespace

std::string_view error_name(ErrorCode code) { return row_of(code).name; }
std::string_view error_message(ErrorCode code) { return row_of(code).message; }
bool is_retriable(ErrorCode code) { return row_of(code).retriable; }

std::optional<ErrorCode> find_error_code(std::int16_t number) {
  const ErrorRow* row = find_row(number);
  return row != nullptr ? std::optional(row->code) : std::nullopt;
}

}  // namespace penstock::kafka
