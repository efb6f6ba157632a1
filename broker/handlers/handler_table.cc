#include "broker/handlers/handler_table.h"

#include <array>

#include "broker/handlers/handler_list.h"  // Generated: kHandlers, a pointer to each handler.

namespace penstock::handlers {

namespace {

constexpr std::int16_t kApiKeyMax = 127;

std::array<const Handler*, kApiKeyMax + 1> index_by_key(ListenerKind kind) {
  std::array<const Handler*, kApiKeyMax + 1> table{};
  for (const Handler* handler : kHandlers) {
    if (handler->is_on(kind)) table[static_cast<std::size_t>(handler->key)] = handler;
  }
  return table;
}

}  // namespace

std::span<const Handler* const> all_handlers() { return kHandlers; }

const Handler* find_handler(std::int16_t api_key, ListenerKind kind) {
  static const auto of_brokers = index_by_key(ListenerKind::kBroker);
  static const auto of_controllers = index_by_key(ListenerKind::kController);
  if (api_key < 0 || api_key > kApiKeyMax) return nullptr;
  const auto& table = kind == ListenerKind::kController ? of_controllers : of_brokers;
  return table[static_cast<std::size_t>(api_key)];
}

}  // namespace penstock::handlers
