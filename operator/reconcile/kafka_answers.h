// What Kafka's answers mean to the operator. Included by this module's .cc files only.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::reconcile {

// Success, or the broker's refusal with its code and words (topic_admin.h says which code is which error).
base::Result<> check_answer(std::int16_t code, const std::optional<std::string>& message);

base::Error no_answer(std::string_view call);

}  // namespace penstock::reconcile
