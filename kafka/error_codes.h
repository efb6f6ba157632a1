// Kafka's error codes. The rows are kafka/schema/error_codes.tsv.
//
// Threads: constants.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::kafka {

enum class ErrorCode : std::int16_t {
#define PENSTOCK_ERROR_CODE(enumerator, number, name, retriable, text) enumerator = number,
#include "kafka/messages/error_codes.inc"
#undef PENSTOCK_ERROR_CODE
};

// "UNKNOWN_TOPIC_OR_PARTITION"; "UNKNOWN_SERVER_ERROR" for a number that is none of them.
std::string_view error_name(ErrorCode code);
// A short text for people: "unknown topic or partition".
std::string_view error_message(ErrorCode code);
// Whether a client may send the same request again.
bool is_retriable(ErrorCode code);

std::optional<ErrorCode> find_error_code(std::int16_t number);
constexpr std::int16_t to_wire(ErrorCode code) { return static_cast<std::int16_t>(code); }

}  // namespace penstock::kafka
