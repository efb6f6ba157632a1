#include "operator/reconcile/kafka_answers.h"

#include "kafka/error_codes.h"

namespace penstock::reconcile {

using base::Errc;
using base::fail;
using base::Result;
using kafka::ErrorCode;

namespace {

Errc errc_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTopicAlreadyExists:
      return Errc::kAlreadyExists;
    case ErrorCode::kInvalidTopicException:
    case ErrorCode::kInvalidPartitions:
    case ErrorCode::kInvalidReplicationFactor:
    case ErrorCode::kInvalidConfig:
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kPolicyViolation:
      return Errc::kInvalidArgument;
    case ErrorCode::kTopicDeletionDisabled:
    case ErrorCode::kTopicAuthorizationFailed:
    case ErrorCode::kClusterAuthorizationFailed:
      return Errc::kPermissionDenied;
    case ErrorCode::kUnknownTopicOrPartition:
      return Errc::kNotFound;
    default:
      return kafka::is_retriable(code) ? Errc::kUnavailable : Errc::kInternal;
  }
}

}  // namespace

Result<> check_answer(std::int16_t number, const std::optional<std::string>& message) {
  if (number == 0) return {};
  const ErrorCode code = kafka::find_error_code(number).value_or(ErrorCode::kUnknownServerError);
  const std::string_view text = message && !message->empty() ? *message : kafka::error_message(code);
  return fail(errc_of(code), std::string(kafka::error_name(code)) + ": " + std::string(text));
}

base::Error no_answer(std::string_view call) {
  return base::Error(Errc::kCorrupt, std::string(call) + ": the answer has no row for what was asked");
}

}  // namespace penstock::reconcile
