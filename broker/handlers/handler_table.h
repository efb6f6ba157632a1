// All handlers, by api key. The table is made by CMake from the names of the files in this folder.
#pragma once

#include <cstdint>
#include <span>

#include "broker/handlers/handler.h"

namespace penstock::handlers {

std::span<const Handler* const> all_handlers();

// Null when the listeners of that kind do not serve the api.
const Handler* find_handler(std::int16_t api_key, ListenerKind kind = ListenerKind::kBroker);

}  // namespace penstock::handlers
